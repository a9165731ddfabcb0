//! This program under load, with its annotations and without, while clients hang up at random; and whether its log tells what happened.
//!
//! Two copies of the service in one process, on one PostgreSQL with fsync, which holds the log, too. One has an auditor that is disabled
//! in the context of its requests: its annotations record nothing, not even into transactions. `wrk` asks them in turns.
//!
//! ```text
//! cargo bench -p control-plane --bench requests
//! cargo bench -p control-plane --bench requests -- --seconds 20 --json requests.json
//! ```
//!
//! `wrk` is a package of Debian: `apt-get install wrk`.

mod judge;
mod service;

use std::error::Error;
use std::time::Duration;

use audit_core::Auditor;
use clap::Parser as _;
use control_plane::{audit, config::Config};
use serde_json::json;
use tests::dice::Dice;
use tests::postgres::{Durability, Server};
use tests::recovery::recover;
use tests::wrk::{Asking, Questions};

use self::service::{Service, USERS};

const SOON: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let asking = Asking::parse();
    let server = Server::start(Durability::On);
    let database = server.database().await;
    let url = database.url();
    let writer = audit::start(&Config::parse_from(["control-plane", "--database-url", &url])).await?;
    let with = Service::start(&url, None).await;
    let without = Service::start(&url, Some(Auditor::disabled())).await;
    service::fill(&database).await;
    let questions = Questions { script: include_bytes!("wrk.lua"), users: USERS, leaver: change };
    let services = [("with annotations", with.address()), ("without", without.address())];
    let rates = asking.rates(questions, &writer, services).await;
    without.stop().await;
    let answers = with.stop().await;
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.lost, report.stats.dropped), (0, 0));
    // What committed a moment ago waits in the outbox, for any writer.
    recover(&url, tempfile::tempdir()?.path()).await;
    let judged = judge::judge(&database, &answers).await;
    println!("{rates}\n{judged}");
    asking.keep(&json!({ "bench": "control plane", "rates": rates.json(), "entries": judged.json() }));
    assert!(judged.is_good(), "the log and the service disagree");
    Ok(())
}

/// Whoever hangs up has asked for another name, or for a project, whose name is the request's id: it is there with its entry, or neither is.
fn change(id: &str, dice: &mut Dice) -> String {
    let user = 1 + dice.below(USERS as usize);
    let (line, who, body) = if dice.is_one_of(4) {
        let body = format!(r#"{{"name":"{id}","cap":100}}"#);
        ("POST /projects".to_owned(), format!("cookie: session=session_{user}"), body)
    } else {
        let body = r#"{"name":"Another name"}"#.to_owned();
        (format!("PATCH /projects/proj_{user}"), format!("authorization: Bearer token_{user}"), body)
    };
    format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\n{who}\r\nx-request-id: {id}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
