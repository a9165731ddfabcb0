//! The PostgreSQL store.
//!
//! A batch of up to a hundred rows lands as one statement, a larger one by COPY in a transaction. The header's primary
//! key makes a repeated landing harmless: whoever meets it compares hashes and knows whether the batch is there.
//!
//! Errors are classed by SQLSTATE; their texts never repeat what the server said about a row's values. A connection
//! that failed is dropped, and the next one begins with the end of its server process, which may still hold locks.

pub(crate) mod address;
mod claims;
mod connection;
mod copy;
mod drain;
mod poison;
mod session;
mod sqlstate;
mod statements;
mod store;
mod time;

pub(crate) use address::serves;
pub(crate) use session::{
    CONNECT_TIMEOUT, Mode, answer, begin, close, connect_bare, connect_limited, end, passes_sessions_on,
};
pub(crate) use sqlstate::store_error;
pub use store::PostgresStore;
pub(crate) use time::time;
