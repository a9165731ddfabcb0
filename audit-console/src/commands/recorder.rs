//! A writer for commands that record what they do.

use std::time::Duration;

use audit_core::catalog::SystemAction;
use audit_core::{Actor, Auditor, Entry, Migrate, Outbox, WaitForStore, WriterGuard};

use super::ADVICE;
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::run::block_on;

/// How long the store may take to be there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts a writer to the log of the command line.
pub(super) async fn start(log: &LogArgs, url: &str, name: &str) -> Result<WriterGuard, Failure> {
    let started = Auditor::builder()
        .url(url)
        .schema(log.schema.as_str())
        .service_name(name)
        .migrate(Migrate::Skip)
        .outbox(Outbox::Leave)
        .wait_for_store(WaitForStore::AtMost(PATIENCE))
        .linger(Duration::ZERO)
        .lanes(1)
        .start()
        .await;
    started.map_err(|error| Failure::failed(&error).with_hint(ADVICE))
}

/// Records a look at entries, if that is wanted, before anything is shown.
pub(super) fn viewed(log: &LogArgs, url: &str, command: &str, filter: String) -> Result<(), Failure> {
    if !log.audit_reads {
        return Ok(());
    }
    block_on(async {
        let writer = start(log, url, "audit").await?;
        let action = SystemAction::AuditLogViewed { command: command.to_owned(), filter };
        let entry = Entry::builder(action).actor(actor(None)).build();
        let recorded = writer.auditor().record(entry).durable().await;
        writer.shutdown(Duration::from_secs(5)).await;
        recorded.map(drop).map_err(|error| {
            let hint = "nothing is shown that is not recorded; this user needs the role of a writer, too";
            Failure::failed(&error).with_hint(hint)
        })
    })?
}

/// Whoever runs the command, unless it is said.
pub(super) fn actor(said: Option<&Actor>) -> Actor {
    let user = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned());
    said.cloned().unwrap_or_else(|| Actor::user(user()))
}
