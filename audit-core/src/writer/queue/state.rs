//! What the queue's lock guards: the entries, who waits, and the accounts.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Instant;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{DropReason, Limits, NotKept};
use crate::Entry;
use crate::auditor::{DroppedBy, Stats};
use crate::catalog::SystemAction;
use crate::writer::clock;

/// Most lost entries that are named one by one.
const MOST_NAMED: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) entries: VecDeque<Queued>,
    pub(super) bytes: usize,
    /// When the oldest entry came, or was left behind by a batch.
    pub(super) oldest: Option<Instant>,
    /// Places given out and not yet filled.
    pub(super) reserved: usize,
    /// Callers that wait for a place, in the order they came.
    pub(super) callers: VecDeque<Waiting<()>>,
    /// Flushes, each waiting for the tickets before its own.
    pub(super) flushes: Vec<(u64, Waiting<()>)>,
    /// Durable callers, each waiting for its ticket to be kept.
    pub(super) acknowledgements: BTreeMap<u64, Waiting<Result<(), NotKept>>>,
    /// When the keeper of deadlines looks next.
    pub(super) next_deadline: Option<Instant>,
    /// Tickets given out so far; the entries in the queue hold the last ones.
    pub(super) tickets: u64,
    /// Tickets before this one are wanted without lingering.
    pub(super) hurry: u64,
    pub(super) lanes: Vec<Taken>,
    /// Entries in the journal, adopted ones included.
    pub(super) journaled: u64,
    pub(super) phase: Phase,
    /// The counters; [`Self::observe`] adds what follows from the rest.
    pub(super) stats: Stats,
    /// What the lanes left behind when they went, and what the journal did not give back.
    pub(super) lost: u64,
    /// Their ids, those that are known, and the first of them.
    pub(super) lost_ids: Vec<Uuid>,
    /// Drops of which no `audit.gap` entry tells yet.
    unreported: DroppedBy,
    /// Whether the queue, as it drains, has told of drops.
    last_gaps_told: bool,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) entry: Entry,
    pub(super) weight: usize,
}

/// What a lane has taken and not yet stored.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The batches that are in memory alone, oldest first.
    pub(super) in_flight: VecDeque<Tickets>,
    /// The ids of their entries, in the same order.
    ids: VecDeque<Uuid>,
    /// The batches in the journal, oldest first.
    pub(super) journaled: VecDeque<Tickets>,
    /// Whether it takes no more.
    pub(super) has_left: bool,
}

/// The tickets of one batch; of a header without rows, none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tickets {
    pub(super) first: u64,
    pub(super) entries: u64,
    /// When a lane took them, or had stored what it took before.
    pub(super) taken: Instant,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Open,
    /// No new places; the lanes write what there is, and what calls in progress add to it.
    Draining,
    /// The lanes take no more, and nothing is taken in.
    Closed,
    /// The lanes are in the process that this one was forked from.
    Forked,
}

/// Somebody who waits, until a deadline. Dropping it tells them that they waited in vain.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    pub(super) deadline: Instant,
    pub(super) answer: oneshot::Sender<T>,
}

impl Taken {
    /// One more batch is in memory alone.
    pub(super) fn take(&mut self, first: u64, entries: &[Entry]) {
        self.ids.extend(entries.iter().map(|entry| entry.id));
        self.in_flight.push_back(Tickets { first, entries: entries.len() as u64, taken: Instant::now() });
    }

    /// The oldest batch in memory alone is so no longer. It is the turn of the next one, whose wait begins.
    pub(super) fn let_go(&mut self) -> Option<Tickets> {
        let tickets = self.in_flight.pop_front();
        let gone = tickets.map_or(0, Tickets::count).min(self.ids.len());
        self.ids.drain(..gone);
        if let Some(next) = self.in_flight.front_mut() {
            next.taken = Instant::now();
        }
        tickets
    }

    /// The newest batch in memory alone is gone.
    pub(super) fn lose_newest(&mut self) -> Option<(Tickets, VecDeque<Uuid>)> {
        let tickets = self.in_flight.pop_back()?;
        let kept = self.ids.len().saturating_sub(tickets.count());
        Some((tickets, self.ids.split_off(kept)))
    }

    /// All batches in memory alone are gone.
    pub(super) fn lose_all(&mut self) -> VecDeque<Uuid> {
        self.in_flight.clear();
        std::mem::take(&mut self.ids)
    }

    /// Oldest first.
    pub(super) fn batches(&self) -> impl Iterator<Item = &Tickets> {
        self.journaled.iter().chain(&self.in_flight)
    }
}

impl Tickets {
    pub(super) const fn range(self) -> Range<u64> {
        self.first..self.first + self.entries
    }

    fn count(self) -> usize {
        usize::try_from(self.entries).unwrap_or(usize::MAX)
    }
}

impl<T> Waiting<T> {
    pub(super) fn tell(self, answer: T) {
        // Whoever has stopped waiting needs no answer.
        let _ = self.answer.send(answer);
    }
}

impl State {
    pub(super) fn new(lanes: usize) -> Self {
        Self { lanes: std::iter::repeat_with(Taken::default).take(lanes).collect(), ..Self::default() }
    }

    /// The state of a process that was forked from the one that has the writer.
    pub(super) fn forked() -> Self {
        Self { phase: Phase::Forked, ..Self::default() }
    }

    /// Why an entry is not taken in.
    pub(super) const fn refusal(&self) -> DropReason {
        match self.phase {
            Phase::Open => DropReason::QueueFull,
            Phase::Draining | Phase::Closed => DropReason::NoWriter,
            Phase::Forked => DropReason::Forked,
        }
    }

