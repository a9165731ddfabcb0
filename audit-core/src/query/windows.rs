//! Which partitions a statement looks into.
//!
//! Planning a query over many partitions costs more than running it, and each partition takes locks. So the first
//! statement asks one partition, the newest; the next eight, and the others 32: a question that recent rows answer costs
//! one small statement, and one that nothing answers a handful.

use chrono::{DateTime, Utc};

const FIRST: usize = 1;
const SECOND: usize = 8;
const MOST: usize = 32;

/// A span of time: from the first, before the second.
pub(super) type Span = (DateTime<Utc>, DateTime<Utc>);

/// Cuts a span into those that the statements look into, newest first. What no partition covers is left out.
///
/// `partitions` are in any order and do not overlap.
pub(super) fn windows(mut partitions: Vec<Span>, (since, until): Span) -> Vec<Span> {
    partitions.retain(|(lower, upper)| *lower < until && since < *upper);
    partitions.sort_unstable_by_key(|(lower, _)| std::cmp::Reverse(*lower));
    let mut rest = partitions.as_slice();
    let mut windows = Vec::new();
    for size in [FIRST, SECOND].into_iter().chain(std::iter::repeat(MOST)) {
        let (taken, left) = rest.split_at(size.min(rest.len()));
        let (Some(newest), Some(oldest)) = (taken.first(), taken.last()) else { break };
        windows.push((oldest.0.max(since), newest.1.min(until)));
        rest = left;
    }
    windows
}

#[cfg(test)]
mod tests {
    use chrono::{Days, TimeZone as _};

    use super::*;

    fn day(number: u64) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap() + Days::new(number)
    }

    fn days(numbers: std::ops::Range<u64>) -> Vec<Span> {
        numbers.map(|number| (day(number), day(number + 1))).collect()
    }

    #[test]
    fn one_then_eight_then_thirty_two_newest_first() {
        let spans = windows(days(0..50), (day(0), day(100)));
        assert_eq!(spans, [(day(49), day(50)), (day(41), day(49)), (day(9), day(41)), (day(0), day(9))]);
    }

    #[test]
    fn partitions_beyond_the_span_are_not_asked() {
        let half = chrono::TimeDelta::hours(12);
        let spans = windows(days(0..50), (day(3) + half, day(4) + half));
        assert_eq!(spans, [(day(4), day(4) + half), (day(3) + half, day(4))]);
        assert_eq!(windows(days(0..50), (day(60), day(70))), []);
        assert_eq!(windows(days(0..50), (day(5), day(5))), []);
    }
}
