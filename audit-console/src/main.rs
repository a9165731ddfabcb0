//! The `audit` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    audit_console::run()
}
