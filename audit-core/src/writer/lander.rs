//! Brings one batch after another to the store, each for as long as it takes.

use std::mem::replace;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::Instrument as _;

use super::condition::Part;
use super::pauses::Pauses;
use super::queue::DropReason;
use super::session::{Session, Shared};
use super::sync;
use crate::batch::{Batch, HeaderKind};
use crate::encoding;
use crate::journal::{JournalError, Lost, Moves};
use crate::spans;
use crate::store::{ErrorClass, Landed, StoreError};

/// Lands batches over a connection of its own.
pub(super) struct Lander {
    shared: Shared,
    session: Session,
    /// Which batches belong elsewhere than in the stream they were frozen for.
    moves: Arc<Moves>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is in the store.
    Stored {
        /// How many rows it has.
        rows: u64,
        /// How many of its rows are dead letters.
        dead_lettered: u64,
    },
    /// Its rows are nowhere.
    Lost,
}

impl Fate {
    /// A header without rows is in the store, or has no need to be.
    const BARE: Self = Self::Stored { rows: 0, dead_lettered: 0 };
}

impl Lander {
    pub(super) fn new(shared: Shared, moves: Arc<Moves>) -> Self {
        Self { session: Session::new(shared.clone()), shared, moves }
    }

    /// Lands a batch, again and again until the store has it; `failed` is called at each failure.
    ///
    /// A batch whose stream another writer uses, or whose times no partition takes, is stored in a stream of its own.
    pub(super) async fn land(&mut self, batch: &Batch, failed: impl Fn()) -> Fate {
        self.land_at_last(batch, failed).instrument(spans::land(batch)).await
    }

    /// Says that a batch is lost, where it would be and with an `audit.gap` entry, unless it turns out to be stored. Whoever forgets
    /// the loss only then may say so twice, in vain: the log tells of it once.
    pub(super) async fn lose(&mut self, lost: &Lost, failed: impl Fn()) -> Fate {
        let fate = if lost.is_placed { self.land(&lost.header, &failed).await } else { Fate::Lost };
        let missing = match fate {
            Fate::Stored { rows, .. } => lost.entries.map(|entries| entries.saturating_sub(rows)),
            Fate::Lost => lost.entries,
        };
        if missing != Some(0) {
            self.tell(lost, missing, failed).instrument(spans::land(&lost.header)).await;
        }
        fate
    }

    async fn tell(&mut self, lost: &Lost, missing: Option<u64>, failed: impl Fn()) {
        let reason = DropReason::JournalDamaged.as_str();
        let gap = || lost.header.gap(missing, reason, SystemTime::now(), self.shared.signer.clone());
        let mut pauses = Pauses::new(&self.shared.queue, self.shared.delivery.longest_pause);
        let mut told = gap();
        loop {
            match self.session.land(&told).await {
                Ok(Landed::Stored { dead_lettered } | Landed::AlreadyStored { dead_lettered }) => {
                    self.shared.queue.told(dead_lettered);
                }
                Ok(Landed::Squatted | Landed::NotLost { .. }) => {
                    tracing::info!("an `audit.gap` entry told of the lost audit batch before");
                }
                Err(error) => {
                    self.failed(&error, &told, &failed);
                    pauses.wait().await;
                    if error.class() == ErrorClass::OutOfWindow {
                        told = gap();
                    }
                    continue;
                }
            }
            return self.well(&told);
        }
    }

    async fn land_at_last(&mut self, batch: &Batch, failed: impl Fn()) -> Fate {
        let mut pauses = Pauses::new(&self.shared.queue, self.shared.delivery.longest_pause);
        let (mut in_its_place, mut is_frozen_again) = (None, false);
        // Whoever finds a batch lost answers for saying so.
        let signer = self.shared.signer.as_deref().filter(|_| batch.header().kind == HeaderKind::Lost);
        let lost = signer.map(|signer| batch.signed(signer));
        let batch = lost.as_ref().unwrap_or(batch);
        let began = std::time::Instant::now();
        loop {
            match self.attempt(batch, &mut in_its_place).await {
                Ok(Some(fate)) => {
                    self.well(batch);
                    self.shared.queue.measured(batch.rows().len() as u64, began.elapsed());
                    return fate;
                }
                Ok(None) => {}
                Err(error) => {
                    self.failed(&error, batch, &failed);
                    // Its times are within the window now, so that there is nothing to wait for; unless two clocks differ.
                    let is_first = error.class() == ErrorClass::OutOfWindow && !replace(&mut is_frozen_again, true);
                    if !is_first {
                        pauses.wait().await;
                    }
                }
            }
        }
    }

    fn failed(&self, error: &StoreError, batch: &Batch, failed: impl Fn()) {
        let part = match error.class() {
            ErrorClass::Transient => Part::Store,
            ErrorClass::Poison | ErrorClass::OutOfWindow | ErrorClass::Operator => {
                Part::Stream(batch.header().stream_id)
            }
        };
        let header = batch.header();
        tracing::debug!(stream_id = %header.stream_id, batch_no = header.batch_no, %error, "audit batch not stored");
        self.shared.condition.failed(part, &self.shared.store.describe(), error);
        self.shared.queue.failed(error);
        failed();
    }

