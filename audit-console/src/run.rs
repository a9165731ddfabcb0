//! From the command line to an exit code.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::commands;
use crate::failure::Failure;

/// Reads the command line, does what it says, and prints what went wrong to standard error.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(code) => code,
        // Whoever reads our output has seen enough.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.exit_code();
            report(failure);
            code
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let mut out = io::BufWriter::new(anstream::stdout());
    let Cli { log, command } = cli;
    match command {
        Command::Migrate(args) => commands::migrate::run(&log, &args, &mut out),
        Command::Record(args) => commands::record::run(&log, *args, &mut out),
        Command::Query(args) => commands::query::run(&log, &args, &mut out),
        Command::Catalog(args) => commands::catalog::run(&args, &mut out),
    }
}

fn report(failure: Failure) {
    anstream::eprintln!("{:?}", miette::Report::new(failure));
}

/// Runs a future on a runtime of its own.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(&error).with_hint("the system refused an event queue; see `ulimit -n`"))?;
    Ok(runtime.block_on(future))
}
