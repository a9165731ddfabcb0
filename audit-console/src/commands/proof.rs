//! `audit proof`: that one entry is in the log, for somebody who cannot look.

use std::io::Write;
use std::process::ExitCode;

use audit_core::verify::{self, ProveError};
use clap::Args;
use uuid::Uuid;

use super::format::document;
use super::{ADVICE, recorder};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::run::block_on;

#[derive(Debug, Args)]
#[command(after_help = "\
What is printed, as JSON, holds the entry with all its values, and what leads
from it to the newest signed checkpoint. `audit verify --proof FILE` checks it
where there is no database.

Exit codes:
  0  there is a proof
  1  there is no such entry, or no checkpoint covers it yet
  2  the log could not be read

Examples:
  audit proof 019a2f6e-7c1b-7cc3-8a51-0d5c4f6b2a10 > proof.json
  audit verify --proof proof.json --keys trusted-keys")]
pub(crate) struct ProofArgs {
    /// The entry
    #[arg(value_name = "ID")]
    id: Uuid,

    /// A proof is a JSON document, whatever is said here
    #[arg(long, value_parser = ["json"], default_value = "json")]
    format: String,
}

pub(crate) fn run(log: &LogArgs, args: &ProofArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    recorder::viewed(log, url.as_str(), "proof", format!("id:{}", args.id))?;
    let proof = block_on(verify::prove(url.as_str(), &log.schema, args.id))?;
    let proof = proof.map_err(|error| match &error {
        ProveError::Store(_) => Failure::wrong(&error).with_hint(ADVICE),
        _ => Failure::failed(&error),
    })?;
    document(&proof, out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
