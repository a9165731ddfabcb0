//! The log that is shown.

use std::sync::Arc;
use std::time::Duration;

use audit_core::Auditor;
use audit_core::query::Reader;
use audit_core::signing::TrustedKeys;
use audit_core::store::{Schema, StoreError};
use tokio::sync::Semaphore;

use super::known::Known;
use crate::cli::LogArgs;
use crate::database_url::DatabaseUrl;

/// Most live tails at a time.
const TAILS: usize = 32;
/// Most exports at a time.
const EXPORTS: usize = 4;
/// Most proofs that are computed at a time, each over a connection of its own.
const PROOFS: usize = 2;
/// How long an export waits for its client to read on, unless [`Log::with_unread_time`] says otherwise.
const UNREAD_TIME: Duration = Duration::from_secs(30);
/// How long is counted for one page, whose entries do not wait for it.
const GLANCE: Duration = Duration::from_millis(300);

/// The log that is shown, over four connections: whoever turns pages waits for neither what is counted beside them nor for
/// exports.
#[derive(Debug)]
pub struct Log {
    /// For what people wait for.
    pub(super) pages: Reader,
    /// For what stands beside it.
    pub(super) beside: Reader,
    /// For what the query box offers.
    pub(super) known: Known,
    /// For tails and exports.
    pub(super) background: Reader,
    pub(super) tails: Arc<Semaphore>,
    pub(super) exports: Arc<Semaphore>,
    pub(super) unread_time: Duration,
    pub(super) proofs: Semaphore,
    /// Where proofs are computed from.
    pub(super) url: DatabaseUrl,
    pub(super) schema: Schema,
    /// Who may have signed checkpoints and batches.
    pub(super) keys: TrustedKeys,
    /// By whom looks are recorded, if they are.
    pub(super) auditor: Option<Auditor>,
}

impl Log {
    /// Connects to the log at a URL, as [`Reader::connect`] does.
    ///
    /// # Errors
    ///
    /// When the URL is no store's, or the store cannot be reached.
    pub async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        Ok(Self {
            pages: Reader::connect(url, schema).await?,
            beside: Reader::connect(url, schema).await?.with_patience(GLANCE),
            known: Known::connect(url, schema).await?,
            background: Reader::connect(url, schema).await?,
            tails: Arc::new(Semaphore::new(TAILS)),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            unread_time: UNREAD_TIME,
            proofs: Semaphore::new(PROOFS),
            url: DatabaseUrl::given(url),
            schema: schema.clone(),
            keys: TrustedKeys::default(),
            auditor: None,
        })
    }

    /// Says with each proof whether one of these keys signed it.
    #[must_use]
    pub fn trusting(mut self, keys: TrustedKeys) -> Self {
        self.keys = keys;
        self
    }

    /// How long an export waits for its client to read on; 30 seconds unless this says otherwise. Then it breaks off, and another
    /// has its place: four run at a time.
    #[must_use]
    pub const fn with_unread_time(mut self, time: Duration) -> Self {
        self.unread_time = time;
        self
    }

    /// The same log, for commands to paste. Where it is, their environment says.
    pub(super) fn place(&self) -> LogArgs {
        LogArgs { database_url: None, schema: self.schema.clone(), audit_reads: false }
    }

    /// Records each look at entries as `audit_log.viewed`, before it is answered. Who looks is the actor of the
    /// [context](audit_core::context).
    #[must_use]
    pub fn recording(mut self, auditor: Auditor) -> Self {
        self.auditor = Some(auditor);
        self
    }
}
