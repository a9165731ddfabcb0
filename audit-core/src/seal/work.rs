//! Sealing, turn by turn.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument as _;

use super::outside::Outside;
use super::place::{Place, Step, Stored, Tree};
use super::{Checkpoint, SealerError};
use crate::merkle::Frontier;
use crate::signing::{Note, Signer};
use crate::spans;
use crate::store::{ErrorClass, StoreError};

/// The pause between two looks where this user may not seal: somebody may grant it.
const NOT_ALLOWED_POLL: Duration = Duration::from_secs(30);

/// How often headers are looked for below the watermark: after a failover there may be some.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// Most leaves that one file of heads tells of.
const HEADS: usize = 100_000;

/// How a log is sealed.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The pause between two looks for new headers.
    pub(crate) every: Duration,
    /// The pause between two checkpoints.
    pub(crate) checkpoint_every: Duration,
    /// The longest wait for an answer.
    pub(crate) timeout: Duration,
    /// Who signs checkpoints, if anybody does here.
    pub(crate) signer: Option<Arc<dyn Signer>>,
    /// Where checkpoints are also put, outside of the database.
    pub(crate) directory: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            every: Duration::from_millis(200),
            checkpoint_every: Duration::from_secs(10),
            timeout: Duration::from_secs(75),
            signer: None,
            directory: None,
        }
    }
}

/// The work on one log, over one connection at a time.
pub(crate) struct Task {
    place: Arc<dyn Place>,
    settings: Settings,
    outside: Option<Outside>,
    connection: Option<Box<dyn Tree>>,
    /// Whatever was committed by transactions below is in the tree. Nothing until the newest checkpoint was looked at.
    watermark: Option<u64>,
    /// The tree as far as this sealer has read it; only where it signs.
    frontier: Option<Frontier>,
    /// What was kept outside, and the tree has to come up to.
    kept: Option<Checkpoint>,
    /// How large the tree is that the newest checkpoint states.
    signed: u64,
    next_checkpoint: Instant,
    /// When everything is looked at again, whatever the watermark says.
    next_sweep: Instant,
}

/// What became of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// This user may not seal.
    NotAllowed,
    /// Somebody else was at it.
    Busy,
    Sealed {
        headers: u64,
        /// Whether nothing is left to do now.
        is_whole: bool,
    },
}

impl Task {
    pub(crate) fn new(place: Arc<dyn Place>, settings: Settings) -> Self {
        let outside = settings.directory.clone().map(Outside::new);
        Self {
            place,
            settings,
            outside,
            connection: None,
            watermark: None,
            frontier: None,
            kept: None,
            signed: 0,
            next_checkpoint: Instant::now(),
            next_sweep: Instant::now() + SWEEP_EVERY,
        }
    }

