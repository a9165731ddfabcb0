//! The writer's thread: start-up, lanes, deadlines, and the end.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::clock;
use super::drainer::Drainer;
use super::lane::{self, Delivery};
use super::queue::Queue;
use crate::auditor::{Migrate, WaitForStore};
use crate::migrate;
use crate::store::{ErrorClass, SharedStore, StoreError};

const NAME: &str = "audit-writer";

/// What the thread does before its lanes run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StartUp {
    pub(crate) lanes: usize,
    pub(crate) migrate: Migrate,
    pub(crate) wait: WaitForStore,
    pub(crate) delivery: Delivery,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct Writer {
    thread: JoinHandle<()>,
    /// When to give up what is not written; `None` until there is a deadline.
    give_up: watch::Sender<Option<Instant>>,
    /// Ends with the thread.
    alive: oneshot::Receiver<()>,
}

/// Starts the thread. The receiver tells how the start-up went; at once, if it need not wait for the store.
pub(crate) fn spawn(
    queue: Arc<Queue>,
    store: SharedStore,
    drainer: Option<Drainer>,
    start_up: StartUp,
) -> io::Result<(Writer, oneshot::Receiver<Result<(), migrate::Error>>)> {
    let (give_up, deadline_set) = watch::channel(None);
    let (started, start) = oneshot::channel();
    let (life, alive) = oneshot::channel();
    let work = move || {
        // Closing comes last, also when a lane panics: whoever waits is told.
        let closing = Closing { queue: Arc::clone(&queue), _life: life };
        // Made here, because a runtime must not be dropped inside another one, should there be no thread.
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "the audit writer has no runtime, and stops"),
        };
        runtime.block_on(async {
            tokio::select! {
                () = work(&queue, &store, drainer, start_up, started) => {}
                () = queue.keep_deadlines() => {}
                () = deadline(deadline_set) => {}
            }
        });
        // Not a plain drop, which would wait for a look-up of a host's name that hangs.
        runtime.shutdown_background();
        drop(closing);
    };
    let thread = std::thread::Builder::new().name(NAME.to_owned()).spawn(work)?;
    Ok((Writer { thread, give_up, alive }, start))
}

impl Writer {
    /// Waits for the thread to end, which gives up what it has not written by `deadline`.
    pub(crate) async fn finish(self, deadline: Duration) {
        self.give_up.send_replace(Some(clock::in_future(deadline)));
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
    drainer: Option<Drainer>,
    start_up: StartUp,
    started: oneshot::Sender<Result<(), migrate::Error>>,
) {
    if !prepare(store, start_up, started).await {
        return;
    }
    let drainer = drainer.map(|drainer| tokio::spawn(drainer.run(Arc::clone(queue))));
    let mut lanes = JoinSet::new();
    for index in 0..start_up.lanes {
        lanes.spawn(lane::run(index, Arc::clone(queue), Arc::clone(store), start_up.delivery));
    }
    while let Some(ended) = lanes.join_next().await {
        if let Err(panic) = ended {
            tracing::error!(%panic, "an audit lane panicked; its writer stops");
            return;
        }
    }
    if let Some(drainer) = drainer {
        // It ends by itself once the queue drains, and begins anew when it panics.
        let _ = drainer.await;
    }
}

/// Waits for the store and brings its schema up to date, as far as asked. Whether the lanes may run.
async fn prepare(store: &SharedStore, start_up: StartUp, started: oneshot::Sender<Result<(), migrate::Error>>) -> bool {
    let mut started = Some(started);
    let give_up = match start_up.wait {
        WaitForStore::AtMost(patience) => Some(clock::in_future(patience)),
        WaitForStore::No => {
            answer(&mut started, Ok(()));
            None
        }
    };
    for pause in lane::pauses(start_up.delivery.longest_pause) {
        let Err(error) = within(give_up, store, attempt(store, start_up)).await else {
            answer(&mut started, Ok(()));
            return true;
        };
        let late = give_up.is_some_and(|at| Instant::now() + pause >= at);
        if give_up.is_some() && (late || !error.is_transient()) {
            answer(&mut started, Err(error));
            return false;
        }
        tracing::warn!(%error, store = store.describe(), "audit store not ready; entries wait in memory");
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

async fn attempt(store: &SharedStore, start_up: StartUp) -> Result<(), migrate::Error> {
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

async fn deadline(mut given_up: watch::Receiver<Option<Instant>>) {
    loop {
        let at = *given_up.borrow_and_update();
        let changed = async {
            if given_up.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        match at {
            Some(at) => return tokio::time::sleep_until(at.into()).await,
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
