//! `audit stats`: how many entries there are, by day, action, actor and outcome.

use std::io::Write;
use std::process::ExitCode;

use audit_core::query::{By, Count, Query, Reader, Tally};
use chrono::{SecondsFormat, Utc};
use clap::Args;
use serde_json::{Map, Value, json};

use super::filter::{FilterArgs, GRAMMAR};
use super::format::{Format, document};
use super::{ADVICE, recorder};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::render::style::{BOLD, PLAIN};
use crate::render::{bars, table};
use crate::run::block_on;
use crate::say::say;

const KINDS: [(By, &str); 5] = [
    (By::Day, "day"),
    (By::Action, "action"),
    (By::Actor, "actor"),
    (By::TargetType, "target_type"),
    (By::Outcome, "outcome"),
];
/// Most days that are told one by one: a quarter.
const DAYS: usize = 92;

const EXAMPLES: &str = "
Each count takes at most five seconds; where that does not do, it says how far
back it came.

Examples:
  audit stats created:'>=30d'
  audit stats 'action:secret.* -actor_type:system' --most 20
  audit stats created:2026-11 --format json | jq .outcome";

#[derive(Debug, Args)]
#[command(after_help = format!("{GRAMMAR}\n{EXAMPLES}"))]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    filter: FilterArgs,

    /// Most actions, actors and target types to tell one by one
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    most: usize,

    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &StatsArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let query = Query::from(args.filter.filter(Utc::now())?);
    let url = log.url()?;
    recorder::viewed(log, url.as_str(), "stats", query.filter().to_string())?;
    let (total, tallies) = block_on(async {
        let reader = Reader::connect(url.as_str(), &log.schema).await?;
        let mut tallies = Vec::new();
        for (by, name) in KINDS {
            let most = if by == By::Day { DAYS } else { args.most };
            tallies.push((name, reader.tally(&query, by, most).await?));
        }
        Ok((reader.count(&query).await?, tallies))
    })?
    .map_err(|error: audit_core::store::StoreError| Failure::failed(&error).with_hint(ADVICE))?;
    match args.format {
        Format::Text => show(total, &tallies, out)?,
        Format::Json => {
            let mut told = Map::from_iter([("total".to_owned(), json!(total.number()))]);
            told.extend(tallies.iter().map(|(name, tally)| ((*name).to_owned(), as_json(tally))));
            document(&told, out)?;
        }
    }
    out.flush()?;
    if total.number() == 0 {
        say(format_args!("no entries{}", args.filter.advice(query.filter())));
    }
    Ok(ExitCode::SUCCESS)
}

fn show(total: Count, tallies: &[(&str, Tally)], out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "{BOLD}entries{PLAIN}  {total}")?;
    for (name, tally) in tallies.iter().filter(|(_, tally)| !tally.counts.is_empty()) {
        let reach =
            tally.counted_to.map(|to| format!(", counted back to {}", to.to_rfc3339_opts(SecondsFormat::Secs, true)));
        writeln!(out, "\n{BOLD}by {}{PLAIN}{}", name.replace('_', " "), reach.unwrap_or_default())?;
        let counts: Vec<_> = tally.counts.iter().map(|(value, count)| (label(value.as_deref()), *count)).collect();
        for line in bars::lines(&counts, table::terminal_width()) {
            writeln!(out, "{line}")?;
        }
        if tally.others > 0 {
            writeln!(out, "{}", bars::others(tally.others))?;
        }
    }
    Ok(())
}

fn label(value: Option<&str>) -> String {
    value.map_or_else(|| "(erased)".to_owned(), |value| visible(value).into_owned())
}

fn as_json(tally: &Tally) -> Value {
    let counts: Vec<_> = tally.counts.iter().map(|(value, count)| json!({ "value": value, "count": count })).collect();
    json!({ "counts": counts, "others": tally.others, "counted_to": tally.counted_to })
}
