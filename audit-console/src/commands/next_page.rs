//! The command that shows the page after this one, or before it.

use audit_core::query::{Order, Query};
use clap::ValueEnum;

use super::query::{QueryArgs, QueryFormat};
use super::shell;
use crate::cli::LogArgs;

/// The same question as a command, from a cursor on. Times that counted back from now are written out, so
/// that the range does not move.
pub(super) fn command(log: &LogArgs, args: &QueryArgs, query: &Query, place: (&'static str, String)) -> String {
    let format = args.format.to_possible_value().map(|format| format.get_name().to_owned());
    let (side, cursor) = place;
    let flags = [
        ("order", Some("oldest-first".to_owned()).filter(|_| query.order() == Order::OldestFirst)),
        ("limit", Some(args.limit.to_string()).filter(|_| args.limit != Query::DEFAULT_LIMIT)),
        ("format", format.filter(|_| args.format != QueryFormat::Table)),
        (side, Some(cursor)),
    ];
    shell::command_with("query", log, &query.filter().to_string(), flags)
}
