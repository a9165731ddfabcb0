//! A store in memory that misbehaves on demand: for promises about the writer itself. What a real store does
//! is tested on real stores.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use audit_core::Row;
use audit_core::batch::Batch;
use audit_core::migrate;
use audit_core::store::{BoxFuture, Connection, ErrorClass, Landed, Store, StoreError};
use chrono::{DateTime, Utc};
use tokio::sync::watch;

/// What happens to the next attempt to land a batch. Headers without rows take no turn.
#[derive(Debug, Clone, Copy)]
pub enum Turn {
    /// The store behaves.
    Take,
    /// The store is away.
    Fail,
    /// The batch is stored, but the answer is lost.
    LoseReply,
    /// Somebody else holds the batch's number.
    Squat,
    /// The rows' times are none that the store takes.
    OutOfWindow,
    /// The connection panics.
    Panic,
}

/// A store in memory that misbehaves on demand.
#[derive(Debug, Clone)]
pub struct ScriptedStore {
    shared: Arc<Shared>,
    name: &'static str,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    open: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    turns: VecDeque<Turn>,
    batches: Vec<Batch>,
    attempts: usize,
    connects: usize,
    is_away: bool,
}

impl Default for ScriptedStore {
    fn default() -> Self {
        Self::new([])
    }
}

impl ScriptedStore {
    /// A store that takes these turns, then behaves.
    pub fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        let state = State { turns: turns.into_iter().collect(), ..State::default() };
        let shared = Shared { state: Mutex::new(state), open: watch::Sender::new(true) };
        Self { shared: Arc::new(shared), name: "scripted store" }
    }

    /// A store that logs and errors call by this name.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// From now on, attempts wait until [`Self::open`].
    pub fn shut(&self) {
        self.shared.open.send_replace(false);
    }

    /// Lets attempts through.
    pub fn open(&self) {
        self.shared.open.send_replace(true);
    }

    /// From now on, these turns are taken; then it behaves.
    pub fn script(&self, turns: impl IntoIterator<Item = Turn>) {
        self.state().turns = turns.into_iter().collect();
    }

    /// From now on, nothing answers: neither old connections nor new ones.
    pub fn go_away(&self) {
        self.state().is_away = true;
    }

    /// The end of [`Self::go_away`].
    pub fn come_back(&self) {
        self.state().is_away = false;
    }

    /// How often somebody connected or tried to.
    #[must_use]
    pub fn connects(&self) -> usize {
        self.state().connects
    }

    /// The batches that landed, in the order they did.
    #[must_use]
    pub fn batches(&self) -> Vec<Batch> {
        let mut batches = self.all_batches();
        batches.retain(|batch| !batch.header().kind.is_bare());
        batches
    }

    /// The rows of [`Self::batches`].
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.batches().iter().flat_map(Batch::rows).map(|frozen| frozen.row.clone()).collect()
    }

    /// [`Self::batches`] and the headers without rows.
    #[must_use]
    pub fn all_batches(&self) -> Vec<Batch> {
        self.state().batches.clone()
    }

    /// How many attempts wait for [`Self::open`].
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.open.receiver_count()
    }

    /// How often a batch was sent.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.state().attempts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no test panics while it holds the lock")
    }

    async fn take(&self, batch: &Batch) -> Result<Landed, StoreError> {
        let _ = self.shared.open.subscribe().wait_for(|open| *open).await;
        let turn = {
            let mut state = self.state();
            let is_bare = batch.header().kind.is_bare();
            state.attempts += usize::from(!is_bare);
            match state.is_away {
                true => Some(Turn::Fail),
                false if is_bare => None,
                false => state.turns.pop_front(),
            }
        };
        match turn {
            Some(Turn::Fail) => Err(away()),
            Some(Turn::OutOfWindow) => {
                Err(StoreError::new(ErrorClass::OutOfWindow, "scripted store", "no partition for these times"))
            }
            Some(Turn::Squat) => Ok(Landed::Squatted),
            Some(Turn::Panic) => panic!("scripted panic"),
            Some(Turn::LoseReply) => {
                self.store(batch);
                Err(away())
            }
            Some(Turn::Take) | None => Ok(self.store(batch)),
        }
    }

    fn store(&self, batch: &Batch) -> Landed {
        let key = |batch: &Batch| (batch.header().stream_id, batch.header().batch_no);
        let mut state = self.state();
        if let Some(held) = state.batches.iter().find(|held| key(held) == key(batch)) {
            return Landed::met(batch, held.header_hash(), 0);
        }
        state.batches.push(batch.clone());
        Landed::Stored { dead_lettered: 0 }
    }
}

impl Store for ScriptedStore {
    fn describe(&self) -> String {
        self.name.to_owned()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, StoreError>> {
        let connection: Box<dyn Connection> = Box::new(ScriptedConnection(self.clone()));
        let mut state = self.state();
        state.connects += 1;
        let connected = if state.is_away { Err(away()) } else { Ok(connection) };
        Box::pin(async { connected })
    }

    fn migrate(&self) -> BoxFuture<'_, Result<migrate::Report, migrate::Error>> {
        Box::pin(async { Ok(migrate::Report::default()) })
    }
}

fn away() -> StoreError {
    StoreError::new(ErrorClass::Transient, "scripted store", "away")
}

struct ScriptedConnection(ScriptedStore);

impl Connection for ScriptedConnection {
    fn land<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Landed, StoreError>> {
        Box::pin(self.0.take(batch))
    }

    fn prepare(&mut self, _now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}
