//! One lane's connection.

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use uuid::Uuid;

use super::session::{Mode, Session};
use super::sqlstate::{CHECK_VIOLATION, UNIQUE_VIOLATION, store_error};
use super::statements::Statements;
use super::store::Left;
use super::{copy, poison, sqlstate};
use crate::batch::Batch;
use crate::store::dead_letter::LastBatch;
use crate::store::{BoxFuture, Connection, ErrorClass, Landed, Schema, StoreError};

/// Up to this many rows land as one statement, more by COPY.
const STATEMENT_ROWS: usize = 100;
const EXAMINE: &str = "cannot ask for the hash of a stored header";

pub(crate) struct PostgresConnection {
    /// `None` once it has been closed in order.
    session: Option<Session>,
    pub(super) statements: Statements,
    /// Bounds of partitions that exist: a few, the newest last.
    partitions: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    left: Left,
    pub(super) last: LastBatch,
    /// Whether this user is known to be allowed to drain the outbox.
    pub(super) may_drain: bool,
}

/// What became of one attempt to send a batch.
pub(super) enum Sent {
    Stored {
        dead_lettered: u64,
    },
    /// There is a header of this number.
    HeaderExists,
    /// A row found no partition.
    NoPartition,
}

impl PostgresConnection {
    /// More bounds than this are forgotten, oldest first.
    const PARTITIONS: usize = 64;

    pub(super) fn new(session: Session, schema: &Schema, left: Left, last: LastBatch) -> Self {
        let statements = Statements::new(schema);
        Self { session: Some(session), statements, partitions: Vec::new(), left, last, may_drain: false }
    }

