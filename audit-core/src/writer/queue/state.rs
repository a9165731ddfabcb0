//! What the queue's lock guards: the entries, who waits, and the accounts.

use std::collections::VecDeque;
use std::time::Instant;

use tokio::sync::oneshot;

use super::{DropReason, Limits};
use crate::auditor::Stats;
use crate::catalog::SystemAction;
use crate::writer::clock;
use crate::{Actor, Entry};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) entries: VecDeque<Queued>,
    pub(super) bytes: usize,
    /// When the oldest entry came, or was left behind by a batch.
    pub(super) oldest: Option<Instant>,
    /// Places given out and not yet filled.
    pub(super) reserved: usize,
    /// Callers that wait for a place, in the order they came.
    pub(super) callers: VecDeque<Waiting>,
    /// Flushes, each waiting for the tickets before its own.
    pub(super) flushes: Vec<(u64, Waiting)>,
    /// Tickets given out so far; the entries in the queue hold the last ones.
    pub(super) tickets: u64,
    /// Tickets before this one are wanted without lingering.
    pub(super) hurry: u64,
    /// What each lane has taken and not yet landed.
    pub(super) in_flight: Vec<Option<InFlight>>,
    pub(super) phase: Phase,
    pub(super) stats: Stats,
    /// What the lanes left behind when they went.
    pub(super) lost: u64,
    /// Drops of which no `audit.gap` entry tells yet, and the reason of the last.
    pub(super) unreported: Option<(u64, DropReason)>,
    /// Whether the queue, as it drains, has told of drops.
    pub(super) last_gap_told: bool,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) entry: Entry,
    pub(super) weight: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct InFlight {
    pub(super) first_ticket: u64,
    pub(super) entries: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Open,
    /// No new places; the lanes write what there is.
    Draining,
    /// The lanes have gone.
    Closed,
}

/// Somebody who waits, until a deadline. Dropping it tells them that they waited in vain.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) deadline: Instant,
    pub(super) answer: oneshot::Sender<()>,
}

impl State {
    pub(super) fn has_room(&self, limits: &Limits) -> bool {
        let queued = self.entries.len();
        // Places that calls in progress hold count only once entries pile up. Otherwise many long calls would
        // make others wait for a queue that is empty, and nested ones for themselves.
        let room = queued <= limits.entries / 2 || queued + self.reserved < limits.entries;
        room && self.bytes < limits.bytes
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

    /// When a batch should be cut; never while there is nothing to cut.
    pub(super) fn ripe_at(&self, limits: &Limits) -> Option<Instant> {
        let oldest = self.oldest?;
        let ripe = self.entries.len() >= limits.batch_rows
            || self.bytes >= limits.batch_bytes
            || self.first_queued() < self.hurry
            || self.phase != Phase::Open;
        Some(if ripe { oldest } else { clock::after(oldest, limits.linger) })
    }

    /// The ticket of the oldest entry in the queue, or the next one to be given out.
    pub(super) fn first_queued(&self) -> u64 {
        self.tickets - self.entries.len() as u64
    }

    /// The ticket of the oldest entry that is not in the store yet.
    pub(super) fn first_waiting(&self) -> u64 {
        let in_flight = self.in_flight.iter().flatten().map(|in_flight| in_flight.first_ticket);
        in_flight.chain([self.first_queued()]).min().unwrap_or(self.tickets)
    }

    pub(super) fn waiting(&self) -> u64 {
        let in_flight: u64 = self.in_flight.iter().flatten().map(|in_flight| in_flight.entries).sum();
        self.entries.len() as u64 + in_flight
    }

    pub(super) fn drop_entries(&mut self, entries: u64, reason: DropReason) {
        self.stats.dropped += entries;
        let earlier = self.unreported.map_or(0, |(entries, _)| entries);
        self.unreported = Some((earlier + entries, reason));
    }

    /// Queues the entry that tells of drops, beyond the limits: at most one for each batch, and at the end a last
    /// one, because callers that go on calling would otherwise keep the lanes from ever being done.
    pub(super) fn report_gap(&mut self) {
        let in_time = match self.phase {
            Phase::Open => true,
            Phase::Draining => self.entries.is_empty() && !std::mem::replace(&mut self.last_gap_told, true),
            Phase::Closed => false,
        };
        if !in_time {
            return;
        }
        if let Some((dropped, reason)) = self.unreported.take() {
            let dropped = i64::try_from(dropped).unwrap_or(i64::MAX);
            let gap = SystemAction::AuditGap { dropped, reason: reason.as_str().to_owned() };
            let entry = Entry::builder(gap).actor(Actor::system("audit")).build();
            self.stats.emitted += 1;
            self.enqueue(entry);
        }
    }
}
