//! `audit redact`: erasing personal values.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use audit_core::erasure::{Erased, Erasure, ErasureError, Field};
use audit_core::query::Query;
use audit_core::{Actor, Target};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;
use uuid::Uuid;

use super::format::{Format, document};
use super::{ADVICE, recorder};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::run::block_on;
use crate::say::say;

#[derive(Debug, Args)]
#[command(after_help = "\
The values go, and the salts from which they could be guessed; what was computed
of them stays, so that `audit verify` passes as before. Two entries audit.redacted
tell of it: which entries, which fields, who and why; never the value. Do not name
what you erase in the reason.

What can be erased: actor_id, target_id, on_behalf_of, ip_address, user_agent,
error, and top-level keys of the metadata as metadata.KEY. Entries under legal
hold are refused.

In PostgreSQL the user needs the roles audit_admin, audit_reader and
audit_writer, and to vacuum, membership in audit_owner. Backups, replicas and
archives are not reached; nor is the WAL, before it is recycled.

Exit codes:
  0  it is done
  1  something was not erased
  2  the command line or the configuration is wrong

Examples:
  audit redact --actor user:user_123 --fields ip_address,user_agent \\
      --reason 'erasure request 117'
  audit redact --id 019a2f6e-7c1b-7cc3-8a51-0d5c4f6b2a10 \\
      --fields metadata.email --reason 'erasure request 118'")]
pub(crate) struct RedactArgs {
    /// All entries of this actor, `TYPE:ID`
    #[arg(long, value_name = "ACTOR", required_unless_present_any = ["target", "id"])]
    actor: Option<Actor>,

    /// All entries about this thing, `TYPE:ID`
    #[arg(long, value_name = "TARGET")]
    target: Option<Target>,

    /// This entry; may be given several times
    #[arg(long, value_name = "ID", conflicts_with_all = ["actor", "target"])]
    id: Vec<Uuid>,

    /// What is erased of them
    #[arg(long, value_name = "FIELDS", required = true, value_delimiter = ',')]
    fields: Vec<Field>,

    /// Why; it goes into the log
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,

    /// Who does it, `TYPE:ID`; the user of this shell unless said
    #[arg(long, value_name = "ACTOR")]
    by: Option<Actor>,

    /// How to print what was done; as JSON `erased` and `untouched` (numbers of entries), and `to_vacuum`, the partitions whose files
    /// still hold it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &RedactArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    let erased = block_on(erase(log, url.as_str(), args))??;
    match args.format {
        Format::Text => {
            let rows = if erased.rows == 1 { "entry holds" } else { "entries hold" };
            writeln!(out, "{} {rows} less now; {} had nothing of it", erased.rows, erased.untouched)?;
        }
        Format::Json => {
            let Erased { rows, untouched, to_vacuum, .. } = &erased;
            document(&json!({ "erased": rows, "untouched": untouched, "to_vacuum": to_vacuum }), out)?;
        }
    }
    for partition in &erased.to_vacuum {
        say(format_args!("the files still hold it: as a member of the owner, run VACUUM {partition}"));
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

async fn erase(log: &LogArgs, url: &str, args: &RedactArgs) -> Result<Erased, Failure> {
    let writer = recorder::start(log, url, "audit redact").await?;
    let erasure =
        Erasure::new(url, &log.schema, args.fields.iter().cloned(), &args.reason).by(recorder::actor(args.by.as_ref()));
    let erased = if args.id.is_empty() {
        let mut query = Query::new();
        if let Some(actor) = &args.actor {
            query = query.actor(&actor.id).actor_type(actor.actor_type);
        }
        if let Some(target) = &args.target {
            query = query.target(target.clone());
        }
        erasure.rows_of(&query, writer.auditor(), |_| ()).await
    } else {
        erasure.rows(&args.id, writer.auditor(), |_| ()).await
    };
    writer.shutdown(Duration::from_secs(5)).await;
    erased.map_err(|error| match &error {
        ErasureError::Held { .. } | ErasureError::Broken { .. } => Failure::failed(&error),
        _ => Failure::failed(&error).with_hint(ADVICE),
    })
}
