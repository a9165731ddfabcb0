//! The command that shows the page after this one.

use std::borrow::Cow;

use audit_core::query::{Cursor, Query};
use audit_core::store::Schema;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::ValueEnum;

use super::query::{QueryArgs, QueryFormat};
use crate::cli::LogArgs;
use crate::render::escape::visible;

/// The same question as a command, from the cursor on. Times that counted back from now are written out, so
/// that the range does not move; a URL that may hold a password is left to the environment.
pub(super) fn command(log: &LogArgs, args: &QueryArgs, next: &Cursor, now: DateTime<Utc>) -> String {
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let format = args.format.to_possible_value().map(|format| format.get_name().to_owned());
    let flags = [
        ("database-url", log.database_url.clone().filter(|url| url.starts_with("sqlite:"))),
        ("schema", Some(log.schema.as_str().to_owned()).filter(|_| log.schema != Schema::default())),
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
    let given = flags.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
    given.fold("audit query".to_owned(), |command, (name, value)| format!("{command} --{name} {}", quoted(value)))
}

/// A word as a POSIX shell reads it.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", visible(word).replace('\'', r"'\''")))
}
