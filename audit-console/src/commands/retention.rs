//! `audit retention`: what is old enough to go, and taking it out.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use audit_core::query::Moment;
use audit_core::retention::{Partition, PartitionInterval, Pruning, Retention, RetentionError};
use audit_core::{Context, context};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use comfy_table::{Cell, Color};
use serde_json::json;

use super::format::{Format, document};
use super::log_key::LogKeyArgs;
use super::{ADVICE, recorder};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::render::table;
use crate::run::block_on;
use crate::say::say;

/// How long the entries that tell of a pruning may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(after_help = "\
Rows go by whole partitions (in SQLite by whole days), once everything in one is
older than the limit, is sealed, and is under no legal hold. Headers, tree and
checkpoints stay for ever, and so does the record of what went: `audit verify`
passes afterwards, and tells.

In PostgreSQL, status and interval need the role audit_admin; apply needs
audit_reader and audit_writer, too.

Examples:
  audit retention status --keep 400d
  audit retention apply --keep 400d --key-file log.key
  audit retention interval day --keep 30d")]
pub(crate) struct RetentionArgs {
    #[command(subcommand)]
    command: RetentionCommand,
}

#[derive(Debug, Subcommand)]
enum RetentionCommand {
    /// Show which partitions would go, which stay, and why
    Status(StatusArgs),
    /// Take out what is older than the limit
    Apply(ApplyArgs),
    /// Set how much time a partition to come holds
    Interval(IntervalArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  audit retention status --keep 400d
  audit retention status --keep 400d --format json")]
struct StatusArgs {
    #[command(flatten)]
    keep: KeepArgs,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
An entry `audit.pruned` is durable before anything goes, another tells how it
ended, and the database keeps a record, signed with the key of the log. Once a
log has checkpoints, it cannot be pruned without their key.

Exit codes:
  0  what could go is gone
  1  it could not; what went before is recorded
  2  the command line or the configuration is wrong

Examples:
  audit retention apply --keep 400d --key-file log.key
  audit retention apply --keep 400d --key-file log.key --archive /mnt/archive")]
struct ApplyArgs {
    #[command(flatten)]
    keep: KeepArgs,

    #[command(flatten)]
    key: LogKeyArgs,

    /// Put the rows into files in this directory first: `audit verify --archive` checks them
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,

    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Partitions that are there stay as they are. Times far from now get wider
partitions, so that a clock that is wrong makes few.

What is kept may not be more than sixty partitions: reading over more is slow.

With auto they follow the rate: a week each, a day where a week would be more
than five million rows, an hour where a day would. Sixty of the shortest have to
be enough for what is kept: hours up to 60h, days up to 60d, else weeks.

Examples:
  audit retention interval auto --keep 30d
  audit retention interval day --keep 30d
  audit retention interval month --keep 1800d")]
struct IntervalArgs {
    /// hour, day, week, month or auto; week, unless it was ever set
    #[arg(value_name = "INTERVAL", value_parser = PartitionInterval::from_str)]
    interval: PartitionInterval,

    #[command(flatten)]
    keep: KeepArgs,

    /// How to print what was set; as JSON `interval`
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct KeepArgs {
    /// How long rows are kept: 400d, 52w, 48h
    #[arg(long, value_name = "AGE", value_parser = age)]
    keep: TimeDelta,
}

fn age(text: &str) -> Result<TimeDelta, String> {
    match Moment::from_str(text) {
        Ok(Moment::Ago(age)) => Ok(age),
        _ => Err("write how long: 400d, 52w or 48h".to_owned()),
    }
}

pub(crate) fn run(log: &LogArgs, args: &RetentionArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    let retention = |keep: &KeepArgs| Retention::new(url.as_str(), &log.schema, keep.keep);
    match &args.command {
        RetentionCommand::Status(args) => {
            let partitions = block_on(retention(&args.keep).status())?.map_err(|error| failed(&error))?;
            show(&partitions, args.format, out)?;
        }
        RetentionCommand::Apply(args) => {
            let mut retention = retention(&args.keep);
            if let Some(key) = args.key.read()? {
                retention = retention.signer(key);
            }
            if let Some(directory) = &args.archive {
                if !directory.is_dir() {
                    let what = format!("there is no directory {}", directory.display());
                    return Err(Failure::usage(what).with_hint("make it first"));
                }
                retention = retention.archive(directory);
            }
            let who = Context::new().with_actor(recorder::actor(None));
            let prunings = block_on(context::scope(who, apply(log, url.as_str(), &retention)))??;
            tell(&prunings, args.format, out)?;
        }
        RetentionCommand::Interval(args) => {
            block_on(retention(&args.keep).set_interval(args.interval))?.map_err(|error| failed(&error))?;
            match args.format {
                Format::Text if args.interval == PartitionInterval::Auto => {
                    writeln!(out, "partitions to come hold as much time as the rate allows")?;
                }
                Format::Text => writeln!(out, "partitions to come hold a {} each", args.interval)?,
                Format::Json => document(&json!({ "interval": args.interval.to_string() }), out)?,
            }
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn failed(error: &RetentionError) -> Failure {
    match error {
        RetentionError::Store(_) | RetentionError::Unrecorded(_) => Failure::failed(error).with_hint(ADVICE),
        RetentionError::KeyNeeded { .. } => Failure::wrong(error).with_hint("give it with --key-file"),
        _ => Failure::failed(error),
    }
}

async fn apply(log: &LogArgs, url: &str, retention: &Retention<'_>) -> Result<Vec<Pruning>, Failure> {
    let writer = recorder::start(log, url, "audit retention").await?;
    let pruned = |pruning: &Pruning| {
        let (since, until) = (day(pruning.lower_bound), day(pruning.upper_bound));
        match &pruning.archive {
            Some(path) => say(format_args!("pruned {since} to {until}, now in {}", visible(&path.to_string_lossy()))),
            None => say(format_args!("pruned {since} to {until}")),
        }
    };
    let applied = retention.apply(writer.auditor(), pruned).await;
    writer.shutdown(PATIENCE).await;
    applied.map_err(|error| failed(&error))
}

fn show(partitions: &[Partition], format: Format, out: &mut impl Write) -> Result<(), Failure> {
    if format == Format::Json {
        return document(&partitions, out);
    }
    let mut table = table::styled(["from (UTC)", "until (UTC)", "rows", "size", "stays"]);
    for partition in partitions {
        let size = partition.bytes.map(|bytes| format!("{:.1} MiB", mebibytes(bytes))).unwrap_or_default();
        let stays = match partition.stays {
            Some(stays) => Cell::new(stays),
            None => Cell::new("goes").fg(Color::Yellow),
        };
        table.add_row([
            Cell::new(day(partition.lower_bound)),
            Cell::new(day(partition.upper_bound)),
            Cell::new(partition.rows),
            Cell::new(size),
            stays,
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    let going: Vec<_> = partitions.iter().filter(|partition| partition.stays.is_none()).collect();
    let rows: u64 = going.iter().map(|partition| partition.rows).sum();
    say(format_args!("{} of {} would go, with {rows} rows", going.len(), partitions.len()));
    Ok(())
}

fn tell(prunings: &[Pruning], format: Format, out: &mut impl Write) -> Result<(), Failure> {
    if format == Format::Json {
        return document(&prunings, out);
    }
    let rows: u64 = prunings.iter().map(|pruning| pruning.rows).sum();
    match prunings {
        [] => writeln!(out, "nothing is old enough to go")?,
        [first, ..] => {
            let signed = first.signed_by.as_deref().map_or_else(|| "nobody".into(), visible);
            writeln!(out, "{rows} rows are gone, in {} prunings, signed by {signed}", prunings.len())?;
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn day(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}
