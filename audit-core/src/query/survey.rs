//! How an [`Overview`] is put together.
//!
//! Few rows are read and counted. Of many, whose conditions the store can say exactly, parts of the time are counted: a thin slice
//! of each bar first, whose cost tells how thick a slice may be counted next, in the time that is left; all of it, if there is
//! time. Slices lie at another place of each bar, so that nights and weekends count as often as they are.

use chrono::DateTime;
use tokio::time::{Duration, Instant};

use super::overview::{Bar, Basis, Most, Overview};
use super::plan::Plan;
use super::search::{self, Statements};
use super::spans::Span;
use super::tally::{By, Tallying};
use super::{Count, Query};
use crate::store::StoreError;
use crate::{Outcome, Row};

/// Most rows that are read to be counted.
const MOST_ROWS: usize = 1_000;
/// A whole bar, in the unit that shares of it are told in.
const WHOLE: i64 = 1 << 20;
/// The share of each bar that is counted first.
const FIRST_SHARE: i64 = WHOLE / 1_024;
/// Most times that each bar is looked at.
const ROUNDS: i64 = 4;
/// What is never nearly repeated when it is added up: the golden ratio's fraction.
const STRIDE: i128 = 648_055;

/// Spans of time that people count in, in µs.
const UNITS: [i64; 15] = {
    let mut units =
        [1, 5, 15, 60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000, 7_776_000, 31_536_000];
    let mut at = 0;
    while at < units.len() {
        units[at] *= 1_000_000;
        at += 1;
    }
    units
};

/// Rows of one kind.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) action: String,
    /// Type and id, as [`By::Actor`] tells them; `None` once erased.
    pub(super) actor: Option<String>,
    pub(super) target_type: String,
    pub(super) outcome: String,
    pub(super) rows: u64,
}

/// What was counted of a bar.
#[derive(Debug, Default)]
struct Counted {
    kinds: Vec<Kind>,
    /// The time that was looked at, in µs.
    length: i64,
}

impl Kind {
    fn of(row: &Row) -> Self {
        Self {
            action: row.action.clone(),
            actor: By::Actor.of(row),
            target_type: row.target_type.clone(),
            outcome: row.outcome.to_string(),
            rows: 1,
        }
    }

    fn value(&self, by: By) -> Option<String> {
        match by {
            By::Action => Some(self.action.clone()),
            By::Actor => self.actor.clone(),
            By::TargetType => Some(self.target_type.clone()),
            By::Outcome => Some(self.outcome.clone()),
            By::Day => None,
        }
    }

    fn is_done(&self) -> bool {
        [Outcome::Success, Outcome::Attempted].iter().any(|outcome| self.outcome == outcome.as_str())
    }
}

/// Looks at a query's rows for about as long as `patience`.
pub(super) async fn overview(
    statements: &mut impl Statements,
    plan: &Plan<'_>,
    most: Most,
    patience: Duration,
) -> Result<Overview, StoreError> {
    let deadline = Instant::now() + patience;
    let mut newest = search::read(statements, plan, MOST_ROWS + 1, patience).await?;
    let more = newest.rows.len() > MOST_ROWS;
    newest.rows.truncate(MOST_ROWS);
    if more
        && !plan.is_rechecked()
        && let Some(last) = newest.rows.first()
        && let Some(first) = oldest(statements, plan).await?
    {
        let spans = bars((first, last.created_at.timestamp_micros() + 1), most.bars);
        if let Some(counted) = count(statements, plan, &spans, deadline).await? {
            let is_all = spans.iter().zip(&counted).all(|(span, counted)| counted.length == span.1 - span.0);
            return Ok(tell(if is_all { Basis::All } else { Basis::Parts }, &spans, &counted, most));
        }
    }
    let time = |row: Option<&Row>| row.map(|row| row.created_at.timestamp_micros());
    let (first, last) = (time(newest.rows.last()), time(newest.rows.first()));
    let spans = first.zip(last).map(|(first, last)| bars((first, last + 1), most.bars)).unwrap_or_default();
    let mut counted: Vec<_> =
        spans.iter().map(|(since, until)| Counted { kinds: Vec::new(), length: until - since }).collect();
    for row in &newest.rows {
        let at = row.created_at.timestamp_micros();
        let bar = spans.partition_point(|(_, until)| *until <= at);
        if let Some(counted) = counted.get_mut(bar) {
            counted.kinds.push(Kind::of(row));
        }
    }
    let is_all = !more && newest.stopped.is_none();
    let basis = if is_all { Basis::All } else { Basis::Newest(newest.rows.len() as u64) };
    Ok(tell(basis, &spans, &counted, most))
}

