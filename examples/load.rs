//! Many tasks that record entries at once, and the accounts afterwards.
//!
//! ```text
//! cargo run --release --example load -- --calls 100000 --tasks 64
//! cargo run --release --example load -- --database-url postgres://localhost/audit
//! cargo run --release --example load -- --durability durable --journal audit-journal --ack-file acknowledged
//! ```
//!
//! Exits with 1 unless every call has its rows in the log, none twice, and the accounts balance. It may be
//! tried: stop the database in the middle, and start it again. With a journal and an ack file: kill this program in the
//! middle, let another run adopt what it left, and look for the ids of the file in the log.

use std::collections::HashSet;
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use audit_core::query::{Query, Reader};
use audit_core::store::{self, Schema};
use audit_core::{
    Actor, AuditAction, Auditor, Builder, Context, Durability, Entry, Outcome, Overflow, Stats, Target, context,
};
use clap::Parser;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Records entries from many tasks at once and checks that every call has its rows in the log.
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

    /// What a call waits for: queued, durable or before
    #[arg(long, default_value_t = Durability::Queued)]
    durability: Durability,

    /// Where entries wait on disk while the database cannot take them
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,

    /// Append the id of each entry, a line each, once it has been acknowledged
    #[arg(long, value_name = "FILE")]
    ack_file: Option<PathBuf>,
}

