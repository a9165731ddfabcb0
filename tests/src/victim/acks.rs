//! What was acknowledged, in a file that survives its writer.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use uuid::Uuid;

/// Ids of entries, a line each.
#[derive(Debug)]
pub struct Acks(File);

impl Acks {
    /// Begins to add to a file.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn append(path: &Path) -> io::Result<Self> {
        OpenOptions::new().create(true).append(true).open(path).map(Self)
    }

    /// Adds an entry. Once this has returned, the end of the process does not take it away.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn add(&self, id: Uuid) -> io::Result<()> {
        (&self.0).write_all(format!("{id}\n").as_bytes())
    }

    /// What a file holds; a last line that was being written is none.
    #[must_use]
    pub fn read(path: &Path) -> HashSet<Uuid> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
            .map(|line| line.parse().expect("an entry's id"))
            .collect()
    }
}
