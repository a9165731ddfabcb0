//! The writer's thread: start-up, lanes, deadlines, and the end.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::adopter::Adopter;
use super::clock;
use super::condition::{Condition, Part};
use super::drainer::Drainer;
use super::lane::Lane;
use super::own_thread;
use super::pauses::pauses;
use super::queue::Queue;
use super::sealer::Sealing;
use super::session::{Delivery, Shared};
use super::unwind;
use crate::auditor::{Migrate, WaitForStore};
use crate::journal::{Journal, Moves};
use crate::migrate;
use crate::signing::Signer;
use crate::store::{ErrorClass, SharedStore, StoreError};

const NAME: &str = "audit-writer";
/// How long bringing the rest to the journal may take, once the deadline of a shutdown has passed.
const SPILL_WITHIN: Duration = Duration::from_secs(2);
/// How long blocking work may take to end after all else has.
const END_WITHIN: Duration = Duration::from_millis(100);

/// What the thread does before its lanes run.
pub(crate) struct StartUp {
    pub(crate) lanes: usize,
    pub(crate) migrate: Migrate,
    pub(crate) wait: WaitForStore,
    pub(crate) delivery: Delivery,
    pub(crate) condition: Arc<Condition>,
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) drainer: Option<Drainer>,
    pub(crate) sealing: Option<Sealing>,
    /// Who signs batches, if anybody does.
    pub(crate) signer: Option<Arc<dyn Signer>>,
    /// Whose accounts are published.
    #[cfg(feature = "metrics")]
    pub(crate) auditor: crate::Auditor,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct Writer {
    thread: JoinHandle<()>,
    /// When to give up what is not written; `None` until there is a deadline.
    give_up: watch::Sender<Option<Deadlines>>,
    /// How long bringing the rest to the journal may take; nothing where there is none.
    spill: Duration,
    /// Ends with the thread.
    alive: oneshot::Receiver<()>,
}

/// How long the writer has left.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Finish {
    /// To store what there is; bringing the rest to the journal comes on top.
    StoringBy(Duration),
    /// For everything.
    AllBy(Duration),
}

