//! `audit dead-letters`: rows that the log's table refused, and sending them again.

use std::io::Write;
use std::process::ExitCode;

use audit_core::dead_letters::{DeadLetter, DeadLetterId, DeadLetters, Retried};
use audit_core::store::{ErrorClass, StoreError};
use clap::{Args, Subcommand};
use comfy_table::{Cell, Color};
use serde_json::json;

use super::format::{Format, document};
use super::{ADVICE, recorder};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::render::table;
use crate::run::block_on;
use crate::say::say;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
A row that the table refuses is kept apart, under its batch's header, and the
rest of the batch is stored. Mend what refused it, then send it again.

Examples:
  audit dead-letters
  audit dead-letters --format json | jq -r '.[].id'
  audit dead-letters retry --all"
)]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    command: Option<DeadLettersCommand>,

    /// Most dead letters to show
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(DeadLetters::MOST)))]
    limit: u32,

    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum DeadLettersCommand {
    /// Send dead letters again
    Retry(RetryArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
A row that is taken goes to the log under the number it has always had, and its
dead letter goes. One that is refused again stays; the exit code is then 1.

Examples:
  audit dead-letters retry 019ab3c5-7a40-7d11-b0a1-1f5f2f3c9e77/12/3
  audit dead-letters retry --all")]
struct RetryArgs {
    /// Which, as `audit dead-letters` shows them
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<DeadLetterId>,

    /// All of them
    #[arg(long)]
    all: bool,

    /// How to print what became of them; as JSON `stored`, `gone` and `refused`, lists of ids
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &DeadLettersArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    if args.command.is_none() {
        recorder::viewed(log, url.as_str(), "dead-letters", String::new())?;
    }
    block_on(async {
        let mut letters = DeadLetters::connect(url.as_str(), &log.schema).await.map_err(|error| failed(&error))?;
        let ended = match &args.command {
            None => list(&mut letters, args, out).await,
            Some(DeadLettersCommand::Retry(retry)) => send_again(&mut letters, retry, out).await,
        };
        letters.close().await;
        out.flush()?;
        ended
    })?
}

fn failed(error: &StoreError) -> Failure {
    Failure::failed(error).with_hint(ADVICE)
}

async fn list(letters: &mut DeadLetters, args: &DeadLettersArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let found = letters.list(None, args.limit).await.map_err(|error| failed(&error))?;
    match args.format {
        Format::Json => {
            let list: Vec<_> = found
                .iter()
                .map(|letter| json!({"id": letter.id.to_string(), "refused_at": letter.refused_at, "row": letter.row}))
                .collect();
            document(&list, out)?;
        }
        Format::Text if found.is_empty() => say("no dead letters"),
        Format::Text => {
            let mut table = table::styled(["stream/batch/index", "refused (UTC)", "action", "target"]);
            for letter in &found {
                table.add_row([
                    Cell::new(letter.id),
                    Cell::new(letter.refused_at.format("%Y-%m-%d %H:%M:%S")).fg(Color::DarkGrey),
                    Cell::new(visible(letter.text("action").unwrap_or("(unreadable)"))),
                    Cell::new(target(letter)),
                ]);
            }
            writeln!(out, "{}", table.trim_fmt())?;
            say("mend what refused them, then: audit dead-letters retry --all");
        }
    }
    if found.len() == args.limit as usize {
        say(format_args!("there may be more than {}: see --limit", args.limit));
    }
    Ok(ExitCode::SUCCESS)
}

fn target(letter: &DeadLetter) -> String {
    let kind = visible(letter.text("target_type").unwrap_or_default());
    letter.text("target_id").map_or_else(|| kind.to_string(), |id| format!("{kind}:{}", visible(id)))
}

/// What became of dead letters.
#[derive(Default)]
struct Outcomes {
    stored: Vec<DeadLetterId>,
    gone: Vec<DeadLetterId>,
    refused: Vec<DeadLetterId>,
}

async fn send_again(letters: &mut DeadLetters, args: &RetryArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let mut outcomes = Outcomes::default();
    if args.all {
        let mut after = None;
        loop {
            let page = letters.list(after, DeadLetters::MOST).await.map_err(|error| failed(&error))?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for letter in &page {
                outcomes.retry(letters, letter.id, args.format, out).await?;
            }
        }
    } else {
        for id in &args.ids {
            outcomes.retry(letters, *id, args.format, out).await?;
        }
    }
    let Outcomes { stored, gone, refused } = &outcomes;
    match args.format {
        Format::Text => {
            writeln!(out, "{} stored, {} refused again, {} not there", stored.len(), refused.len(), gone.len())?;
        }
        Format::Json => {
            let texts = |ids: &[DeadLetterId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
            let told = json!({ "stored": texts(stored), "gone": texts(gone), "refused": texts(refused) });
            document(&told, out)?;
        }
    }
    let is_failed = !refused.is_empty() || (!gone.is_empty() && !args.all);
    Ok(if is_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Outcomes {
    async fn retry(
        &mut self,
        letters: &mut DeadLetters,
        id: DeadLetterId,
        format: Format,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let (ids, end) = match letters.retry(id).await {
            Ok(Retried::Stored) => (&mut self.stored, "stored"),
            Ok(Retried::Gone) => (&mut self.gone, "is not there"),
            Err(error) if matches!(error.class(), ErrorClass::Poison | ErrorClass::OutOfWindow) => {
                say(visible(&error.to_string()));
                self.refused.push(id);
                return Ok(());
            }
            Err(error) => return Err(failed(&error)),
        };
        ids.push(id);
        if format == Format::Text {
            writeln!(out, "{id} {end}")?;
        }
        Ok(())
    }
}
