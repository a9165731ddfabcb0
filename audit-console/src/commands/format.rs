//! How commands print what they have to say.
//!
//! Under `--format json` that is one JSON document on standard output, whatever the command: a list where it lists things,
//! otherwise an object; of what changes something, the object says what was changed. Names are `snake_case`, times RFC 3339, ids text.
//! What is unknown or does not apply is `null`. Members may be added; none is renamed, removed or retyped within a major version. Words for
//! people go to standard error, and how it went is the exit code: where that is not 0, there may be no document.

use std::io::Write;

use clap::ValueEnum;
use serde::Serialize;

use crate::failure::Failure;
use crate::render::escape;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[value(alias = "table")]
    Text,
    /// One JSON document, for programs
    Json,
}

/// Prints a document, in which what a terminal would obey is written out.
pub(super) fn document(what: &(impl Serialize + ?Sized), out: &mut impl Write) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(what).map_err(|error| Failure::failed(&error))?;
    writeln!(out, "{}", escape::json(&text))?;
    Ok(())
}
