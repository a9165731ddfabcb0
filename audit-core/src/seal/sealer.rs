//! A sealer of its own, as `audit seal` runs it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

use super::work::{Settings, Task, Turn};
use crate::signing::{SignError, Signer};
use crate::store::{ErrorClass, Schema, StoreError};

/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Puts headers into the tree, and signs checkpoints if it has a key.
///
/// # Examples
///
/// ```no_run
/// use audit_core::seal::Sealer;
/// use audit_core::signing::SigningKey;
/// use audit_core::store::Schema;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::from_file("/etc/audit/log.key")?;
/// let mut sealer = Sealer::new("postgres://audit_signer@localhost/app", &Schema::default())?.signer(key);
/// let sealed = sealer.once().await?;
/// println!("the log has {} batches, and a checkpoint says so", sealed.size);
/// # Ok(())
/// # }
/// ```
pub struct Sealer {
    url: String,
    schema: Schema,
    settings: Settings,
}

/// What a sealer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sealed {
    /// Headers that it put into the tree.
    pub headers: u64,
    /// How large the tree is that the newest checkpoint states; 0 where the sealer has no key.
    pub size: u64,
}

/// Why a log could not be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealerError {
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This user may not seal.
    #[error("this user may not seal the log of {place}: grant it the role audit_sealer, or migrate the database")]
    NotAllowed {
        /// Where.
        place: String,
    },
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The code that signs panicked.
    #[error("the signer of checkpoints panicked")]
    SignerPanicked {
        /// The panic.
        source: tokio::task::JoinError,
    },
    /// The tree is not the one that was signed.
    #[error(
        "the tree of {place} contradicts its newest checkpoint, of {size} batches: one of them was changed. It is not signed \
         again: run `audit verify`"
    )]
    Contradiction {
        /// Where.
        place: String,
        /// The checkpoint's size.
        size: u64,
    },
    /// The directory of checkpoints cannot be written.
    #[error("cannot keep a checkpoint in {}", directory.display())]
    Directory {
        /// Which.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SealerError {
    /// Whether it may pass by itself.
    pub(crate) const fn class(&self) -> ErrorClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Sign(_) | Self::Directory { .. } => ErrorClass::Transient,
            Self::NotAllowed { .. } | Self::SignerPanicked { .. } | Self::Contradiction { .. } => ErrorClass::Operator,
        }
    }
}

impl Sealer {
    /// A sealer of the log at a URL. Nothing is opened yet. In PostgreSQL the user needs the role `audit_sealer`, with a key
    /// `audit_signer`.
    ///
    /// # Errors
    ///
    /// When the URL names no store.
    pub fn new(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        super::open(url, schema)?;
        Ok(Self { url: url.to_owned(), schema: schema.clone(), settings: Settings::default() })
    }

    /// Who signs checkpoints. Its key's name is the log's origin. Without it, none are signed here.
    #[must_use]
    pub fn signer(mut self, signer: impl Signer) -> Self {
        self.settings.signer = Some(std::sync::Arc::new(signer));
        self
    }

    /// Where checkpoints are also put, outside of the database: a directory on storage that cannot be changed afterwards, best on
    /// another machine. Each checkpoint is a file of its own, which is never changed.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.settings.directory = Some(directory.into());
        self
    }

    /// The pause between two looks for new headers; 200 ms unless said.
    #[must_use]
    pub const fn every(mut self, pause: Duration) -> Self {
        self.settings.every = pause;
        self
    }

    /// The pause between two checkpoints; 10 s unless said. None is signed while nothing is new.
    #[must_use]
    pub const fn checkpoint_every(mut self, pause: Duration) -> Self {
        self.settings.checkpoint_every = pause;
        self
    }

    /// Seals everything that is there now, and signs it if there is a key.
    ///
    /// # Errors
    ///
    /// When it could not.
    ///
    /// # Cancellation
    ///
    /// What was sealed stays sealed, and nothing else happens.
    pub async fn once(&mut self) -> Result<Sealed, SealerError> {
        let mut task = self.task()?;
        let mut sealed = 0;
        loop {
            match task.turn(true).await? {
                Turn::NotAllowed => return Err(SealerError::NotAllowed { place: task.place() }),
                Turn::Busy => tokio::time::sleep(self.settings.every).await,
                Turn::Sealed { headers, is_whole } => {
                    sealed += headers;
                    if is_whole {
                        break;
                    }
                }
            }
        }
        task.close().await;
        Ok(Sealed { headers: sealed, size: task.signed() })
    }

    /// Seals until `end`, and once more then. Failures that may pass are told to `failed` and tried again, for as long as it
    /// takes.
    ///
    /// # Errors
    ///
    /// When this user may not seal, the tree contradicts a checkpoint, or the last turn failed.
    pub async fn run(
        &mut self,
        end: impl Future<Output = ()>,
        mut failed: impl FnMut(&SealerError),
    ) -> Result<Sealed, SealerError> {
        let mut task = self.task()?;
        let mut sealed = 0;
        let pauses =
            || ExponentialBuilder::default().with_max_delay(LONGEST_PAUSE).without_max_times().with_jitter().build();
        let mut lengths = pauses();
        tokio::pin!(end);
        loop {
            let pause = match task.turn(false).await {
                Ok(Turn::NotAllowed) => return Err(SealerError::NotAllowed { place: task.place() }),
                Ok(turn) => {
                    lengths = pauses();
                    sealed += turn.headers();
                    turn.pause(self.settings.every)
                }
                // What only an operator can mend may be mended while it waits.
                Err(error) if !matches!(error, SealerError::Contradiction { .. }) => {
                    failed(&error);
                    lengths.next().unwrap_or(LONGEST_PAUSE)
                }
                Err(error) => return Err(error),
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut end => break,
            }
        }
        sealed += task.turn(true).await?.headers();
        task.close().await;
        Ok(Sealed { headers: sealed, size: task.signed() })
    }

    fn task(&self) -> Result<Task, StoreError> {
        Ok(Task::new(super::open(&self.url, &self.schema)?, self.settings.clone()))
    }
}

/// Never the URL, which may hold a password.
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("settings", &self.settings).finish_non_exhaustive()
    }
}
