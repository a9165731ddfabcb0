//! Entries for spreadsheets (RFC 4180).
//!
//! Whoever can name a project can write into the log, and a spreadsheet obeys a cell that begins with `=`. Such cells
//! get an apostrophe before them, which spreadsheets take for "this is text". Control and invisible characters are
//! written out, as on a terminal: this format is for looking at; JSON Lines read back unchanged.

use std::borrow::Cow;

use audit_core::Row;
use chrono::{DateTime, SecondsFormat, Utc};

use super::escape::visible;

type Column = (&'static str, fn(&Row) -> Option<String>);

const COLUMNS: [Column; 23] = [
    ("id", |row| Some(row.id.to_string())),
    ("created_at", |row| Some(time(row.created_at))),
    ("actor_type", |row| Some(row.actor_type.to_string())),
    ("actor_id", |row| row.actor_id.clone()),
    ("action", |row| Some(row.action.clone())),
    ("target_type", |row| Some(row.target_type.clone())),
    ("target_id", |row| row.target_id.clone()),
    ("outcome", |row| Some(row.outcome.to_string())),
    ("error", |row| row.error.clone()),
    ("ip_address", |row| row.ip_address.map(|address| address.to_string())),
    ("user_agent", |row| row.user_agent.clone()),
    ("request_id", |row| row.request_id.clone()),
    ("tenant_id", |row| row.tenant_id.clone()),
    ("on_behalf_of", |row| row.on_behalf_of.clone()),
    ("trace_id", |row| row.trace_id.clone()),
    ("span_id", |row| row.span_id.clone()),
    ("duration_us", |row| row.duration_us.map(|duration| duration.to_string())),
    ("attempt_id", |row| row.attempt_id.map(|id| id.to_string())),
    ("origin", |row| row.origin.clone()),
    ("recorded_at", |row| row.recorded_at.map(time)),
    ("stream_id", |row| Some(row.stream_id.to_string())),
    ("seq", |row| Some(row.seq.to_string())),
    ("metadata", |row| Some(row.metadata.to_string())),
];

/// The names of the columns, as a line.
pub(crate) const HEADER: &str = "id,created_at,actor_type,actor_id,action,target_type,target_id,outcome,error,ip_address,user_agent,request_id,\
     tenant_id,on_behalf_of,trace_id,span_id,duration_us,attempt_id,origin,recorded_at,stream_id,seq,metadata\r\n";

/// An entry, without the end of the line.
pub(crate) fn line(row: &Row) -> String {
    let cells = COLUMNS.iter().map(|(_, value)| value(row).map(|text| cell(&text).into_owned()).unwrap_or_default());
    cells.collect::<Vec<_>>().join(",")
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn cell(text: &str) -> Cow<'_, str> {
    let shown = visible(text);
    let guarded = if is_formula(&shown) { Cow::Owned(format!("'{shown}")) } else { shown };
    if guarded.contains(['"', ',', ';', ' ', '\'', '\\']) {
        return Cow::Owned(format!("\"{}\"", guarded.replace('"', "\"\"")));
    }
    guarded
}

/// Whether a spreadsheet takes the cell for a formula: some look past spaces, and take wide signs for the plain ones.
fn is_formula(text: &str) -> bool {
    text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_taken_for_a_formula() {
        for (text, expected) in [
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
            ("  =1", "\"'  =1\""),
            ("＝1", "\"'＝1\""),
            ("=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""),
            ("a=1", "a=1"),
            ("a\"b,c", "\"a\"\"b,c\""),
            ("a\r\n=1", "\"a\\r\\n=1\""),
            ("\t=1", "\"\\t=1\""),
            ("\u{202e}x", "\"\\u{202e}x\""),
        ] {
            assert_eq!(cell(text), expected, "{text}");
        }
    }

    #[test]
    fn the_header_names_the_columns() {
        let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
        assert_eq!(HEADER.trim_end(), names.join(","));
    }
}
