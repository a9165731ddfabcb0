//! Annotated functions, and the log that they leave.
//!
//! ```text
//! cargo run --example quickstart
//! ```
//!
//! needs no server and no configuration: the log is `audit-quickstart.db` in the current folder, and a
//! second run adds to it. With `DATABASE_URL` set to a PostgreSQL database, the log is there.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Duration;

use audit_core::context::{self, InContext};
use audit_core::query::{Query, Reader};
use audit_core::store::Schema;
use audit_core::{Actor, AuditAction, Auditor, Context, Entry, Outcome, Row, Target, audited};
use comfy_table::{Attribute, Cell, Color, LineStyle, Table, TableStyle};
use serde_json::{Value, json};

// -- The application: what it does, and what of it is audited -------------------------------------------

struct Project {
    id: String,
}

/// The name of the action is checked by the compiler: write `project.creatd`, and this does not build.
/// Only what is named enters the log. The id is known once the project exists, so it is read from the result.
#[audited(
    action = "project.created",
    target_id = |project| project.id.clone(),
    metadata(changes = json!({ "name": name }))
)]
async fn create_project(name: &str) -> Result<Project, Refusal> {
    tokio::task::yield_now().await;
    println!("  created the project {name}");
    Ok(Project { id: "proj_456".to_owned() })
}

/// An `Err` is a failure, and what it says is kept. The argument `project_id` names the target by itself.
#[audited(action = "project.deleted")]
async fn delete_project(project_id: &str) -> Result<(), Refusal> {
    tokio::task::yield_now().await;
    Err(Refusal(format!("{project_id} still has 3 members")))
}

/// This one takes too long, and its caller loses patience: the future is dropped half-way.
#[audited(action = "key.rotated", target_id = key, metadata(key_type))]
async fn rotate_key(key: &str, key_type: Option<String>) {
    tokio::time::sleep(Duration::from_hours(1)).await;
}

/// This one has a bug.
#[audited(action = "user.role_changed", target_id = user, metadata(old_role, new_role))]
async fn change_role(user: String, old_role: String, new_role: String) {
    let roles = ["viewer", "editor"];
    tokio::task::yield_now().await;
    assert!(roles.contains(&new_role.as_str()), "there is no role {new_role}");
}

/// Functions need not be async, or return a `Result`.
#[audited(action = "secret.accessed", metadata(secret_name = name))]
fn read_secret(secret_id: &str, name: &str) -> String {
    println!("  read the secret {name}");
    format!("the value of {secret_id}")
}

#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refusal {}

// -- A request comes in -----------------------------------------------------------------------------------

async fn handle_request() -> Result<(), Box<dyn Error>> {
    create_project("MyProject").await?;

    if let Err(refusal) = delete_project("proj_456").await {
        println!("  could not delete the project: {refusal}");
    }

    let patience = Duration::from_millis(20);
    if tokio::time::timeout(patience, rotate_key("key_7", Some("live".to_owned()))).await.is_err() {
        println!("  gave up on rotating the key");
    }

    // A task of its own takes the context along. Its panic is caught by the runtime; the message that the
    // panic would print is silenced here, because it is part of the show.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let task = change_role("user_8".to_owned(), "viewer".to_owned(), "emperor".to_owned());
    let panicked = tokio::spawn(task.in_audit_context()).await.is_err();
    std::panic::set_hook(hook);
    if panicked {
        println!("  changing the role panicked");
    }

    read_secret("sec_1", "stripe-token");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // The library tells of its troubles through `tracing`.
    tracing_subscriber::fmt().with_env_filter("warn").with_writer(std::io::stderr).init();
    let url = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
    match run(&url.unwrap_or_else(|| "sqlite:audit-quickstart.db".to_owned())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(url: &str) -> Result<(), Box<dyn Error>> {
    // One line starts the auditor: it makes the tables and starts the writer.
    let writer = Auditor::builder().url(url).service_name("quickstart").init().await?;

    // Who is at work, from where, for which request: said once, where the request comes in.
    let request = Context::new()
        .with_actor(Actor::user("user_123"))
        .with_ip_address(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1)))
        .with_user_agent("Mozilla/5.0...")
        .with_request_id("req_9");
    println!("The application works:");
    context::scope(request, handle_request()).await?;

    // What no function wraps is recorded by hand; the catalog's variant brings typed metadata.
    let suspended = AuditAction::ProjectAutoSuspended {
        reason: Some("unpaid for 30 days".to_owned()),
        hard_cap_exceeded: Some(true),
    };
    let entry = Entry::builder(suspended).target(Target::project("proj_456")).actor(Actor::system("billing")).build();
    writer.auditor().record(entry).await?;

    // The shutdown writes what is still in memory, and says what it could not write.
    let report = writer.shutdown(Duration::from_secs(10)).await;
    println!("\nThe log took {} entries and lost {}. Its latest, newest first:\n", report.stored, report.lost);

    let reader = Reader::connect(url, &Schema::default()).await?;
    let page = reader.page(&Query::new().limit(12)).await?;
    show(&page.rows);
    println!("\n{}", what_next(url));
    Ok(())
}

// -- Everything below only prints -------------------------------------------------------------------------

/// One line for each entry, and below it what only this entry has to tell.
fn show(rows: &[Row]) {
    const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
    let mut table = Table::new();
    table.load_style(STYLE);
    let titles = ["when (UTC)", "outcome", "who", "did what", "to what"];
    table.set_header(titles.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    for row in rows {
        table.add_row([
            Cell::new(row.created_at.format("%H:%M:%S")),
            Cell::new(row.outcome).fg(match row.outcome {
                Outcome::Success => Color::Green,
                Outcome::Failure | Outcome::Panicked => Color::Red,
                _ => Color::Yellow,
            }),
            Cell::new(format!("{}:{}", row.actor_type, row.actor_id.as_deref().unwrap_or("-"))),
            Cell::new(&row.action),
            Cell::new(format!("{}:{}", row.target_type, row.target_id.as_deref().unwrap_or("-"))),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    let details = [None, None].into_iter().chain(rows.iter().map(details));
    for (line, details) in table.trim_fmt().lines().zip(details) {
        println!("{line}");
        if let Some(details) = details {
            println!("            {details}");
        }
    }
}

fn details(row: &Row) -> Option<String> {
    let address = row.ip_address.map(|address| format!("from {address}"));
    let took = row.duration_us.map(|micros| match micros {
        0..1_000 => format!("took {micros} µs"),
        _ => format!("took {} ms", micros / 1_000),
    });
    let metadata = row.metadata.as_map().iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}: {text}"),
        other => format!("{name}: {other}"),
    });
    let all: Vec<_> = row.error.iter().cloned().chain(metadata).chain(took).chain(address).collect();
    if all.is_empty() { None } else { Some(all.join(" · ")) }
}

fn what_next(url: &str) -> String {
    let flag = if url.starts_with("sqlite:") { format!(" --database-url {url}") } else { String::new() };
    format!("Next, ask it something:\n  cargo run -q -p audit-console --{flag} query --outcome failure")
}
