//! `audit journal`: what waits on disk, and landing it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use audit_core::journal::{self, Inspection, WriterJournal};
use chrono::Utc;
use clap::{Args, Subcommand};
use comfy_table::Cell;
use serde_json::json;

use super::ADVICE;
use super::format::{Format, document};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::render::table;
use crate::run::block_on;
use crate::say::say;

#[derive(Debug, Args)]
pub(crate) struct JournalArgs {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Show what waits on disk
    Status(StatusArgs),
    /// Land what dead writers left, now
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
struct DirectoryArgs {
    /// The directory that the service keeps its journal in
    #[arg(long, env = "AUDIT_JOURNAL", value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
It changes nothing, and needs no database. What a living writer has is in motion.

Examples:
  audit journal status --dir /var/lib/billing/audit
  audit journal status --format json | jq '.writers[] | select(.is_alive | not)'")]
struct StatusArgs {
    #[command(flatten)]
    directory: DirectoryArgs,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A service adopts what dead writers left by itself, within seconds of its start.
This is for a host whose service will not start again. Run it as the user that
the service runs as. Journals of the living are left alone.

Exit codes:
  0  nothing of dead writers is left
  1  something is left: damaged, not a journal's, or not landed in time
  2  it could not be tried

Examples:
  audit journal replay --dir /var/lib/billing/audit")]
struct ReplayArgs {
    #[command(flatten)]
    directory: DirectoryArgs,

    /// How long it may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,

    /// How to print what was done; as JSON `adopted`, `stored`, `dead_lettered` and `damaged` (numbers of entries), and `left`, as
    /// `audit journal status` prints it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &JournalArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let code = match &args.command {
        JournalCommand::Status(args) => status(args, out),
        JournalCommand::Replay(args) => replay(log, args, out),
    }?;
    out.flush()?;
    Ok(code)
}

fn status(args: &StatusArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let found = journal::inspect(&args.directory.dir).map_err(|error| Failure::wrong(&error))?;
    match args.format {
        Format::Json => {
            document(&found, out)?;
        }
        Format::Text => show(&found, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(found: &Inspection, out: &mut impl Write) -> Result<(), Failure> {
    if found.writers.is_empty() {
        say("no writer has a journal here");
    } else {
        let titles = ["writer", "state", "streams", "segments", "batches", "entries", "bytes", "oldest", "damaged"];
        let mut table = table::styled(titles);
        for writer in &found.writers {
            let name = writer.directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
            table.add_row([
                Cell::new(visible(&name)),
                Cell::new(if writer.is_alive { "alive" } else { "dead" }),
                Cell::new(writer.streams),
                Cell::new(writer.segments),
                Cell::new(writer.batches),
                Cell::new(writer.entries),
                Cell::new(writer.bytes),
                Cell::new(age(writer)),
                Cell::new(writer.damaged),
            ]);
        }
        writeln!(out, "{}", table.trim_fmt())?;
    }
    found.writers.iter().for_each(say_unreadable);
    say_quarantined(found);
    Ok(())
}

fn say_unreadable(writer: &WriterJournal) {
    writer.unreadable.iter().for_each(|reason| say(visible(reason)));
}

fn say_quarantined(found: &Inspection) {
    for path in &found.quarantined {
        say(format_args!("kept apart, damaged: {}", visible(&path.display().to_string())));
    }
}

fn age(writer: &WriterJournal) -> String {
    writer.oldest.map_or_else(String::new, |oldest| format!("{} s", (Utc::now() - oldest).num_seconds().max(0)))
}

fn replay(log: &LogArgs, args: &ReplayArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    let within = Duration::from_secs(args.seconds);
    let replayed = block_on(journal::replay(&args.directory.dir, url.as_str(), &log.schema, within))?;
    let replayed = replayed.map_err(|error| Failure::wrong(&error).with_hint(ADVICE))?;
    let stats = &replayed.stats;
    let (adopted, dead_lettered, damaged) = (stats.adopted, stats.dead_lettered, stats.dropped_by.journal_damaged);
    let stored = adopted.saturating_sub(stats.journaled + dead_lettered + damaged);
    match args.format {
        Format::Text => writeln!(
            out,
            "{adopted} entries adopted: {stored} stored, {dead_lettered} dead letters, {damaged} damaged"
        )?,
        Format::Json => {
            let told = json!({
                "adopted": adopted,
                "stored": stored,
                "dead_lettered": dead_lettered,
                "damaged": damaged,
                "left": replayed.left,
            });
            document(&told, out)?;
        }
    }
    let left: Vec<_> = replayed.left.writers.iter().filter(|writer| !writer.is_alive).collect();
    for writer in &left {
        let directory = writer.directory.display().to_string();
        say(format_args!("left: {} entries in {}", writer.entries, visible(&directory)));
        say_unreadable(writer);
    }
    say_quarantined(&replayed.left);
    let is_all_landed = left.is_empty() && replayed.left.quarantined.is_empty();
    Ok(if is_all_landed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
