//! `audit import`: rows of an earlier log, moved into this one.

mod columns;
mod csv;
mod json_lines;
mod rejects;
mod report;
mod source;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use audit_core::import::{Fate, Field, Import, ImportBuilder, ImportError, Record};
use audit_core::signing::SigningKey;
use clap::Args;

use self::columns::{Assigned, assigned};
use self::rejects::Rejects;
use self::report::Report;
use self::source::{Item, Source};
use super::ADVICE;
use super::format::{Format, document};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::run::block_on;

/// Most rows of a batch, and most bytes of their texts: what is held in memory at once.
const ROWS: u32 = 2_000;
const BYTES: usize = 8 << 20;

#[derive(Debug, Args)]
#[command(after_help = "\
Rows keep their times, and their ids where those are UUIDs; origin says import:
and the name of the source. They come in batches that are numbered, hashed and
chained like all others. An import that was broken off goes on when it is run
again; a row is never there twice.

What cannot be imported goes, whole, into the file of --rejects, with the reason;
so does what had to be cut or replaced, which marks in its metadata tell of, too.

A field is read from the column of its own name, unless --map names another; in
JSON Lines, a dotted name leads into nested objects. Fields: id, actor_id,
actor_type, action, target_type, target_id, metadata, ip_address, user_agent,
created_at, outcome, error, duration_us, request_id, trace_id, span_id,
tenant_id, on_behalf_of. A row needs an action and a time. Empty cells of CSV
hold nothing. Rows of a file that have no id are known again by their place, so
such a file may grow at its end and must not change.

In PostgreSQL the user needs the roles audit_writer, audit_reader and
audit_admin, which makes partitions for old times; and to read the table.

Exit codes:
  0  every row is in the log
  1  some are not, or it broke off: run it again
  2  the command line or the configuration is wrong

Examples:
  audit import --dry-run
  audit import
  audit import --from postgres://reader@old.example.org/app \\
      --table control_plane.audit_logs
  audit import --csv events.csv --map created_at=when --map actor_id=who \\
      --set actor_type=user
  audit import --jsonl events.jsonl --map actor_id=user.id")]
pub(crate) struct ImportArgs {
    /// The table that holds the rows, `SCHEMA.NAME`; the one that `audit migrate` set aside, unless said
    #[arg(long, value_name = "TABLE", conflicts_with_all = ["csv", "jsonl"])]
    table: Option<String>,

    /// The database that holds the table, `postgres://…` or `sqlite:PATH`; the log's own, unless said
    #[arg(long, value_name = "URL", conflicts_with_all = ["csv", "jsonl"])]
    from: Option<String>,

    /// A CSV file (RFC 4180) whose first line names the columns
    #[arg(long, value_name = "FILE", conflicts_with = "jsonl")]
    csv: Option<PathBuf>,

    /// A file with a JSON object a line
    #[arg(long, value_name = "FILE")]
    jsonl: Option<PathBuf>,

    /// Read a field from the column of another name; may be given several times
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = assigned)]
    map: Vec<Assigned>,

    /// The value of a field in rows that have none; may be given several times
    #[arg(long, value_name = "FIELD=VALUE", value_parser = assigned)]
    set: Vec<Assigned>,

    /// What the source is called in the log; the name of the table or file, unless said
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// Where rows go that are not imported as they are; each run writes the file anew
    #[arg(long, value_name = "FILE", default_value = "audit-import-rejects.jsonl")]
    rejects: PathBuf,

    /// The file that holds a key, which signs each batch
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// How many rows a source may have whose ids no unique index over uuids keeps apart: each is remembered, in up to 50 bytes
    #[arg(long, value_name = "ROWS", default_value_t = ImportBuilder::DEFAULT_MOST_IDS)]
    most_ids: usize,

    /// Say what would become of the rows, and change nothing but the file of rejects
    #[arg(long)]
    dry_run: bool,

    /// How to print what became of them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &ImportArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    let key = args.key_file.as_ref().map(SigningKey::from_file).transpose();
    let key = key.map_err(|error| Failure::usage(error).with_hint("`audit keys generate` makes a key"))?;
    let report = block_on(import(log, url.as_str(), args, key))??;
    match args.format {
        Format::Text => report.tell(out)?,
        Format::Json => document(&report, out)?,
    }
    out.flush()?;
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn import(log: &LogArgs, url: &str, args: &ImportArgs, key: Option<SigningKey>) -> Result<Report, Failure> {
    let mut source = Source::open(log, url, args).await?;
    let name = args.source.clone().unwrap_or_else(|| source.name().to_owned());
    let mut import = Import::into_log(url, &log.schema, &name).most_ids(args.most_ids);
    if source.has_unique_ids() {
        import = import.unique_ids();
    }
    if let Some(key) = key {
        import = import.signer(key);
    }
    if args.dry_run {
        import = import.dry_run();
    }
    let mut import = import.start().await.map_err(|error| failed(&error))?;
    let mut rejects = Rejects::create(&args.rejects)?;
    let mut report = Report::new(name, args.dry_run);
    let bar = source.bar();
    while let Some(items) = source.next(ROWS, BYTES).await? {
        take(&mut import, items, &args.set, &mut rejects, &mut report).await?;
        bar.set_position(source.position());
    }
    bar.finish_and_clear();
    report.rejects = rejects.finish()?;
    report.left_out = source.left_out();
    source.close().await;
    report.in_log = import.finish().await.map_err(|error| failed(&error))?;
    Ok(report)
}

async fn take(
    import: &mut Import,
    items: Vec<Item>,
    set: &[Assigned],
    rejects: &mut Rejects,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut records = Vec::new();
    for item in items {
        match item {
            Item::Record(record) => records.push(filled(record, set)),
            Item::Unreadable { place, text, reason } => {
                report.unreadable();
                rejects.unreadable(place, &text, &reason)?;
            }
        }
    }
    let fates = import.take(&records).await.map_err(|error| failed(&error))?;
    for (record, fate) in records.iter().zip(fates) {
        report.add(fate);
        match fate {
            Fate::Rejected(reason) => rejects.rejected(record, &reason)?,
            Fate::ImportedChanged => rejects.changed(record)?,
            _ => {}
        }
    }
    Ok(())
}

/// With what the command line says of fields that the record lacks.
fn filled(record: Record, set: &[Assigned]) -> Record {
    set.iter().fold(record, |record, (field, value)| match record.get(*field) {
        None => record.with(*field, value),
        Some(_) => record,
    })
}

fn failed(error: &ImportError) -> Failure {
    let failure = Failure::failed(error);
    match error {
        ImportError::Store(_) => failure.with_hint(format!("run the import again, and it goes on; {ADVICE}")),
        ImportError::AnotherImport { .. } => failure.with_hint("then run this one again: it finds what is left to do"),
        ImportError::TooManyIds { .. } => failure.with_hint(
            "those before are in the log; go on with a larger --most-ids, or import a table whose id is `uuid PRIMARY KEY`",
        ),
        ImportError::NoTable { .. } => failure.with_hint("name it with --table SCHEMA.NAME").into_usage(),
        ImportError::NoColumn { field, .. } => {
            failure.with_hint(format!("name the column that holds it: --map {field}=COLUMN")).into_usage()
        }
        _ => failure,
    }
}

/// A field that is mapped twice would have two columns.
fn mapped(args: &ImportArgs) -> Result<&[(Field, String)], Failure> {
    for (at, (field, _)) in args.map.iter().enumerate() {
        if args.map[..at].iter().any(|(other, _)| other == field) {
            return Err(Failure::usage(format!("{field} is mapped twice")));
        }
    }
    Ok(&args.map)
}