    fn well(&self, batch: &Batch) {
        for part in [Part::Store, Part::Stream(batch.header().stream_id)] {
            self.shared.condition.well(part, || self.shared.store.describe());
        }
        let header = batch.header();
        tracing::debug!(
            stream_id = %header.stream_id, batch_no = header.batch_no, hash = %encoding::hex(batch.header_hash()),
            "audit batch stored"
        );
    }

    /// One attempt. Nothing, where another has to follow at once.
    async fn attempt(&mut self, batch: &Batch, in_its_place: &mut Option<Batch>) -> Result<Option<Fate>, StoreError> {
        let is_bare = batch.header().kind.is_bare();
        if is_bare && self.moves.covers(batch.header()) {
            // It tells of a stream that is none of ours, and there is nothing of it to move.
            return Ok(Some(Fate::BARE));
        }
        if in_its_place.is_none() && self.moves.covers(batch.header()) {
            let (moves, original) = (Arc::clone(&self.moves), batch.clone());
            let replacement = blocking(move || moves.replacement(&original)).await.map_err(move_failed)?;
            let replacement = if let Some(replacement) = replacement {
                replacement
            } else {
                let alone = batch.moved(self.shared.signer.clone());
                if alone.header().kind != HeaderKind::Lost {
                    self.keep_replacement(batch, &alone).await?;
                }
                alone
            };
            *in_its_place = Some(replacement);
        }
        let sent = in_its_place.as_ref().unwrap_or(batch);
        match self.session.land(sent).await {
            Ok(Landed::Stored { .. } | Landed::AlreadyStored { .. }) if sent.header().kind == HeaderKind::Lost => {
                Ok(Some(Fate::Lost))
            }
            Ok(
                Landed::Stored { dead_lettered }
                | Landed::AlreadyStored { dead_lettered }
                | Landed::NotLost { dead_lettered },
            ) => Ok(Some(Fate::Stored { rows: sent.header().n.unsigned_abs().into(), dead_lettered })),
            Ok(Landed::Squatted) if sent.header().kind == HeaderKind::Lost => {
                tracing::error!(
                    stream_id = %batch.header().stream_id, batch_no = batch.header().batch_no,
                    "the place of a lost audit batch is taken: it was told of before, or another writer uses the stream"
                );
                Ok(Some(Fate::Lost))
            }
            Ok(Landed::Squatted) if is_bare => {
                say_squatted(sent);
                self.begin_move(batch).await?;
                Ok(Some(Fate::BARE))
            }
            Ok(Landed::Squatted) => {
                say_squatted(sent);
                let moved = sent.moved(self.shared.signer.clone());
                self.begin_move(batch).await?;
                self.keep_replacement(batch, &moved).await?;
                *in_its_place = Some(moved);
                Ok(None)
            }
            Err(error) if error.class() == ErrorClass::OutOfWindow => {
                // Nothing of the batch is stored: its rows can be frozen again.
                let replacement = sent.moved_into_window(SystemTime::now(), self.shared.signer.clone());
                self.begin_move(batch).await?;
                self.keep_replacement(batch, &replacement).await?;
                *in_its_place = Some(replacement);
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Whoever lands the batch after this process has died, with another key perhaps, has to send the same bytes.
    async fn keep_replacement(&mut self, batch: &Batch, replacement: &Batch) -> Result<(), StoreError> {
        let (moves, original, kept) = (Arc::clone(&self.moves), batch.clone(), replacement.clone());
        blocking(move || moves.replace(&original, &kept)).await.map_err(move_failed)
    }

    async fn begin_move(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let (moves, header) = (Arc::clone(&self.moves), batch.header().clone());
        blocking(move || moves.begin(&header)).await.map_err(move_failed)
    }

    pub(super) async fn close(self) {
        self.session.close().await;
    }
}

/// Runs work on files where it delays nobody.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    sync::aside(work).await.unwrap_or(Err(JournalError::Panicked))
}

fn move_failed(error: JournalError) -> StoreError {
    StoreError::new(ErrorClass::Operator, "cannot move a batch to a stream of its own", "the journal refuses")
        .with_source(error)
}

/// A forked process, a cloned machine or a squatter writes this stream, too.
fn say_squatted(batch: &Batch) {
    tracing::error!(
        stream_id = %batch.header().stream_id,
        batch_no = batch.header().batch_no,
        "another writer uses this audit stream; its batches move to streams of their own. Find the other writer: a forked \
         process or a cloned machine"
    );
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use chrono::{DateTime, Utc};
    use shuttle::future::{block_on, yield_now};

    use super::*;
    use crate::auditor::Overflow;
    use crate::batch::{Freezer, Header};
    use crate::journal::Journal;
    use crate::store::{BoxFuture, Connection, Store};
    use crate::writer::orders::check_alone;
    use crate::writer::session::Delivery;
    use crate::writer::{Limits, Queue};
    use crate::{ActionName, Entry, migrate};

    const TIMES: usize = 20;
    const LONG: Duration = Duration::from_hours(1);
    /// More than it takes to come to a pause.
    const YIELDS: usize = 200;

    /// Refuses a batch for its times, so often.
    #[derive(Debug, Clone)]
    struct Narrow {
        refusals: u64,
        attempts: Arc<AtomicU64>,
    }

    impl Store for Narrow {
        fn describe(&self) -> String {
            "a store that takes few times".to_owned()
        }

        fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, StoreError>> {
            Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn Connection>) })
        }

