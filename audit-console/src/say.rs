//! Words to people, beside the output.

use std::fmt;
use std::io::Write;

/// Writes a line to standard error. Where that takes no more, the line is lost, and the command goes on: its
/// exit code still tells how it ended.
pub(crate) fn say(line: impl fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
