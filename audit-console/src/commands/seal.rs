//! `audit seal`: headers into the tree, and signed checkpoints of it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use audit_core::seal::{Sealer, SealerError};
use clap::Args;
use serde_json::json;

use super::ADVICE;
use super::format::{Format, document};
use super::log_key::LogKeyArgs;
use crate::cli::LogArgs;
use crate::end;
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::run::block_on;
use crate::say::say;

#[derive(Debug, Args)]
#[command(after_help = "\
Headers of batches become leaves of one Merkle tree, and a checkpoint, signed
every ten seconds while something is new, states how large it is. What it covers
can no longer be changed, removed or reordered unnoticed by whoever lacks the
key. It runs until SIGINT or SIGTERM. In PostgreSQL the user needs the role
audit_signer, without a key audit_sealer; any number of sealers may run.

The key is read from --key-file, else from the variable AUDIT_LOG_KEY. Without a
key, headers go into the tree and nothing is signed.

With --directory each checkpoint is also a file of its own, never changed: on
storage that allows no changes it outlives whoever owns the database.

Exit codes:
  0  it sealed what there was
  1  it could not, or the tree contradicts a checkpoint: run `audit verify`
  2  the command line or the configuration is wrong

Examples:
  audit keys generate audit.example.org --out log.key
  audit seal --key-file log.key --directory /mnt/worm/audit
  audit seal --once --key-file log.key")]
pub(crate) struct SealArgs {
    #[command(flatten)]
    key: LogKeyArgs,

    /// Seal what is there now, and end
    #[arg(long)]
    once: bool,

    /// Where checkpoints are also kept, outside of the database
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Milliseconds between two looks for new headers
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    every: u64,

    /// Seconds between two checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    checkpoint_every: u64,

    /// How to print what was done, at the end; as JSON `sealed` (batches), and `covered_batches` by the newest checkpoint
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &SealArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    let sealer = Sealer::new(url.as_str(), &log.schema).map_err(|error| Failure::wrong(&error))?;
    let mut sealer =
        sealer.every(Duration::from_millis(args.every)).checkpoint_every(Duration::from_secs(args.checkpoint_every));
    if let Some(key) = args.key.read()? {
        sealer = sealer.signer(key);
    } else {
        say("no key: headers go into the tree, and no checkpoint is signed");
    }
    if let Some(directory) = &args.directory {
        if !directory.is_dir() {
            let what = format!("there is no directory {}", directory.display());
            return Err(Failure::usage(what).with_hint("make it first"));
        }
        sealer = sealer.directory(directory);
    }
    let failed = |error: &SealerError| say(format_args!("{}; trying again", visible(&error.to_string())));
    let done =
        block_on(async { if args.once { sealer.once().await } else { sealer.run(end::asked(), failed).await } })?;
    let done = done.map_err(|error| match error {
        SealerError::Store(_) => Failure::failed(&error).with_hint(ADVICE),
        error => Failure::failed(&error),
    })?;
    let covered = Some(done.size).filter(|size| *size > 0);
    match args.format {
        Format::Text => {
            let batches = if done.headers == 1 { "batch" } else { "batches" };
            write!(out, "{} {batches} sealed", done.headers)?;
            if let Some(size) = covered {
                write!(out, "; the newest checkpoint covers {size}")?;
            }
            writeln!(out)?;
        }
        Format::Json => document(&json!({ "sealed": done.headers, "covered_batches": covered }), out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
