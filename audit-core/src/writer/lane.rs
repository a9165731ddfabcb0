//! One lane: takes entries, freezes them into a stream, and sees each batch into the store or, until then, the journal.
//!
//! Two halves work side by side. [`intake`](Lane::intake) freezes batches and has them *in hand*: in memory alone until they are
//! stored, or in the journal. While one is on its way to the store it freezes one more, where entries enough for a whole batch
//! wait; fewer gather until its hand is empty. [`outflow`](Lane::outflow) lands the batches, oldest first: those in the
//! journal, read back one by one, then those in hand. While the store answers in time, the journal is never touched. When an
//! entry in hand grows older than `spill_after`, or the store is away, its batch goes to the journal, and so do those that
//! follow, until the outflow has emptied it.
//!
//! The stream begins with a header that says so, and ends with one. In between, one says that the writer lives, should nothing be
//! recorded for long. They have no rows, and go the way of batches; only the end of a program does not wait for them.
//!
//! What the lane holds lies outside both halves, so that a panic in one costs neither batches nor acknowledgements: the half
//! begins anew. Should freezing itself panic, its entries are dropped, counted, and told by an `audit.gap` entry.

#[cfg(test)]
mod interleavings;

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, watch};

use super::clock;
use super::lander::{Fate, Lander, blocking};
use super::pauses::Pauses;
use super::session::Shared;
use super::{sync, unwind};
use crate::Entry;
use crate::batch::{Batch, Freezer, HeaderKind};
use crate::journal::{Backlog, Journal, Moves, Step};

/// Most batches that are in memory alone: the one that is on its way to the store, and the next.
const IN_HAND: usize = 2;
/// More batches than this in the journal will not be stored in a moment, so that the next one follows them at once.
const SHORT_BACKLOG: u64 = 1;
/// How long to wait before a journal that refused is asked again.
const ASK_JOURNAL_AGAIN: Duration = Duration::from_millis(500);

/// How long the end of a program waits for headers without rows.
const END_WITHIN: Duration = Duration::from_secs(1);

/// One lane of a writer.
pub(super) struct Lane {
    index: usize,
    shared: Shared,
    moves: Arc<Moves>,
    /// The lane's part of the journal, where there is one.
    backlog: Option<Arc<Backlog>>,
    freezer: Arc<Mutex<Freezer>>,
    held: Mutex<Held>,
    /// Tells both halves that something is different now.
    changed: Notify,
    /// Whether the store failed since it last took a batch.
    is_troubled: AtomicBool,
}

/// What the lane holds.
#[derive(Debug, Default)]
struct Held {
    /// The batches that are in memory alone, oldest first.
    in_hand: VecDeque<InHand>,
    /// Batches in the journal.
    journaled: u64,
    /// When something was frozen last.
    frozen_at: Option<Instant>,
    /// Whether no more will come.
    is_drained: bool,
}

#[derive(Debug, Clone)]
struct InHand {
    batch: Arc<Batch>,
    /// When it has been in memory alone for long enough.
    spill_at: Instant,
}

/// What is to be landed next.
enum Next {
    FromJournal,
    InHand(Arc<Batch>),
    Nothing,
}

impl Lane {
    pub(super) fn new(index: usize, shared: Shared, journal: Option<&Arc<Journal>>, moves: Arc<Moves>) -> Self {
        let freezer = Freezer::new().signed_by(shared.signer.clone());
        tracing::debug!(stream_id = %freezer.stream_id(), store = shared.store.describe(), "audit stream begins");
        Self {
            index,
            shared,
            moves,
            backlog: journal.map(|journal| Arc::new(Backlog::new(Arc::clone(journal)))),
            freezer: Arc::new(Mutex::new(freezer)),
            held: Mutex::default(),
            changed: Notify::new(),
            is_troubled: AtomicBool::new(false),
        }
    }

    /// Works until the queue is drained and everything stored; once `stop` is set, until everything is in the journal.
    /// Nothing is landed before `ready`.
    pub(super) async fn run(self, ready: watch::Receiver<bool>, stop: watch::Receiver<bool>) {
        let outflow = async {
            tokio::select! {
                () = self.unbroken(|| self.outflow(ready.clone())) => {}
                () = set(stop.clone()) => {}
            }
        };
        let work = async { tokio::join!(self.unbroken(|| self.intake(stop.clone())), outflow) };
        tokio::select! {
            _ = work => {}
            () = self.nothing_but_headers_waits() => {}
        }
    }

