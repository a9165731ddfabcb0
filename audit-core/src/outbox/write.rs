//! Writing an entry with the caller's own transaction.

use std::time::SystemTime;

use uuid::Uuid;

use super::{OutboxTransaction, Record, Settings};
use crate::{Auditor, Entry, Error};

/// Writes an entry into the outbox within a transaction of yours, and gives back its id: both commit, or neither. After
/// the commit the writer of some instance moves it into the log, usually within 100 ms.
///
/// The transaction is one of sqlx, on PostgreSQL or SQLite, in a database that `audit migrate` made the log in, or, with
/// `--outbox`, the outbox alone. On PostgreSQL its user needs `INSERT` on the outbox and nothing else: grant it the role
/// `audit_caller`. One statement is sent, unprepared, so that poolers need no special care.
///
/// The table is `control_plane.audit_outbox` unless the auditor (of the entry's context, or the global one) was built
/// with another [`schema`](crate::Builder::schema) or [`outbox_schema`](crate::Builder::outbox_schema); in SQLite it is
/// `audit_outbox`. No auditor is needed; where it is disabled, nothing is written.
///
/// # Errors
///
/// When the entry cannot be written. PostgreSQL refuses everything else in the transaction then.
///
/// # Cancellation
///
/// Whether the entry was written is then unknown: roll the transaction back.
///
/// # Examples
///
/// ```no_run
/// use audit_core::{AuditAction, Entry, Target};
///
/// # async fn suspend(pool: &sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin().await?;
/// sqlx::query("UPDATE projects SET suspended = true WHERE id = 'proj_456'").execute(&mut *tx).await?;
/// let action = AuditAction::ProjectSuspended { reason: Some("unpaid".to_owned()) };
/// audit_core::outbox(&mut tx, Entry::builder(action).target(Target::project("proj_456")).build()).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
pub async fn outbox<T: OutboxTransaction + ?Sized>(transaction: &mut T, entry: Entry) -> Result<Uuid, Error> {
    let id = entry.id();
    write(transaction, entry).await?;
    Ok(id)
}

/// Writes an entry where its auditor says.
pub(crate) async fn write<T: OutboxTransaction + ?Sized>(transaction: &mut T, entry: Entry) -> Result<(), Error> {
    let auditor = entry.context.auditor().cloned().or_else(Auditor::global);
    let (entry, settings) = match auditor {
        Some(auditor) => {
            let Some(entry) = auditor.for_writer(entry) else { return Ok(()) };
            auditor.demand_actor(&entry).inspect_err(|_| auditor.count_refused())?;
            auditor.count_if_unattributed(&entry);
            (entry, auditor.outbox_settings().clone())
        }
        None => (entry, Settings::default()),
    };
    let record = Record::of(entry, SystemTime::now().into());
    Ok(transaction.write(&record, &settings).await?)
}
