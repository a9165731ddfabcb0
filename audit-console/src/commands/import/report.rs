//! What became of the rows.

use std::io::Write;
use std::path::PathBuf;

use audit_core::import::Fate;
use serde::Serialize;

use crate::failure::Failure;
use crate::render::escape::visible;
use crate::say::say;

/// What became of the rows: each is counted as imported, present or rejected.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    source: String,
    dry_run: bool,
    /// Rows of the source.
    read: u64,
    /// Those that are in the log now, or would be.
    imported: u64,
    /// Of the imported ones, those of which something was cut or replaced.
    changed: u64,
    /// Those that were in the log before.
    present: u64,
    rejected: u64,
    /// Rows of this source that the log holds.
    pub(super) in_log: u64,
    /// Columns of the source that no field is read from.
    pub(super) left_out: Vec<String>,
    /// Where the rows are that are not in the log as they were.
    pub(super) rejects: Option<PathBuf>,
}

impl Report {
    pub(super) const fn new(source: String, dry_run: bool) -> Self {
        Self {
            source,
            dry_run,
            read: 0,
            imported: 0,
            changed: 0,
            present: 0,
            rejected: 0,
            in_log: 0,
            left_out: Vec::new(),
            rejects: None,
        }
    }

    pub(super) const fn add(&mut self, fate: Fate) {
        self.read += 1;
        match fate {
            Fate::Imported => self.imported += 1,
            Fate::ImportedChanged => {
                self.imported += 1;
                self.changed += 1;
            }
            Fate::Present => self.present += 1,
            _ => self.rejected += 1,
        }
    }

    pub(super) const fn unreadable(&mut self) {
        self.read += 1;
        self.rejected += 1;
    }

    /// Rows that should be in the log and are not.
    const fn missing(&self) -> u64 {
        let expected = self.present + if self.dry_run { 0 } else { self.imported };
        expected.saturating_sub(self.in_log)
    }

    /// Whether every row of the source is in the log, or would be.
    pub(super) const fn is_complete(&self) -> bool {
        self.rejected == 0 && self.missing() == 0
    }

    pub(super) fn tell(&self, out: &mut impl Write) -> Result<(), Failure> {
        let (imported, rejected) =
            if self.dry_run { ("would be imported", "would not") } else { ("imported", "rejected") };
        let rows = if self.read == 1 { "row" } else { "rows" };
        let Self { read, present, .. } = self;
        writeln!(
            out,
            "{read} {rows} read from {}: {} {imported}, {present} there before, {} {rejected}; the log holds {}",
            visible(&self.source),
            self.imported,
            self.rejected,
            self.in_log
        )?;
        if self.missing() > 0 {
            say(format_args!(
                "{} rows are missing in the log: `audit verify` says whether they were removed",
                self.missing()
            ));
        }
        if !self.left_out.is_empty() {
            let names: Vec<_> = self.left_out.iter().map(|name| visible(name)).collect();
            say(format_args!("columns that no field is read from: {}", names.join(", ")));
        }
        if let Some(path) = &self.rejects {
            let (path, changed) = (path.display().to_string(), self.changed);
            say(format_args!("{}: rows that were rejected, and {changed} that were changed", visible(&path)));
        }
        Ok(())
    }
}
