//! An entry in one line, for people who watch them come.

use audit_core::Row;

use super::style::{self, BOLD, DIM, PLAIN};
use super::{entries, escape::visible};

/// When, how it ended, who, what, to what, and what else there is.
pub(crate) fn of(row: &Row) -> String {
    let when = row.created_at.format("%Y-%m-%d %H:%M:%S");
    let outcome = style::of_outcome(row.outcome);
    let (who, what, whom) = (entries::actor(row), visible(&row.action), entries::target(row));
    let more = Some(entries::more(row)).filter(|more| !more.is_empty());
    let more = more.map_or_else(String::new, |more| format!("  {DIM}{more}{PLAIN}"));
    let ended = row.outcome.as_str();
    format!("{DIM}{when}{PLAIN}  {outcome}{ended:<9}{PLAIN}  {who}  {BOLD}{what}{PLAIN}  {whom}{more}")
}
