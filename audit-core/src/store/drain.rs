//! What moves entries from an outbox to the log.

use super::{BoxFuture, StoreError};
use crate::batch::Batch;
use crate::outbox::{Claim, Cutter};

/// A connection to a log whose database holds the outbox, too.
pub(crate) trait Drain: Send {
    /// Moves a few entries, batch and removal in one transaction.
    ///
    /// After an error, or dropped, whether they were moved is unknown: doubt the cutter's batch, drop the connection,
    /// connect and go on.
    fn drain<'a>(&'a mut self, cutter: &'a mut Cutter) -> BoxFuture<'a, Result<Drained, StoreError>>;

    /// Says good-bye to the server.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What became of one look into the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Nothing waits.
    Nothing,
    /// Entries were moved, some of them to the dead letters.
    Moved { entries: u64, dead_lettered: u64 },
    /// Somebody else writes the stream; a new one has begun.
    BegunAgain,
    /// This user may not, or there is no outbox.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "only PostgreSQL has users"))]
    NotAllowed,
}

impl Drained {
    /// The store holds a header of the cutter's next number.
    pub(crate) fn recognised(cutter: &mut Cutter, hash: &[u8], dead_lettered: u64) -> Self {
        cutter
            .recognise(hash)
            .map_or(Self::BegunAgain, |earlier| Self::Moved { entries: earlier.entries, dead_lettered })
    }
}

/// A connection to an outbox whose log is in another database.
pub(crate) trait Claims: Send {
    /// Freezes a few waiting entries into a batch, which is written on them and committed.
    fn claim<'a>(&'a mut self, cutter: &'a mut Cutter) -> BoxFuture<'a, Result<Claimed, StoreError>>;

    /// A claim of this stream and number, if there is one.
    fn find(&mut self, stream_id: uuid::Uuid, batch_no: i64) -> BoxFuture<'_, Result<Option<Claim>, StoreError>>;

    /// Takes over a claim that is older than the lease.
    fn take_over(&mut self, lease: std::time::Duration) -> BoxFuture<'_, Result<Option<Claim>, StoreError>>;

    /// Removes the entries of a claim, whose batch has landed.
    fn remove<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Lets the entries of a claim go, whose batch can never land.
    fn release<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Says good-bye to the server.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What became of one look for entries to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// Nothing waits.
    Nothing,
    /// The cutter's batch is written on its entries.
    Batch,
    /// This user may not, or there is no outbox.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "only PostgreSQL has users"))]
    NotAllowed,
}