/// The time of the log's first row within a plan's times, whatever else is asked.
async fn oldest(statements: &mut impl Statements, plan: &Plan<'_>) -> Result<Option<i64>, StoreError> {
    let all = Query::new().oldest_first();
    let mut all = Plan::of(&all, |_| true);
    all.span = plan.span;
    let oldest = search::read(statements, &all, 1, Duration::ZERO).await?;
    Ok(oldest.rows.first().map(|row| row.created_at.timestamp_micros()))
}

/// Cuts a span where people would: at the smallest unit of which no more than so many bars are needed.
fn bars((since, until): Span, most: usize) -> Vec<Span> {
    // A span may begin and end within a unit.
    let most = i64::try_from(most).unwrap_or(i64::MAX).max(3);
    let length = until - since;
    let unit = UNITS.into_iter().find(|unit| length / unit + 2 <= most).unwrap_or(length / (most - 2) + 1);
    let first = since.div_euclid(unit) * unit;
    let begins = std::iter::successors(Some(first), |begin| begin.checked_add(unit)).take_while(|begin| *begin < until);
    begins.map(|begin| (begin.max(since), begin.saturating_add(unit).min(until))).collect()
}

/// Counts as much of each bar as there is time for; nothing where there is not even time to look at each.
async fn count(
    statements: &mut impl Statements,
    plan: &Plan<'_>,
    bars: &[Span],
    deadline: Instant,
) -> Result<Option<Vec<Counted>>, StoreError> {
    let mut counted: Vec<_> = bars.iter().map(|_| Counted::default()).collect();
    let mut share = FIRST_SHARE;
    let mut slice = 0;
    for round in 0..ROUNDS {
        let begun = Instant::now();
        let mut quickest = Duration::MAX;
        for (bar, counted_of_it) in bars.iter().zip(&mut counted) {
            let asked = Instant::now();
            let part = part(*bar, share, slice);
            slice += 1;
            let kinds = if asked < deadline { statements.kinds(plan, part).await? } else { None };
            let Some(kinds) = kinds else { return Ok(Some(counted).filter(|_| round > 0)) };
            quickest = quickest.min(asked.elapsed());
            if part == *bar {
                *counted_of_it = Counted::default();
            }
            counted_of_it.kinds.extend(kinds);
            counted_of_it.length += part.1 - part.0;
        }
        let asking = quickest.saturating_mul(u32::try_from(bars.len()).unwrap_or(u32::MAX));
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(next) = next_share(share, begun.elapsed(), asking, left) else { break };
        share = next;
    }
    Ok(Some(counted))
}

/// The share of each bar that can be counted in the time that is left, going by what one took; nothing where that says little
/// more. `asking` is what it costs to ask at all.
fn next_share(share: i64, took: Duration, asking: Duration, left: Duration) -> Option<i64> {
    let counting = took.saturating_sub(asking).as_micros().max(1);
    // Some of the time is left for what takes longer than expected.
    let room = left.saturating_sub(asking).as_micros() * 3 / 4;
    let next = i64::try_from(i128::from(share) * i128::try_from(room / counting).ok()?).unwrap_or(i64::MAX);
    (share < WHOLE && next >= share).then_some(next.min(WHOLE))
}

/// A part of a bar, of this share. Those of following numbers lie at other places.
fn part((since, until): Span, share: i64, number: i128) -> Span {
    let (length, whole) = (i128::from(until - since), i128::from(WHOLE));
    let part = (length * i128::from(share) / whole).clamp(1, length);
    let offset = (length - part) * (number * STRIDE % whole) / whole;
    let within = |place: i128| i64::try_from(place).unwrap_or(until - since);
    (since + within(offset), since + within(offset + part))
}

