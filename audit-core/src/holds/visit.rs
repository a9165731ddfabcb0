//! Who adds, lists and releases.

use std::fmt;

use uuid::Uuid;

use super::Hold;
use crate::catalog::SystemAction;
use crate::store::{BoxFuture, Schema, StoreError, by_kind};
use crate::{Auditor, Entry, Error, Outcome};

/// What each kind of store does.
pub(super) trait Place: Send {
    fn active(&mut self) -> BoxFuture<'_, Result<Vec<Hold>, StoreError>>;
    fn add<'a>(&'a mut self, hold: &'a Hold) -> BoxFuture<'a, Result<(), StoreError>>;
    fn release<'a>(&'a mut self, id: Uuid, reason: &'a str, by: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// The legal holds of a log, over one connection.
pub struct Holds {
    place: Box<dyn Place>,
}

/// Why a hold was neither added nor released.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing can be recorded, so nothing was done.
    #[error("nothing was done, because it cannot be recorded")]
    NotRecorded(#[source] Error),
    /// It was done, and the log tells only of the attempt.
    #[error("it was recorded that this was attempted, and could not be that it is done")]
    EndNotRecorded(#[source] Error),
    /// The hold covers nothing, or everything.
    #[error("a hold has to say what it covers: a time that begins before it ends, an actor or a target")]
    Unsound,
    /// There is no such hold, or it was released before.
    #[error("there is no active hold {id}: `audit hold list` shows those there are")]
    NoHold {
        /// The id that was given.
        id: Uuid,
    },
}

impl Holds {
    /// Connects to the log at a URL. To look needs the role of a reader, the rest that of an admin.
    ///
    /// # Errors
    ///
    /// When the URL is no store's, or the store cannot be reached.
    pub async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        by_kind!(url, schema,
            postgres => Ok(Self { place: Box::new(super::postgres::Postgres::connect(url, schema).await?) }),
            sqlite => Ok(Self { place: Box::new(super::sqlite::Sqlite::connect(url).await?) }),
        )
    }

    /// The holds that are not released, oldest first.
    ///
    /// # Errors
    ///
    /// When the store does not answer, or this user may not look.
    pub async fn active(&mut self) -> Result<Vec<Hold>, StoreError> {
        self.place.active().await
    }

    /// Adds a hold, and records that.
    ///
    /// # Errors
    ///
    /// When it covers nothing, nothing can be recorded, or the store refuses.
    ///
    /// # Cancellation
    ///
    /// It was added, or not; [`Self::active`] tells. The log tells of an attempt that was cancelled.
    pub async fn add(&mut self, hold: Hold, auditor: &Auditor) -> Result<(), HoldError> {
        if !hold.is_sound() {
            return Err(HoldError::Unsound);
        }
        let action = SystemAction::AuditHoldAdded { reason: hold.reason.clone() };
        let entry = Entry::builder(action).target_id(hold.id.to_string()).build();
        let attempt = auditor.attempt(entry).await.map_err(HoldError::NotRecorded)?;
        if let Err(error) = self.place.add(&hold).await {
            attempt.fail(error.to_string()).await.map_err(HoldError::EndNotRecorded)?;
            return Err(error.into());
        }
        attempt.end(Outcome::Success).await.map_err(HoldError::EndNotRecorded).map(drop)
    }

    /// Releases a hold, and records that.
    ///
    /// # Errors
    ///
    /// When there is no such hold, nothing can be recorded, or the store refuses.
    ///
    /// # Cancellation
    ///
    /// As [`Self::add`].
    pub async fn release(&mut self, id: Uuid, reason: &str, by: &str, auditor: &Auditor) -> Result<(), HoldError> {
        let action = SystemAction::AuditHoldRemoved { reason: reason.to_owned() };
        let entry = Entry::builder(action).target_id(id.to_string()).build();
        let attempt = auditor.attempt(entry).await.map_err(HoldError::NotRecorded)?;
        let released = match self.place.release(id, reason, by).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(HoldError::NoHold { id }),
            Err(error) => Err(error.into()),
        };
        match &released {
            Ok(()) => attempt.end(Outcome::Success).await,
            Err(error) => attempt.fail(error.to_string()).await,
        }
        .map_err(HoldError::EndNotRecorded)?;
        released
    }

    /// Says good-bye to the server.
    pub async fn close(self) {
        self.place.close().await;
    }
}

impl fmt::Debug for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holds").finish_non_exhaustive()
    }
}
