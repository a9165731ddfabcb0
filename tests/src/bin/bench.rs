//! Benches that take minutes. Each starts what it needs, a PostgreSQL of its own among it, prints tables, and keeps its figures as
//! JSON, some as a picture, too. `all` runs every one in a process of its own, and
//! ends with what has to be reached and whether it is. `log` measures nothing: it is the log of `reading`, for a
//! look at it with `audit`.
//!
//! ```text
//! cargo run --release -p tests --bin bench -- all
//! cargo run --release -p tests --bin bench -- reading
//! cargo run --release -p tests --bin bench -- writing --rows 50000 --rounds 1
//! cargo run --release -p tests --bin bench -- log
//! ```

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use tests::findings::Findings;
use tests::{
    calling, durable, evidence, findings, growth, importing, machine, musts, outage, reading, verifying, writing,
};
use tokio::runtime::Runtime;

/// Measures what takes minutes to measure.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    bench: Bench,

    /// The folder for the figures
    #[arg(long, global = true, value_name = "FOLDER", default_value = "target/bench")]
    into: PathBuf,

    /// Rows, entries or calls to measure with, instead of each bench's own number
    #[arg(long, global = true)]
    rows: Option<u64>,

    /// How often each way is measured, in turns, instead of each bench's own number
    #[arg(long, global = true)]
    rounds: Option<usize>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Bench {
    /// Every one of those below that measures
    All,
    /// What an annotated call costs its caller, next to `#[instrument]`
    Calling,
    /// How many entries a second are stored, next to other ways to store the same rows
    Writing,
    /// Whether a large log takes entries as fast as an empty one; 20 million rows take about 32 GB of disk
    Growth,
    /// How long a durable call takes, next to a bare commit
    Durable,
    /// What signing and sealing cost
    Evidence,
    /// What an hour without a database costs in memory and on disk
    Outage,
    /// How long answers take, over a year of partitions, next to OFFSET and COUNT(*); ten million rows take about 9 GB of disk
    Reading,
    /// How fast a log is verified
    Verify,
    /// How fast rows of the seed's table move into the log, and whether they arrive as they were
    Import,
    /// The log that `reading` asks, kept until ctrl-c, for `audit` to look at
    Log,
}

const ALL: [&str; 9] = ["calling", "writing", "growth", "durable", "evidence", "outage", "reading", "verify", "import"];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    if matches!(args.bench, Bench::All) {
        return all(&args);
    }
    if let Some(findings) = measure(&args)? {
        findings.keep(&args.into)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(args: &Args) -> Result<Option<Findings>, Box<dyn Error>> {
    // Calls are made in a runtime of their own.
    let wait = Runtime::new()?;
    let rows = |own| args.rows.unwrap_or(own);
    let rounds = |own| args.rounds.unwrap_or(own);
    Ok(Some(match args.bench {
        Bench::Calling => calling::run(rounds(calling::ROUNDS)),
        Bench::Writing => wait.block_on(writing::run(rows(writing::ROWS), rounds(writing::ROUNDS))),
        Bench::Growth => wait.block_on(growth::run(rows(growth::ROWS), rounds(growth::ROUNDS))),
        Bench::Durable => wait.block_on(durable::run(rounds(durable::ROUNDS))),
        Bench::Evidence => wait.block_on(evidence::run(rows(evidence::ROWS), rounds(evidence::ROUNDS))),
        Bench::Outage => wait.block_on(outage::run(rows(outage::ROWS))),
        Bench::Reading => wait.block_on(reading::run(rows(reading::ROWS))),
        Bench::Verify => wait.block_on(verifying::run(rows(verifying::ROWS), rounds(verifying::ROUNDS))),
        Bench::Import => wait.block_on(importing::run(rows(importing::ROWS))),
        Bench::Log => {
            wait.block_on(reading::keep(rows(reading::ROWS)));
            return Ok(None);
        }
        Bench::All => return Ok(None),
    }))
}

/// One process each, so that no bench finds the memory or the threads of another.
fn all(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let mut done = Vec::new();
    for bench in ALL {
        println!("\n== {bench}");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(bench).arg("--into").arg(&args.into);
        for (option, number) in [("--rows", args.rows), ("--rounds", args.rounds.map(|rounds| rounds as u64))] {
            if let Some(number) = number {
                command.arg(option).arg(number.to_string());
            }
        }
        if command.status()?.success() {
            done.push(bench);
        } else {
            eprintln!("bench: {bench} ended early");
        }
    }
    let mut table = musts::table(&findings::kept(&args.into, &done));
    if args.rows.is_some() || args.rounds.is_some() {
        table.push_str("\nTaken with other numbers of rows or rounds than the table speaks of.\n");
    }
    let file = args.into.join("musts.md");
    fs::write(&file, format!("{}\n\n{table}", machine::description()))?;
    println!("\n{table}\nthe same as Markdown: {}", file.display());
    Ok(if done.len() == ALL.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
