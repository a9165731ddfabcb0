//! Promises of the stores, of migrations and of reading, on real PostgreSQL and SQLite. One binary, so that one server
//! serves them all.

mod archive;
mod contracts;
mod dead_letters;
mod disguise;
mod doctor;
mod erasure;
mod evidence;
mod follow;
mod grammar;
mod landing;
mod log;
mod migrate;
mod misplaced;
mod network;
mod outage;
mod partitions;
mod plans;
mod proof;
mod query;
mod restored;
mod retention;
mod retried;
mod roles;
mod sealed;
mod sealing;
mod silence;
mod sqlite;
mod store_contract;
mod verify;
