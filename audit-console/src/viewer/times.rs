//! Times as people tell them.

use chrono::{DateTime, SecondsFormat, Utc};

/// A time, to tell and to point at.
#[derive(Debug)]
pub(super) struct Told {
    /// `2 min ago`.
    pub(super) ago: String,
    /// `2026-11-27 15:04:05.123456 UTC`.
    pub(super) exact: String,
    /// The same for programs (RFC 3339).
    pub(super) machine: String,
}

impl Told {
    pub(super) fn new(time: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self {
            ago: ago(time, now),
            exact: format!("{} UTC", time.format("%Y-%m-%d %H:%M:%S%.6f")),
            machine: time.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }
}

fn ago(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - time).num_seconds();
    match seconds {
        ..-1 => time.format("%Y-%m-%d %H:%M").to_string(),
        -1..5 => "just now".to_owned(),
        5..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..172_800 => "yesterday".to_owned(),
        172_800..1_209_600 => format!("{} days ago", seconds / 86_400),
        _ => time.format("%Y-%m-%d").to_string(),
    }
}

/// A span of time, in µs, as short as it can be told.
pub(super) fn span(micros: i64) -> String {
    let tenths = |unit: i64, name: &str| format!("{}.{} {name}", micros / unit, micros % unit * 10 / unit);
    match micros {
        ..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => tenths(1_000, "ms"),
        1_000_000..60_000_000 => tenths(1_000_000, "s"),
        _ => format!("{} min {} s", micros / 60_000_000, micros / 1_000_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_people_would_take() {
        let now = "2026-11-27T12:00:00Z".parse().unwrap();
        for (seconds, expected) in [
            (0, "just now"),
            (59, "59 s ago"),
            (120, "2 min ago"),
            (7_200, "2 h ago"),
            (90_000, "yesterday"),
            (200_000, "2 days ago"),
            (9_000_000, "2026-08-15"),
            (-3_600, "2026-11-27 13:00"),
        ] {
            assert_eq!(ago(now - TimeDelta::seconds(seconds), now), expected);
        }
        assert_eq!([span(999), span(1_250), span(61_000_000)], ["999 µs", "1.2 ms", "1 min 1 s"]);
    }
}
