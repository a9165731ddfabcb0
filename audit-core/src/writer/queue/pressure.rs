//! How the queue fares, for whoever asks whether entries are being kept.

use std::time::Instant;

use super::Queue;
use super::state::Phase;
use crate::writer::clock;

/// How the queue fares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pressure {
    /// Whether it takes entries.
    pub(crate) is_open: bool,
    /// Whether callers wait, or are refused.
    pub(crate) is_full: bool,
    /// Entries in the journal.
    pub(crate) journaled: u64,
    /// Since when something in memory could have been stored.
    pub(crate) held_since: Option<Instant>,
}

impl Queue {
    /// How the queue fares at this instant.
    pub(crate) fn pressure(&self) -> Pressure {
        let state = self.state_here();
        let in_hand = state.lanes.iter().filter_map(|lane| lane.in_flight.front()).map(|tickets| tickets.taken);
        let queued = state.oldest.map(|oldest| clock::after(oldest, self.limits.linger));
        Pressure {
            is_open: state.phase == Phase::Open,
            is_full: !state.has_room(&self.limits),
            journaled: state.journaled,
            held_since: in_hand.chain(queued).min(),
        }
    }
}
