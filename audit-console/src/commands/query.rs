//! `audit query`: entries, page by page.

use std::io::Write;
use std::process::ExitCode;

use audit_core::query::{Count, Cursor, Page, Query, Reader};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::filter::{FilterArgs, GRAMMAR};
use super::format::document;
use super::{ADVICE, next_page, recorder};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::entries::Ids;
use crate::render::{entries, escape, table};
use crate::run::block_on;
use crate::say::say;

const EXAMPLES: &str = "
What no index leads to is searched for, at most two seconds a page; then it is
said how far that came. Where there is more, the command for the next page is
printed to standard error. The table goes without colours and without a width
where standard output is no terminal, or NO_COLOR is set.

Examples:
  audit query
  audit query actor:user_123 created:'>=24h'
  audit query 'target:project/proj_456 -outcome:success'
  audit query 'action:project.* metadata.changes.name:MyProject \"free text\"'
  audit query --actor user:user_123 --since 24h --total estimate
  audit query request:req_9 --order oldest-first --format json
  audit query created:'>=7d' --limit 1000 --format jsonl | jq -r .actor_id | sort | uniq -c";

#[derive(Debug, Args)]
#[command(after_help = format!("{GRAMMAR}\n{EXAMPLES}"))]
pub(crate) struct QueryArgs {
    #[command(flatten)]
    filter: FilterArgs,

    /// Which entries come first
    #[arg(long, value_enum, default_value_t = QueryOrder::NewestFirst)]
    order: QueryOrder,

    /// Most entries on a page
    #[arg(long, value_name = "COUNT", default_value_t = Query::DEFAULT_LIMIT, value_parser = limit_range())]
    pub(super) limit: u32,

    /// Begin where an earlier page ended
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,

    /// End where a later page began
    #[arg(long, value_name = "CURSOR", conflicts_with = "after")]
    before: Option<Cursor>,

    /// Say how many there are in all
    #[arg(long, value_enum, value_name = "HOW")]
    total: Option<Total>,

    /// In a table, print ids, too: `audit show` takes them
    #[arg(long)]
    ids: bool,

    /// How to print them
    #[arg(long, value_enum, default_value_t = QueryFormat::Table)]
    pub(super) format: QueryFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum QueryFormat {
    /// For people
    Table,
    /// One document: `entries`, `next` and `previous` for --after and --before, `searched_to`, `total`
    Json,
    /// One entry a line
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum QueryOrder {
    /// The latest
    NewestFirst,
    /// The earliest
    OldestFirst,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Total {
    /// Counted, for up to five seconds
    Exact,
    /// Within a fifth of a second, judged by the newest where that does not do
    Estimate,
}

fn limit_range() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(Query::MAX_LIMIT))
}

pub(crate) fn run(log: &LogArgs, args: &QueryArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let query = args.query(Utc::now())?;
    let url = log.url()?;
    recorder::viewed(log, url.as_str(), "query", query.filter().to_string())?;
    let (page, total) = block_on(async {
        let reader = Reader::connect(url.as_str(), &log.schema).await?;
        let page = reader.page(&query).await?;
        let total = match args.total {
            Some(Total::Exact) => Some(reader.count(&query).await?),
            Some(Total::Estimate) => Some(reader.estimate(&query).await?),
            None => None,
        };
        Ok((page, total))
    })?
    .map_err(|error: audit_core::store::StoreError| Failure::failed(&error).with_hint(ADVICE))?;
    let ids = if args.ids { Ids::Shown } else { Ids::Hidden };
    print(&page, total, args.format, ids, out)?;
    out.flush()?;
    args.say_more(log, &query, &page, total);
    Ok(ExitCode::SUCCESS)
}

impl QueryArgs {
    fn query(&self, now: DateTime<Utc>) -> Result<Query, Failure> {
        let mut query = Query::from(self.filter.filter(now)?).limit(self.limit);
        if self.order == QueryOrder::OldestFirst {
            query = query.oldest_first();
        }
        if let Some(after) = self.after {
            query = query.after(after);
        }
        if let Some(before) = self.before {
            query = query.before(before);
        }
        Ok(query)
    }

    /// What there is beside the entries themselves.
    fn say_more(&self, log: &LogArgs, query: &Query, page: &Page, total: Option<Count>) {
        let more = match self.before {
            Some(_) => page.previous.map(|cursor| ("before", cursor.to_string())),
            None => page.next.map(|cursor| ("after", cursor.to_string())),
        };
        if let Some(searched_to) = page.searched_to {
            let time = searched_to.to_rfc3339_opts(SecondsFormat::Secs, true);
            let found = if page.rows.is_empty() { "nothing yet: " } else { "" };
            say(format_args!("{found}searched as far as {time}, when the time was up"));
        } else if page.rows.is_empty() {
            say(format_args!("no entries{}", self.filter.advice(query.filter())));
        }
        if let Some(total) = total {
            say(format_args!("total: {total}"));
        }
        if let Some(place) = more {
            say(format_args!("more: {}", next_page::command(log, self, query, place)));
        }
    }
}

/// A page as one document.
#[derive(Serialize)]
struct Document<'a> {
    entries: &'a [audit_core::Row],
    next: Option<String>,
    previous: Option<String>,
    searched_to: Option<DateTime<Utc>>,
    total: Option<TotalDocument>,
}

#[derive(Serialize)]
struct TotalDocument {
    count: u64,
    how: &'static str,
}

impl From<Count> for TotalDocument {
    fn from(count: Count) -> Self {
        let how = match count {
            Count::Exact(_) => "exact",
            Count::AtLeast(_) => "at_least",
            Count::Estimated(_) => "estimated",
        };
        Self { count: count.number(), how }
    }
}

fn print(
    page: &Page,
    total: Option<Count>,
    format: QueryFormat,
    ids: Ids,
    out: &mut impl Write,
) -> Result<(), Failure> {
    match format {
        QueryFormat::Table if page.rows.is_empty() => {}
        QueryFormat::Table => writeln!(out, "{}", entries::table(&page.rows, ids, table::terminal_width()))?,
        QueryFormat::Json => {
            let told = Document {
                entries: &page.rows,
                next: page.next.map(|cursor| cursor.to_string()),
                previous: page.previous.map(|cursor| cursor.to_string()),
                searched_to: page.searched_to,
                total: total.map(TotalDocument::from),
            };
            document(&told, out)?;
        }
        QueryFormat::Jsonl => {
            for row in &page.rows {
                let line = serde_json::to_string(row).map_err(|error| Failure::failed(&error))?;
                writeln!(out, "{}", escape::json(&line))?;
            }
        }
    }
    Ok(())
}
