//! What is set from outside.

use std::net::SocketAddr;
use std::path::PathBuf;

use audit_core::http::TrustedProxies;

use crate::token::Token;

/// A control plane whose every change is in the audit log.
#[derive(Debug, Clone, clap::Parser)]
pub struct Config {
    /// Where to listen.
    #[arg(long, env, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The application's database; the log is in it, too.
    #[arg(long, env, hide_env_values = true, default_value = "sqlite:control-plane.db")]
    pub database_url: String,
    /// The same database as the user who writes the log. Somebody else has migrated it then (`audit migrate`).
    #[arg(long, env, hide_env_values = true)]
    pub audit_writer_url: Option<String>,
    /// The same database as the user who reads the log.
    #[arg(long, env, hide_env_values = true)]
    pub audit_reader_url: Option<String>,
    /// Where entries wait while the database is away.
    #[arg(long, env)]
    pub audit_journal: Option<PathBuf>,
    /// The proxies whose word about a client's address is believed: addresses and networks, with commas between them.
    #[arg(long, env, default_value = "")]
    pub trusted_proxies: TrustedProxies,
    /// Invites the first admin, who signs in with it once.
    #[arg(long, env, hide_env_values = true)]
    pub admin_token: Option<Token>,
    /// How many seconds are between two looks at what projects have used.
    #[arg(long, env, default_value_t = 60)]
    pub sweep_every: u64,
}

impl Config {
    /// The URL of the log's writer.
    #[must_use]
    pub fn writer_url(&self) -> &str {
        self.audit_writer_url.as_ref().unwrap_or(&self.database_url)
    }

    /// The URL of the log's reader.
    #[must_use]
    pub fn reader_url(&self) -> &str {
        self.audit_reader_url.as_ref().unwrap_or(&self.database_url)
    }
}
