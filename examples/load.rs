//! Many tasks that call an audited function at once, and the accounts afterwards.
//!
//! ```text
//! cargo run --release --example load -- --calls 100000 --tasks 64
//! cargo run --release --example load -- --database-url postgres://localhost/audit
//! ```
//!
//! Exits with 1 unless every call is one row of the log, none twice, and the accounts balance. It may be
//! tried: stop the database in the middle, and start it again.

use std::collections::HashSet;
use std::error::Error;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use audit_core::query::{Query, Reader};
use audit_core::store::{self, Schema};
use audit_core::{Actor, Auditor, Context, Overflow, Stats, audited, context};
use clap::Parser;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Calls an audited function from many tasks at once and checks that every call is one row of the log.
#[derive(Debug, Parser)]
struct Args {
    /// The log's database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, default_value = "sqlite:audit-load.db")]
    database_url: String,

    /// How many calls, all tasks together
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    calls: u64,

    /// How many tasks call at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    tasks: u64,

    /// Begin no call after so many seconds
    #[arg(long, default_value_t = 300)]
    seconds: u64,

    /// How many streams the writer keeps side by side, if not as many as pay
    #[arg(long)]
    lanes: Option<usize>,
}

/// How long a database that is away may hold up a call, and the shutdown.
const PATIENCE: Duration = Duration::from_mins(2);

#[audited(action = "secret.accessed", target_id = call.to_string(), metadata(secret_name = "load"))]
async fn access_secret(call: u64) {}

#[tokio::main]
async fn main() -> ExitCode {
    let coloured = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter("warn").with_ansi(coloured).with_writer(std::io::stderr).init();
    match run(&Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let place = store::open(&args.database_url, &Schema::default())?.describe();
    println!("{} calls from {} tasks into {place}", grouped(args.calls), args.tasks);

    let mut builder =
        Auditor::builder().url(&args.database_url).service_name("load").overflow(Overflow::Block { at_most: PATIENCE });
    if let Some(lanes) = args.lanes {
        builder = builder.lanes(lanes);
    }
    let writer = builder.init().await?;

    // The run's own tenant tells its rows from those of other runs.
    let tenant = format!("load-{}", Uuid::now_v7());
    let begun = Instant::now();
    let calls = call_from_tasks(args, &tenant).await;
    let called = begun.elapsed();
    let report = writer.shutdown(PATIENCE).await;
    let stored = begun.elapsed();
    let stats = report.stats;

    println!("called    {} in {called:.2?}: {} calls a second", grouped(calls), a_second(calls, called));
    println!(
        "stored    {} in {stored:.2?}: {} entries a second",
        grouped(stats.stored),
        a_second(stats.stored, stored)
    );
    println!("queue     {} entries at its fullest", grouped(stats.queue_high_water));
    println!("batches   {}, {} attempts failed", grouped(stats.batches), grouped(stats.retries));
    println!("accounts  {}", accounts(&stats));

    let rows = Rows::of(&args.database_url, &tenant).await?;
    println!(
        "log       {} rows for {} calls, {} of them twice",
        grouped(rows.all),
        grouped(rows.calls.len() as u64),
        rows.twice
    );

    let complete = rows.calls.len() as u64 == calls && rows.all == calls && rows.twice == 0;
    if complete && stats.is_balanced() {
        println!("every call is one row, none twice");
        return Ok(ExitCode::SUCCESS);
    }
    println!("NOT every call is one row: {} calls, {} rows; last error: {:?}", calls, rows.all, stats.last_error);
    Ok(ExitCode::FAILURE)
}

/// Lets the tasks share the calls; gives back how many there were.
async fn call_from_tasks(args: &Args, tenant: &str) -> u64 {
    let next = Arc::new(AtomicU64::new(0));
    let (calls, last) = (args.calls, Instant::now() + Duration::from_secs(args.seconds));
    let mut tasks = JoinSet::new();
    for task in 0..args.tasks {
        let next = Arc::clone(&next);
        let context = Context::new().with_actor(Actor::user(format!("user_{task}"))).with_tenant_id(tenant);
        tasks.spawn(context::scope(context, async move {
            let mut made = 0;
            while Instant::now() < last {
                let call = next.fetch_add(1, Ordering::Relaxed);
                if call >= calls {
                    break;
                }
                access_secret(call).await;
                made += 1;
            }
            made
        }));
    }
    tasks.join_all().await.into_iter().sum()
}

/// The identity that holds at every moment: what was emitted is somewhere.
fn accounts(stats: &Stats) -> String {
    format!(
        "{} emitted = {} stored + {} waiting + {} dead-lettered + {} dropped: {}",
        grouped(stats.emitted),
        grouped(stats.stored),
        grouped(stats.waiting),
        grouped(stats.dead_lettered),
        grouped(stats.dropped),
        if stats.is_balanced() { "balanced" } else { "NOT BALANCED" }
    )
}

/// What the log holds of a run.
struct Rows {
    all: u64,
    calls: HashSet<String>,
    twice: u64,
}

impl Rows {
    /// Reads every row of the run back, page by page.
    async fn of(url: &str, tenant: &str) -> Result<Self, Box<dyn Error>> {
        let reader = Reader::connect(url, &Schema::default()).await?;
        let mut rows = Self { all: 0, calls: HashSet::new(), twice: 0 };
        let mut query = Query::new().tenant(tenant).limit(Query::MAX_LIMIT);
        loop {
            let page = reader.page(&query).await?;
            for row in page.rows {
                rows.all += 1;
                rows.twice += u64::from(!rows.calls.insert(row.target_id.unwrap_or_default()));
            }
            let Some(next) = page.next else { return Ok(rows) };
            query = query.after(next);
        }
    }
}

/// How many there were a second, over a time.
fn a_second(count: u64, time: Duration) -> String {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    grouped(count.saturating_mul(1_000_000) / micros)
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
