//! What each durability promises of a program that ends itself: `std::process::exit` runs no destructors.
//!
//! The program is this test, which starts itself.

use std::process::{Command, exit};
use std::time::Duration;

use audit_core::store::{self, Schema};
use audit_core::{Auditor, Error, audited};
use sqlx::{Connection as _, SqliteConnection};

const SOON: Duration = Duration::from_secs(20);
/// What the program was told to do, and where its log is.
const ORDER: &str = "AUDIT_EXIT_ORDER";
const LOG: &str = "AUDIT_EXIT_LOG";
const CODE: i32 = 7;

#[audited(action = "project.deleted")]
fn queued(project_id: u64) {}

#[audited(action = "project.deleted", durability = "durable")]
async fn durable(project_id: u64) {}

#[audited(action = "project.deleted", durability = "before")]
async fn announced_and_ended(project_id: u64) -> Result<(), Error> {
    exit(CODE);
}

#[audited(action = "project.deleted")]
fn queued_and_ended(project_id: u64) {
    exit(CODE);
}

#[test]
fn a_program_that_ends_itself_keeps_what_it_was_promised() {
    if let Ok(order) = std::env::var(ORDER) {
        obey(&order);
    }
    assert_eq!(left_by("durable"), ["success"]);
    // The body had begun, and nobody knows how it ended.
    assert_eq!(left_by("announced_and_ended"), ["attempted"]);
    // A call that never ends has no entry of its end.
    assert_eq!(left_by("queued_and_ended"), [""; 0]);
    assert_eq!(left_by("shutdown"), ["success"]);
}

/// The program's end of it.
#[tokio::main(flavor = "current_thread")]
async fn obey(order: &str) {
    let url = std::env::var(LOG).expect("there is a log");
    let writer = Auditor::builder().url(&url).init().await.expect("the writer starts");
    match order {
        "durable" => durable(1).await,
        "announced_and_ended" => announced_and_ended(1).await.expect("it does not return"),
        "queued_and_ended" => queued_and_ended(1),
        _ => {
            queued(1);
            writer.shutdown(SOON).await;
            exit(CODE);
        }
    }
    exit(CODE);
}

/// The outcomes that are in the log after the program has ended.
#[tokio::main(flavor = "current_thread")]
async fn left_by(order: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    store::open(&url, &Schema::default()).expect("a good url").migrate().await.expect("an empty database");
    let this = std::env::current_exe().expect("this program has a path");
    let mut program = Command::new(this);
    program.args(["--exact", "a_program_that_ends_itself_keeps_what_it_was_promised"]).env(ORDER, order);
    let output = program.env(LOG, &url).output().expect("it starts");
    assert_eq!(output.status.code(), Some(CODE), "{order}: {}", String::from_utf8_lossy(&output.stderr));
    let mut log = SqliteConnection::connect(&url).await.expect("the log is there");
    sqlx::query_scalar("SELECT outcome FROM audit_logs").fetch_all(&mut log).await.expect("it can be read")
}
