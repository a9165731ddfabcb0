//! What auditing costs a service under load, and whether it misses anything when clients go away at random.
//!
//! One service, twice in one process, on one PostgreSQL with fsync: its handlers without attributes, and the very same with them, the
//! layer and the writer, which stores into the same server. `wrk` asks them in turns, from 32 connections, each request with an id of
//! its own, while others hang up in the midst of theirs. Each handler writes down for itself that it began, for whom, and how it ended;
//! the log must say the same, once each.
//!
//! ```text
//! cargo bench -p service-tests --bench requests
//! cargo bench -p service-tests --bench requests -- --seconds 20 --json requests.json
//! ```
//!
//! `wrk` is a package of Debian: `apt-get install wrk`.

mod judge;
mod notes;
mod service;

use std::error::Error;
use std::time::Duration;

use audit_core::Auditor;
use clap::Parser as _;
use serde_json::json;
use tests::dice::Dice;
use tests::postgres::{Durability, Server};
use tests::wrk::{Asking, Questions};

use self::service::{Service, USERS};

const SOON: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let asking = Asking::parse();
    let server = Server::start(Durability::On);
    let database = server.database().await;
    let writer = Auditor::builder().url(database.url()).init().await?;
    let annotated = Service::annotated(&database).await;
    let plain = Service::plain(&database).await;
    let questions = Questions { script: include_bytes!("wrk.lua"), users: USERS, leaver: rename };
    let services = [("annotated", annotated.address()), ("plain", plain.address())];
    let rates = asking.rates(questions, &writer, services).await;
    plain.stop().await;
    let notes = annotated.stop().await;
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.lost, report.stats.dropped), (0, 0));
    let judged = judge::judge(&database, &notes).await;
    println!("{rates}\n{judged}");
    asking.keep(&json!({ "bench": "requests", "rates": rates.json(), "handlers": judged.json() }));
    assert!(judged.is_good(), "the log and the handlers disagree");
    Ok(())
}

/// Whoever hangs up has asked for another name.
fn rename(id: &str, dice: &mut Dice) -> String {
    let user = 1 + dice.below(USERS as usize);
    let body = r#"{"name":"Another name"}"#;
    format!(
        "PATCH /projects/proj_{user} HTTP/1.1\r\nhost: localhost\r\nauthorization: token_{user}\r\nx-request-id: {id}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
