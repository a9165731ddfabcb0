//! Spans of time.

use chrono::{DateTime, Utc};

/// A span of time in whole µs since 1970, within the years 1 to 9999, which every store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    /// From this one on.
    Since(i64),
    /// Before this one.
    Until(i64),
    /// From the first on, before the second.
    Between(i64, i64),
}

impl Period {
    /// The year 1 begins.
    pub(crate) const FIRST: i64 = -62_135_596_800_000_000;
    /// The last microsecond of the year 9999.
    pub(crate) const LAST: i64 = 253_402_300_799_999_999;

    pub(crate) fn since(time: DateTime<Utc>) -> Self {
        Self::Since(round_up(time))
    }

    pub(crate) fn until(time: DateTime<Utc>) -> Self {
        Self::Until(round_up(time))
    }

    /// The span between two times; `None` where it is empty.
    pub(crate) fn between(since: DateTime<Utc>, until: DateTime<Utc>) -> Option<Self> {
        let (since, until) = (round_up(since), round_up(until));
        (since < until).then_some(Self::Between(since, until))
    }

    pub(crate) fn contains(self, time: DateTime<Utc>) -> bool {
        let (since, until) = self.bounds();
        let micros = time.timestamp_micros();
        since.is_none_or(|since| since <= micros) && until.is_none_or(|until| micros < until)
    }

    /// Where it begins, and where it has ended.
    pub(crate) const fn bounds(self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::Since(since) => (Some(since), None),
            Self::Until(until) => (None, Some(until)),
            Self::Between(since, until) => (Some(since), Some(until)),
        }
    }

    /// All other times, where they are one span.
    pub(crate) const fn others(self) -> Option<Self> {
        match self {
            Self::Since(since) => Some(Self::Until(since)),
            Self::Until(until) => Some(Self::Since(until)),
            Self::Between(..) => None,
        }
    }
}

/// The first whole microsecond that is not before a time.
fn round_up(time: DateTime<Utc>) -> i64 {
    let micros = time.timestamp_micros();
    let whole = time.timestamp_subsec_nanos().is_multiple_of(1_000);
    let micros = if whole { micros } else { micros.saturating_add(1) };
    micros.clamp(Period::FIRST, Period::LAST)
}
