//! The actions of this program, and the writer of their log.
//!
//! `use crate::audit::audited;` brings the attribute and the catalog that it is checked against.

use audit_core::{AuditAction, Auditor, Migrate, WriterGuard};

use crate::config::Config;

/// The built-in actions, and what happens to sessions.
#[allow(clippy::large_enum_variant, reason = "values of it are made one at a time")]
#[derive(Debug, audit_core::Catalog)]
pub enum Action {
    /// Those of audit-core.
    #[audit(include)]
    Base(AuditAction),
    /// Somebody signed in, or was refused.
    #[audit(action = "session.started", target = "admin_session")]
    SessionStarted,
    /// Somebody signed out.
    #[audit(action = "session.ended", target = "admin_session")]
    SessionEnded,
}

/// Starts the writer, for the whole program.
///
/// # Errors
///
/// When the log cannot be reached or migrated, or the journal's folder not be written.
pub async fn start(config: &Config) -> Result<WriterGuard, audit_core::Error> {
    let mut builder = Auditor::builder().url(config.writer_url()).service_name("control-plane");
    if config.audit_writer_url.is_some() {
        // Its user may write, and nothing else.
        builder = builder.migrate(Migrate::Skip);
    }
    if let Some(folder) = &config.audit_journal {
        builder = builder.journal(folder);
    }
    builder.init().await
}