/// How long a database that is away may hold up a call, and the shutdown.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::main]
async fn main() -> ExitCode {
    let coloured = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter("warn").with_ansi(coloured).with_writer(std::io::stderr).init();
    match run(&Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("load: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

async fn run(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let place = store::open(&args.database_url, &Schema::default())?.describe();
    println!("{} calls from {} tasks into {place}", grouped(args.calls), args.tasks);

    let writer = builder(args).start().await?;

    // The run's own tenant tells its rows from those of other runs.
    let tenant = format!("load-{}", Uuid::now_v7());
    let acks = Acks::open(args)?;
    let begun = Instant::now();
    let Calls { made, refused } = call_from_tasks(args, &tenant, writer.auditor(), acks).await;
    let called = begun.elapsed();
    store_what_others_left(writer.auditor()).await;
    let report = writer.shutdown(PATIENCE).await;
    let stored = begun.elapsed();
    let stats = report.stats;

    println!(
        "called    {} in {called:.2?}: {} calls a second, {} of them refused",
        grouped(made),
        a_second(made, called),
        grouped(refused)
    );
    println!(
        "stored    {} in {stored:.2?}: {} entries a second",
        grouped(stats.stored),
        a_second(stats.stored, stored)
    );
    println!("queue     {} entries at its fullest", grouped(stats.queue_high_water));
    println!("batches   {}, {} attempts failed", grouped(stats.batches), grouped(stats.retries));
    println!("accounts  {}", accounts(&stats));

    let rows = Rows::of(&args.database_url, &tenant).await?;
    println!("log       {} rows for {} calls, {} of them twice", grouped(rows.all), grouped(rows.calls), rows.twice);

    // Work that is announced has two rows: that, and how it ended.
    let each = if args.durability == Durability::Before { 2 } else { 1 };
    let complete = refused == 0 && rows.calls == made && rows.all == made * each && rows.twice == 0;
    if complete && stats.is_balanced() {
        println!("every call is in the log, and no entry twice");
        return Ok(ExitCode::SUCCESS);
    }
    println!("NOT every call is in the log: {made} calls, {} rows; last error: {:?}", rows.all, stats.last_error);
    Ok(ExitCode::FAILURE)
}

fn builder(args: &Args) -> Builder {
    let mut builder = Auditor::builder()
        .url(&args.database_url)
        .service_name("load")
        .durable_timeout(PATIENCE)
        .overflow(Overflow::Block { at_most: PATIENCE });
    if let Some(lanes) = args.lanes {
        builder = builder.lanes(lanes);
    }
    if let Some(directory) = &args.journal {
        builder = builder.journal(directory);
    }
    builder
}

/// Waits until the journal is empty: the writer stores what killed runs left there, too.
async fn store_what_others_left(auditor: &Auditor) {
    let last = Instant::now() + PATIENCE;
    while auditor.journal().is_some_and(|journal| journal.bytes > 0) && Instant::now() < last {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The calls of all tasks.
#[derive(Default)]
struct Calls {
    made: u64,
    refused: u64,
}

/// Lets the tasks share the calls.
async fn call_from_tasks(args: &Args, tenant: &str, auditor: &Auditor, acks: Acks) -> Calls {
    let next = Arc::new(AtomicU64::new(0));
    let (calls, durability) = (args.calls, args.durability);
    let last = Instant::now() + Duration::from_secs(args.seconds);
    let mut tasks = JoinSet::new();
    for task in 0..args.tasks {
        let (next, auditor, acks) = (Arc::clone(&next), auditor.clone(), acks.clone());
        let context = Context::new().with_actor(Actor::user(format!("user_{task}"))).with_tenant_id(tenant);
        tasks.spawn(context::scope(context, async move {
            let mut mine = Calls::default();
            while Instant::now() < last {
                let call = next.fetch_add(1, Ordering::Relaxed);
                if call >= calls {
                    break;
                }
                mine.made += 1;
                mine.refused += u64::from(record(&auditor, call, durability, &acks).await.is_err());
            }
            mine
        }));
    }
    let each = tasks.join_all().await;
    Calls { made: each.iter().map(|calls| calls.made).sum(), refused: each.iter().map(|calls| calls.refused).sum() }
}

async fn record(auditor: &Auditor, call: u64, durability: Durability, acks: &Acks) -> Result<(), Box<dyn Error>> {
    let action = AuditAction::SecretAccessed { secret_name: Some("load".to_owned()) };
    let entry = Entry::builder(action).target(Target::secret(call.to_string())).build();
    if durability == Durability::Before {
        let attempt = auditor.attempt(entry).await?;
        acks.write(attempt.id())?;
        acks.write(attempt.end(Outcome::Success).await?)?;
    } else {
        acks.write(auditor.record(entry).durability(durability).await?)?;
    }
    Ok(())
}

/// Where the ids of acknowledged entries are written, if anywhere. What one `write` has taken survives the end of this
/// program, however it ends.
#[derive(Clone)]
struct Acks(Option<Arc<File>>);

impl Acks {
    fn open(args: &Args) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path).map(Arc::new);
        args.ack_file.as_ref().map(open).transpose().map(Self)
    }

    fn write(&self, id: Uuid) -> io::Result<()> {
        let Some(file) = &self.0 else { return Ok(()) };
        file.as_ref().write_all(format!("{id}\n").as_bytes())
    }
}

/// The identity that holds at every moment: what was emitted is somewhere.
fn accounts(stats: &Stats) -> String {
    format!(
        "{} emitted + {} adopted + {} drained = {} stored + {} waiting ({} in the journal) + {} dead-lettered + {} dropped: {}",
        grouped(stats.emitted),
        grouped(stats.adopted),
        grouped(stats.drained),
        grouped(stats.stored),
        grouped(stats.waiting),
        grouped(stats.journaled),
        grouped(stats.dead_lettered),
        grouped(stats.dropped),
        if stats.is_balanced() { "balanced" } else { "NOT BALANCED" }
    )
}

/// What the log holds of a run.
#[derive(Default)]
struct Rows {
    all: u64,
    /// Different calls.
    calls: u64,
    twice: u64,
}

impl Rows {
    /// Reads every row of the run back, page by page.
    async fn of(url: &str, tenant: &str) -> Result<Self, Box<dyn Error>> {
        let reader = Reader::connect(url, &Schema::default()).await?;
        let (mut rows, mut ids, mut calls) = (Self::default(), HashSet::new(), HashSet::new());
        let mut query = Query::new().tenant(tenant).limit(Query::MAX_LIMIT);
        loop {
            let page = reader.page(&query).await?;
            for row in page.rows {
                rows.all += 1;
                rows.twice += u64::from(!ids.insert(row.id));
                rows.calls += u64::from(calls.insert(row.target_id.unwrap_or_default()));
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
