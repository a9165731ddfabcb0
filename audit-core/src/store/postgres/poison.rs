//! Batches of which some row is refused: found by halving, kept apart, in the batch's own transaction.

use super::session::Session;
use super::sqlstate::store_error;
use super::statements::Statements;
use crate::batch::{Batch, FrozenRow};
use crate::store::dead_letter::{LastBatch, Refusals};
use crate::store::{ErrorClass, StoreError};

/// Rows of the first parts, so that a statement's size is bounded.
const PART_ROWS: usize = 500;

/// Lands a batch under its unchanged header, refused rows among the dead letters. Gives back how many those are. After
/// an error the transaction may be open still.
pub(super) async fn land(
    session: &mut Session,
    statements: &Statements,
    batch: &Batch,
    last: &LastBatch,
) -> Result<u64, StoreError> {
    session.begin().await.map_err(failed)?;
    let dead_lettered = insert(session, statements, batch, last).await?;
    session.execute("COMMIT").await.map_err(failed)?;
    Ok(dead_lettered)
}

/// The same in the transaction that is open.
pub(super) async fn insert(
    session: &mut Session,
    statements: &Statements,
    batch: &Batch,
    last: &LastBatch,
) -> Result<u64, StoreError> {
    let mut refusals = Refusals::of(batch, last);
    statements.header(batch.header(), false).execute(&mut session.connection).await.map_err(failed)?;
    // Parts of the batch with the place of their first row, the next one last.
    let parts = batch.rows().chunks(PART_ROWS).enumerate();
    let mut parts: Vec<(usize, &[FrozenRow])> = parts.map(|(i, rows)| (i * PART_ROWS, rows)).collect();
    parts.reverse();
    while let Some((first, rows)) = parts.pop() {
        session.execute("SAVEPOINT part").await.map_err(failed)?;
        let insert = statements.rows(batch.header().stream_id, rows);
        let Err(error) = insert.execute(&mut session.connection).await else {
            session.execute("RELEASE SAVEPOINT part").await.map_err(failed)?;
            continue;
        };
        let error = failed(error);
        if error.class() != ErrorClass::Poison {
            return Err(error);
        }
        session.execute("ROLLBACK TO SAVEPOINT part").await.map_err(failed)?;
        match rows {
            [row] => {
                refusals.add(error)?;
                let dead_letter = statements.dead_letter(batch.header(), first, row);
                dead_letter.execute(&mut session.connection).await.map_err(failed)?;
            }
            rows => {
                let (left, right) = rows.split_at(rows.len() / 2);
                parts.push((first + left.len(), right));
                parts.push((first, left));
            }
        }
    }
    if refusals.count == 0 {
        tracing::warn!("a batch was refused whole, and its rows were taken one part after another");
    }
    Ok(refusals.count)
}

fn failed(error: sqlx::Error) -> StoreError {
    store_error("cannot land a batch with refused rows", error)
}
