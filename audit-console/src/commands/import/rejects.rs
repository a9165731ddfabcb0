//! The file of rows that are not in the log as they were.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use audit_core::import::{Record, Rejection};
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// A JSON document a line: the row with its place in the source and why it is here. Each run writes all of them anew, also those
/// that earlier runs have met.
pub(super) struct Rejects {
    path: PathBuf,
    file: BufWriter<File>,
    lines: u64,
}

impl Rejects {
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        // It holds what only readers of the log may see.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            Failure::usage(format!("cannot write {}: {error}", path.display()))
                .with_hint("name another file: --rejects FILE")
        })?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), lines: 0 })
    }

    /// A row that is not imported.
    pub(super) fn rejected(&mut self, record: &Record, reason: &Rejection) -> Result<(), Failure> {
        self.write(&json!({
            "place": record.place(), "imported": false, "reason": reason.to_string(), "row": texts(record)
        }))
    }

    /// A row that is imported, and of which something was cut or replaced.
    pub(super) fn changed(&mut self, record: &Record) -> Result<(), Failure> {
        let reason = "something was cut or replaced, as the marks of the entry say";
        self.write(&json!({ "place": record.place(), "imported": true, "reason": reason, "row": texts(record) }))
    }

    /// What is no row.
    pub(super) fn unreadable(&mut self, place: u64, text: &str, reason: &str) -> Result<(), Failure> {
        self.write(&json!({ "place": place, "imported": false, "reason": reason, "text": text }))
    }

    fn write(&mut self, line: &Value) -> Result<(), Failure> {
        self.lines += 1;
        writeln!(self.file, "{line}").map_err(|error| self.failed(&error))
    }

    /// Gives back where the file is; one without lines goes.
    pub(super) fn finish(mut self) -> Result<Option<PathBuf>, Failure> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        written.map_err(|error| self.failed(&error))?;
        if self.lines > 0 {
            return Ok(Some(self.path));
        }
        fs::remove_file(&self.path).map_err(|error| self.failed(&error))?;
        Ok(None)
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure::failed(error)
            .with_hint(format!("{} takes no more; name another file: --rejects FILE", self.path.display()))
    }
}

fn texts(record: &Record) -> Map<String, Value> {
    record.texts().map(|(field, text)| (field.as_str().to_owned(), text.into())).collect()
}