    /// Waits until no more will come and all rows are stored, and then a moment for headers that have none.
    async fn nothing_but_headers_waits(&self) {
        loop {
            let changed = self.changed.notified();
            if self.held().is_drained && !self.shared.queue.waits_for(self.index) {
                return sync::sleep(END_WITHIN).await;
            }
            changed.await;
        }
    }

    /// Runs one half, again and again should it panic.
    async fn unbroken<F: Future<Output = ()>>(&self, half: impl Fn() -> F) {
        let mut pauses = Pauses::new(&self.shared.queue, self.shared.delivery.longest_pause);
        while let Err(panic) = unwind::caught(half()).await {
            tracing::error!(
                panic = unwind::words(&panic),
                lane = self.index,
                "the audit writer panicked; it goes on with what it holds"
            );
            self.trouble();
            pauses.wait().await;
        }
    }

    async fn intake(&self, stop: watch::Receiver<bool>) {
        // Only a panic between taking and freezing leaves anything to lose here.
        self.shared.queue.lost_in_flight(self.index, self.in_hand());
        while !self.held().is_drained {
            if self.in_hand() == 0 && !self.freeze_next().await {
                self.stay_for_calls_in_progress(&stop).await;
                if !self.shared.queue.leave(self.index) {
                    continue;
                }
                self.close();
                self.held().is_drained = true;
                self.changed.notify_waiters();
            }
            self.keep_in_hand(&stop).await;
        }
    }

    /// While batches are on their way to the store, calls in progress may end, and their entries belong with the others.
    async fn stay_for_calls_in_progress(&self, stop: &watch::Receiver<bool>) {
        let stored = async {
            loop {
                let changed = self.changed.notified();
                if !self.shared.queue.waits_for(self.index) {
                    return;
                }
                changed.await;
            }
        };
        tokio::select! {
            () = stored => {}
            () = self.shared.queue.refilled() => {}
            () = set(stop.clone()) => {}
        }
    }

    /// Freezes what comes next. False once the queue is drained.
    async fn freeze_next(&self) -> bool {
        self.leave_others_stream();
        if lock(&self.freezer).batch_no() == 0 {
            self.freeze_bare(HeaderKind::Open);
            return true;
        }
        tokio::select! {
            biased;
            entries = self.shared.queue.take(self.index) => match entries {
                Some(entries) => self.hold(self.freezing(entries)()),
                None => return false,
            },
            () = self.until_it_is_time_to_beat() => self.freeze_bare(HeaderKind::Heartbeat),
        }
        true
    }

    /// Says that the stream ends, if it ever began. Where the store is away and nothing is on its way there, nobody would hear it.
    fn close(&self) {
        let has_begun = lock(&self.freezer).batch_no() > 0;
        if has_begun && (!self.is_away() || self.held().journaled > 0) {
            self.freeze_bare(HeaderKind::Close);
        }
    }

    /// Where another writer uses the stream, a new one begins.
    fn leave_others_stream(&self) {
        let mut freezer = lock(&self.freezer);
        if self.moves.concern(freezer.stream_id()) {
            *freezer = Freezer::new().signed_by(self.shared.signer.clone());
        }
    }

    fn freeze_bare(&self, kind: HeaderKind) {
        self.shared.queue.take_nothing(self.index);
        let batch = Arc::new(lock(&self.freezer).freeze_bare(kind, SystemTime::now()));
        self.hold(InHand { batch, spill_at: clock::in_future(self.shared.delivery.spill_after) });
    }

