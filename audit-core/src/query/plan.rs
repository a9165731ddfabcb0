//! How a query is answered.

use super::filter::{Condition, Filter, Pattern, Period, Term, TextColumn};
use super::sealed::{self, SealedBatch};
use super::spans::Span;
use super::{Cursor, Query, Travel};
use crate::Row;

/// A query, taken apart for the stores.
#[derive(Debug, Clone)]
pub(super) struct Plan<'a> {
    /// The times to look at, which the terms on `created_at` and the cursor leave.
    pub(super) span: Span,
    /// The other terms; the one that fewest rows meet first.
    pub(super) terms: Vec<&'a Term>,
    /// Where reading begins.
    pub(super) place: Option<Cursor>,
    pub(super) travel: Travel,
    /// Whether the first term's index leads to the rows, and no other's, whatever the store would choose.
    pub(super) is_led: bool,
    /// The batches to whose rows it is limited.
    pub(super) batches: Option<&'a [SealedBatch]>,
    filter: &'a Filter,
    /// Whether some term cannot be said in the store's SQL, or not exactly, so that each row has to be looked at again.
    recheck: bool,
}

impl<'a> Plan<'a> {
    /// The plan for a store whose SQL says the conditions exactly of which `exact` is true.
    pub(super) fn of(query: &'a Query, exact: fn(&Condition) -> bool) -> Self {
        let filter = query.filter();
        let (mut since, mut until) = (Period::FIRST, Period::LAST);
        let mut terms = Vec::new();
        for term in filter.terms() {
            match bounds(term) {
                Some((earliest, latest)) => {
                    since = since.max(earliest.unwrap_or(since));
                    until = until.min(latest.unwrap_or(until));
                }
                None => terms.push(term),
            }
        }
        if let Some(batches) = query.batches() {
            let (earliest, latest) = sealed::span(batches);
            since = since.max(earliest);
            until = until.min(latest);
        }
        terms.sort_by_key(|term| rank(term));
        let (place, travel) = (query.place(), query.travel());
        if let Some(place) = place {
            let reached = place.created_at.timestamp_micros();
            match travel {
                // Rows of the cursor's own microsecond may still come.
                Travel::Older => until = until.min(reached + 1),
                Travel::Newer => since = since.max(reached),
            }
        }
        let recheck = terms.iter().any(|term| !exact(&term.condition));
        Self { span: (since, until), terms, place, travel, is_led: false, batches: query.batches(), filter, recheck }
    }

    /// The same, led by its first term.
    pub(super) fn led(mut self) -> Self {
        self.is_led = true;
        self
    }

    /// The same, led by this one of its [leads](Self::leads).
    #[cfg(feature = "postgres")]
    pub(super) fn led_by(&self, lead: &'a Term) -> Self {
        let mut plan = self.clone();
        plan.terms.sort_by_key(|term| !std::ptr::eq(*term, lead));
        plan.led()
    }

    /// The same, of the first term alone.
    #[cfg(feature = "postgres")]
    pub(super) fn first_alone(&self) -> Self {
        let mut plan = self.clone();
        plan.terms.truncate(1);
        plan
    }

    /// The terms one of whose indexes leads to the rows, the one that fewest rows meet, by experience, first. `None` where an
    /// index may be there that only the store knows of.
    #[cfg(feature = "postgres")]
    pub(super) fn leads(&self) -> Option<Vec<&'a Term>> {
        if self.terms.iter().any(|term| rank(term) == UNINDEXED) {
            return None;
        }
        Some(self.terms.iter().copied().filter(|term| rank(term) < UNINDEXED).collect())
    }

    /// Whether the SQL lets more rows through than are meant.
    pub(super) const fn is_rechecked(&self) -> bool {
        self.recheck
    }

    /// Whether a row that the SQL let through is meant.
    pub(super) fn takes(&self, row: &Row) -> bool {
        !self.recheck || self.filter.matches(row)
    }

    /// Whether no index leads to the rows, or not to them alone, so that rows have to be searched.
    pub(super) fn is_scan(&self) -> bool {
        self.recheck || self.terms.first().map_or(self.batches.is_some(), |term| rank(term) >= UNINDEXED)
    }
}

/// The times that a term leaves, where it says nothing else and they are one span.
fn bounds(term: &Term) -> Option<(Option<i64>, Option<i64>)> {
    match (&term.condition, term.negated) {
        (Condition::Created(period), false) => Some(period.bounds()),
        (Condition::Created(period), true) => period.others().map(Period::bounds),
        _ => None,
    }
}

/// From this rank on no index leads to the rows.
const UNINDEXED: u8 = 5;

/// The fewer rows a term has, by experience, the lower.
const fn rank(term: &Term) -> u8 {
    match &term.condition {
        _ if term.negated => 9,
        Condition::Id(_) => 0,
        Condition::Text(TextColumn::RequestId, Pattern::Exact(_)) => 1,
        Condition::Text(TextColumn::TargetId, Pattern::Exact(_)) | Condition::Target(_, Pattern::Exact(_)) => 2,
        Condition::Text(TextColumn::ActorId, Pattern::Exact(_)) | Condition::Actor(_, Pattern::Exact(_)) => 3,
        Condition::Text(TextColumn::Action, Pattern::Exact(_)) => 4,
        Condition::Metadata(..) | Condition::Attempt(_) => 5,
        Condition::Ip(_) => 6,
        Condition::Text(..) | Condition::Actor(..) | Condition::Target(..) => 7,
        Condition::ActorType(_) | Condition::Outcome(_) | Condition::Created(_) | Condition::Anywhere(_) => 8,
    }
}
