//! The command that shows the page after this one.

use audit_core::query::{Cursor, Query};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::ValueEnum;

use super::query::{QueryArgs, QueryFormat};
use super::shell;
use crate::cli::LogArgs;

/// The same question as a command, from the cursor on. Times that counted back from now are written out, so
/// that the range does not move.
pub(super) fn command(log: &LogArgs, args: &QueryArgs, next: &Cursor, now: DateTime<Utc>) -> String {
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let format = args.format.to_possible_value().map(|format| format.get_name().to_owned());
    let flags = [
        ("actor", args.actor.clone()),
        ("action", args.action.clone()),
        ("target", args.target.as_ref().map(ToString::to_string)),
        ("target-type", args.target_type.clone()),
        ("target-id", args.target_id.clone()),
        ("outcome", args.outcome.as_ref().map(ToString::to_string)),
        ("request-id", args.request_id.clone()),
        ("tenant", args.tenant.clone()),
        ("since", args.since.map(|since| instant(since.start(now)))),
        ("until", args.until.map(|until| instant(until.end(now)))),
        ("limit", Some(args.limit.to_string()).filter(|_| args.limit != Query::DEFAULT_LIMIT)),
        ("format", format.filter(|_| args.format != QueryFormat::Table)),
        ("after", Some(next.to_string())),
    ];
    shell::command("query", log, flags)
}
