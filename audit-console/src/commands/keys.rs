//! `audit keys`: making keys, and the public half of one.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use audit_core::signing::{Signer as _, SigningKey};
use clap::{Args, Subcommand};
use serde_json::json;

use super::format::{Format, document};
use crate::failure::Failure;
use crate::say::say;

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key, and print what verifiers need of it
    Generate(GenerateArgs),
    /// Print what verifiers need of a key
    Show(ShowArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The secret goes to a file that only its owner may read, and nowhere else; what
is printed is no secret. A key of the log belongs where `audit seal` runs, and
nowhere else; a key of a writer to that service. Verifiers keep a file with a
line for each, `log KEY` or `writer KEY`: see `audit verify --help`.

Examples:
  audit keys generate audit.example.org --out log.key
  echo \"log $(audit keys show log.key)\" >> trusted-keys")]
struct GenerateArgs {
    /// Whose key it is, without blanks, + and #; of a key of the log, the log's name in all checkpoints
    #[arg(value_name = "NAME")]
    name: String,

    /// The file for the secret; it must not exist yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// How to print it; as JSON `name` and `key`
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The file that holds the secret
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// How to print it; as JSON `name` and `key`
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &KeysArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let (key, format) = match &args.command {
        KeysCommand::Generate(args) => {
            let key = SigningKey::generate(&args.name).map_err(Failure::usage)?;
            keep(&args.out, &key.to_secret_text()).map_err(|error| {
                Failure::usage(format!("cannot write the key to {}: {error}", args.out.display()))
                    .with_hint("name a file that is not there yet; a key is never written over")
            })?;
            say(format_args!("the secret is in {}; what follows is for verifiers", args.out.display()));
            (key, args.format)
        }
        KeysCommand::Show(args) => (SigningKey::from_file(&args.file).map_err(Failure::usage)?, args.format),
    };
    let public = key.verifying_key();
    match format {
        Format::Text => writeln!(out, "{public}")?,
        Format::Json => document(&json!({ "name": public.name(), "key": public.to_string() }), out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// A new file, for its owner alone.
fn keep(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    let mut file = file.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}