    /// The work of freezing these entries into the next batch.
    fn freezing(&self, entries: Vec<Entry>) -> impl FnOnce() -> InHand + Send + 'static {
        let (freezer, spill_after) = (Arc::clone(&self.freezer), self.shared.delivery.spill_after);
        move || {
            let now = SystemTime::now();
            let oldest = entries.iter().map(|entry| SystemTime::from(entry.created_at)).min();
            let age = oldest.and_then(|oldest| now.duration_since(oldest).ok()).unwrap_or_default();
            let spill_at = clock::in_future(spill_after.saturating_sub(age));
            InHand { batch: Arc::new(lock(&freezer).freeze(entries, now)), spill_at }
        }
    }

    fn hold(&self, in_hand: InHand) {
        {
            let mut held = self.held();
            held.in_hand.push_back(in_hand);
            held.frozen_at = Some(Instant::now());
        }
        self.changed.notify_waiters();
    }

    /// Waits until a batch in hand is stored, or safe in the journal, or there is one more.
    async fn keep_in_hand(&self, stop: &watch::Receiver<bool>) {
        let in_hand = self.in_hand();
        if in_hand == 0 {
            return;
        }
        // A stream that others use is left once the hand is empty. Where the store fails, other lanes may fare better.
        let is_left = self.held().is_drained || self.moves.concern(lock(&self.freezer).stream_id());
        let takes_more = in_hand < IN_HAND && !is_left && !self.is_away();
        tokio::select! {
            biased;
            () = self.until_less_is_in_hand(in_hand) => {}
            backlog = self.until_it_is_time_to_spill(stop) => self.spill(backlog, stop).await,
            entries = self.shared.queue.take_full(self.index), if takes_more => {
                // Meanwhile the outflow needs this thread.
                let frozen = sync::aside(self.freezing(entries)).await;
                self.hold(frozen.unwrap_or_else(|panic| resume_unwind(panic)));
            }
        }
    }

    /// Waits until the oldest batch in hand is stored, or safe in the journal. The end of the time for storing makes it ask a
    /// journal that refused again, at once.
    async fn spill(&self, backlog: &Arc<Backlog>, stop: &watch::Receiver<bool>) {
        let in_hand = self.in_hand();
        while let Some(InHand { batch, .. }) = self.oldest_in_hand() {
            let is_last_call = *stop.borrow();
            let (writing, appended) = (Arc::clone(backlog), Arc::clone(&batch));
            if blocking(move || writing.append(&appended)).await.is_ok() {
                return self.journaled(backlog, &batch).await;
            }
            tokio::select! {
                () = self.until_less_is_in_hand(in_hand) => return,
                () = sync::sleep(ASK_JOURNAL_AGAIN) => {}
                () = set(stop.clone()), if !is_last_call => {}
            }
        }
    }

    /// A batch that was in hand is in the journal.
    async fn journaled(&self, backlog: &Arc<Backlog>, batch: &Arc<Batch>) {
        let was_in_hand = {
            let mut held = self.held();
            let was_in_hand = held.in_hand.pop_front_if(|oldest| Arc::ptr_eq(&oldest.batch, batch)).is_some();
            if was_in_hand {
                held.journaled += 1;
                self.shared.queue.journaled(self.index);
            }
            was_in_hand
        };
        self.changed.notify_waiters();
        if !was_in_hand {
            // It was stored while the disk was at work.
            forget(backlog, Some(Arc::clone(batch))).await;
        }
    }

    async fn outflow(&self, ready: watch::Receiver<bool>) {
        set(ready).await;
        let mut lander = Lander::new(self.shared.clone(), Arc::clone(&self.moves));
        loop {
            match self.next().await {
                Next::InHand(batch) => {
                    let fate = lander.land(&batch, || self.trouble()).await;
                    self.landed(fate, Some(batch)).await;
                }
                Next::FromJournal => self.land_front(&mut lander).await,
                Next::Nothing => break,
            }
        }
        lander.close().await;
    }

    /// Lands the oldest batch of the journal.
    async fn land_front(&self, lander: &mut Lander) {
        let Some(backlog) = &self.backlog else { return };
        let reading = Arc::clone(backlog);
        let front = match blocking(move || reading.front()).await {
            Ok(front) => front,
            Err(error) => {
                tracing::error!(%error, "cannot read the audit journal; its batches wait");
                return sync::sleep(ASK_JOURNAL_AGAIN).await;
            }
        };
        let fate = match front.as_deref() {
            Some(Step::Batch(batch)) => lander.land(batch, || self.trouble()).await,
            Some(Step::Lost(lost)) => lander.lose(lost, || self.trouble()).await,
            None => return self.held().journaled = 0,
        };
        self.landed(fate, None).await;
    }

    /// The oldest batch is in the store, or the store tells that it is lost.
    async fn landed(&self, fate: Fate, was_in_hand: Option<Arc<Batch>>) {
        self.is_troubled.store(false, Ordering::Relaxed);
        let was_journaled = {
            let (mut held, queue) = (self.held(), &self.shared.queue);
            let was_journaled = held.journaled > 0;
            if was_journaled {
                held.journaled -= 1;
            } else {
                held.in_hand.pop_front();
            }
            match fate {
                Fate::Stored { dead_lettered, .. } if was_journaled => {
                    queue.landed_journaled(self.index, dead_lettered);
                }
                Fate::Stored { dead_lettered, .. } => queue.landed(self.index, dead_lettered),
                Fate::Lost => queue.lost_journaled(self.index),
            }
            was_journaled
        };
        self.changed.notify_waiters();
        if was_journaled && let Some(backlog) = &self.backlog {
            forget(backlog, was_in_hand).await;
        }
    }

    async fn next(&self) -> Next {
        loop {
            let changed = self.changed.notified();
            {
                let held = self.held();
                if held.journaled > 0 {
                    return Next::FromJournal;
                }
                if let Some(oldest) = held.in_hand.front() {
                    return Next::InHand(Arc::clone(&oldest.batch));
                }
                if held.is_drained {
                    return Next::Nothing;
                }
            }
            changed.await;
        }
    }

    async fn until_less_is_in_hand(&self, than: usize) {
        loop {
            let changed = self.changed.notified();
            if self.in_hand() < than {
                return;
            }
            changed.await;
        }
    }

    /// Waits until what is in hand had better be in the journal; for ever where there is none.
    async fn until_it_is_time_to_spill(&self, stop: &watch::Receiver<bool>) -> &Arc<Backlog> {
        let Some(backlog) = &self.backlog else { return std::future::pending().await };
        tokio::select! {
            () = self.until_it_has_been_in_hand_for_long() => {}
            () = set(stop.clone()) => {}
        }
        backlog
    }

    async fn until_it_has_been_in_hand_for_long(&self) {
        loop {
            let changed = self.changed.notified();
            let Some(InHand { spill_at, .. }) = self.oldest_in_hand() else { return };
            if self.is_away() || self.held().journaled > SHORT_BACKLOG || spill_at <= Instant::now() {
                return;
            }
            tokio::select! {
                () = changed => {}
                () = sync::sleep_until(spill_at) => {}
            }
        }
    }

    /// A store that is away, or has more to take first, hears nothing new from a header that says that the writer lives.
    async fn until_it_is_time_to_beat(&self) {
        let Some(pause) = self.shared.delivery.heartbeat else { return std::future::pending().await };
        let mut since = self.held().frozen_at.unwrap_or_else(Instant::now);
        loop {
            sync::sleep_until(clock::after(since, pause)).await;
            if !self.is_away() && self.held().journaled == 0 {
                return;
            }
            since = Instant::now();
        }
    }

    fn is_away(&self) -> bool {
        self.is_troubled.load(Ordering::Relaxed) || self.shared.breaker.is_open()
    }

    /// The store failed: what is in hand had better be on the disk.
    fn trouble(&self) {
        self.is_troubled.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    fn in_hand(&self) -> usize {
        self.held().in_hand.len()
    }

    fn oldest_in_hand(&self) -> Option<InHand> {
        self.held().in_hand.front().cloned()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }
}

/// Takes the oldest batch out of the journal, which may not have been read from there.
async fn forget(backlog: &Arc<Backlog>, stored: Option<Arc<Batch>>) {
    let backlog = Arc::clone(backlog);
    let forgotten = blocking(move || {
        backlog.forget_front(stored.as_deref());
        Ok(())
    });
    if let Err(error) = forgotten.await {
        tracing::error!(%error, "cannot take a stored batch out of the audit journal");
    }
}

/// Waits until a flag is set; for ever, if nobody is left to set it.
async fn set(mut flag: watch::Receiver<bool>) {
    if flag.wait_for(|is_set| *is_set).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Every change behind these locks is complete before anything that could panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
