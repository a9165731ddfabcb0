//! Times as people write them.

use std::str::FromStr;

use chrono::{DateTime, Months, NaiveDate, NaiveTime, SubsecRound as _, TimeDelta, Utc};

/// A time as people write it: an instant, a day, a month, or how long ago.
///
/// # Examples
///
/// ```
/// use audit_core::query::Moment;
///
/// let now = "2026-11-23T12:00:00Z".parse().unwrap();
/// let day: Moment = "2026-11-22".parse()?;
/// assert_eq!(day.start(now).to_rfc3339(), "2026-11-22T00:00:00+00:00");
/// assert_eq!(day.end(now).to_rfc3339(), "2026-11-23T00:00:00+00:00");
/// # Ok::<(), audit_core::query::MomentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// `2026-11-23T09:00:00Z`, with any offset (RFC 3339).
    Instant(DateTime<Utc>),
    /// `2026-11-23`, a whole day in UTC; `2026-11`, a whole month.
    Days {
        /// The first day.
        first: NaiveDate,
        /// The day after the last.
        next: NaiveDate,
    },
    /// `90s`, `30m`, `24h`, `7d`, `2w`: so long before now.
    Ago(TimeDelta),
}

/// A text that names no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write a day (2026-11-23), a month (2026-11), an instant (2026-11-23T09:00:00Z), or how long ago (90s, 30m, 24h, 7d, 2w)"
)]
pub struct MomentError;

impl Moment {
    /// Where a range that begins here begins: a day begins at its midnight.
    #[must_use]
    pub fn start(self, now: DateTime<Utc>) -> DateTime<Utc> {
        let start = match self {
            Self::Instant(instant) => instant,
            Self::Days { first, .. } => midnight(first),
            Self::Ago(delta) => now.checked_sub_signed(delta).unwrap_or(DateTime::<Utc>::MIN_UTC),
        };
        within_rfc_3339(start)
    }

    /// Where a range that ends here ends: a day belongs to it whole, so it ends at the next midnight; an instant does
    /// not belong to it.
    #[must_use]
    pub fn end(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Days { next, .. } => within_rfc_3339(midnight(next)),
            other => other.start(now),
        }
    }

    /// The first time after it, to the microsecond.
    pub(super) fn after(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Days { .. } => self.end(now),
            other => other.start(now).trunc_subsecs(6) + TimeDelta::microseconds(1),
        }
    }
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// The nearest time that RFC 3339 can write, whose years have four digits: times are also printed, to be read again.
fn within_rfc_3339(time: DateTime<Utc>) -> DateTime<Utc> {
    const EARLIEST: i64 = -62_135_596_800; // 0001-01-01T00:00:00Z
    const LATEST: i64 = 253_402_300_799; // 9999-12-31T23:59:59Z
    let seconds = time.timestamp();
    if (EARLIEST..LATEST).contains(&seconds) {
        return time;
    }
    DateTime::from_timestamp(seconds.clamp(EARLIEST, LATEST), 0).expect("the bounds are times")
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Instant(instant.to_utc()));
        }
        if let Ok(first) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Ok(Self::Days { first, next: first.succ_opt().unwrap_or(NaiveDate::MAX) });
        }
        if let Ok(first) = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d") {
            return Ok(Self::Days { first, next: first.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX) });
        }
        let unit = text.chars().last().ok_or(MomentError)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(MomentError),
        };
        let count: u32 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| MomentError)?;
        TimeDelta::try_seconds(i64::from(count) * seconds).map(Self::Ago).ok_or(MomentError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn moment(text: &str) -> Moment {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_belongs_to_a_range_from_midnight_to_midnight() {
        assert_eq!(moment("2026-11-22").start(now()).to_rfc3339(), "2026-11-22T00:00:00+00:00");
        assert_eq!(moment("2026-11-22").end(now()).to_rfc3339(), "2026-11-23T00:00:00+00:00");
    }

    #[test]
    fn a_month_belongs_to_a_range_whole() {
        assert_eq!(moment("2026-02").start(now()).to_rfc3339(), "2026-02-01T00:00:00+00:00");
        assert_eq!(moment("2026-12").end(now()).to_rfc3339(), "2027-01-01T00:00:00+00:00");
    }

    #[test]
    fn an_instant_may_stand_in_any_offset() {
        assert_eq!(moment("2026-11-22T23:00:00+02:00").end(now()).to_rfc3339(), "2026-11-22T21:00:00+00:00");
    }

    #[test]
    fn how_long_ago_counts_back_from_now() {
        for (text, expected) in
            [("90s", "2026-11-23T11:58:30"), ("24h", "2026-11-22T12:00:00"), ("2w", "2026-11-09T12:00:00")]
        {
            assert!(moment(text).start(now()).to_rfc3339().starts_with(expected), "{text}");
        }
    }

    #[test]
    fn every_time_can_be_written_and_read_again() {
        for text in ["4294967295w", "-200000-01-01", "+262142-12-31", "9999-12-31", "0000-01-01T00:00:00+23:00"] {
            let moment = moment(text);
            for time in [moment.start(now()), moment.end(now())] {
                assert_eq!(time.to_rfc3339().parse::<Moment>().unwrap(), Moment::Instant(time), "{text}");
            }
        }
    }

    #[test]
    fn nonsense_is_refused_and_never_panics() {
        for text in ["", "h", "-1h", "7", "7y", "24ü", "2026-13-01", "99999999999w", "yesterday"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
