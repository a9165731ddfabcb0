//! Kills the `load` example with SIGKILL, again and again, while it acknowledges; then the oracle's verdict.
//!
//! ```text
//! cargo build --example load
//! cargo run -p tests --bin kills -- --rounds 20 --seed 7
//! ```
//!
//! Exits with 1 when an acknowledged entry is not in the log, or any is there twice.

use std::process::ExitCode;

use clap::Parser;
use tests::examples;
use tests::kills::{self, Options};

/// Kills the load example at random moments, and has an oracle judge the log.
#[derive(Debug, Parser)]
struct Args {
    /// How often to kill it
    #[arg(long, default_value_t = 20)]
    rounds: u32,

    /// Which moments
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args { rounds, seed } = Args::parse();
    println!("{rounds} kills at moments from seed {seed}");
    let verdict = kills::run(&Options { rounds, seed, load: examples::path("load") }).await;
    print!("{verdict}");
    if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
