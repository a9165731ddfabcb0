//! Promises of the outbox, on real PostgreSQL and SQLite.

mod attribute;
mod by_hand;
mod commit;
mod drainers;
mod elsewhere;
mod ground;
mod privileges;
