//! Which partitions a statement looks into.
//!
//! Planning a query over many partitions costs more than running it, and each partition takes locks. So the first
//! statement asks one partition, the newest that has begun; the next asks eight, and the others 32: a question that
//! recent rows answer costs one small statement, and one that nothing answers a handful. Where a statement for all the others
//! was planned before, it takes their place.

use super::Travel;
use super::spans::Span;

const FIRST: usize = 1;
const SECOND: usize = 8;
const MOST: usize = 32;

/// Cuts a span into those that the statements look into, in the order of reading.
///
/// Together they cover the span whatever `bounds`, the beginnings of the partitions, are: bounds that are out of date
/// make statements larger than they need be, and lose nothing.
pub(super) fn windows(bounds: &[i64], now: i64, (since, until): Span, travel: Travel) -> Vec<Span> {
    // Before the earliest bound there is nothing, so that it cuts nothing off.
    let earliest = bounds.iter().min().copied().unwrap_or(since);
    let within = |cut: &i64| since < *cut && *cut < until && *cut <= now && *cut != earliest;
    let mut cuts: Vec<_> = bounds.iter().copied().filter(within).collect();
    cuts.sort_unstable();
    if travel == Travel::Older {
        cuts.reverse();
    }
    let (mut from, end) = match travel {
        Travel::Older => (until, since),
        Travel::Newer => (since, until),
    };
    let span = |from: i64, to: i64| (from.min(to), from.max(to));
    let mut cuts = cuts.into_iter();
    let mut windows = Vec::new();
    for size in [FIRST, SECOND].into_iter().chain(std::iter::repeat(MOST)) {
        let Some(cut) = cuts.nth(size - 1) else { break };
        windows.push(span(from, cut));
        from = cut;
    }
    if since < until && from != end {
        windows.push(span(from, end));
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    const fn day(number: i64) -> i64 {
        20_000 * DAY + number * DAY
    }

    fn days(numbers: std::ops::Range<i64>) -> Vec<i64> {
        numbers.map(day).collect()
    }

    #[test]
    fn one_then_eight_then_thirty_two_newest_first() {
        let spans = windows(&days(0..50), day(200), (day(0), day(100)), Travel::Older);
        assert_eq!(spans, [(day(49), day(100)), (day(41), day(49)), (day(9), day(41)), (day(0), day(9))]);
    }

    #[test]
    fn one_then_eight_then_thirty_two_oldest_first() {
        let spans = windows(&days(0..50), day(200), (day(-9), day(100)), Travel::Newer);
        assert_eq!(spans, [(day(-9), day(1)), (day(1), day(9)), (day(9), day(41)), (day(41), day(100))]);
    }

    #[test]
    fn partitions_made_ahead_of_time_are_asked_with_the_current_one() {
        let now = day(47) + DAY / 2;
        let spans = windows(&days(0..50), now, (day(40), day(100)), Travel::Older);
        assert_eq!(spans, [(day(47), day(100)), (day(40), day(47))]);
    }

    #[test]
    fn the_span_is_covered_whatever_the_bounds() {
        let half = DAY / 2;
        for bounds in [days(0..0), days(0..1), days(3..9), days(0..50), days(70..80)] {
            for (since, until) in [(day(2), day(60)), (day(3) + half, day(4) + half), (day(5), day(5) + half)] {
                for travel in [Travel::Older, Travel::Newer] {
                    let mut spans = windows(&bounds, day(45), (since, until), travel);
                    if travel == Travel::Newer {
                        spans.reverse();
                    }
                    assert_eq!(spans.first().unwrap().1, until);
                    assert_eq!(spans.last().unwrap().0, since);
                    assert!(spans.windows(2).all(|pair| pair[0].0 == pair[1].1));
                    assert!(spans.iter().all(|(from, to)| from < to));
                }
            }
        }
        assert_eq!(windows(&days(0..50), day(45), (day(5), day(5)), Travel::Older), []);
    }
}
