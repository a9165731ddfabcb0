//! From a URL to a server.

use std::str::FromStr;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::store::{ErrorClass, StoreError};

/// Whether a URL is one of PostgreSQL's.
pub(crate) fn serves(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// Reads a URL. What it leaves out comes from `PGHOST` and its kin, as with libpq.
pub(crate) fn parse(url: &str) -> Result<PgConnectOptions, StoreError> {
    PgConnectOptions::from_str(url)
        // The parser's own words might repeat the URL and with it the password.
        .map_err(|_| {
            StoreError::new(
                ErrorClass::Operator,
                "cannot read the database URL",
                "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded",
            )
        })
        .map(|options| options.extra_float_digits(None).disable_statement_logging())
}

/// The server without password and parameters.
pub(crate) fn describe(server: &PgConnectOptions) -> String {
    let database = server.get_database().unwrap_or_else(|| server.get_username());
    let host = server.get_socket().map_or_else(|| server.get_host().to_owned(), |socket| socket.display().to_string());
    format!("postgres://{}@{host}:{}/{database}", server.get_username(), server.get_port())
}