    pub(crate) fn place(&self) -> String {
        self.place.describe()
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Puts what is new into the tree, and signs a checkpoint if it is time or `sign_now`. A connection that failed is
    /// dropped, never used again.
    pub(crate) async fn turn(&mut self, sign_now: bool) -> Result<Turn, SealerError> {
        let mut open = if let Some(open) = self.connection.take() {
            open
        } else {
            let mut open = self.within(self.place.connect()).await?;
            if !self.within(open.may_seal()).await? {
                open.close().await;
                return Ok(Turn::NotAllowed);
            }
            open
        };
        // Dropped with the connection should this fail: another server may answer the next one.
        let watermark = self.watermark.take();
        let span = spans::seal();
        let turn = self.seal(&mut *open, watermark).instrument(span.clone()).await?;
        span.record("headers", turn.headers());
        let is_due = sign_now || self.next_checkpoint <= Instant::now();
        let is_settled = !matches!(turn, Turn::Sealed { is_whole: false, .. });
        if let Some(signer) = self.settings.signer.clone()
            && is_due
            && is_settled
        {
            self.checkpoint(&mut *open, signer).await?;
            self.next_checkpoint = Instant::now() + self.settings.checkpoint_every;
        }
        self.connection = Some(open);
        Ok(turn)
    }

    /// How large the tree is that the newest checkpoint states, as far as this sealer knows.
    pub(crate) const fn signed(&self) -> u64 {
        self.signed
    }

    pub(crate) async fn close(&mut self) {
        if let Some(open) = self.connection.take() {
            open.close().await;
        }
    }

    async fn seal(&mut self, open: &mut dyn Tree, watermark: Option<u64>) -> Result<Turn, SealerError> {
        let is_sweep = self.next_sweep <= Instant::now();
        if is_sweep {
            self.next_sweep = Instant::now() + SWEEP_EVERY;
        }
        let watermark = match watermark {
            _ if is_sweep => 0,
            Some(watermark) => watermark,
            None => self.within(open.newest_checkpoint()).await?.map_or(0, |newest| newest.watermark),
        };
        let step = self.within(open.seal(watermark)).await?;
        Ok(match step {
            Step::Busy => {
                self.watermark = Some(watermark);
                Turn::Busy
            }
            Step::Sealed { headers, watermark, is_whole } => {
                self.watermark = Some(watermark);
                Turn::Sealed { headers, is_whole }
            }
        })
    }

    /// Signs what the tree is now, unless that has been signed.
    async fn checkpoint(&mut self, open: &mut dyn Tree, signer: Arc<dyn Signer>) -> Result<(), SealerError> {
        let mut frontier = if let Some(frontier) = self.frontier.take() {
            frontier
        } else {
            let begun = self.begin(open, &*signer).await?;
            if let Some(outside) = &self.outside {
                let kept = outside.newest(signer.verifying_key().clone()).await?;
                self.kept = kept.filter(|kept| kept.size >= begun.size());
            }
            self.agree(&begun)?;
            begun
        };
        let mut heads = Vec::new();
        loop {
            let leaves = self.within(open.leaves(frontier.size())).await?;
            for leaf in &leaves {
                frontier.push(leaf.hash);
                self.agree(&frontier)?;
            }
            let is_end = leaves.is_empty();
            if self.outside.is_some() {
                heads.extend(leaves);
            }
            // The tree may still have to come up to what was kept outside.
            if frontier.size() > self.signed && self.kept.is_none() && (is_end || heads.len() >= HEADS) {
                let stored = self.sign(&frontier, Arc::clone(&signer)).await?;
                if let Some(outside) = &self.outside {
                    outside.keep(stored.clone(), self.signed, std::mem::take(&mut heads)).await?;
                }
                self.within(open.write(&stored)).await?;
                tracing::info!(size = stored.size, note = stored.note, "audit checkpoint");
                self.signed = stored.size;
            }
            if is_end {
                break;
            }
        }
        if let Some(kept) = &self.kept {
            return Err(SealerError::Contradiction { place: self.place(), size: kept.size });
        }
        self.frontier = Some(frontier);
        Ok(())
    }

    /// Whether the tree is the one that was kept outside, once it is as large.
    fn agree(&mut self, frontier: &Frontier) -> Result<(), SealerError> {
        match self.kept.take_if(|kept| kept.size <= frontier.size()) {
            Some(kept) if (kept.size, kept.root) != (frontier.size(), frontier.root()) => {
                Err(SealerError::Contradiction { place: self.place(), size: kept.size })
            }
            _ => Ok(()),
        }
    }

    async fn sign(&self, frontier: &Frontier, signer: Arc<dyn Signer>) -> Result<Stored, SealerError> {
        let origin = signer.verifying_key().name().to_owned();
        let checkpoint = Checkpoint { origin, size: frontier.size(), root: frontier.root() };
        // A signer may ask a service.
        let note = tokio::task::spawn_blocking(move || Note::sign(checkpoint.to_string(), &*signer)).await;
        let note = note.map_err(|panic| SealerError::SignerPanicked { source: panic })??;
        Ok(Stored {
            size: frontier.size(),
            root: frontier.root(),
            watermark: self.watermark.unwrap_or_default(),
            note: note.to_string(),
            frontier: frontier.to_bytes(),
        })
    }

    /// The tree that the newest checkpoint states: from what stands beside it, if that is what this key signed; else read
    /// anew. A tree that contradicts the newest checkpoint is not signed.
    async fn begin(&mut self, open: &mut dyn Tree, signer: &dyn Signer) -> Result<Frontier, SealerError> {
        let Some(newest) = self.within(open.newest_checkpoint()).await? else { return Ok(Frontier::default()) };
        self.signed = newest.size;
        let ours = newest.note.parse::<Note>().ok().filter(|note| note.is_signed_by(signer.verifying_key()));
        let stated = ours.and_then(|note| note.text().parse::<Checkpoint>().ok());
        let beside = Frontier::from_bytes(newest.size, &newest.frontier);
        if let (Some(stated), Some(frontier)) = (stated, beside)
            && (stated.size, stated.root) == (frontier.size(), frontier.root())
        {
            return Ok(frontier);
        }
        let mut frontier = Frontier::default();
        while frontier.size() < newest.size {
            let leaves = self.within(open.leaves(frontier.size())).await?;
            if leaves.is_empty() {
                break;
            }
            for leaf in leaves {
                if frontier.size() < newest.size {
                    frontier.push(leaf.hash);
                }
            }
        }
        if (frontier.size(), frontier.root()) != (newest.size, newest.root) {
            return Err(SealerError::Contradiction { place: self.place(), size: newest.size });
        }
        Ok(frontier)
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let timeout = self.settings.timeout;
        tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
            let reason = format!("{} did not answer within {timeout:?}", self.place());
            Err(StoreError::new(ErrorClass::Transient, "cannot seal the log", reason))
        })
    }
}

