//! One entry for people, with everything that is known of it.

use std::fmt::Display;

use audit_core::Row;
use chrono::{DateTime, Utc};

use super::escape::{json, visible};
use super::style::{BOLD, DIM, PLAIN};
use super::{changes, entries, style};

/// The lines of an entry.
pub(crate) fn lines(row: &Row) -> Vec<String> {
    let colour = style::of_outcome(row.outcome);
    let mut lines =
        vec![format!("{BOLD}{}{PLAIN}  {colour}{}{PLAIN}", visible(&row.action), row.outcome), String::new()];
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{DIM}{name:<9}{PLAIN} {value}"));
        }
    };
    let text = |value: &Option<String>| value.as_deref().map(|value| visible(value).into_owned());
    fact("id", Some(row.id.to_string()));
    fact("when", Some(instant(row.created_at)));
    fact("recorded", row.recorded_at.map(instant));
    fact("took", row.duration_us.map(duration));
    fact("actor", Some(entries::actor(row)));
    fact("on behalf", text(&row.on_behalf_of));
    fact("target", Some(entries::target(row)));
    fact("from", row.ip_address.as_ref().map(ToString::to_string));
    fact("agent", text(&row.user_agent));
    fact("request", text(&row.request_id));
    fact("tenant", text(&row.tenant_id));
    fact("trace", text(&row.trace_id));
    fact("span", text(&row.span_id));
    fact("origin", text(&row.origin));
    fact("attempt", row.attempt_id.as_ref().map(ToString::to_string));
    fact("error", text(&row.error));
    fact("stream", Some(format!("{}  {DIM}entry{PLAIN} {}", row.stream_id, row.seq)));
    fact("erased", row.redacted.as_ref().map(erased));
    if !row.metadata.is_empty() {
        lines.extend([String::new(), format!("{BOLD}metadata{PLAIN}")]);
        lines.extend(changes::lines(row.metadata.as_map()).into_iter().map(|line| format!("  {line}")));
    }
    lines
}

fn instant(time: DateTime<Utc>) -> String {
    format!("{} UTC", time.format("%Y-%m-%d %H:%M:%S%.6f"))
}

fn duration(micros: i64) -> String {
    let tenths =
        |value: i64, unit: i64, name: &dyn Display| format!("{}.{} {name}", value / unit, value % unit * 10 / unit);
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => tenths(micros, 1_000, &"ms"),
        _ => tenths(micros, 1_000_000, &"s"),
    }
}

/// The names of the fields that were erased.
fn erased(redacted: &serde_json::Value) -> String {
    match redacted.as_object() {
        Some(fields) => fields.keys().map(|name| visible(name).into_owned()).collect::<Vec<_>>().join(", "),
        None => json(&redacted.to_string()).into_owned(),
    }
}
