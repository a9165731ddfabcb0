//! What may stand between a program and its server: a pooler, or a network that misbehaves on demand.
//!
//! A [`Proxy`] listens on loopback and ends with its value. Its [`Manner`] may change at any time, for the connections
//! there are ([`Proxy::present`]), for those to come ([`Proxy::future`]), or for all. It reads the server's messages
//! closely enough to lose the one that says that a transaction is committed.

mod connection;
mod listener;
mod replies;
mod startup;

pub use listener::Proxy;

use std::time::Duration;

/// How a connection through the proxy behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As if the proxy were not there.
    Pass,
    /// Nothing passes in this direction, and nobody learns that the other has gone.
    Silent(Direction),
    /// After this many bytes from the client nothing passes any more, as in [`Self::Silent`].
    FallSilentAfter(usize),
    /// A byte at a time, with this pause after each, in both directions.
    Trickle(Duration),
    /// The first reply that says that something is committed is lost, and the connection with it.
    LoseCommitReply,
    /// A new connection ends before it is one.
    Refuse,
    /// Refuses a session that asks for options, as `PgBouncer` does.
    RefuseOptions,
    /// Loses the options that a session asks for, as `PgBouncer` does when told to ignore them.
    LoseOptions,
}

/// What falls silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
    /// Both.
    Both,
}
