//! From the command line to an exit code.

use std::io::{self, ErrorKind, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use miette::MietteHandlerOpts;

use crate::cli::{Cli, Command};
use crate::commands;
use crate::failure::Failure;
use crate::say::say;

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
        Command::Tail(args) => commands::tail::run(&log, &args, &mut out),
        Command::Show(args) => commands::show::run(&log, &args, &mut out),
        Command::Stats(args) => commands::stats::run(&log, &args, &mut out),
        #[cfg(feature = "viewer")]
        Command::Serve(args) => commands::serve::run(&log, &args),
        Command::Export(args) => commands::export::run(&log, &args),
        Command::Import(args) => commands::import::run(&log, &args, &mut out),
        Command::Completions(args) => commands::completions::completions(&args, &mut out),
        Command::Man(args) => commands::completions::man(&args, &mut out),
        Command::DeadLetters(args) => commands::dead_letters::run(&log, &args, &mut out),
        Command::Journal(args) => commands::journal::run(&log, &args, &mut out),
        Command::Catalog(args) => commands::catalog::run(&args, &mut out),
        Command::Seal(args) => commands::seal::run(&log, &args, &mut out),
        Command::Proof(args) => commands::proof::run(&log, &args, &mut out),
        Command::Redact(args) => commands::redact::run(&log, &args, &mut out),
        Command::Hold(args) => commands::hold::run(&log, &args, &mut out),
        Command::Keys(args) => commands::keys::run(&args, &mut out),
        Command::Retention(args) => commands::retention::run(&log, &args, &mut out),
        Command::Verify(args) => commands::verify::run(&log, &args, &mut out),
        Command::Doctor(args) => commands::doctor::run(&log, &args, &mut out),
    }
}

fn report(failure: Failure) {
    // Where nobody looks, a message stays in one line, so that it can be searched for.
    let wrapped = io::stderr().is_terminal();
    let options = MietteHandlerOpts::new().wrap_lines(wrapped).break_words(false);
    // The hook can be installed but once, and this is the end of the program.
    drop(miette::set_hook(Box::new(move |_| Box::new(options.clone().build()))));
    say(format_args!("{:?}", miette::Report::new(failure)));
}

/// Runs a future on a runtime of its own.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(&error).with_hint("the system refused an event queue; see `ulimit -n`"))?;
    Ok(runtime.block_on(future))
}
