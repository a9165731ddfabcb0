//! The key of the log, as commands are given it.

use std::path::PathBuf;

use audit_core::signing::SigningKey;
use clap::Args;

use crate::failure::Failure;

/// Holds the text of a key, where no file does.
const KEY_VARIABLE: &str = "AUDIT_LOG_KEY";

/// Where the key of the log is, if there is one.
#[derive(Debug, Args)]
pub(crate) struct LogKeyArgs {
    /// The file that holds the key of the log; else the variable `AUDIT_LOG_KEY` holds the key
    #[arg(long, env = "AUDIT_LOG_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl LogKeyArgs {
    pub(crate) fn read(&self) -> Result<Option<SigningKey>, Failure> {
        let read = match &self.key_file {
            Some(file) => SigningKey::from_file(file),
            None if std::env::var_os(KEY_VARIABLE).is_some() => SigningKey::from_env(KEY_VARIABLE),
            None => return Ok(None),
        };
        read.map(Some).map_err(|error| Failure::usage(error).with_hint("`audit keys generate` makes a key"))
    }
}
