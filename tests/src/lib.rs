//! What the tests that cross crates share.
#![expect(clippy::missing_panics_doc, reason = "panicking is how a test fails")]

pub mod calls;
pub mod chaos;
pub mod dice;
pub mod disk;
pub mod examples;
pub mod figures;
pub mod kills;
pub mod length;
pub mod lines;
pub mod oracle;
pub mod postgres;
pub mod preload;
pub mod proxy;
pub mod reading;
pub mod recovery;
pub mod samples;
pub mod scripted;
pub mod spoofs;
pub mod traffic;
pub mod victim;
pub mod writers;
pub mod writing;
