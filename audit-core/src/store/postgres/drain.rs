//! Moves entries from the outbox to the log of the same database.

use chrono::{DateTime, Utc};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::connection::{PostgresConnection, Sent, met};
use super::poison;
use super::sqlstate::{UNNAMED_CHECK, store_error};
use crate::outbox::{Cutter, Record};
use crate::store::drain::{Drain, Drained};
use crate::store::{BoxFuture, ErrorClass, StoreError};

/// How often a move is begun again: for partitions that have to be made, and for a row that is refused.
const TURNS: usize = 4;

/// How the rows are sent.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Together,
    /// In parts, so that refused rows are found.
    Apart,
}

/// What became of one transaction.
enum Moved {
    Nothing,
    All {
        dead_lettered: u64,
    },
    HeaderExists,
    /// These moments have no partition.
    NoPartition(Vec<DateTime<Utc>>),
    /// Some row is refused.
    Refused,
}

impl PostgresConnection {
    /// Whether this user may drain the outbox, and whether something waits there.
    pub(super) async fn look(&mut self) -> Result<Option<bool>, StoreError> {
        let failed = |error| store_error("cannot look into the outbox", error);
        if !self.may_drain {
            let question = self.statements.may_drain();
            let answer = self.session().fetch_one(question).await.and_then(|row| row.try_get(0));
            self.may_drain = answer.map_err(failed)?;
            if !self.may_drain {
                return Ok(None);
            }
        }
        let question = self.statements.outbox_waits();
        let answer = self.session().fetch_one(question).await.and_then(|row| row.try_get(0));
        answer.map(Some).map_err(failed)
    }

    async fn drain_outbox(&mut self, cutter: &mut Cutter) -> Result<Drained, StoreError> {
        if cutter.asks() {
            let (stream_id, batch_no) = cutter.place();
            if let Some((hash, dead_lettered)) = self.examine(stream_id, batch_no).await? {
                return Ok(Drained::recognised(cutter, &hash, dead_lettered));
            }
        }
        match self.look().await? {
            None => return Ok(Drained::NotAllowed),
            Some(false) => return Ok(Drained::Nothing),
            Some(true) => {}
        }
        let mut manner = Manner::Together;
        for _ in 0..TURNS {
            match self.move_batch(cutter, manner).await? {
                Moved::Nothing => return Ok(Drained::Nothing),
                Moved::All { dead_lettered } => {
                    if let Some(batch) = cutter.batch() {
                        self.last.remember(batch, dead_lettered);
                    }
                    return Ok(Drained::Moved { entries: cutter.landed(), dead_lettered });
                }
                Moved::HeaderExists => {
                    let (stream_id, batch_no) = cutter.place();
                    let Some((hash, dead_lettered)) = self.examine(stream_id, batch_no).await? else {
                        let reason = "the header was there a moment ago";
                        return Err(StoreError::new(ErrorClass::Transient, "cannot drain the outbox", reason));
                    };
                    return Ok(Drained::recognised(cutter, &hash, dead_lettered));
                }
                Moved::NoPartition(moments) => {
                    for at in moments {
                        self.ensure_partition(at).await?;
                    }
                }
                Moved::Refused => manner = Manner::Apart,
            }
        }
        Err(StoreError::new(ErrorClass::Operator, "cannot drain the outbox", UNNAMED_CHECK))
    }

    /// One transaction, which is open no more unless an error is given back.
    async fn move_batch(&mut self, cutter: &mut Cutter, manner: Manner) -> Result<Moved, StoreError> {
        let failed = |error| store_error("cannot drain the outbox", error);
        self.session().begin().await.map_err(failed)?;
        let taken = self.statements.take_from_outbox(cutter.rows);
        let rows = self.session().fetch_all(taken).await.map_err(failed)?;
        let records: Result<Vec<_>, _> = rows.iter().map(record).collect();
        let mut records = records.map_err(failed)?;
        records.sort_by_key(|record| record.id);
        if records.is_empty() {
            self.roll_back().await?;
            return Ok(Moved::Nothing);
        }
        let batch = cutter.cut(records);
        let homeless: Vec<_> =
            batch.rows().iter().map(|row| row.row.created_at).filter(|at| !self.knows(*at)).collect();
        if !homeless.is_empty() {
            cutter.take_back();
            self.roll_back().await?;
            return Ok(Moved::NoPartition(homeless));
        }
        let inserted = match manner {
            Manner::Together => self.insert(batch).await.map(|()| 0).map_err(|error| (met(&error), failed(error))),
            Manner::Apart => {
                let (session, statements, last) = self.parts();
                poison::insert(session, statements, batch, last).await.map_err(|error| (None, error))
            }
        };
        let moved = match inserted {
            Ok(dead_lettered) => {
                self.session().execute("COMMIT").await.map_err(failed)?;
                return Ok(Moved::All { dead_lettered });
            }
            Err((Some(Sent::HeaderExists), _)) => Moved::HeaderExists,
            Err((Some(Sent::NoPartition), _)) => {
                let moments = batch.rows().iter().map(|row| row.row.created_at).collect();
                self.forget_partitions();
                Moved::NoPartition(moments)
            }
            Err((_, error)) if error.class() == ErrorClass::Poison && matches!(manner, Manner::Together) => {
                Moved::Refused
            }
            Err((_, error)) => {
                // Nothing was committed, so there is nothing to doubt.
                cutter.take_back();
                return Err(error);
            }
        };
        cutter.take_back();
        self.roll_back().await?;
        Ok(moved)
    }

    async fn roll_back(&mut self) -> Result<(), StoreError> {
        self.session()
            .execute("ROLLBACK")
            .await
            .map_err(|error| store_error("cannot leave the outbox as it was", error))
    }
}

/// A row of the outbox.
pub(super) fn record(row: &PgRow) -> Result<Record, sqlx::Error> {
    let salt: Vec<u8> = row.try_get("salt")?;
    Ok(Record {
        id: row.try_get("id")?,
        created_at: row.try_get("created_at")?,
        // A CHECK of the table's holds it to this length.
        salt: salt.try_into().unwrap_or_default(),
        entry: row.try_get("entry")?,
    })
}

impl Drain for PostgresConnection {
    fn drain<'a>(&'a mut self, cutter: &'a mut Cutter) -> BoxFuture<'a, Result<Drained, StoreError>> {
        Box::pin(self.drain_outbox(cutter))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        crate::store::Connection::close(self)
    }
}