impl Turn {
    pub(crate) const fn headers(self) -> u64 {
        match self {
            Self::Sealed { headers, .. } => headers,
            Self::NotAllowed | Self::Busy => 0,
        }
    }

    /// How long to wait for the next. Where somebody else is at it, there is no hurry.
    pub(crate) fn pause(self, every: Duration) -> Duration {
        match self {
            Self::Sealed { is_whole: false, .. } => Duration::ZERO,
            Self::Sealed { .. } => every,
            Self::Busy => every * 10,
            Self::NotAllowed => NOT_ALLOWED_POLL,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use uuid::Uuid;

    use super::super::place::Leaf;
    use super::*;
    use crate::signing::SigningKey;
    use crate::store::BoxFuture;

    /// A tree that grows by one header a second for half a minute, and notes when what was asked of it.
    #[derive(Clone)]
    struct Growing {
        begun: Instant,
        asked: Arc<Mutex<Asked>>,
    }

    #[derive(Default)]
    struct Asked {
        turns: Vec<Duration>,
        checkpoints: Vec<(Duration, u64)>,
    }

    impl Growing {
        fn new() -> Self {
            Self { begun: Instant::now(), asked: Arc::default() }
        }

        fn size(&self) -> u64 {
            self.begun.elapsed().as_secs().min(30)
        }
    }

    impl Place for Growing {
        fn describe(&self) -> String {
            "a tree that grows".to_owned()
        }

        fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Tree>, StoreError>> {
            Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn Tree>) })
        }
    }

    impl Tree for Growing {
        fn may_seal(&mut self) -> BoxFuture<'_, Result<bool, StoreError>> {
            Box::pin(async { Ok(true) })
        }

        fn seal(&mut self, watermark: u64) -> BoxFuture<'_, Result<Step, StoreError>> {
            self.asked.lock().unwrap().turns.push(self.begun.elapsed());
            Box::pin(async move { Ok(Step::Sealed { headers: 0, watermark, is_whole: true }) })
        }

        fn leaves(&mut self, from: u64) -> BoxFuture<'_, Result<Vec<Leaf>, StoreError>> {
            let leaf = |_| Leaf { stream_id: Uuid::nil(), batch_no: 0, hash: [7; 32] };
            let leaves = (from..self.size()).map(leaf).collect();
            Box::pin(async { Ok(leaves) })
        }

        fn newest_checkpoint(&mut self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
            Box::pin(async { Ok(None) })
        }

        fn write<'a>(&'a mut self, checkpoint: &'a Stored) -> BoxFuture<'a, Result<(), StoreError>> {
            self.asked.lock().unwrap().checkpoints.push((self.begun.elapsed(), checkpoint.size));
            Box::pin(async { Ok(()) })
        }

        fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
            Box::pin(async {})
        }
    }

    #[tokio::test(start_paused = true)]
    async fn headers_are_looked_for_every_200_ms_and_a_checkpoint_is_signed_every_10_s_if_there_are_new_ones() {
        let place = Growing::new();
        let signer: Arc<dyn Signer> = Arc::new(SigningKey::generate("log").unwrap());
        let settings = Settings { signer: Some(signer), ..Settings::default() };
        let mut task = Task::new(Arc::new(place.clone()), settings);
        while place.begun.elapsed() < Duration::from_mins(1) {
            let turn = task.turn(false).await.unwrap();
            tokio::time::sleep(turn.pause(task.settings().every)).await;
        }
        let asked = std::mem::take(&mut *place.asked.lock().unwrap());
        let expected: Vec<_> = (0..300).map(|turn| Duration::from_millis(200) * turn).collect();
        assert_eq!(asked.turns, expected);
        // Nothing is there at first, and nothing comes after half a minute.
        let expected = [10, 20, 30].map(|second| (Duration::from_secs(second), second));
        assert_eq!(asked.checkpoints, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_checkpoint_is_signed_at_once_for_whoever_asks() {
        let place = Growing::new();
        let signer: Arc<dyn Signer> = Arc::new(SigningKey::generate("log").unwrap());
        let settings = Settings { signer: Some(signer), ..Settings::default() };
        let mut task = Task::new(Arc::new(place.clone()), settings);
        task.turn(false).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        task.turn(false).await.unwrap();
        assert_eq!(place.asked.lock().unwrap().checkpoints, []);
        for _ in 0..2 {
            task.turn(true).await.unwrap();
            assert_eq!(place.asked.lock().unwrap().checkpoints, [(Duration::from_secs(3), 3)]);
        }
    }
}
