//! How many entries there were when.

use audit_core::query::Query;
use audit_core::{Outcome, Row};
use chrono::{DateTime, TimeDelta, Utc};

use super::asked::Understood;
use super::sample::Sample;

/// Most bars.
const BARS: i64 = 60;
/// The height of the drawing; a bar is 10 wide.
const HEIGHT: u64 = 60;
const WIDTH: usize = 10;

/// Spans of time that people count in, in seconds.
const UNITS: [i64; 15] =
    [1, 5, 15, 60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000, 7_776_000, 31_536_000];

/// Bars of entries over time, oldest first.
#[derive(Debug)]
pub(super) struct Histogram {
    pub(super) bars: Vec<Bar>,
    pub(super) width: usize,
    pub(super) height: u64,
    pub(super) from: String,
    pub(super) to: String,
}

/// The entries of a span of time.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) x: usize,
    /// Height of all entries, and of those among them that did not succeed.
    pub(super) all: u64,
    pub(super) bad: u64,
    pub(super) told: String,
    /// The query about this span.
    pub(super) address: String,
}

impl Bar {
    pub(super) const fn top(&self) -> u64 {
        HEIGHT - self.all
    }

    pub(super) const fn top_of_bad(&self) -> u64 {
        HEIGHT - self.bad
    }
}

/// The histogram of a sample; `None` where there is nothing to draw.
pub(super) fn histogram(sample: &Sample, query: &Understood) -> Option<Histogram> {
    let (newest, oldest) = (sample.rows.first()?.created_at, sample.rows.last()?.created_at);
    let unit = unit((newest - oldest).num_seconds());
    let bucket = |time: DateTime<Utc>| time.timestamp().div_euclid(unit);
    let first = bucket(oldest);
    let length = usize::try_from(bucket(newest) - first + 1).ok()?;
    let mut counts = vec![(0_u64, 0_u64); length];
    for row in &sample.rows {
        let index = usize::try_from(bucket(row.created_at) - first).ok()?;
        let (all, bad) = counts.get_mut(index)?;
        *all += 1;
        *bad += u64::from(is_bad(row));
    }
    let most = counts.iter().map(|(all, _)| *all).max()?.max(1);
    // Whatever there is can be seen.
    let height = |count: u64| if count == 0 { 0 } else { (count * HEIGHT / most).max(2) };
    let start = |index: usize| DateTime::from_timestamp((first + i64::try_from(index).ok()?) * unit, 0);
    let bars = counts.iter().enumerate().filter_map(|(index, (all, bad))| {
        let since = start(index)?;
        let until = since.checked_add_signed(TimeDelta::seconds(unit))?;
        let entries = if *all == 1 { "entry" } else { "entries" };
        let failed = if *bad == 0 { String::new() } else { format!(", {bad} without success") };
        Some(Bar {
            x: index * WIDTH,
            all: height(*all),
            bad: height(*bad),
            told: format!("{}: {all} {entries}{failed}", instant(since)),
            address: query.during(&Query::new().since(since).until(until).filter().to_string()),
        })
    });
    Some(Histogram {
        bars: bars.collect(),
        width: length * WIDTH,
        height: HEIGHT,
        from: instant(oldest),
        to: instant(newest),
    })
}

fn is_bad(row: &Row) -> bool {
    !matches!(row.outcome, Outcome::Success | Outcome::Attempted)
}

/// The smallest unit by which a span needs no more than [`BARS`].
fn unit(seconds: i64) -> i64 {
    let fits = UNITS.into_iter().find(|unit| seconds / unit < BARS - 1);
    // Thousands of years are counted in as many.
    fits.unwrap_or(seconds / (BARS - 2) + 1)
}

fn instant(time: DateTime<Utc>) -> String {
    format!("{} UTC", time.format("%Y-%m-%d %H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_span_needs_more_bars_than_there_may_be() {
        for seconds in [0, 1, 58, 59, 60, 3_599, 86_400, 31_536_000, 315_360_000_000] {
            // A span may begin and end within a unit.
            assert!(seconds / unit(seconds) + 2 <= BARS, "{seconds}: {}", unit(seconds));
        }
        assert_eq!([unit(10), unit(3_600), unit(86_400)], [1, 300, 3_600]);
    }
}
