//! A web service as somebody wrote it, and the same service with its functions audited.
#![deny(warnings, clippy::pedantic)]

pub mod annotated;
pub mod plain;
