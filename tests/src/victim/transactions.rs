//! Entries that commit with transactions of the program's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use super::Acks;
use super::orders::entry;

/// The pause after a connection has failed.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest wait for a transaction.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of so many transactions, one rolls back.
const ROLLBACK: u64 = 3;

/// What one task does.
pub(super) struct Transactions {
    pub(super) url: String,
    pub(super) acks: Arc<Acks>,
    pub(super) withdrawn: Arc<Acks>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Transactions {
    /// One transaction after the other, over as many connections as that takes.
    pub(super) async fn make(self, task: usize) {
        let mut number = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let Ok(Ok(mut connection)) = tokio::time::timeout(PATIENCE, PgConnection::connect(&self.url)).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            while !self.stop.load(Ordering::Relaxed) {
                number += 1;
                let one = self.one(&mut connection, task, number % ROLLBACK == 0);
                // Whether one that failed in its COMMIT has committed nobody knows, and nobody is told.
                if !matches!(tokio::time::timeout(PATIENCE, one).await, Ok(Ok(()))) {
                    break;
                }
            }
        }
    }

    async fn one(
        &self,
        connection: &mut PgConnection,
        task: usize,
        roll_back: bool,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut transaction = connection.begin().await?;
        let entry = entry(task);
        if roll_back {
            // Before it is there: from now on it must never be in the log.
            self.withdrawn.add(entry.id())?;
        }
        let id = audit_core::outbox(&mut transaction, entry).await?;
        if roll_back {
            return Ok(transaction.rollback().await?);
        }
        transaction.commit().await?;
        Ok(self.acks.add(id)?)
    }
}
