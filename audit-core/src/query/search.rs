//! How rows are looked for, statement by statement.

use std::time::Duration;

use tokio::time::Instant;

use super::page::Reading;
use super::plan::Plan;
use super::reader::Reach;
use super::spans::Span;
use super::spans::Spans;
use super::survey::Kind;
use super::tally::{By, Tally, Tallying};
use super::{Count, Cursor};
use crate::Row;
use crate::store::StoreError;

/// Candidates that are looked at again, read by one statement.
const CANDIDATES: usize = 1_000;

/// What a store does for a search.
pub(super) trait Statements {
    /// The spans of time that one statement may look at, in the order of reading.
    async fn windows(&mut self, plan: &Plan<'_>) -> Result<Vec<Span>, StoreError>;

    /// The times between which there are rows, as far as anybody knows.
    async fn inhabited(&mut self, plan: &Plan<'_>) -> Result<Span, StoreError>;

    /// Rows within a span and beyond a place, in the order of reading; `None` where the statement ran out of time.
    async fn rows(
        &mut self,
        plan: &Plan<'_>,
        span: Span,
        place: Option<Cursor>,
        limit: usize,
    ) -> Result<Option<Vec<Row>>, StoreError>;

    /// As [`rows`](Self::rows), of everything that is left, by one statement. `None` where there is none that is as good as several.
    async fn rest(
        &mut self,
        _: &Plan<'_>,
        _: Span,
        _: Option<Cursor>,
        _: usize,
    ) -> Result<Option<Vec<Row>>, StoreError> {
        Ok(None)
    }

    /// How many rows there are within a span; `None` where the statement ran out of time.
    async fn count(&mut self, plan: &Plan<'_>, span: Span) -> Result<Option<u64>, StoreError>;

    /// How many rows there are of each kind within a span; `None` where the statement ran out of time.
    async fn tally(
        &mut self,
        plan: &Plan<'_>,
        span: Span,
        by: By,
    ) -> Result<Option<Vec<(Option<String>, u64)>>, StoreError>;

    /// How many rows there are of each kind within a span; `None` where the statement ran out of time.
    async fn kinds(&mut self, plan: &Plan<'_>, span: Span) -> Result<Option<Vec<Kind>>, StoreError>;

    /// What is to be said when no statement had enough time.
    fn too_slow(&self) -> StoreError;
}

/// Reads rows until there are as many as wanted, none is left, or, where rows have to be searched, the time is up.
pub(super) async fn read(
    statements: &mut impl Statements,
    plan: &Plan<'_>,
    wanted: usize,
    patience: Duration,
) -> Result<Reading, StoreError> {
    let started = Instant::now();
    let windows = statements.windows(plan).await?;
    let mut spans = if plan.is_scan() {
        Spans::in_steps(windows, plan.travel, statements.inhabited(plan).await?)
    } else {
        Spans::whole(windows, plan.travel)
    };
    let mut rows = Vec::new();
    let mut reached = plan.place;
    let mut moved = false;
    let mut is_first = true;
    while let Some(span) = spans.next() {
        let begun = Instant::now();
        loop {
            let limit = if plan.is_rechecked() { CANDIDATES } else { wanted - rows.len() };
            let Some(candidates) = statements.rows(plan, span, reached, limit).await? else {
                // What was found so far is told, and where to go on.
                let stopped = if moved { reached } else { None };
                return stopped
                    .map(|stopped| Reading { rows, stopped: Some(stopped) })
                    .ok_or_else(|| statements.too_slow());
            };
            let all = candidates.len() < limit;
            if let Some(last) = candidates.last() {
                (reached, moved) = (Some(Cursor::of(last)), true);
            }
            rows.extend(candidates.into_iter().filter(|row| plan.takes(row)));
            if rows.len() >= wanted {
                rows.truncate(wanted);
                return Ok(Reading { rows, stopped: None });
            }
            if all {
                break;
            }
            if started.elapsed() >= patience {
                return Ok(Reading { rows, stopped: reached });
            }
        }
        spans.took(begun.elapsed());
        (reached, moved) = (Some(plan.travel.end_of(span)), true);
        if plan.is_scan() && !spans.is_done() && started.elapsed() >= patience {
            return Ok(Reading { rows, stopped: reached });
        }
        // What the newest rows do not answer.
        if std::mem::take(&mut is_first)
            && !plan.is_scan()
            && let Some(left) = spans.left()
            && let Some(rest) = statements.rest(plan, left, reached, wanted - rows.len()).await?
        {
            rows.extend(rest);
            return Ok(Reading { rows, stopped: None });
        }
    }
    Ok(Reading { rows, stopped: None })
}

/// Counts rows until none is left or the time is up.
pub(super) async fn count(
    statements: &mut impl Statements,
    plan: &Plan<'_>,
    reach: Reach,
) -> Result<Count, StoreError> {
    let started = Instant::now();
    let windows = statements.windows(plan).await?;
    let (first, last) = statements.inhabited(plan).await?;
    let mut spans = Spans::in_steps(windows, plan.travel, (first, last));
    let mut counted = 0;
    let mut reached = None;
    while let Some(span) = spans.next() {
        let up = || reached.is_some() && started.elapsed() >= reach.patience();
        let begun = Instant::now();
        let within = match plan.is_rechecked() {
            _ if up() => None,
            true => count_candidates(statements, plan, span).await?,
            false => statements.count(plan, span).await?,
        };
        let Some(within) = within else {
            let Some(reached) = reached else { return Err(statements.too_slow()) };
            let (since, until) = (plan.span.0.max(first), plan.span.1.min(last));
            return Ok(match reach {
                Reach::AsFarAsPossible => Count::AtLeast(counted),
                Reach::Glance => Count::Estimated(extrapolate(counted, until - reached, until - since)),
            });
        };
        counted += within;
        spans.took(begun.elapsed());
        reached = Some(span.0);
    }
    Ok(Count::Exact(counted))
}

/// How many there are in all of a time, going by a part of it.
fn extrapolate(counted: u64, part: i64, whole: i64) -> u64 {
    let whole = u128::from(whole.unsigned_abs());
    let part = u128::from(part.max(1).unsigned_abs());
    u64::try_from(u128::from(counted) * whole / part).unwrap_or(u64::MAX).max(counted)
}

/// Counts rows of each kind until none is left or the time is up.
pub(super) async fn tally(
    statements: &mut impl Statements,
    plan: &Plan<'_>,
    by: By,
    most: usize,
) -> Result<Tally, StoreError> {
    let started = Instant::now();
    let windows = statements.windows(plan).await?;
    let mut spans = Spans::in_steps(windows, plan.travel, statements.inhabited(plan).await?);
    let mut tallying = Tallying::default();
    let mut reached = None;
    while let Some(span) = spans.next() {
        let up = reached.is_some() && started.elapsed() >= Reach::AsFarAsPossible.patience();
        let begun = Instant::now();
        let within = match plan.is_rechecked() {
            _ if up => None,
            true => tally_candidates(statements, plan, span, by).await?,
            false => statements.tally(plan, span, by).await?,
        };
        let Some(within) = within else {
            let Some(reached) = reached else { return Err(statements.too_slow()) };
            return Ok(tallying.told(by, most, Some(reached)));
        };
        for (value, rows) in within {
            tallying.add(value, rows);
        }
        spans.took(begun.elapsed());
        reached = Some(plan.travel.end_of(span).created_at);
    }
    Ok(tallying.told(by, most, None))
}

async fn tally_candidates(
    statements: &mut impl Statements,
    plan: &Plan<'_>,
    span: Span,
    by: By,
) -> Result<Option<Vec<(Option<String>, u64)>>, StoreError> {
    let (mut counted, mut reached) = (Vec::new(), None);
    loop {
        let Some(candidates) = statements.rows(plan, span, reached, CANDIDATES).await? else { return Ok(None) };
        reached = candidates.last().map(Cursor::of);
        counted.extend(candidates.iter().filter(|row| plan.takes(row)).map(|row| (by.of(row), 1)));
        if candidates.len() < CANDIDATES {
            return Ok(Some(counted));
        }
    }
}

async fn count_candidates(
    statements: &mut impl Statements,
    plan: &Plan<'_>,
    span: Span,
) -> Result<Option<u64>, StoreError> {
    let (mut counted, mut reached) = (0, None);
    loop {
        let Some(candidates) = statements.rows(plan, span, reached, CANDIDATES).await? else { return Ok(None) };
        reached = candidates.last().map(Cursor::of);
        counted += candidates.iter().filter(|row| plan.takes(row)).count() as u64;
        if candidates.len() < CANDIDATES {
            return Ok(Some(counted));
        }
    }
}
