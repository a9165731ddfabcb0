//! `audit show`: one entry, whole, and what else its request did.

use std::io::Write;
use std::process::ExitCode;

use audit_core::Row;
use audit_core::query::{Query, Reader};
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::format::{Format, document};
use super::{ADVICE, recorder};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::entries::Ids;
use crate::render::style::{BOLD, PLAIN};
use crate::render::{entries, entry, table};
use crate::run::block_on;
use crate::say::say;

/// Most entries of the same request that are shown.
const NEIGHBOURS: u32 = 50;

#[derive(Debug, Args)]
#[command(after_help = "\
Exits with 1 when there is no such entry.

Examples:
  audit show 019fa29c-1c7a-7b11-a7e2-6d6f0f7d2a43
  audit show $(audit record --actor user:u --action project.deleted --target project:p)
  audit show --format json ID | jq .entry.metadata.changes")]
pub(crate) struct ShowArgs {
    /// The entry's id, as `audit query --ids` prints it
    #[arg(value_name = "ID")]
    id: Uuid,

    /// How to print it; as JSON `entry`, and `request` with all entries of its request, oldest first
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &ShowArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    recorder::viewed(log, url.as_str(), "show", format!("id:{}", args.id))?;
    let found = block_on(async {
        let reader = Reader::connect(url.as_str(), &log.schema).await?;
        let Some(row) = reader.find(args.id).await? else { return Ok(None) };
        let neighbours = match &row.request_id {
            Some(id) => Query::new().request_id(id).oldest_first().limit(NEIGHBOURS),
            None => return Ok(Some((row, Vec::new(), false))),
        };
        let page = reader.page(&neighbours).await?;
        Ok(Some((row, page.rows, page.next.is_some())))
    })?
    .map_err(|error: audit_core::store::StoreError| Failure::failed(&error).with_hint(ADVICE))?;
    let Some((row, request, more)) = found else {
        let what = format!("there is no entry {}", args.id);
        return Err(Failure::Failed { what, hint: Some("`audit query --ids` prints them".to_owned()) });
    };
    match args.format {
        Format::Text => show(&row, &request, out)?,
        Format::Json => document(&Document { entry: &row, request: &request }, out)?,
    }
    out.flush()?;
    if more && let Some(id) = &row.request_id {
        let all = super::shell::command_with("query", log, &Query::new().request_id(id).filter().to_string(), []);
        say(format_args!("more of this request: {all}"));
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Document<'a> {
    entry: &'a Row,
    request: &'a [Row],
}

fn show(row: &Row, request: &[Row], out: &mut impl Write) -> Result<(), Failure> {
    for line in entry::lines(row) {
        writeln!(out, "{line}")?;
    }
    if request.len() > 1 {
        writeln!(out, "\n{BOLD}the same request{PLAIN}")?;
        writeln!(out, "{}", entries::table(request, Ids::Shown, table::terminal_width()))?;
    }
    Ok(())
}
