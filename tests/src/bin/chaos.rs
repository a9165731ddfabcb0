//! Faults at random, from a seed, while a program records without pause; then the oracle's verdict.
//!
//! ```text
//! cargo run -p tests --bin chaos -- --minutes 10 --seed 7
//! ```
//!
//! Prints every step, and exits with 1 when a promise was broken.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tests::chaos::{self, Options};
use tests::length::Length;
use tests::victim::Orders;

/// Lets a program and its database meet faults at random, and has an oracle judge the log.
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    length: Length,

    /// Which faults, in which order
    #[arg(long, default_value_t = 1)]
    seed: u64,

    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Records entries, to be killed; started by the run itself and by tests
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
    println!("{} s of faults from seed {}", time.as_secs(), args.seed);
    let options = Options { time, seed: args.seed, program: std::env::current_exe()? };
    let verdict = chaos::run(&options).await;
    print!("{verdict}");
    Ok(if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