    pub(super) fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("only close, which takes the connection, takes the session")
    }

    pub(super) fn parts(&mut self) -> (&mut Session, &Statements, &LastBatch) {
        let session = self.session.as_mut().expect("only close, which takes the connection, takes the session");
        (session, &self.statements, &self.last)
    }

    async fn land_batch(&mut self, batch: &Batch) -> Result<Landed, StoreError> {
        if let Err(error) = self.ensure_partitions_of(batch).await {
            // A batch that has waited for very long may have been stored while its times were still taken.
            let may_be_there = error.class() == ErrorClass::OutOfWindow;
            return if may_be_there { self.look_for(batch).await?.ok_or(error) } else { Err(error) };
        }
        let mut sent = self.send(batch).await?;
        if matches!(sent, Sent::NoPartition) {
            // One was dropped since it was last seen.
            self.partitions.clear();
            self.ensure_partitions_of(batch).await?;
            sent = self.send(batch).await?;
        }
        match sent {
            Sent::Stored { dead_lettered } => {
                self.last.remember(batch, dead_lettered);
                Ok(Landed::Stored { dead_lettered })
            }
            Sent::HeaderExists => self.resolve(batch).await,
            Sent::NoPartition => {
                Err(StoreError::new(ErrorClass::Operator, "cannot land a batch", sqlstate::UNNAMED_CHECK))
            }
        }
    }

    async fn send(&mut self, batch: &Batch) -> Result<Sent, StoreError> {
        let error = match self.send_rows(batch).await {
            Ok(()) => return Ok(Sent::Stored { dead_lettered: 0 }),
            Err(error) => error,
        };
        let sent = met(&error);
        let error = store_error("cannot land a batch", error);
        if sent.is_none() && error.class() != ErrorClass::Poison {
            return Err(error);
        }
        if !self.lands_in_one_statement(batch) {
            self.session().execute("ROLLBACK").await.map_err(|error| store_error("cannot roll a batch back", error))?;
        }
        match sent {
            Some(sent) => Ok(sent),
            None => self.send_apart(batch).await,
        }
    }

    /// Sends a batch of which some row is refused.
    async fn send_apart(&mut self, batch: &Batch) -> Result<Sent, StoreError> {
        let (session, statements, last) = self.parts();
        let dead_lettered = poison::land(session, statements, batch, last).await?;
        Ok(Sent::Stored { dead_lettered })
    }

    /// All of the batch in one transaction. After an error the transaction may be open still.
    async fn send_rows(&mut self, batch: &Batch) -> Result<(), sqlx::Error> {
        if self.lands_in_one_statement(batch) {
            return self.insert(batch).await;
        }
        self.session().begin().await?;
        self.insert(batch).await?;
        self.session().execute("COMMIT").await
    }

    /// Header and rows.
    pub(super) async fn insert(&mut self, batch: &Batch) -> Result<(), sqlx::Error> {
        let (session, statements, _) = self.parts();
        let persistent = session.mode == Mode::Direct;
        if batch.rows().len() > STATEMENT_ROWS {
            statements.header(batch.header(), persistent).execute(&mut session.connection).await?;
            copy::rows(&mut session.connection, statements.copy(), batch.rows()).await
        } else {
            statements.land(batch, persistent).execute(&mut session.connection).await.map(drop)
        }
    }

    /// Whether a statement that is its own transaction suffices.
    fn lands_in_one_statement(&mut self, batch: &Batch) -> bool {
        batch.rows().len() <= STATEMENT_ROWS && self.session().mode == Mode::Direct
    }

    /// Whose header is it?
    async fn resolve(&mut self, batch: &Batch) -> Result<Landed, StoreError> {
        self.look_for(batch)
            .await?
            .ok_or_else(|| StoreError::new(ErrorClass::Transient, EXAMINE, "the header was there a moment ago"))
    }

    /// Looks for a header of the batch's number; nothing where there is none.
    async fn look_for(&mut self, batch: &Batch) -> Result<Option<Landed>, StoreError> {
        let header = batch.header();
        let examined = self.examine(header.stream_id, header.batch_no).await?;
        Ok(examined.map(|(hash, dead_lettered)| Landed::met(batch, &hash, dead_lettered)))
    }

    /// The hash of a stored header, and how many of its rows are dead letters.
    pub(super) async fn examine(
        &mut self,
        stream_id: Uuid,
        batch_no: i64,
    ) -> Result<Option<(Vec<u8>, u64)>, StoreError> {
        let sql = self.statements.examine(stream_id, batch_no);
        let row = self.session().fetch_one(sql).await.map_err(|error| store_error(EXAMINE, error))?;
        let examined = row.try_get::<Option<Vec<u8>>, _>(0).and_then(|hash| Ok((hash, row.try_get::<i64, _>(1)?)));
        let (hash, dead_letters) = examined.map_err(|error| store_error(EXAMINE, error))?;
        Ok(hash.map(|hash| (hash, dead_letters.unsigned_abs())))
    }

    async fn ensure_partitions_of(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let header = batch.header();
        let within = |bounds: &(DateTime<Utc>, DateTime<Utc>)| {
            bounds.0 <= header.first_created && header.last_created < bounds.1
        };
        if self.partitions.iter().rev().any(within) {
            return Ok(());
        }
        for row in batch.rows() {
            self.ensure_partition(row.row.created_at).await?;
        }
        Ok(())
    }

    /// Whether the partition of a moment is known to exist.
    pub(super) fn knows(&self, at: DateTime<Utc>) -> bool {
        self.partitions.iter().rev().any(|bounds| bounds.0 <= at && at < bounds.1)
    }

    pub(super) fn forget_partitions(&mut self) {
        self.partitions.clear();
    }

    /// Makes the partition of a moment, unless it is known to exist. Gives back where it ends.
    pub(super) async fn ensure_partition(&mut self, at: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
        let known = self.partitions.iter().rev().find(|bounds| bounds.0 <= at && at < bounds.1);
        if let Some(&(_, end)) = known {
            return Ok(end);
        }
        let action = "cannot make a partition";
        let sql = self.statements.ensure_partition(at);
        let row = self.session().fetch_one(sql).await.map_err(|error| store_error(action, error))?;
        let bounds = row.try_get(0).and_then(|start| Ok((start, row.try_get(1)?)));
        let bounds: (DateTime<Utc>, DateTime<Utc>) = bounds.map_err(|error| store_error(action, error))?;
        if self.partitions.len() == Self::PARTITIONS {
            self.partitions.remove(0);
        }
        self.partitions.push(bounds);
        Ok(bounds.1)
    }
}

/// What an error tells about the batch, if it is one of those that a batch may meet.
pub(super) fn met(error: &sqlx::Error) -> Option<Sent> {
    let sqlx::Error::Database(error) = error else { return None };
    match (error.code().as_deref(), error.constraint()) {
        (Some(UNIQUE_VIOLATION), Some("audit_batches_pkey")) => Some(Sent::HeaderExists),
        (Some(CHECK_VIOLATION), None | Some("")) => Some(Sent::NoPartition),
        _ => None,
    }
}

impl Connection for PostgresConnection {
    fn land<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Landed, StoreError>> {
        Box::pin(self.land_batch(batch))
    }

    fn prepare(&mut self, now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let next = self.ensure_partition(now).await?;
            self.ensure_partition(next).await?;
            Ok(())
        })
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Some(session) = self.session.take() {
                session.close().await;
            }
        })
    }
}

impl Drop for PostgresConnection {
    fn drop(&mut self) {
        self.left.add(self.session.take().and_then(|session| session.backend));
    }
}
