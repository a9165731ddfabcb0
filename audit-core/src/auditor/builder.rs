//! How an auditor is set up. Every limit has its name and its default here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Auditor, WriterGuard, global};
use crate::Error;
use crate::journal::Journal;
use crate::outbox::{self, Bell, Outbox, Pace};
use crate::seal::{self, Seal};
use crate::signing::Signer;
use crate::store::{self, Schema, SharedStore, Store};
use crate::writer::{self, Condition, Delivery, Drainer, Limits, Queue, Sealing, StartUp, block_on};

/// Most lanes of one writer.
const MAX_LANES: usize = 64;

/// What happens when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Callers wait, at most this long; then the entry is dropped and counted.
    Block {
        /// The longest wait of one caller.
        at_most: Duration,
    },
    /// The entry is dropped and counted at once.
    Drop,
}

/// Whether the writer brings the store's schema up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// It does, before the first batch.
    Run,
    /// It does not: `audit migrate` does, with the privileges that the service need not have.
    Skip,
}

/// Whether the start waits for the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitForStore {
    /// It waits, at most this long, and fails if the store is not ready by then.
    AtMost(Duration),
    /// It does not: entries wait in the queue until the store is there.
    No,
}

/// Sets up an auditor and its writer.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), audit_core::Error> {
/// use std::time::Duration;
/// use audit_core::{Auditor, Migrate, Overflow};
///
/// let writer = Auditor::builder()
///     .url("postgres://audit_writer@localhost/app")
///     .service_name("billing")
///     .migrate(Migrate::Skip)
///     .overflow(Overflow::Block { at_most: Duration::from_secs(1) })
///     .init()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder starts nothing; call `init` or `start`"]
pub struct Builder {
    place: Option<Place>,
    schema: String,
    service_name: String,
    pooler: bool,
    lanes: Option<usize>,
    migrate: Migrate,
    wait: WaitForStore,
    drop_deadline: Duration,
    durable_timeout: Duration,
    limits: Limits,
    delivery: Delivery,
    journal: Option<PathBuf>,
    journal_bytes: u64,
    outbox: Outbox,
    outbox_url: Option<String>,
    outbox_schema: Option<String>,
    outbox_lease: Duration,
    outbox_pace: Pace,
    outbox_notify: bool,
    requires_actor: bool,
    signer: Option<Arc<dyn Signer>>,
    seal: Seal,
    sealing: seal::Settings,
}

