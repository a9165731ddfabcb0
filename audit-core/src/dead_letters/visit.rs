//! Who looks, and who sends again.

use std::fmt;

use super::{DeadLetter, DeadLetterId};
use crate::store::{BoxFuture, Schema, StoreError, by_kind};

/// What became of a dead letter that was sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// The log holds the row now.
    Stored,
    /// There is no dead letter of this id: somebody else was faster.
    Gone,
}

/// What each kind of store does.
pub(super) trait Letters: Send {
    fn list(&mut self, after: Option<DeadLetterId>, most: u32) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>>;
    fn retry(&mut self, id: DeadLetterId) -> BoxFuture<'_, Result<Retried, StoreError>>;
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// The dead letters of a log, over one connection.
pub struct DeadLetters {
    letters: Box<dyn Letters>,
}

impl DeadLetters {
    /// Most letters of one list.
    pub const MOST: u32 = 1_000;

    /// Connects to the log at a URL. To look needs the role of a reader, to send again that of an admin.
    ///
    /// # Errors
    ///
    /// When the URL is no store's, or the store cannot be reached.
    pub async fn connect(url: &str, schema: &Schema) -> Result<Self, StoreError> {
        by_kind!(url, schema,
            postgres => Ok(Self { letters: Box::new(super::postgres::Postgres::connect(url, schema).await?) }),
            sqlite => Ok(Self { letters: Box::new(super::sqlite::Sqlite::connect(url).await?) }),
        )
    }

    /// Dead letters in the order of their ids, those after one, at most so many (and at most [`Self::MOST`]).
    ///
    /// # Errors
    ///
    /// When the store does not answer, or its tables are not this program's.
    pub async fn list(&mut self, after: Option<DeadLetterId>, most: u32) -> Result<Vec<DeadLetter>, StoreError> {
        self.letters.list(after, most.min(Self::MOST)).await
    }

    /// Moves a dead letter's row into the log, under the number it has always had.
    ///
    /// # Errors
    ///
    /// When the row is refused again, with the reason; then nothing has changed. After an error that is
    /// [`Transient`](crate::store::ErrorClass::Transient), connect again.
    ///
    /// # Cancellation
    ///
    /// The row was moved, or nothing was; asking again tells.
    pub async fn retry(&mut self, id: DeadLetterId) -> Result<Retried, StoreError> {
        self.letters.retry(id).await
    }

    /// Says good-bye to the server.
    pub async fn close(self) {
        self.letters.close().await;
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").finish_non_exhaustive()
    }
}
