//! The canonical text of a filter, which the grammar reads back as the same filter.
//!
//! What could be taken for syntax, and whatever is not ASCII, stands in quotes, where any character may be written out:
//! control characters are, and the text stays the same filter when others are, too, before it is shown.

use std::fmt::{self, Display, Write as _};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use ipnet::IpNet;

use super::{Condition, Filter, Pattern, Period, Term};

const DAY: i64 = 86_400_000_000;

impl Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms().iter().enumerate() {
            let between = if index == 0 { "" } else { " " };
            write!(f, "{between}{term}")?;
        }
        Ok(())
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negated { "-" } else { "" };
        write!(f, "{sign}{}", self.condition)
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id:{id}"),
            Self::Attempt(id) => write!(f, "attempt:{id}"),
            Self::Text(column, pattern) => write!(f, "{}:{pattern}", column.field()),
            Self::Actor(kind, id) => write!(f, "actor:{kind}/{id}"),
            Self::ActorType(kind) => write!(f, "actor_type:{kind}"),
            Self::Target(kind, id) => write!(f, "target:{}/{id}", Word(kind)),
            Self::Outcome(outcome) => write!(f, "outcome:{outcome}"),
            Self::Ip(network) => write!(f, "ip:{}", Network(network)),
            Self::Created(period) => write!(f, "created:{period}"),
            Self::Metadata(path, pattern) => {
                f.write_str("metadata")?;
                path.keys().iter().try_for_each(|key| write!(f, ".{}", Key(key)))?;
                write!(f, ":{pattern}")
            }
            Self::Anywhere(text) => write!(f, "{}", Word(text)),
        }
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(f, "{}", Word(text)),
            Self::Prefix(text) if text.is_empty() => f.write_str("*"),
            Self::Prefix(text) => write!(f, "{}*", Word(text)),
        }
    }
}

impl Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Since(since) => write!(f, ">={}", Start(since)),
            Self::Until(until) => write!(f, "<{}", Start(until)),
            Self::Between(since, until) if until == since + DAY && is_midnight(since) => write!(f, "{}", Start(since)),
            Self::Between(since, until) if until == since + 1 => write!(f, "{}", Instant(since)),
            Self::Between(since, until) => write!(f, "{}..{}", Start(since), Last(until)),
        }
    }
}

/// A word that is taken for what it says.
struct Word<'a>(&'a str);

impl Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~@%+=,#".contains(c);
        write_bare_or_quoted(f, self.0, !self.0.starts_with('-') && self.0.chars().all(plain))
    }
}

/// A key of a path.
struct Key<'a>(&'a str);

impl Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_bare_or_quoted(f, self.0, self.0.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)))
    }
}

fn write_bare_or_quoted(f: &mut fmt::Formatter<'_>, text: &str, bare: bool) -> fmt::Result {
    if bare && !text.is_empty() {
        return f.write_str(text);
    }
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            control if control.is_control() => write!(f, "\\u{{{:x}}}", u32::from(control))?,
            other => f.write_char(other)?,
        }
    }
    f.write_char('"')
}

/// A network; of one address, the address.
struct Network<'a>(&'a IpNet);

impl Display for Network<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            write!(f, "{}", self.0.addr())
        } else {
            write!(f, "{}", self.0)
        }
    }
}

/// A time at which something begins: at midnight, a day.
struct Start(i64);

impl Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_midnight(self.0) {
            write!(f, "{}", time(self.0).format("%Y-%m-%d"))
        } else {
            write!(f, "{}", Instant(self.0))
        }
    }
}

/// The last that belongs to a span which ends before this time: at midnight, the day before.
struct Last(i64);

impl Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_midnight(self.0) {
            write!(f, "{}", (time(self.0) - TimeDelta::days(1)).format("%Y-%m-%d"))
        } else {
            write!(f, "{}", Instant(self.0 - 1))
        }
    }
}

/// A time to the microsecond (RFC 3339).
struct Instant(i64);

impl Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&time(self.0).to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

const fn is_midnight(micros: i64) -> bool {
    micros.rem_euclid(DAY) == 0
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).expect("the years 1 to 9999 are times")
}
