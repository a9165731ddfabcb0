//! One migration, as it was compiled into the program.

use sha2::{Digest, Sha256};

/// One SQL file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub(crate) version: i64,
    /// What it brings, in a word or two.
    pub(crate) description: &'static str,
    /// The file's text, before names are filled in.
    pub(crate) template: &'static str,
}

impl Migration {
    /// SHA-256 of the file. The names a database asks for do not enter.
    pub(crate) fn checksum(&self) -> [u8; 32] {
        Sha256::digest(self.template.as_bytes()).into()
    }
}

/// A migration that a run would apply.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PendingMigration {
    /// Its number.
    pub version: i64,
    /// What it brings.
    pub description: String,
    /// The SQL that would run, names filled in.
    pub sql: String,
}
