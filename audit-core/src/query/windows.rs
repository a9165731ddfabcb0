//! Which partitions a statement looks into.
//!
//! Planning a query over many partitions costs more than running it, and each partition takes locks. So the first
//! statement asks one partition, the newest that has begun; the next asks eight, and the others 32: a question that
//! recent rows answer costs one small statement, and one that nothing answers a handful.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};

const FIRST: usize = 1;
const SECOND: usize = 8;
const MOST: usize = 32;

/// A span of time: from the first, before the second.
pub(super) type Span = (DateTime<Utc>, DateTime<Utc>);

/// Cuts a span into those that the statements look into, newest first.
///
/// Together they cover the span whatever `bounds`, the beginnings of the partitions, are: bounds that are out of date
/// make statements larger than they need be, and lose nothing.
pub(super) fn windows(bounds: &[DateTime<Utc>], now: DateTime<Utc>, (since, until): Span) -> Vec<Span> {
    let mut cuts: Vec<_> = bounds.iter().copied().filter(|cut| since < *cut && *cut < until && *cut <= now).collect();
    cuts.sort_unstable_by_key(|cut| Reverse(*cut));
    let mut cuts = cuts.into_iter();
    let mut windows = Vec::new();
    let mut end = until;
    for size in [FIRST, SECOND].into_iter().chain(std::iter::repeat(MOST)) {
        let Some(cut) = cuts.nth(size - 1) else { break };
        windows.push((cut, end));
        end = cut;
    }
    if since < end {
        windows.push((since, end));
    }
    windows
}

#[cfg(test)]
mod tests {
    use chrono::{Days, TimeDelta, TimeZone as _};

    use super::*;

    fn day(number: u64) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap() + Days::new(number)
    }

    fn days(numbers: std::ops::Range<u64>) -> Vec<DateTime<Utc>> {
        numbers.map(day).collect()
    }

    #[test]
    fn one_then_eight_then_thirty_two_newest_first() {
        let spans = windows(&days(0..50), day(200), (day(0), day(100)));
        assert_eq!(spans, [(day(49), day(100)), (day(41), day(49)), (day(9), day(41)), (day(0), day(9))]);
    }

    #[test]
    fn partitions_made_ahead_of_time_are_asked_with_the_current_one() {
        let now = day(47) + TimeDelta::hours(12);
        let spans = windows(&days(0..50), now, (day(40), day(100)));
        assert_eq!(spans, [(day(47), day(100)), (day(40), day(47))]);
    }

    #[test]
    fn the_span_is_covered_whatever_the_bounds() {
        let half = TimeDelta::hours(12);
        for bounds in [days(0..0), days(0..1), days(3..9), days(0..50), days(70..80)] {
            for (since, until) in [(day(2), day(60)), (day(3) + half, day(4) + half), (day(5), day(5) + half)] {
                let spans = windows(&bounds, day(45), (since, until));
                assert_eq!(spans.first().unwrap().1, until);
                assert_eq!(spans.last().unwrap().0, since);
                assert!(spans.windows(2).all(|pair| pair[0].0 == pair[1].1));
                assert!(spans.iter().all(|(from, to)| from < to));
            }
        }
        assert_eq!(windows(&days(0..50), day(45), (day(5), day(5))), []);
    }
}