    /// Counts an entry that is not taken in.
    pub(super) fn refuse(&mut self) -> DropReason {
        let reason = self.refusal();
        if self.phase == Phase::Forked {
            self.lose(1, reason);
        } else {
            self.drop_entries(1, reason);
        }
        reason
    }

    pub(super) fn has_room(&self, limits: &Limits) -> bool {
        let queued = self.entries.len();
        // Places that calls in progress hold count only once entries pile up. Otherwise many long calls would
        // make others wait for a queue that is empty, and nested ones for themselves.
        let room = queued <= limits.entries / 2 || queued + self.reserved < limits.entries;
        room && self.bytes < limits.bytes
    }

    /// Takes places back that were given out. A forked process has none of those that its parent gave.
    pub(super) fn give_back(&mut self, places: usize) {
        self.reserved = self.reserved.saturating_sub(places);
    }

    pub(super) fn enqueue(&mut self, entry: Entry) {
        let weight = entry.weight();
        self.tickets += 1;
        self.bytes += weight;
        self.oldest.get_or_insert_with(Instant::now);
        self.entries.push_back(Queued { entry, weight });
        let waiting = self.waiting();
        self.stats.queue_high_water = self.stats.queue_high_water.max(waiting);
    }

    /// Whether there is enough for a batch that takes all that one may.
    pub(super) fn has_full_batch(&self, limits: &Limits) -> bool {
        self.entries.len() >= limits.batch_rows || self.bytes >= limits.batch_bytes
    }

    /// When a batch should be cut; never while there is nothing to cut.
    pub(super) fn ripe_at(&self, limits: &Limits) -> Option<Instant> {
        let oldest = self.oldest?;
        let ripe = self.has_full_batch(limits) || self.first_queued() < self.hurry || self.phase != Phase::Open;
        Some(if ripe { oldest } else { clock::after(oldest, limits.linger) })
    }

    /// The ticket of the oldest entry in the queue, or the next one to be given out.
    pub(super) fn first_queued(&self) -> u64 {
        self.tickets - self.entries.len() as u64
    }

    /// The ticket of the oldest entry that is not in the store yet.
    pub(super) fn first_waiting(&self) -> u64 {
        let taken = self.lanes.iter().filter_map(|lane| lane.batches().find(|tickets| tickets.entries > 0));
        taken.map(|tickets| tickets.first).chain([self.first_queued()]).min().unwrap_or(self.tickets)
    }

    /// Entries that are not in the store yet.
    pub(super) fn waiting(&self) -> u64 {
        self.in_memory() + self.journaled
    }

    /// Entries that are in the queue, or in a batch that is neither stored nor in the journal.
    pub(super) fn in_memory(&self) -> u64 {
        self.entries.len() as u64 + self.in_flight()
    }

    fn in_flight(&self) -> u64 {
        self.lanes.iter().flat_map(|lane| &lane.in_flight).map(|tickets| tickets.entries).sum()
    }

    pub(super) fn soonest_deadline(&self) -> Option<Instant> {
        let callers = self.callers.iter().map(|caller| caller.deadline);
        let flushes = self.flushes.iter().map(|(_, flush)| flush.deadline);
        callers.chain(flushes).chain(self.acknowledgements.values().map(|waiting| waiting.deadline)).min()
    }

    pub(super) fn count_stored(&mut self, entries: u64, dead_lettered: u64) {
        let dead_lettered = dead_lettered.min(entries);
        self.stats.dead_lettered += dead_lettered;
        self.stats.stored += entries - dead_lettered;
        if entries > 0 {
            self.stats.batch_entries.add(entries);
        }
    }

    pub(super) fn drop_entries(&mut self, entries: u64, reason: DropReason) {
        self.stats.dropped_by.add(reason, entries);
        self.unreported.add(reason, entries);
    }

    /// Drops entries that had been taken in.
    pub(super) fn lose(&mut self, entries: u64, reason: DropReason) {
        self.lost += entries;
        self.drop_entries(entries, reason);
    }

    /// Loses entries of the journal, of which their finder tells.
    pub(super) fn lose_journaled(&mut self, entries: u64) {
        self.journaled = self.journaled.saturating_sub(entries);
        self.lost += entries;
        self.stats.dropped_by.add(DropReason::JournalDamaged, entries);
    }

    /// Names entries that are [lost](Self::lose).
    pub(super) fn name_lost(&mut self, ids: impl IntoIterator<Item = Uuid>) {
        let room = MOST_NAMED.saturating_sub(self.lost_ids.len());
        self.lost_ids.extend(ids.into_iter().take(room));
    }

    /// Queues the entries that tell of drops, beyond the limits: at most one of each reason for each batch, and at the
    /// end a last one, because callers that go on calling would otherwise keep the lanes from ever being done.
    pub(super) fn report_gaps(&mut self) {
        let is_last = self.phase == Phase::Draining;
        let in_time = match self.phase {
            Phase::Open => true,
            Phase::Draining => self.entries.is_empty() && !self.last_gaps_told,
            Phase::Closed | Phase::Forked => false,
        };
        if !in_time {
            return;
        }
        for (reason, dropped) in std::mem::take(&mut self.unreported).by_reason() {
            if dropped > 0 {
                self.last_gaps_told = is_last;
                self.stats.emitted += 1;
                self.enqueue(SystemAction::gap(Some(dropped), reason, None));
            }
        }
    }

    /// The accounts of this instant.
    pub(super) fn observe(&self) -> Stats {
        Stats {
            waiting: self.waiting(),
            queued: self.entries.len() as u64,
            in_flight: self.in_flight(),
            journaled: self.journaled,
            dropped: self.stats.dropped_by.total(),
            batches: self.stats.batch_entries.count(),
            ..self.stats.clone()
        }
    }
}
