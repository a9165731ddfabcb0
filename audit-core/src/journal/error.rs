//! What a journal could not do.

use std::io;
use std::path::{Path, PathBuf};

/// What a journal could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refused.
    #[error("the audit journal cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What came back.
        #[source]
        source: io::Error,
    },
    /// Another version of the program wrote a file.
    #[error("{} is in version {version} of the journal's format, which this program does not read", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The journal holds as much as it may.
    #[error(
        "the audit journal in {} holds {bytes} of at most {limit} bytes: bring the store back, or raise `journal_bytes`",
        path.display()
    )]
    Full {
        /// The journal's directory.
        path: PathBuf,
        /// What lies there.
        bytes: u64,
        /// What may lie there.
        limit: u64,
    },
    /// The work on a file panicked.
    #[error("the work on an audit journal panicked; its file is not written any more")]
    Panicked,
}

impl JournalError {
    /// What is tried when bytes are brought to the disk.
    pub(super) const SYNC: &str = "bring to the disk";

    /// The error with what caused it, in one line.
    pub(super) fn explained(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        }
    }

    /// Whether a file is missing.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether a file's bytes may not be on the disk.
    pub(super) fn is_failed_sync(&self) -> bool {
        matches!(self, Self::Io { action, .. } if *action == Self::SYNC)
    }

    /// For `map_err`: what was tried, and where.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