        fn migrate(&self) -> BoxFuture<'_, Result<migrate::Report, migrate::Error>> {
            unreachable!("a lander migrates nothing")
        }
    }

    impl Connection for Narrow {
        fn land<'a>(&'a mut self, _: &'a Batch) -> BoxFuture<'a, Result<Landed, StoreError>> {
            Box::pin(async {
                if self.attempts.fetch_add(1, Ordering::SeqCst) < self.refusals {
                    return Err(StoreError::new(ErrorClass::OutOfWindow, "storing a batch", "told to refuse"));
                }
                Ok(Landed::Stored { dead_lettered: 0 })
            })
        }

        fn prepare(&mut self, _: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
            Box::pin(async { Ok(()) })
        }

        fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
            Box::pin(async {})
        }
    }

    fn shared(store: Narrow) -> Shared {
        let overflow = Overflow::Block { at_most: LONG };
        let limits = Limits { entries: 1, bytes: 1 << 20, overflow, batch_rows: 1, batch_bytes: 1 << 20, linger: LONG };
        Shared {
            queue: Arc::new(Queue::new(limits, 1)),
            store: Arc::new(store),
            breaker: Arc::default(),
            condition: Arc::default(),
            delivery: Delivery { timeout: LONG, longest_pause: LONG, spill_after: LONG, heartbeat: None },
            signer: None,
        }
    }

    fn batch() -> Batch {
        let action = ActionName::unlisted("door.opened").expect("a well-formed name");
        Freezer::new().freeze(vec![Entry::builder(action).build()], SystemTime::now())
    }

    /// Pauses never end by themselves here.
    #[test]
    fn a_batch_refused_for_its_times_is_sent_again_at_once_and_once_more_after_a_pause() {
        check_alone(TIMES, || {
            let store = Narrow { refusals: 2, attempts: Arc::default() };
            let (attempts, shared) = (Arc::clone(&store.attempts), shared(store));
            let queue = Arc::clone(&shared.queue);
            let mut lander = Lander::new(shared, Arc::new(Moves::in_memory()));
            let batch = batch();
            block_on(async {
                let mut landing = pin!(lander.land(&batch, || {}));
                tokio::select! {
                    biased;
                    _ = &mut landing => panic!("no pause after the second refusal"),
                    () = yields() => {}
                }
                assert_eq!(attempts.load(Ordering::SeqCst), 2, "a pause after the first refusal");
                // Which cuts the pause short.
                queue.drain();
                landing.await;
                assert_eq!(attempts.load(Ordering::SeqCst), 3);
            });
        });
    }

    #[test]
    fn a_damaged_record_whose_batch_was_frozen_again_is_not_lost() {
        check_alone(1, || {
            let root = tempfile::TempDir::new().expect("a directory");
            let journal = Journal::open(root.path(), 1 << 20).expect("the directory is writable");
            let store = Narrow { refusals: 0, attempts: Arc::default() };
            let moves = Arc::new(Moves::of(&journal));
            let mut lander = Lander::new(shared(store.clone()), Arc::clone(&moves));
            let batch = batch();
            moves.begin(batch.header()).expect("there is room");
            let lost = |entries| {
                let Header { stream_id, n, prev_hash, writer_time, .. } = *batch.header();
                let header = Batch::lost(stream_id, 0, 0, n, prev_hash, *batch.header_hash(), writer_time);
                Lost { header: Box::new(header), is_placed: true, entries }
            };
            assert_eq!(block_on(lander.lose(&lost(Some(1)), || {})), Fate::Lost);
            moves.replace(&batch, &batch.moved_into_window(SystemTime::now(), None)).expect("there is room");
            let attempts = || store.attempts.load(Ordering::SeqCst);
            let before = attempts();
            assert_eq!(block_on(lander.lose(&lost(Some(1)), || {})), Fate::Stored { rows: 1, dead_lettered: 0 });
            assert_eq!(attempts() - before, 1, "nothing tells of it");
            // It stands for others, too, which are in no file.
            assert_eq!(block_on(lander.lose(&lost(Some(3)), || {})), Fate::Stored { rows: 1, dead_lettered: 0 });
            assert_eq!(attempts() - before, 3, "an entry tells of the others");
        });
    }

    async fn yields() {
        for _ in 0..YIELDS {
            yield_now().await;
        }
    }
}
