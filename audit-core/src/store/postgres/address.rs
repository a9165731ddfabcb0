//! From a URL to a server.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::store::{ErrorClass, StoreError};

/// Whether a URL is one of PostgreSQL's.
pub(crate) fn serves(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// How to reach a server. Shown without its password.
#[derive(Clone)]
pub(crate) struct Address {
    url: Arc<str>,
    name: Option<Arc<str>>,
    options: PgConnectOptions,
}

impl Address {
    /// The same server, by which administrators see this name unless there is one already.
    pub(super) fn named(mut self, name: &str) -> Self {
        if self.get_application_name().is_none() {
            self.options = self.options.application_name(name);
            self.name = Some(name.into());
        }
        self
    }

    /// The same server, with the password that its password file holds by now.
    pub(crate) fn reread(&self) -> Self {
        match (parse(&self.url), &self.name) {
            (Ok(address), Some(name)) => address.named(name),
            (Ok(address), None) => address,
            (Err(_), _) => self.clone(),
        }
    }
}

impl Deref for Address {
    type Target = PgConnectOptions;

    fn deref(&self) -> &PgConnectOptions {
        &self.options
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(self))
    }
}

/// Reads a URL. What it leaves out comes from `PGHOST` and its kin, as with libpq, and the password from the file that
/// `PGPASSFILE` names, or `~/.pgpass`.
pub(crate) fn parse(url: &str) -> Result<Address, StoreError> {
    PgConnectOptions::from_str(url)
        // The parser's own words might repeat the URL and with it the password.
        .map_err(|_| {
            StoreError::new(
                ErrorClass::Operator,
                "cannot read the database URL",
                "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded",
            )
        })
        .map(|options| {
            let options = options.extra_float_digits(None).disable_statement_logging();
            Address { url: url.into(), name: None, options }
        })
}

/// The server without password and parameters.
pub(crate) fn describe(server: &PgConnectOptions) -> String {
    let database = server.get_database().unwrap_or_else(|| server.get_username());
    let host = server.get_socket().map_or_else(|| server.get_host().to_owned(), |socket| socket.display().to_string());
    format!("postgres://{}@{host}:{}/{database}", server.get_username(), server.get_port())
}
