//! `audit hold`: what is neither erased nor pruned.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use audit_core::holds::{Hold, HoldError, Holds};
use audit_core::{Actor, Context, context};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use comfy_table::Cell;
use serde_json::json;
use uuid::Uuid;

use super::format::{Format, document};
use super::{ADVICE, recorder};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::render::table;
use crate::run::block_on;
use crate::say::say;
use audit_core::query::Moment;

#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    #[command(subcommand)]
    command: HoldCommand,
}

#[derive(Debug, Subcommand)]
enum HoldCommand {
    /// Keep entries, whatever else is said
    Add(AddArgs),
    /// Release a hold
    Remove(RemoveArgs),
    /// Show the holds that are not released
    List(ListArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
A hold covers the entries that all fits which is said. They are neither erased
nor pruned until it is released. It prints the hold's id; an entry
audit.hold_added tells of it. In PostgreSQL the user needs the roles audit_admin
and audit_writer.

Examples:
  audit hold add --actor user_123 --reason 'case 2026-117'
  audit hold add --since 2026-01-01 --until 2026-03-31 --reason 'audit of Q1'")]
struct AddArgs {
    /// Entries of this actor
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    actor: Option<String>,

    /// Entries about this thing
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    target: Option<String>,

    /// Entries created then or later
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    /// Entries created before then; a day is taken whole
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,

    #[command(flatten)]
    word: WordArgs,
}

#[derive(Debug, Args)]
struct RemoveArgs {
    /// The hold
    #[arg(value_name = "ID")]
    id: Uuid,

    #[command(flatten)]
    word: WordArgs,
}

#[derive(Debug, Args)]
struct WordArgs {
    /// Why; it goes into the log
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,

    /// Who says so, `TYPE:ID`; the user of this shell unless said
    #[arg(long, value_name = "ACTOR")]
    by: Option<Actor>,

    /// How to print its id; as JSON `added` or `released`
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &HoldArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    match &args.command {
        HoldCommand::Add(args) => {
            let by = recorder::actor(args.word.by.as_ref());
            let hold = hold(args, &by, Utc::now());
            let id = hold.id;
            block_on(change(log, url.as_str(), by, async |holds, auditor| holds.add(hold, auditor).await))??;
            match args.word.format {
                Format::Text => writeln!(out, "{id}")?,
                Format::Json => document(&json!({ "added": id }), out)?,
            }
        }
        HoldCommand::Remove(args) => {
            let by = recorder::actor(args.word.by.as_ref());
            let (id, reason, name) = (args.id, args.word.reason.as_str(), by.to_string());
            block_on(change(log, url.as_str(), by, async |holds, auditor| {
                holds.release(id, reason, &name, auditor).await
            }))??;
            match args.word.format {
                Format::Text => writeln!(out, "released {id}")?,
                Format::Json => document(&json!({ "released": id }), out)?,
            }
        }
        HoldCommand::List(args) => {
            let active = block_on(async { Holds::connect(url.as_str(), &log.schema).await?.active().await })?;
            show(&active.map_err(|error| Failure::failed(&error).with_hint(ADVICE))?, args.format, out)?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn hold(args: &AddArgs, by: &Actor, now: DateTime<Utc>) -> Hold {
    let mut hold = Hold::new(&args.word.reason, by.to_string());
    if let Some(actor) = &args.actor {
        hold = hold.actor(actor);
    }
    if let Some(target) = &args.target {
        hold = hold.target(target);
    }
    if let Some(since) = args.since {
        hold = hold.since(since.start(now));
    }
    if let Some(until) = args.until {
        hold = hold.until(until.end(now));
    }
    hold
}

async fn change(
    log: &LogArgs,
    url: &str,
    by: Actor,
    work: impl AsyncFnOnce(&mut Holds, &audit_core::Auditor) -> Result<(), HoldError>,
) -> Result<(), Failure> {
    let holds = Holds::connect(url, &log.schema).await;
    let mut holds = holds.map_err(|error| Failure::failed(&error).with_hint(ADVICE))?;
    let writer = recorder::start(log, url, "audit hold").await?;
    let done = context::scope(Context::new().with_actor(by), work(&mut holds, writer.auditor())).await;
    holds.close().await;
    writer.shutdown(Duration::from_secs(5)).await;
    done.map_err(|error| match &error {
        HoldError::Unsound => Failure::usage(&error),
        HoldError::NoHold { .. } => Failure::failed(&error),
        _ => Failure::failed(&error).with_hint(ADVICE),
    })
}

fn show(holds: &[Hold], format: Format, out: &mut impl Write) -> Result<(), Failure> {
    if format == Format::Json {
        document(holds, out)?;
        return Ok(());
    }
    if holds.is_empty() {
        say("no active hold");
        return Ok(());
    }
    let time = |time: Option<DateTime<Utc>>| {
        time.map_or_else(String::new, |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    let mut table = table::styled(["id", "added", "by", "actor", "target", "since", "until", "reason"]);
    for hold in holds {
        table.add_row([
            Cell::new(hold.id),
            Cell::new(time(hold.added_at)),
            Cell::new(visible(&hold.added_by)),
            Cell::new(visible(hold.actor_id.as_deref().unwrap_or_default())),
            Cell::new(visible(hold.target_id.as_deref().unwrap_or_default())),
            Cell::new(time(hold.since)),
            Cell::new(time(hold.until)),
            Cell::new(visible(&hold.reason)),
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    Ok(())
}
