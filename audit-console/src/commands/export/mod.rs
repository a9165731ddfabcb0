//! `audit export`: entries for other programs, however many.

mod destination;
mod ocsf;
#[cfg(feature = "parquet")]
mod parquet;
mod progress;

use std::fmt;
#[cfg(feature = "parquet")]
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use audit_core::Row;
use audit_core::query::{Cursor, Filter, Query, Reader};
use chrono::Utc;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use self::destination::Destination;
use self::progress::{Mark, Progress};
use super::filter::{FilterArgs, GRAMMAR};
use super::{ADVICE, recorder};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::{csv, escape};
use crate::run::block_on;
use crate::say::say;

/// After so many entries, those before are safe in the file, and an export that breaks off goes on behind them.
const ENTRIES_PER_MARK: u64 = 20_000;

const EXAMPLES: &str = "
The oldest come first. What is recorded while it runs is left out. In memory
there is one page, whatever the export holds.

With --output, every 20,000 entries the file is brought to disk and a file
beside it, FILE.resume, says how far it came. When an export breaks off, the
same command with --resume goes on from there. On standard output, an export
that breaks off says the cursor for --after.

Where the program was built with the feature parquet, --format parquet writes
columns, compressed, with times in microseconds and ids as UUID. Such a file
cannot be gone on with; the rest goes into another, by --after.

CSV is made for spreadsheets: no cell is taken for a formula. JSON Lines hold
every column, as `audit query --format jsonl` does. OCSF has one event of the
class Entity Management (OCSF 1.3.0) a line.

Examples:
  audit export created:2026-07..2026-09 --format csv --output q3.csv
  audit export tenant:acme --output acme.jsonl.zst --compress zstd
  audit export tenant:acme --output acme.jsonl.zst --compress zstd --resume
  audit export 'outcome:denied created:>=24h' --format ocsf | send-to-the-siem";

#[derive(Debug, Args)]
#[command(after_help = format!("{GRAMMAR}\n{EXAMPLES}"))]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    filter: FilterArgs,

    /// How to write them
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,

    /// Where to; to standard output, when left out
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// How to compress it
    #[arg(long, value_enum, default_value_t = Compression::None)]
    compress: Compression,

    /// Go on with an export to the same file that broke off
    #[arg(long, requires = "output")]
    resume: bool,

    /// Go on behind the entry of this cursor
    #[arg(long, value_name = "CURSOR", conflicts_with = "resume")]
    after: Option<Cursor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// For spreadsheets
    Csv,
    /// Every column, a JSON document a line
    Jsonl,
    /// For security tools, an OCSF event a line
    Ocsf,
    /// For tools that analyse, in columns
    #[cfg(feature = "parquet")]
    Parquet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Compression {
    /// Not at all
    None,
    /// For everybody
    Gzip,
    /// Smaller and faster
    Zstd,
}

pub(crate) fn run(log: &LogArgs, args: &ExportArgs) -> Result<ExitCode, Failure> {
    let now = Utc::now();
    let asked = args.filter.asked();
    let filter = args.filter.filter(now)?;
    let url = log.url()?;
    recorder::viewed(log, url.as_str(), "export", filter.to_string())?;
    let fresh = Mark::new(asked, &Query::from(filter).until(now), args.format, args.compress);
    let after = args.after.map(|cursor| cursor.to_string());
    let (mut destination, mark) = match &args.output {
        #[cfg(feature = "parquet")]
        output if args.format == Format::Parquet => (args.columns(output.as_deref())?, fresh.after(after)),
        Some(path) => {
            let Some((progress, mark)) = Progress::begin(path, args.resume, fresh.after(after))? else {
                say(format_args!("{}: it is complete", shown(path.display())));
                return Ok(ExitCode::SUCCESS);
            };
            (Destination::file(progress, &mark), mark)
        }
        None => (Destination::standard(args.compress)?, fresh.after(after)),
    };
    let exported = block_on(export(log, url.as_str(), &mut destination, mark))?;
    let (count, place) = (exported?, args.output.as_ref().map(|path| shown(path.display())));
    let entries = if count == 1 { "entry" } else { "entries" };
    match place {
        Some(place) => say(format_args!("{count} {entries} exported to {place}")),
        None => say(format_args!("{count} {entries} exported")),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "parquet")]
impl ExportArgs {
    /// A file of columns that is not there yet, or standard output.
    fn columns(&self, output: Option<&Path>) -> Result<Destination, Failure> {
        if self.compress != Compression::None {
            return Err(Failure::usage("Parquet is compressed as it is").with_hint("leave out --compress"));
        }
        if self.resume {
            let hint = "write another file from the cursor on that the export said when it broke off: --after CURSOR";
            return Err(Failure::usage("a Parquet file cannot be gone on with").with_hint(hint));
        }
        match output {
            Some(path) => Destination::columns(progress::create(path)?),
            None => Destination::standard_columns(),
        }
    }
}

/// A path, safe to show.
fn shown(path: impl fmt::Display) -> String {
    escape::visible(&path.to_string()).into_owned()
}

async fn export(log: &LogArgs, url: &str, destination: &mut Destination, mut mark: Mark) -> Result<u64, Failure> {
    let failed = |error: &audit_core::store::StoreError| Failure::failed(error).with_hint(ADVICE);
    let reader = Reader::connect(url, &log.schema).await.map_err(|error| failed(&error))?;
    let filter: Filter = mark.query.parse().map_err(|error| Failure::wrong(&error))?;
    let mut query = Query::from(filter).oldest_first();
    let expected = reader.estimate(&query).await.map_err(|error| failed(&error))?;
    let bar = progress::bar(expected.number(), destination);
    bar.set_position(mark.entries);
    if let Some(cursor) = &mark.cursor {
        query = query.after(cursor.parse().map_err(Failure::usage)?);
    } else {
        destination.begin(mark.format)?;
    }
    let mut rows = reader.rows(query);
    loop {
        let row = match rows.next().await {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => {
                bar.finish_and_clear();
                mark.cursor = rows.cursor().map(|cursor| cursor.to_string()).or(mark.cursor);
                let hint = destination.break_off(&mark)?;
                return Err(Failure::failed(&error).with_hint(hint));
            }
        };
        destination.put(&row, mark.format)?;
        mark.entries += 1;
        bar.inc(1);
        if mark.entries.is_multiple_of(ENTRIES_PER_MARK) {
            mark.cursor = rows.cursor().map(|cursor| cursor.to_string());
            destination.mark(&mut mark)?;
        }
    }
    bar.finish_and_clear();
    destination.finish()?;
    Ok(mark.entries)
}

fn line(row: &Row, format: Format) -> Result<String, Failure> {
    let mut line = match format {
        Format::Csv => csv::line(row),
        Format::Jsonl => {
            let document = serde_json::to_string(row).map_err(|error| Failure::failed(&error))?;
            escape::json(&document).into_owned()
        }
        Format::Ocsf => escape::json(&ocsf::event(row).to_string()).into_owned(),
        #[cfg(feature = "parquet")]
        Format::Parquet => unreachable!("what is written in columns has no lines"),
    };
    // RFC 4180 ends lines so; everybody else does not.
    line.push_str(if format == Format::Csv { "\r\n" } else { "\n" });
    Ok(line)
}
