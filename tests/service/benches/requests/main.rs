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
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use audit_core::Auditor;
use clap::Parser;
use serde_json::json;
use tests::dice::Dice;
use tests::figures::Figures;
use tests::postgres::{Durability, Server};
use tests::wrk::Clients;

use self::service::{Service, USERS};

const ANNOTATED: &str = "annotated";
const PLAIN: &str = "plain";
const SOON: Duration = Duration::from_mins(1);

/// Asks an annotated service and a plain one in turns.
#[derive(Debug, Parser)]
struct Args {
    /// How long the annotated service is asked, and how long the other
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How long a turn is, in seconds
    #[arg(long, default_value_t = 3)]
    turn: u64,
    /// When clients hang up
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let server = Server::start(Durability::On);
    let database = server.database().await;
    let writer = Auditor::builder().url(database.url()).init().await?;
    let annotated = Service::annotated(&database).await;
    let plain = Service::plain(&database).await;
    let mut clients = Clients::new(args.turn, args.seed, include_bytes!("wrk.lua"), USERS, rename);
    let mut rates = Figures::new(ANNOTATED, "requests/s");
    for turn in 0..args.seconds.div_ceil(args.turn) {
        // Neither is always the one that comes after the other.
        let mut turns = [(ANNOTATED, &annotated), (PLAIN, &plain)];
        turns.rotate_left(usize::from(turn % 2 == 1));
        for (name, service) in turns {
            rates.add(name, clients.ask(service.address()).await);
            // What is still to be stored would be paid for in the other's turn.
            writer.flush(SOON).await?;
        }
    }
    plain.stop().await;
    let notes = annotated.stop().await;
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.lost, report.stats.dropped), (0, 0));
    let judged = judge::judge(&database, &notes).await;
    println!("{rates}\n{judged}");
    if let Some(file) = args.json {
        let figures = json!({ "bench": "requests", "rates": rates.json(), "handlers": judged.json() });
        fs::write(file, serde_json::to_string_pretty(&figures)?)?;
    }
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