#[derive(Debug, Clone)]
enum Place {
    Url(String),
    Store(SharedStore),
    Nowhere,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            place: None,
            schema: Schema::default().as_str().to_owned(),
            service_name: String::new(),
            pooler: false,
            lanes: None,
            migrate: Migrate::Run,
            wait: WaitForStore::AtMost(Duration::from_secs(10)),
            drop_deadline: Duration::from_secs(5),
            durable_timeout: Duration::from_secs(10),
            limits: Limits {
                entries: 65_536,
                bytes: 32 << 20,
                overflow: Overflow::Block { at_most: Duration::from_secs(5) },
                batch_rows: 4096,
                batch_bytes: 8 << 20,
                linger: Duration::from_millis(50),
            },
            delivery: Delivery {
                timeout: Duration::from_secs(30),
                longest_pause: Duration::from_secs(5),
                spill_after: Duration::from_millis(100),
                heartbeat: Some(Duration::from_mins(10)),
            },
            journal: None,
            journal_bytes: 1 << 30,
            outbox: Outbox::Drain,
            outbox_url: None,
            outbox_schema: None,
            outbox_lease: Duration::from_secs(30),
            outbox_pace: Pace { poll: Duration::from_millis(100), rows: 500 },
            outbox_notify: false,
            requires_actor: false,
            signer: None,
            seal: Seal::Run,
            sealing: seal::Settings::default(),
        }
    }

    /// Where the log is: `postgres://…`, `postgresql://…` or `sqlite:path/to/file.db`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.place = Some(Place::Url(url.into()));
        self
    }

    /// A store of one's own, instead of a URL. It knows its own schema and service name.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.place = Some(Place::Store(store));
        self
    }

    /// Nothing is recorded, by nobody who would be recorded here: no thread is started and no store opened. The guard and
    /// its accounts are there, and empty. For programs that decide when they start whether they audit.
    ///
    /// # Examples
    ///
    /// ```
    /// use audit_core::Auditor;
    ///
    /// let url: Option<String> = None;
    /// let builder = match url {
    ///     Some(url) => Auditor::builder().url(url),
    ///     None => Auditor::builder().disabled(),
    /// };
    /// let writer = builder.init_blocking()?;
    /// assert!(writer.auditor().is_disabled());
    /// # Ok::<(), audit_core::Error>(())
    /// ```
    pub fn disabled(mut self) -> Self {
        self.place = Some(Place::Nowhere);
        self
    }

    /// The PostgreSQL schema; `control_plane` unless said. Must match `^[a-z_][a-z0-9_]{0,62}$`.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// The service's name: PostgreSQL shows it to administrators as `audit-writer NAME` (`application_name`).
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = name.into();
        self
    }

    /// Whether a pooler in transaction mode, PgBouncer say, stands before PostgreSQL. Every transaction then sets its own
    /// limits, nothing is prepared beyond it, and a batch costs more round trips. Unless said, it is found out when the
    /// connection opens: limits that were given at its start have not arrived. Say it of a pooler that hands them on.
    pub const fn pooler(mut self, pooler: bool) -> Self {
        self.pooler = pooler;
        self
    }

    /// How many streams are written side by side, each over a connection of its own; at most 64. Unless said, it is 2 to
    /// PostgreSQL where there are as many cores, and 1 to a file, which takes one writer at a time.
    pub const fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = Some(lanes);
        self
    }

    /// How many entries the queue holds; 65,536 unless said. A call in progress holds a place, which counts once the
    /// queue is more than half full; so calls in progress may go beyond the limit, each by its one entry.
    pub const fn queue_entries(mut self, entries: usize) -> Self {
        self.limits.entries = entries;
        self
    }

    /// How many bytes the queue holds, roughly; 32 MiB unless said. Calls in progress may fill places beyond
    /// it that they were given before it was reached.
    pub const fn queue_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// What happens when the queue is full; callers wait for at most five seconds unless said.
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.limits.overflow = overflow;
        self
    }

    /// How many rows a batch holds at most; 4,096 unless said.
    pub const fn batch_rows(mut self, rows: usize) -> Self {
        self.limits.batch_rows = rows;
        self
    }

    /// How many bytes a batch holds at most, roughly; 8 MiB unless said. A larger entry travels alone.
    pub const fn batch_bytes(mut self, bytes: usize) -> Self {
        self.limits.batch_bytes = bytes;
        self
    }

    /// How long an entry waits for others to share its batch; 50 ms unless said, which keeps a lane below
    /// 20 batches a second until batches are full.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.limits.linger = linger;
        self
    }

    /// After how long without an entry a stream says that its writer lives: ten minutes unless said, a second at least, and
    /// never where it is zero. It is a header without rows, half a kilobyte that stays for ever, and none is written while the
    /// store is away. [`Report::silences`](crate::verify::Report::silences) tells of streams that neither say so nor closed.
    pub const fn heartbeat(mut self, pause: Duration) -> Self {
        let least = Duration::from_secs(1);
        self.delivery.heartbeat = match pause.as_nanos() {
            0 => None,
            nanos if nanos < least.as_nanos() => Some(least),
            _ => Some(pause),
        };
        self
    }

    /// Whether the writer brings the schema up to date; it does unless said.
    pub const fn migrate(mut self, migrate: Migrate) -> Self {
        self.migrate = migrate;
        self
    }

    /// Whether the start waits for the store; at most ten seconds unless said.
    pub const fn wait_for_store(mut self, wait: WaitForStore) -> Self {
        self.wait = wait;
        self
    }

    /// How long the store may take to connect, or to answer to one batch; 30 s unless said.
    pub const fn store_timeout(mut self, timeout: Duration) -> Self {
        self.delivery.timeout = timeout;
        self
    }

    /// The longest pause between two attempts to store a batch; 5 s unless said.
    pub const fn longest_pause(mut self, pause: Duration) -> Self {
        self.delivery.longest_pause = pause;
        self
    }

    /// Whether this writer moves entries from the [outbox](crate::outbox()) to the log; it does unless said, as far as its
    /// user may (in PostgreSQL, with the role `audit_drainer`). Any number of writers may do so at once.
    pub const fn outbox(mut self, outbox: Outbox) -> Self {
        self.outbox = outbox;
        self
    }

    /// Where the outbox is, if not in the database of the log: the application's own, PostgreSQL or SQLite. `audit migrate
    /// --outbox` makes the table there, as does the writer unless [`Self::migrate`] says otherwise. In PostgreSQL the
    /// user needs the role `audit_drainer` there, and nothing else.
    pub fn outbox_url(mut self, url: impl Into<String>) -> Self {
        self.outbox_url = Some(url.into());
        self
    }

    /// After how long another writer lands a batch that one had claimed of the outbox of another database and not
    /// brought to its end; 30 s unless said. Sooner costs work done twice, and nothing else.
    pub const fn outbox_lease(mut self, lease: Duration) -> Self {
        self.outbox_lease = lease;
        self
    }

    /// The PostgreSQL schema that holds the outbox; that of the log unless said.
    pub fn outbox_schema(mut self, name: impl Into<String>) -> Self {
        self.outbox_schema = Some(name.into());
        self
    }

    /// How long the writer waits between two looks at an empty outbox; 100 ms unless said. One look is one small
    /// statement.
    pub const fn outbox_poll(mut self, pause: Duration) -> Self {
        self.outbox_pace.poll = pause;
        self
    }

    /// Whether commits wake the writers that drain the outbox, by PostgreSQL's `NOTIFY`; they do not unless said. It makes
    /// sense beside a longer [`Self::outbox_poll`], and where both those who write into the outbox (through this
    /// auditor) and those who drain it say so.
    ///
    /// It is not for free: PostgreSQL lets transactions that notify commit one after the other, which brought 10,400 small
    /// transactions a second down to 3,600. The writer keeps a connection of its own for it. Behind a pooler in
    /// transaction mode nothing is heard, and the outbox is looked into as often as said; SQLite has nothing like it.
    pub const fn outbox_notify(mut self, notify: bool) -> Self {
        self.outbox_notify = notify;
        self
    }

    /// How many entries of the outbox a batch holds at most; 500 unless said.
    pub const fn outbox_rows(mut self, rows: usize) -> Self {
        self.outbox_pace.rows = rows;
        self
    }

    /// Makes an entry without an actor an error ([`Error::NoActor`]) wherever the caller can still be told: of
    /// [`Auditor::record`] and [`outbox`](crate::outbox()), of a call with `tx`, and of work that is announced
    /// (`durability = "before"`, [`Auditor::attempt`]), which then does not run. Other calls return what they would, and
    /// are recorded as `unattributed`, each with an error in the program's own log.
    pub const fn require_actor(mut self) -> Self {
        self.requires_actor = true;
        self
    }

    /// The key that signs each batch's header, [`SigningKey`](crate::signing::SigningKey) or another; none unless said. Whoever
    /// verifies and trusts that key then sees who wrote a batch, and that nobody without it wrote one.
    pub fn signer(mut self, signer: impl Signer) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Whether this writer puts headers into the [tree](crate::seal) of the log; it does unless said, as far as its user may (in
    /// PostgreSQL, with the role `audit_sealer`). Any number of writers may do so at once. It costs one connection and, while
    /// something is new, one small statement each 200 ms.
    pub const fn seal(mut self, seal: Seal) -> Self {
        self.seal = seal;
        self
    }

    /// The key of the log, with which this writer signs checkpoints; none unless said. In PostgreSQL that takes the role
    /// `audit_signer`. It is safer where `audit seal` runs
    /// and nothing else does: a program that is broken into loses the keys it holds.
    pub fn checkpoint_signer(mut self, signer: impl Signer) -> Self {
        self.sealing.signer = Some(Arc::new(signer));
        self
    }

    /// How long the writer waits between two checkpoints; 10 s unless said. None is signed while nothing is new.
    pub const fn checkpoint_every(mut self, pause: Duration) -> Self {
        self.sealing.checkpoint_every = pause;
        self
    }

    /// Where this writer's checkpoints are also put, outside of the database; nowhere unless said. See
    /// [`Sealer::directory`](crate::seal::Sealer::directory).
    pub fn checkpoint_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.sealing.directory = Some(directory.into());
        self
    }

    /// How long a durable call waits until its entry is stored, or in the journal; 10 s unless said. The entry goes on
    /// waiting after that, and may be stored yet.
    pub const fn durable_timeout(mut self, timeout: Duration) -> Self {
        self.durable_timeout = timeout;
        self
    }

    /// Where batches wait on disk while the store cannot take them; none unless said, and then they wait in memory, which
    /// dies with the process. Recommended for every store that a network or another machine may take away.
    ///
    /// The directory belongs to services of one log: each process has its own part of it, and adopts what dead
    /// processes left there. It must be on a local disk whose `fsync` and file locks can be trusted.
    pub fn journal(mut self, directory: impl Into<PathBuf>) -> Self {
        self.journal = Some(directory.into());
        self
    }

    /// How many bytes may lie in the journal's directory, those of other processes included; 1 GiB unless said. At half of
    /// it an alarm is raised. Beyond it, batches wait in memory, until the queue is full.
    pub const fn journal_bytes(mut self, bytes: u64) -> Self {
        self.journal_bytes = bytes;
        self
    }

    /// How old an entry becomes in memory alone before its batch goes to the journal; 100 ms unless said. While the store is
    /// known to be away, batches go there at once.
    pub const fn spill_after(mut self, age: Duration) -> Self {
        self.delivery.spill_after = age;
        self
    }

    /// How long a guard that is dropped without a shutdown blocks its thread at most; 5 s unless said. Two seconds of it, or
    /// half, are kept for bringing the rest to the journal, where there is one.
    pub const fn drop_deadline(mut self, deadline: Duration) -> Self {
        self.drop_deadline = deadline;
        self
    }

    /// Starts the writer and installs its auditor for the whole program.
    ///
    /// # Errors
    ///
    /// As [`Self::start`], and [`Error::AlreadyInitialised`] when there is a global auditor already.
    pub async fn init(self) -> Result<WriterGuard, Error> {
        if global::get().is_some() {
            return Err(Error::AlreadyInitialised);
        }
        let guard = self.start().await?;
        global::install(guard.auditor())?;
        Ok(guard)
    }

    /// [`Self::init`] for programs without async.
    ///
    /// # Errors
    ///
    /// As [`Self::init`].
    pub fn init_blocking(self) -> Result<WriterGuard, Error> {
        block_on(self.init())
    }

    /// Starts the writer. Its auditor is not the program's: hand it out through a
    /// [`Context`](crate::Context), or record through it.
    ///
    /// # Errors
    ///
    /// When a setting is out of bounds, the URL names no store, the store cannot be reached or migrated, or the journal's
    /// directory cannot be written.
    pub async fn start(self) -> Result<WriterGuard, Error> {
        let Some(store) = self.open()? else {
            let (auditor, queue) = self.deaf();
            return Ok(WriterGuard::new(auditor, queue, None, self.drop_deadline));
        };
        let schema = Schema::new(self.outbox_schema.as_ref().unwrap_or(&self.schema))?;
        let condition = Arc::new(Condition::default());
        let drainer = self.drainer(&store, &schema, &condition)?;
        let sealing = self.sealing(&condition)?;
        let lanes = self.lanes.unwrap_or_else(|| store.lanes()).clamp(1, MAX_LANES);
        let queue = Arc::new(Queue::new(self.limits, lanes));
        let journal = self.open_journal()?;
        let seen = journal.as_ref().map(Arc::downgrade).unwrap_or_default();
        let settings = outbox::Settings { schema, notify: self.outbox_notify };
        let auditor = Auditor::new(
            Arc::clone(&queue),
            seen,
            Arc::clone(&condition),
            self.durable_timeout,
            settings,
            self.requires_actor,
        );
        let start_up = StartUp {
            lanes,
            migrate: self.migrate,
            wait: self.wait,
            delivery: self.delivery,
            condition,
            journal,
            drainer,
            sealing,
            signer: self.signer,
            #[cfg(feature = "metrics")]
            auditor: auditor.clone(),
        };
        let (writer, started) = writer::spawn(Arc::clone(&queue), store, start_up).map_err(Error::NoThread)?;
        let guard = WriterGuard::new(auditor, queue, Some(writer), self.drop_deadline);
        match started.await {
            Ok(started) => started?,
            Err(_) => return Err(Error::WriterDied),
        }
        Ok(guard)
    }

    /// [`Self::start`] for programs without async.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_blocking(self) -> Result<WriterGuard, Error> {
        block_on(self.start())
    }

    fn open_journal(&self) -> Result<Option<Arc<Journal>>, Error> {
        if let Some(directory) = &self.journal {
            return Ok(Some(Journal::open(directory, self.journal_bytes)?));
        }
        tracing::info!("no audit journal: while the store is away, entries wait in memory (`Builder::journal`)");
        Ok(None)
    }

    /// What drains the outbox, if anything shall. A store of one's own has none beside it.
    fn drainer(
        &self,
        log: &SharedStore,
        schema: &Schema,
        condition: &Arc<Condition>,
    ) -> Result<Option<Drainer>, Error> {
        let source = match (self.outbox, &self.outbox_url, &self.place) {
            (Outbox::Leave, ..) | (_, _, Some(Place::Nowhere)) | (_, None, Some(Place::Store(_)) | None) => {
                return Ok(None);
            }
            (_, Some(url), _) => {
                outbox::elsewhere(url, schema, Arc::clone(log), self.outbox_lease, self.migrate, self.pooler)?
            }
            (_, None, Some(Place::Url(url))) => {
                outbox::open(url, &Schema::new(&self.schema)?, &self.service_name, self.pooler)?
            }
        };
        let url = match (&self.outbox_url, &self.place) {
            (Some(url), _) | (None, Some(Place::Url(url))) if self.outbox_notify => Some(url),
            _ => None,
        };
        let bell = url.map(|url| Bell { url: url.as_str().into(), schema: schema.clone(), pooler: self.pooler });
        let condition = Arc::clone(condition);
        let signer = self.signer.clone();
        Ok(Some(Drainer { source, bell, pace: self.outbox_pace, delivery: self.delivery, condition, signer }))
    }

    /// What seals the log, if anything shall. A store of one's own has no tree.
    fn sealing(&self, condition: &Arc<Condition>) -> Result<Option<Sealing>, Error> {
        let (Seal::Run, Some(Place::Url(url))) = (self.seal, &self.place) else { return Ok(None) };
        let place = seal::open(url, &Schema::new(&self.schema)?)?;
        let task = seal::Task::new(place, self.sealing.clone());
        let longest_pause = self.delivery.longest_pause;
        Ok(Some(Sealing { task, longest_pause, condition: Arc::clone(condition), is_refused: false }))
    }

    /// An auditor without a writer, and its queue, which takes nothing.
    pub(super) fn deaf(&self) -> (Auditor, Arc<Queue>) {
        let queue = self.closed_queue();
        (Auditor::deaf(Arc::clone(&queue), self.durable_timeout), queue)
    }

    /// An auditor that a test listens to.
    #[cfg(feature = "testing")]
    pub(super) fn heard_by_test(&self, captured: Arc<crate::testing::Captured>) -> Auditor {
        Auditor::heard_by_test(self.closed_queue(), self.durable_timeout, captured)
    }

    fn closed_queue(&self) -> Arc<Queue> {
        let queue = Arc::new(Queue::new(self.limits, 0));
        queue.close();
        queue
    }

    fn open(&self) -> Result<Option<SharedStore>, Error> {
        let at_least_one = |setting: &'static str, value: usize| {
            if value == 0 { Err(Error::Setting { setting, bounds: "at least 1" }) } else { Ok(()) }
        };
        at_least_one("queue_entries", self.limits.entries)?;
        at_least_one("queue_bytes", self.limits.bytes)?;
        at_least_one("batch_rows", self.limits.batch_rows)?;
        at_least_one("batch_bytes", self.limits.batch_bytes)?;
        at_least_one("outbox_rows", self.outbox_pace.rows)?;
        if self.lanes.is_some_and(|lanes| !(1..=MAX_LANES).contains(&lanes)) {
            return Err(Error::Setting { setting: "lanes", bounds: "from 1 to 64" });
        }
        let schema = Schema::new(&self.schema)?;
        match &self.place {
            Some(Place::Url(url)) => Ok(Some(store::open_for(url, &schema, &self.service_name, self.pooler)?)),
            Some(Place::Store(store)) => Ok(Some(Arc::clone(store))),
            Some(Place::Nowhere) => Ok(None),
            None => Err(Error::NoStore),
        }
    }
}
