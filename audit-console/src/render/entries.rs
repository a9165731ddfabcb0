//! Entries as a table for people.
//!
//! What does not fit into a narrow terminal stands below its entry. Long details are cut; `--format json`
//! has everything.

use std::borrow::Cow;

use audit_core::{Outcome, Row};
use comfy_table::{Attribute, Cell, Color, Table};

use super::escape::visible;
use super::shown::shown;
use super::style::{DIM, PLAIN};
use super::table::styled;

/// Longest details in characters.
const DETAILS_CHARS: usize = 200;

struct Column {
    title: &'static str,
    cell: fn(&Row) -> Cell,
}

const COLUMNS: [Column; 5] = [
    Column { title: "when (UTC)", cell: when },
    Column { title: "outcome", cell: |row| outcome(row.outcome) },
    Column { title: "actor", cell: |row| Cell::new(actor(row)) },
    Column { title: "action", cell: |row| Cell::new(visible(&row.action)) },
    Column { title: "target", cell: |row| Cell::new(target(row)) },
];

/// What only some entries have.
struct Extra {
    title: &'static str,
    text: fn(&Row) -> Option<String>,
}

const EXTRAS: [Extra; 3] = [
    Extra { title: "from", text: |row| row.ip_address.map(|address| address.to_string()) },
    Extra { title: "request", text: |row| row.request_id.as_deref().map(|id| visible(id).into_owned()) },
    Extra { title: "details", text: details },
];

const ID: Extra = Extra { title: "id", text: |row| Some(row.id.to_string()) };

/// Whether each entry's id stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ids {
    Shown,
    Hidden,
}

/// The entries as a table: with what only some entries have in columns of their own where that fits into the
/// terminal's width, else below each entry.
pub(crate) fn table(rows: &[Row], ids: Ids, width: Option<u16>) -> String {
    let extras = EXTRAS.iter().chain(Some(&ID).filter(|_| ids == Ids::Shown));
    let extras: Vec<_> = extras.filter(|extra| rows.iter().any(|row| (extra.text)(row).is_some())).collect();
    let wide = lay_out(rows, &extras);
    match width {
        Some(width) if width_of(&wide) > usize::from(width) => stacked(rows, &extras, width.into()),
        _ => wide.trim_fmt(),
    }
}

fn lay_out(rows: &[Row], extras: &[&Extra]) -> Table {
    let titles = COLUMNS.iter().map(|column| column.title).chain(extras.iter().map(|extra| extra.title));
    let mut table = styled(titles);
    for row in rows {
        let cells = COLUMNS.iter().map(|column| (column.cell)(row));
        let extras = extras.iter().map(|extra| Cell::new((extra.text)(row).unwrap_or_default()));
        table.add_row(cells.chain(extras));
    }
    table
}

/// In columns, with the two that stand between a cell and the next.
fn width_of(table: &Table) -> usize {
    table.column_max_content_widths().iter().map(|width| usize::from(*width) + 2).sum::<usize>().saturating_sub(2)
}

fn stacked(rows: &[Row], extras: &[&Extra], width: usize) -> String {
    let table = lay_out(rows, &[]);
    let rule = "─".repeat(width_of(&table).min(width));
    let table = table.trim_fmt();
    let mut lines = table.lines();
    let mut stacked: Vec<_> = lines.next().into_iter().map(str::to_owned).chain([rule]).collect();
    for (line, row) in lines.skip(1).zip(rows) {
        stacked.push(line.to_owned());
        let below = told(row, extras);
        if !below.is_empty() {
            stacked.push(format!("    {DIM}{below}{PLAIN}"));
        }
    }
    stacked.join("\n")
}

/// What only some entries have, in one line.
fn told(row: &Row, extras: &[&Extra]) -> String {
    let told = extras.iter().filter_map(|extra| {
        let title = if extra.title == "details" { String::new() } else { format!("{} ", extra.title) };
        (extra.text)(row).map(|text| title + &text)
    });
    told.collect::<Vec<_>>().join("  ")
}

/// What stands beside an entry that has a line for itself; nothing where it has none of that.
pub(super) fn more(row: &Row) -> String {
    told(row, &EXTRAS.each_ref())
}

fn when(row: &Row) -> Cell {
    Cell::new(row.created_at.format("%Y-%m-%d %H:%M:%S")).fg(Color::DarkGrey)
}

pub(super) fn actor(row: &Row) -> String {
    let id = row.actor_id.as_deref().map_or(Cow::Borrowed(ERASED), visible);
    format!("{}:{id}", row.actor_type)
}

/// What stands for a value that was erased.
pub(crate) const ERASED: &str = "(erased)";

pub(super) fn target(row: &Row) -> String {
    let kind = visible(&row.target_type);
    let erased = row.redacted.as_ref().is_some_and(|fields| fields.get("target_id").is_some());
    match &row.target_id {
        Some(id) => format!("{kind}:{}", visible(id)),
        None if erased => format!("{kind}:{ERASED}"),
        None => kind.into_owned(),
    }
}

fn outcome(outcome: Outcome) -> Cell {
    let cell = Cell::new(outcome);
    match outcome {
        Outcome::Success => cell.fg(Color::Green),
        Outcome::Failure => cell.fg(Color::Red),
        Outcome::Denied | Outcome::Cancelled => cell.fg(Color::Yellow),
        Outcome::Panicked => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        Outcome::Attempted => cell.fg(Color::Cyan),
    }
}

/// The error and the metadata, in one line; `None` where there is neither.
fn details(row: &Row) -> Option<String> {
    let error = row.error.as_deref().map(|text| visible(text).into_owned());
    let metadata = row.metadata.as_map().iter().map(|(name, value)| format!("{}={}", visible(name), shown(value)));
    let all = error.into_iter().chain(metadata).collect::<Vec<_>>().join("  ");
    let text = match all.char_indices().nth(DETAILS_CHARS) {
        Some((cut, _)) => format!("{}…", &all[..cut]),
        None => all,
    };
    Some(text).filter(|text| !text.is_empty())
}
