//! Benches that take minutes. Each starts a PostgreSQL of its own, prints a table, and puts the same as JSON into a file. `log`
//! measures nothing: it is the log of `reading`, for a look at it with `audit`.
//!
//! ```text
//! cargo run --release -p tests --bin bench -- reading
//! cargo run --release -p tests --bin bench -- reading --rows 100000
//! cargo run --release -p tests --bin bench -- writing
//! cargo run --release -p tests --bin bench -- log
//! ```

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use tests::{reading, writing};

/// Measures what takes minutes to measure.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    bench: Bench,

    /// Where the figures go as JSON
    #[arg(long, global = true, value_name = "FILE", default_value = "target/bench.json")]
    json: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// How long answers take, over a year of partitions, next to OFFSET and COUNT(*)
    Reading {
        /// Rows in the log; ten million take about 9 GB of disk
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
    },
    /// The log that `reading` asks, kept until ctrl-c, for `audit` to look at
    Log {
        /// Rows in the log; ten million take about 9 GB of disk
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
    },
    /// How many entries a second are stored, next to other ways to store the same rows
    Writing {
        /// Entries that are stored each way
        #[arg(long, default_value_t = 200_000)]
        rows: u64,
        /// How often each way is measured, in turns
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let figures = match args.bench {
        Bench::Reading { rows } => reading::run(rows).await,
        Bench::Log { rows } => {
            reading::keep(rows).await;
            return Ok(());
        }
        Bench::Writing { rows, rounds } => writing::run(rows, rounds).await,
    };
    fs::write(&args.json, serde_json::to_string_pretty(&figures)?)?;
    println!("\nthe same as JSON: {}", args.json.display());
    Ok(())
}
