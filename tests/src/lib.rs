//! What the tests that cross crates share.
#![expect(clippy::missing_panics_doc, reason = "panicking is how a test fails")]

pub mod calling;
pub mod calls;
pub mod chaos;
pub mod dice;
pub mod disk;
pub mod dropped;
pub mod durable;
pub mod evidence;
pub mod examples;
pub mod figures;
pub mod findings;
pub mod growth;
pub mod kills;
pub mod length;
pub mod lines;
pub mod machine;
pub mod musts;
pub mod oracle;
pub mod outage;
pub mod plot;
pub mod postgres;
pub mod preload;
pub mod proxy;
pub mod reading;
pub mod recovery;
pub mod rounds;
pub mod samples;
pub mod scripted;
pub mod spoofs;
pub mod traffic;
pub mod verifying;
pub mod victim;
pub mod writers;
pub mod writing;
pub mod wrk;
