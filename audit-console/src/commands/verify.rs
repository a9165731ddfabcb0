//! `audit verify`: whether the log still is what its writers froze.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use audit_core::verify::{self, Break, Progress, Report};
use chrono::{SecondsFormat, TimeDelta};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::ADVICE;
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::escape::{self, visible};
use crate::render::style::{DIM, GREEN, PLAIN, RED, YELLOW};
use crate::run::block_on;
use crate::say::say;

#[derive(Debug, Args)]
#[command(after_help = "\
It reads the whole log, as a reader may, computes every hash again and compares.
It changes nothing. What is recorded meanwhile is looked at the next time.

It finds what was changed, inserted, moved or removed by whoever can write to
the database. It cannot see a stream that was removed whole, the last batches
of a stream removed with their rows, a batch that a forged header calls lost,
or a log whose hashes were all computed anew.

Exit codes:
  0  intact
  1  something is not as it was written
  2  it could not be checked

Examples:
  audit verify
  audit verify --format json | jq '.breaks[]'
  audit verify || page-the-auditor")]
pub(crate) struct VerifyArgs {
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One document
    Json,
}

pub(crate) fn run(log: &LogArgs, args: &VerifyArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    // It is not drawn where nobody looks.
    let bar = ProgressBar::new(0).with_style(style());
    let watch = |Progress { entries, promised, .. }| {
        bar.set_length(promised);
        bar.set_position(entries);
    };
    let report = block_on(verify::verify(url.as_str(), &log.schema, watch))?;
    bar.finish_and_clear();
    // Exit code 2, also where only the server is to blame: 1 says that something is broken.
    let report = report.map_err(|error| Failure::wrong(&error).with_hint(ADVICE))?;
    let code = if report.is_intact() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    match print(&report, args.format, out) {
        // What was found does not hang on whether anybody reads it.
        Err(Failure::Output(error)) => {
            if error.kind() != ErrorKind::BrokenPipe {
                say(format_args!("cannot write to standard output: {error}"));
            }
            Ok(code)
        }
        printed => printed.map(|()| code),
    }
}

fn print(report: &Report, format: Format, out: &mut impl Write) -> Result<(), Failure> {
    match format {
        Format::Json => {
            let mut document = serde_json::to_value(report).map_err(|error| Failure::failed(&error))?;
            document["intact"] = report.is_intact().into();
            writeln!(out, "{}", escape::json(&format!("{document:#}")))?;
        }
        Format::Text => show(report, out)?,
    }
    out.flush()?;
    Ok(())
}

fn style() -> ProgressStyle {
    let template = "{bar:40} {percent}% of {len} entries, {rate} a second, {eta} left";
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        // A bar that cannot be drawn is no reason to stop.
        let _ = write!(out, "{:.0}", state.per_sec());
    };
    ProgressStyle::with_template(template).expect("the template names only what there is").with_key("rate", rate)
}

fn show(report: &Report, out: &mut impl Write) -> Result<(), Failure> {
    let Report { dead_letters, lost_batches, .. } = report;
    let entries = counted(report.entries, "entry", "entries");
    let batches = counted(report.batches, "batch", "batches");
    let streams = counted(report.streams, "stream", "streams");
    if let Some(first) = report.breaks.first() {
        writeln!(out, "{RED}✗ broken{PLAIN}: {}", visible(&first.to_string()))?;
        if let Some(command) = rows_concerned(first) {
            writeln!(out, "  {DIM}→{PLAIN} {command}")?;
        }
        for found in &report.breaks[1..] {
            writeln!(out, "  also: {}", visible(&found.to_string()))?;
        }
        if report.more_breaks > 0 {
            writeln!(out, "  and {} more", report.more_breaks)?;
        }
        let breaks = counted(report.breaks.len() as u64 + report.more_breaks, "break", "breaks");
        writeln!(out, "{breaks} in {entries}, {batches}, {streams}")?;
    } else {
        writeln!(out, "{GREEN}✓ intact{PLAIN}: {entries} in {batches} of {streams}")?;
    }
    if *dead_letters > 0 {
        writeln!(out, "{YELLOW}!{PLAIN} {dead_letters} of the rows are dead letters: audit dead-letters")?;
    }
    if *lost_batches > 0 {
        writeln!(
            out,
            "{YELLOW}!{PLAIN} {lost_batches} batches were lost by a damaged journal: audit query --action audit.gap"
        )?;
    }
    Ok(())
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Shows the rows concerned, and those of the same time.
fn rows_concerned(found: &Break) -> Option<String> {
    let (first, last) = found.span()?;
    let exact = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let until = last.checked_add_signed(TimeDelta::microseconds(1))?;
    Some(format!("audit query --since {} --until {}", exact(first), exact(until)))
}
