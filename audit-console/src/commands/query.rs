//! `audit query`: entries, newest first.

use std::io::Write;
use std::process::ExitCode;

use audit_core::query::{Cursor, Moment, Page, Query, Reader};
use audit_core::{Actor, ActorType, AuditAction, Outcome, Target, catalog};
use chrono::{DateTime, Utc};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{ADVICE, next_page};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::{entries, escape, table};
use crate::run::block_on;
use crate::say::say;

#[derive(Debug, Args)]
#[command(after_help = "\
Times are a day (2026-11-23, whole, in UTC), an instant (2026-11-23T09:00:00Z)
or how long ago (90s, 30m, 24h, 7d, 2w).

Where there is more, the command for the next page is printed to standard
error. The table goes without colours and without a width where standard
output is no terminal, or NO_COLOR is set.

Examples:
  audit query
  audit query --actor user:user_123 --since 24h
  audit query --target project:proj_456 --outcome failure
  audit query --action user.role_changed --since 2026-11-01 --until 2026-11-30
  audit query --request-id req_9 --format json
  audit query --since 7d --limit 1000 --format jsonl | jq -r .actor_id | sort | uniq -c")]
pub(crate) struct QueryArgs {
    /// Who did it: an id, or its type too (`user:ID`, `system:ID`, `api_key:ID`)
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "[TYPE:]ID", help_heading = "Filters")]
    pub(super) actor: Option<String>,

    /// What was done
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "NAME", help_heading = "Filters")]
    pub(super) action: Option<String>,

    /// What it was done to
    #[arg(long, value_name = "TYPE:ID", help_heading = "Filters")]
    pub(super) target: Option<Target>,

    /// The kind of thing it was done to
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "TYPE", conflicts_with = "target", help_heading = "Filters")]
    pub(super) target_type: Option<String>,

    /// The thing it was done to, of whatever kind
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "ID", conflicts_with = "target", help_heading = "Filters")]
    pub(super) target_id: Option<String>,

    /// How it ended: success, failure, denied, cancelled, panicked or attempted
    #[arg(long, value_name = "OUTCOME", help_heading = "Filters")]
    pub(super) outcome: Option<Outcome>,

    /// The request it belongs to
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "ID", help_heading = "Filters")]
    pub(super) request_id: Option<String>,

    /// The tenant on whose data the work was done
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "ID", help_heading = "Filters")]
    pub(super) tenant: Option<String>,

    /// Nothing older than this
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    pub(super) since: Option<Moment>,

    /// Nothing of this time or newer; a day is taken whole
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    pub(super) until: Option<Moment>,

    /// Most entries on a page
    #[arg(long, value_name = "COUNT", default_value_t = Query::DEFAULT_LIMIT, value_parser = limit_range())]
    pub(super) limit: u32,

    /// Begin where an earlier page ended
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,

    /// How to print them
    #[arg(long, value_enum, default_value_t = QueryFormat::Table)]
    pub(super) format: QueryFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum QueryFormat {
    /// For people
    Table,
    /// One document: `entries`, and `next` for --after
    Json,
    /// One entry a line
    Jsonl,
}

fn limit_range() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(Query::MAX_LIMIT))
}

pub(crate) fn run(log: &LogArgs, args: &QueryArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let now = Utc::now();
    args.check_range(now)?;
    let query = args.query(now);
    let url = log.url()?;
    let page = block_on(async {
        let reader = Reader::connect(url.as_str(), &log.schema).await?;
        reader.page(&query).await
    })?
    .map_err(|error| Failure::failed(&error).with_hint(ADVICE))?;
    print(&page, args.format, out)?;
    out.flush()?;
    if page.rows.is_empty() {
        say(format_args!("no entries{}", args.advice()));
    }
    if let Some(next) = page.next {
        say(format_args!("more: {}", next_page::command(log, args, &next, now)));
    }
    Ok(ExitCode::SUCCESS)
}

impl QueryArgs {
    /// An empty range is a mistake, and no finding.
    fn check_range(&self, now: DateTime<Utc>) -> Result<(), Failure> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since.start(now) >= until.end(now) => {
                Err(Failure::usage("nothing is between --since and --until")
                    .with_hint("--since is the earlier of the two: --since 7d --until 24h"))
            }
            _ => Ok(()),
        }
    }

    fn query(&self, now: DateTime<Utc>) -> Query {
        let mut query = Query::new().limit(self.limit);
        if let Some(actor) = &self.actor {
            query = match actor.parse::<Actor>() {
                Ok(Actor { actor_type, id }) => query.actor_type(actor_type).actor(id),
                Err(_) => query.actor(actor),
            };
        }
        if let Some(action) = &self.action {
            query = query.action(action);
        }
        if let Some(target) = &self.target {
            query = query.target(target.clone());
        }
        if let Some(kind) = &self.target_type {
            query = query.target_type(kind);
        }
        if let Some(id) = &self.target_id {
            query = query.target_id(id);
        }
        if let Some(outcome) = self.outcome {
            query = query.outcome(outcome);
        }
        if let Some(id) = &self.request_id {
            query = query.request_id(id);
        }
        if let Some(id) = &self.tenant {
            query = query.tenant(id);
        }
        if let Some(since) = self.since {
            query = query.since(since.start(now));
        }
        if let Some(until) = self.until {
            query = query.until(until.end(now));
        }
        if let Some(after) = self.after {
            query = query.after(after);
        }
        query
    }

    /// What may be meant where nothing was found.
    fn advice(&self) -> String {
        let unlisted = self.action.as_deref().filter(|name| catalog::find::<AuditAction>(name).is_none());
        if let Some(nearest) = unlisted.and_then(catalog::nearest::<AuditAction>) {
            return format!("; did you mean --action {nearest}?");
        }
        let kind = |text: &str| ActorType::ALL.iter().any(|kind| kind.as_str() == text);
        match self.actor.as_deref().and_then(|actor| actor.split_once(':')) {
            Some((prefix, _)) if !kind(prefix) => "; an actor's type is user, system or api_key".to_owned(),
            _ => String::new(),
        }
    }
}

/// A page as one document.
#[derive(Serialize)]
struct Document<'a> {
    entries: &'a [audit_core::Row],
    next: Option<String>,
}

fn print(page: &Page, format: QueryFormat, out: &mut impl Write) -> Result<(), Failure> {
    let unwritable = |error: serde_json::Error| Failure::failed(&error);
    match format {
        QueryFormat::Table if page.rows.is_empty() => {}
        QueryFormat::Table => writeln!(out, "{}", entries::table(&page.rows, table::terminal_width()))?,
        QueryFormat::Json => {
            let document = Document { entries: &page.rows, next: page.next.map(|cursor| cursor.to_string()) };
            let text = serde_json::to_string_pretty(&document).map_err(unwritable)?;
            writeln!(out, "{}", escape::json(&text))?;
        }
        QueryFormat::Jsonl => {
            for row in &page.rows {
                writeln!(out, "{}", escape::json(&serde_json::to_string(row).map_err(unwritable)?))?;
            }
        }
    }
    Ok(())
}