impl Finish {
    /// How long it may take to store, and to do everything, where bringing the rest to the journal may take `spill`.
    fn parts(self, spill: Duration) -> (Duration, Duration) {
        match self {
            Self::StoringBy(storing) => (storing, storing.saturating_add(spill)),
            Self::AllBy(all) => {
                let all = all.saturating_sub(END_WITHIN);
                (all.saturating_sub(spill.min(all / 2)), all)
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Deadlines {
    /// From then on, what is not stored goes to the journal.
    storing: Instant,
    all: Instant,
}

/// Starts the thread. The receiver tells how the start-up went; at once, if it need not wait for the store.
pub(crate) fn spawn(
    queue: Arc<Queue>,
    store: SharedStore,
    start_up: StartUp,
) -> io::Result<(Writer, oneshot::Receiver<Result<(), migrate::Error>>)> {
    let (give_up, deadline_set) = watch::channel(None);
    let (started, start) = oneshot::channel();
    let (life, alive) = oneshot::channel();
    let spill = if start_up.journal.is_some() { SPILL_WITHIN } else { Duration::ZERO };
    let work = move || {
        own_thread::begin();
        // Closing comes last, also when a lane panics: whoever waits is told.
        let closing = Closing { queue: Arc::clone(&queue), _life: life };
        // Made here, because a runtime must not be dropped inside another one, should there be no thread.
        // Its other threads sign, and run as much code of the application's.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = match runtime.enable_all().on_thread_start(own_thread::begin).build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "the audit writer has no runtime, and stops"),
        };
        let (stop, stopped) = watch::channel(false);
        #[cfg(feature = "metrics")]
        let mut publisher = crate::metrics::Publisher::new(start_up.auditor.clone());
        #[cfg(feature = "metrics")]
        let publishing = publisher.run();
        #[cfg(not(feature = "metrics"))]
        let publishing = std::future::pending();
        runtime.block_on(async {
            tokio::select! {
                () = publishing => {}
                () = work(&queue, &store, start_up, started, stopped) => {}
                () = queue.keep_deadlines() => {}
                () = async {
                    let deadlines = storing_ends(deadline_set).await;
                    if deadlines.all > deadlines.storing {
                        stop.send_replace(true);
                        tokio::time::sleep_until(deadlines.all.into()).await;
                    }
                } => {}
            }
        });
        // Work on the journal's files ends now, and with it the lock. Not a plain drop, which would wait for a look-up of a
        // host's name that hangs.
        runtime.shutdown_timeout(END_WITHIN);
        drop(closing);
        #[cfg(feature = "metrics")]
        publisher.publish();
    };
    let thread = std::thread::Builder::new().name(NAME.to_owned()).spawn(work)?;
    Ok((Writer { thread, give_up, spill, alive }, start))
}

impl Writer {
    /// Leaves the writer to the process that this one was forked from: its thread is not here, and whatever tells it to
    /// end may be locked for ever.
    pub(crate) fn leave(self) {
        std::mem::forget(self);
    }

    /// Waits for the thread to end, which gives up what it has not written in time. On a writer's own thread it does
    /// not wait: the thread ends by itself.
    pub(crate) async fn finish(self, finish: Finish) {
        let (storing, all) = finish.parts(self.spill);
        let now = Instant::now();
        let deadlines = Deadlines { storing: clock::after(now, storing), all: clock::after(now, all) };
        self.give_up.send_replace(Some(deadlines));
        if own_thread::is_here() {
            return;
        }
        // The sender is only ever dropped.
        let _ = self.alive.await;
        if self.thread.join().is_err() {
            tracing::error!("the audit writer panicked; `audit_core` counts what it had not written as dropped");
        }
    }
}

async fn work(
    queue: &Arc<Queue>,
    store: &SharedStore,
    start_up: StartUp,
    started: oneshot::Sender<Result<(), migrate::Error>>,
    stop: watch::Receiver<bool>,
) {
    let (is_ready, ready) = watch::channel(false);
    let shared = Shared {
        queue: Arc::clone(queue),
        store: Arc::clone(store),
        breaker: Arc::default(),
        condition: Arc::clone(&start_up.condition),
        delivery: start_up.delivery,
        signer: start_up.signer.clone(),
    };
    // The lanes take entries and keep them safe before there is a store to land them in.
    let mut lanes = JoinSet::new();
    let journal = start_up.journal.as_ref();
    let moves = Arc::new(journal.map_or_else(Moves::in_memory, |journal| Moves::of(journal)));
    for index in 0..start_up.lanes {
        let lane = Lane::new(index, shared.clone(), journal, Arc::clone(&moves));
        lanes.spawn(lane.run(ready.clone(), stop.clone()));
    }
    tokio::select! {
        is_prepared = prepare(store, &start_up, started) => if !is_prepared {
            return;
        },
        () = all(&mut lanes) => return,
    }
    is_ready.send_replace(true);
    let mut drainer = JoinSet::new();
    if let Some(outbox) = start_up.drainer {
        drainer.spawn(outbox.run(Arc::clone(queue)));
    }
    // Ends with the lanes: what it has not adopted, another process will.
    let mut adopter = JoinSet::new();
    if let Some(journal) = start_up.journal {
        adopter.spawn(Adopter::new(shared, journal).run());
    }
    let mut sealing = start_up.sealing;
    let sealed = async {
        if let Some(sealing) = &mut sealing
            && let Err(panic) = unwind::caught(sealing.run(queue)).await
        {
            tracing::error!(
                panic = unwind::words(&panic),
                "the sealer of the audit log panicked; another one has to go on"
            );
        }
    };
    // It ends by itself once the queue drains, and begins anew when it panics.
    let landed = async {
        all(&mut lanes).await;
        all(&mut drainer).await;
    };
    tokio::join!(sealed, landed);
    if let Some(sealing) = sealing {
        sealing.end().await;
    }
}

/// Waits for tasks that are to end by themselves.
async fn all(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(panic) = ended {
            tracing::error!(%panic, "a part of the audit writer panicked for good");
        }
    }
}

/// Waits for the store and brings its schema up to date, as far as asked. Whether the lanes may run.
async fn prepare(
    store: &SharedStore,
    start_up: &StartUp,
    started: oneshot::Sender<Result<(), migrate::Error>>,
) -> bool {
    let mut started = Some(started);
    let give_up = match start_up.wait {
        WaitForStore::AtMost(patience) => Some(clock::in_future(patience)),
        WaitForStore::No => {
            answer(&mut started, Ok(()));
            None
        }
    };
    for pause in pauses(start_up.delivery.longest_pause) {
        let Err(error) = within(give_up, store, unbroken(attempt(store, start_up))).await else {
            start_up.condition.well(Part::Store, || store.describe());
            answer(&mut started, Ok(()));
            return true;
        };
        let late = give_up.is_some_and(|at| Instant::now() + pause >= at);
        if give_up.is_some() && (late || !error.is_transient()) {
            answer(&mut started, Err(error));
            return false;
        }
        let class = if error.is_transient() { ErrorClass::Transient } else { ErrorClass::Operator };
        start_up.condition.failed_by(Part::Store, &store.describe(), &error, class);
        tokio::time::sleep(pause).await;
    }
    unreachable!("the pauses never end")
}

/// Gives an attempt up at the end of the caller's patience. Dropped, it rolls back and lets go of its locks.
async fn within(
    give_up: Option<Instant>,
    store: &SharedStore,
    attempt: impl Future<Output = Result<(), migrate::Error>>,
) -> Result<(), migrate::Error> {
    let Some(at) = give_up else { return attempt.await };
    tokio::time::timeout_at(at.into(), attempt).await.unwrap_or_else(|_| {
        let reason = "it was not reached, or its schema not brought up to date, within the time to wait";
        Err(StoreError::new(ErrorClass::Transient, format!("{} is not ready", store.describe()), reason).into())
    })
}

/// A panic is a failure like any other: the lanes hold entries meanwhile, and there is another attempt.
async fn unbroken(attempt: impl Future<Output = Result<(), migrate::Error>>) -> Result<(), migrate::Error> {
    unwind::caught(attempt).await.unwrap_or_else(|panic| {
        let words = unwind::words(&panic).to_owned();
        Err(StoreError::new(ErrorClass::Transient, "preparing the store panicked", words).into())
    })
}

async fn attempt(store: &SharedStore, start_up: &StartUp) -> Result<(), migrate::Error> {
    match start_up.migrate {
        Migrate::Run => {
            store.migrate().await?;
        }
        Migrate::Skip => {
            let timeout = start_up.delivery.timeout;
            let connection = tokio::time::timeout(timeout, store.connect()).await.unwrap_or_else(|_| {
                let reason = format!("no answer within {timeout:?}");
                Err(StoreError::new(ErrorClass::Transient, format!("cannot reach {}", store.describe()), reason))
            })?;
            connection.close().await;
        }
    }
    Ok(())
}

fn answer(started: &mut Option<oneshot::Sender<Result<(), migrate::Error>>>, result: Result<(), migrate::Error>) {
    if let Some(started) = started.take() {
        // A caller that stopped waiting for the start needs no answer.
        let _ = started.send(result);
    }
}

/// Waits until the time for storing is over.
async fn storing_ends(mut given_up: watch::Receiver<Option<Deadlines>>) -> Deadlines {
    loop {
        let deadlines = *given_up.borrow_and_update();
        let changed = async {
            if given_up.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        match deadlines {
            Some(deadlines) => {
                tokio::time::sleep_until(deadlines.storing.into()).await;
                return deadlines;
            }
            None => changed.await,
        }
    }
}

struct Closing {
    queue: Arc<Queue>,
    _life: oneshot::Sender<()>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_for_everything_leaves_time_for_the_journal_and_the_end() {
        for millis in [0, 50, 150, 1_000, 5_000, 60_000] {
            let deadline = Duration::from_millis(millis);
            let (storing, all) = Finish::AllBy(deadline).parts(SPILL_WITHIN);
            assert!(all.is_zero() || all + END_WITHIN <= deadline);
            assert_eq!(storing + SPILL_WITHIN.min(all / 2), all);
            assert_eq!(Finish::AllBy(deadline).parts(Duration::ZERO), (all, all), "without a journal");
        }
        let (storing, all) = Finish::StoringBy(Duration::MAX).parts(SPILL_WITHIN);
        assert_eq!((storing, all), (Duration::MAX, Duration::MAX));
    }
}
