//! The fault suite: what may go wrong, does, on a real PostgreSQL; each test ends with the oracle.
//!
//! `tests/run -p tests --test faults` runs it all. A server that a fault does not hit is shared.

mod application;
mod chaos;
mod clones;
mod damage;
mod database;
mod dropped;
mod journal;
mod locks;
mod network;
mod outbox;
mod panics;
mod passwords;
mod pooler;
mod program;
mod scene;
mod support;
mod tables;
