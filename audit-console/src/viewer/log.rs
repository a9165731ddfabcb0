//! The log that is shown.

use std::sync::Arc;
use std::time::Duration;

use audit_core::Auditor;
use audit_core::query::Reader;
use audit_core::store::{Schema, StoreError};
use tokio::sync::Semaphore;

/// Most live tails at a time.
const TAILS: usize = 32;
/// Most exports at a time.
const EXPORTS: usize = 4;
/// How long is counted for one page.
const GLANCE: Duration = Duration::from_millis(300);

/// The log that is shown, over three connections: whoever turns pages waits for neither what is counted beside them nor for
/// exports.
#[derive(Debug)]
pub struct Log {
    /// For what people wait for.
    pub(super) pages: Reader,
    /// For what stands beside it.
    pub(super) beside: Reader,
    /// For tails and exports.
    pub(super) background: Reader,
    pub(super) tails: Arc<Semaphore>,
    pub(super) exports: Arc<Semaphore>,
    pub(super) schema: Schema,
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
            background: Reader::connect(url, schema).await?,
            tails: Arc::new(Semaphore::new(TAILS)),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            schema: schema.clone(),
            auditor: None,
        })
    }

    /// Records each look at entries as `audit_log.viewed`, before it is answered. Who looks is the actor of the
    /// [context](audit_core::context).
    #[must_use]
    pub fn recording(mut self, auditor: Auditor) -> Self {
        self.auditor = Some(auditor);
        self
    }
}
