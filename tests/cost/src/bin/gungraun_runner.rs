//! The runner that the benchmark of instructions looks for. Cargo builds it with the benchmark, so that nothing has to be
//! installed but valgrind.

use std::process::ExitCode;

fn main() -> ExitCode {
    match gungraun_runner::runner::run::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}
