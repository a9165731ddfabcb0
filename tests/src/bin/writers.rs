//! Many writer processes, killed at random, from a seed; then the oracle's verdict, and whether the log verifies.
//!
//! ```text
//! cargo run --release -p tests --bin writers -- --processes 32 --minutes 10 --seed 7
//! ```
//!
//! Exits with 1 when a promise was broken.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tests::length::Length;
use tests::victim::Orders;
use tests::writers::{self, Options};

/// Lets many writers record into one log, kills them at random, and verifies the log.
#[derive(Debug, Parser)]
struct Args {
    /// How many writers there are at any time
    #[arg(long, default_value_t = 32)]
    processes: usize,

    #[command(flatten)]
    length: Length,

    /// Which are killed, and when
    #[arg(long, default_value_t = 1)]
    seed: u64,

    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Records entries, to be killed; started by the run itself
    #[command(hide = true)]
    Victim(Orders),
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    if let Some(Role::Victim(orders)) = args.role {
        orders.obey().await?;
        return Ok(ExitCode::SUCCESS);
    }
    let time = args.length.time();
    println!("{} writers for {} s, killed by seed {}", args.processes, time.as_secs(), args.seed);
    let options = Options { processes: args.processes, time, seed: args.seed, program: std::env::current_exe()? };
    let (verdict, report) = writers::run(&options).await;
    print!("{verdict}");
    let found = if report.is_intact() { "intact" } else { "BROKEN" };
    println!(
        "verify        {found}: {} entries in {} batches of {} streams, {} of them sealed",
        report.entries, report.batches, report.streams, report.sealed_batches
    );
    for broken in &report.breaks {
        println!("  {broken}");
    }
    Ok(if verdict.is_good() && report.is_intact() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
