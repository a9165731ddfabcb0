//! Where the rows come from.

use std::path::Path;

use audit_core::import::{Record, Table};
use indicatif::{ProgressBar, ProgressStyle};

use super::csv::Csv;
use super::json_lines::JsonLines;
use super::{ImportArgs, failed, mapped};
use crate::cli::LogArgs;
use crate::failure::Failure;

/// Where the rows come from.
pub(super) enum Source {
    Table { table: Box<Table>, rows: u64, read: u64 },
    Csv(Box<Csv>),
    JsonLines(JsonLines),
}

/// What a source gives.
pub(super) enum Item {
    Record(Record),
    /// What is no record, in its own words.
    Unreadable {
        place: u64,
        text: String,
        reason: String,
    },
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Record(record) => record.bytes(),
            Self::Unreadable { text, .. } => text.len(),
        }
    }
}

impl Source {
    pub(super) async fn open(log: &LogArgs, url: &str, args: &ImportArgs) -> Result<Self, Failure> {
        let mapping = mapped(args)?;
        if let Some(path) = &args.csv {
            return Ok(Self::Csv(Box::new(Csv::open(path, mapping)?)));
        }
        if let Some(path) = &args.jsonl {
            return Ok(Self::JsonLines(JsonLines::open(path, mapping)?));
        }
        let url = args.from.as_deref().unwrap_or(url);
        let set_aside = if url.starts_with("sqlite:") {
            "audit_logs_legacy".to_owned()
        } else {
            format!("{}.audit_logs_legacy", log.schema.as_str())
        };
        let name = args.table.as_deref().unwrap_or(&set_aside);
        let mut table = Table::open(url, name, mapping).await.map_err(|error| failed(&error))?;
        let rows = table.count().await.map_err(|error| failed(&error))?;
        Ok(Self::Table { table: Box::new(table), rows, read: 0 })
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Table { table, .. } => table.name(),
            Self::Csv(csv) => csv.name(),
            Self::JsonLines(lines) => lines.name(),
        }
    }

    /// Whether it sees to it by itself that no two rows have one id.
    pub(super) fn has_unique_ids(&self) -> bool {
        matches!(self, Self::Table { table, .. } if table.has_unique_ids())
    }

    /// What comes next, as much as is taken at once; nothing at the end.
    pub(super) async fn next(&mut self, rows: u32, bytes: usize) -> Result<Option<Vec<Item>>, Failure> {
        let items = match self {
            Self::Table { table, read, .. } => {
                let records = table.next(rows).await.map_err(|error| failed(&error))?;
                *read += records.len() as u64;
                records.into_iter().map(Item::Record).collect()
            }
            Self::Csv(csv) => gather(rows, bytes, || csv.next())?,
            Self::JsonLines(lines) => gather(rows, bytes, || lines.next())?,
        };
        Ok((!items.is_empty()).then_some(items))
    }

    /// How far it was read: rows of a table, bytes of a file.
    pub(super) fn position(&self) -> u64 {
        match self {
            Self::Table { read, .. } => *read,
            Self::Csv(csv) => csv.position(),
            Self::JsonLines(lines) => lines.position(),
        }
    }

    /// Columns that no field was read from.
    pub(super) fn left_out(&self) -> Vec<String> {
        match self {
            Self::Table { table, .. } => table.left_out().to_vec(),
            Self::Csv(csv) => csv.left_out(),
            Self::JsonLines(lines) => lines.left_out(),
        }
    }

    /// It is not drawn where nobody looks.
    pub(super) fn bar(&self) -> ProgressBar {
        let (template, length) = match self {
            Self::Table { rows, .. } => ("{bar:40} {human_pos} of {human_len} rows, {per_sec}, {eta} left", *rows),
            Self::Csv(csv) => (FILE_BAR, csv.length()),
            Self::JsonLines(lines) => (FILE_BAR, lines.length()),
        };
        let style = ProgressStyle::with_template(template).expect("the template names only what there is");
        ProgressBar::new(length).with_style(style)
    }

    pub(super) async fn close(self) {
        if let Self::Table { table, .. } = self {
            table.close().await;
        }
    }
}

const FILE_BAR: &str = "{bar:40} {bytes} of {total_bytes}, {eta} left";

fn gather(
    rows: u32,
    bytes: usize,
    mut next: impl FnMut() -> Result<Option<Item>, Failure>,
) -> Result<Vec<Item>, Failure> {
    let (mut items, mut held) = (Vec::new(), 0);
    while items.len() < rows as usize && held < bytes {
        let Some(item) = next()? else { break };
        held += item.bytes();
        items.push(item);
    }
    Ok(items)
}

/// The name of a file, without the folders that lead to it.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// What is wrong with a file.
pub(super) fn unreadable(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", path.display()))
}