/// What was counted, as of whole bars.
fn tell(basis: Basis, spans: &[Span], counted: &[Counted], most: Most) -> Overview {
    let time = |micros| DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let mut bars = Vec::new();
    let mut tallyings = [By::Action, By::Actor, By::TargetType, By::Outcome].map(|by| (by, Tallying::default()));
    for (&(since, until), counted) in spans.iter().zip(counted) {
        let (mut rows, mut undone) = (0, 0);
        for kind in &counted.kinds {
            let scaled = scaled(kind.rows, until - since, counted.length);
            rows += scaled;
            undone += if kind.is_done() { 0 } else { scaled };
            for (by, tallying) in &mut tallyings {
                tallying.add(kind.value(*by), scaled);
            }
        }
        bars.push(Bar { since: time(since), until: time(until), rows, undone });
    }
    let rows = bars.iter().map(|bar| bar.rows).sum();
    let total = match basis {
        Basis::All => Count::Exact(rows),
        Basis::Newest(rows) => Count::AtLeast(rows),
        Basis::Parts => Count::Estimated(rows),
    };
    let tallies = tallyings.into_iter().map(|(by, tallying)| (by, tallying.told(by, most.values, None))).collect();
    Overview { basis, total, bars, tallies }
}

/// How many rows there are in a length of time, going by those of a part of it.
fn scaled(rows: u64, whole: i64, part: i64) -> u64 {
    let (whole, part) = (u128::from(whole.unsigned_abs()), u128::from(part.max(1).unsigned_abs()));
    u64::try_from((u128::from(rows) * whole + part / 2) / part).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn bars_cover_a_span_in_units_that_people_count_in() {
        for length in [1, SECOND, 58 * SECOND, 60 * SECOND, 3_599 * SECOND, 86_400 * SECOND, 31_536_000 * SECOND] {
            for since in [-7, 0, 1_795_000_000 * SECOND + 17] {
                let bars = bars((since, since + length), 60);
                assert!((1..=60).contains(&bars.len()), "{length}: {}", bars.len());
                assert_eq!((bars[0].0, bars[bars.len() - 1].1), (since, since + length));
                assert!(bars.windows(2).all(|pair| pair[0].1 == pair[1].0 && pair[0].1 % SECOND == 0), "{bars:?}");
            }
        }
        assert!(bars((i64::MIN / 4, i64::MAX / 4), 60).len() <= 60);
    }

    #[test]
    fn parts_lie_within_their_bar_at_many_places() {
        let bar = (1_795_000_000 * SECOND, 1_795_086_400 * SECOND);
        let parts: Vec<_> = (0..240).map(|number| part(bar, WHOLE / 64, number)).collect();
        assert!(parts.iter().all(|part| bar.0 <= part.0 && part.1 <= bar.1 && part.1 - part.0 == 1_350 * SECOND));
        for hour in 0..24 {
            let within = parts.iter().filter(|part| (part.0 - bar.0) / (3_600 * SECOND) == hour).count();
            assert!((6..=12).contains(&within), "{within} begin in hour {hour}");
        }
        assert_eq!(part(bar, WHOLE, 7), bar);
        assert_eq!(part((5, 6), FIRST_SHARE, 7), (5, 6));
    }

    #[test]
    fn parts_stand_for_the_whole_of_their_bar() {
        let kind = |outcome: Outcome, rows| Kind {
            action: "door.opened".to_owned(),
            actor: None,
            target_type: "door".to_owned(),
            outcome: outcome.to_string(),
            rows,
        };
        let half = Counted { kinds: vec![kind(Outcome::Success, 3), kind(Outcome::Denied, 1)], length: 5 };
        let whole = Counted { kinds: vec![kind(Outcome::Attempted, 7)], length: 10 };
        let told = tell(Basis::Parts, &[(0, 10), (10, 20)], &[half, whole], Most { bars: 2, values: 1 });
        assert_eq!(told.total, Count::Estimated(15));
        assert_eq!(told.bars.iter().map(|bar| (bar.rows, bar.undone)).collect::<Vec<_>>(), [(8, 2), (7, 0)]);
        let outcomes = &told.tallies[3].1;
        assert_eq!((&outcomes.counts[..], outcomes.others), (&[(Some("attempted".to_owned()), 7)][..], 8));
    }

    #[test]
    fn as_much_is_counted_as_there_is_time_for() {
        let ms = Duration::from_millis;
        // Ten of twenty milliseconds were spent on counting; there is room for sixty.
        assert_eq!(next_share(64, ms(20), ms(10), ms(90)), Some(64 * 6));
        assert_eq!(next_share(WHOLE / 2, ms(20), ms(10), ms(90)), Some(WHOLE));
        assert_eq!(next_share(64, ms(20), ms(10), ms(15)), None);
        assert_eq!(next_share(WHOLE, ms(20), ms(10), ms(90)), None);
    }
}
