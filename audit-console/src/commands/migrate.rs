//! `audit migrate`: brings the database up to date, or says whether it is.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use audit_core::migrate::{self, MigrationStatus, Options, Part, PendingMigration, Report, SearchIndex, State};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{Cell, Color};
use serde_json::{Value, json};

use super::format::{Format, document};
use crate::cli::{LogArgs, RoleArgs};
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::render::table;
use crate::run::block_on;
use crate::say::say;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Any number of processes may run it at once: one works, the others wait and find nothing left to do.

Examples:
  audit migrate --dry-run | less
  audit migrate
  audit migrate --outbox --database-url postgres://localhost/app
  audit migrate status
  audit migrate --with metadata-index
  audit migrate status --check && start-the-service"
)]
pub(crate) struct MigrateArgs {
    #[command(subcommand)]
    command: Option<MigrateCommand>,

    /// Print the SQL that would run, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Only the outbox, in an application's own database; the log is in another
    #[arg(long, global = true)]
    outbox: bool,

    /// Then build an index for searching, without blocking anybody (PostgreSQL)
    #[arg(long, value_enum, value_name = "INDEX", conflicts_with_all = ["dry_run", "outbox"])]
    with: Vec<Extra>,

    /// How to print what was done; as JSON `applied`, `notes` and `indexed`, with --dry-run a list of `version`,
    /// `description` and `sql`
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    roles: RoleArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Extra {
    /// For `metadata.NAME:VALUE`, on every partition; entries take about a fifth longer to land
    MetadataIndex,
    /// For free text, on partitions whose time is over: run it again for those that follow
    TextIndex,
}

#[derive(Debug, Subcommand)]
enum MigrateCommand {
    /// Show which migrations are done and which are pending
    Status(StatusArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  audit migrate status
  audit migrate status --check   # exit code 1 unless everything is done")]
struct StatusArgs {
    /// Exit with 1 unless the database is up to date
    #[arg(long)]
    check: bool,

    /// How to print it; as JSON a list of `version`, `description`, `state`, `at`, `took_ms`, `checksum` and `notes`
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: &MigrateArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let url = log.url()?;
    let part = if args.outbox { Part::Outbox } else { Part::Log };
    let options = log.options(&args.roles)?.with_part(part);
    let code = match &args.command {
        Some(MigrateCommand::Status(status)) => {
            let migrations = block_on(migrate::status(url.as_str(), &options))?.map_err(|error| failed(&error))?;
            let current = migrations.iter().all(|migration| migration.state.is_done());
            match status.format {
                Format::Text => show(&migrations, out)?,
                Format::Json => {
                    let list: Value = migrations.iter().map(as_json).collect();
                    document(&list, out)?;
                }
            }
            if status.check && !current { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        None if args.dry_run => {
            let pending = block_on(migrate::pending(url.as_str(), &options))?.map_err(|error| failed(&error))?;
            preview(&pending, args.format, out)?;
            ExitCode::SUCCESS
        }
        None => {
            let report = block_on(migrate::migrate(url.as_str(), &options))?.map_err(|error| failed(&error))?;
            if args.format == Format::Text {
                tell(&report, out)?;
            }
            let mut indexed = Vec::new();
            for extra in &args.with {
                indexed.push((*extra, build(url.as_str(), &options, *extra)?));
            }
            match args.format {
                Format::Text => tell_indexed(&indexed, out)?,
                Format::Json => document(&done(&report, &indexed), out)?,
            }
            ExitCode::SUCCESS
        }
    };
    out.flush()?;
    Ok(code)
}

fn preview(pending: &[PendingMigration], format: Format, out: &mut impl Write) -> Result<(), Failure> {
    if format == Format::Json {
        let list: Value = pending
            .iter()
            .map(|migration| {
                json!({ "version": migration.version, "description": migration.description, "sql": migration.sql })
            })
            .collect();
        return document(&list, out);
    }
    for migration in pending {
        writeln!(out, "-- {:04} {}\n{}\n", migration.version, migration.description, migration.sql.trim_end())?;
    }
    say(format_args!("{} would be applied; nothing was changed", count(pending.len())));
    Ok(())
}

fn tell(report: &Report, out: &mut impl Write) -> Result<(), Failure> {
    for version in &report.applied {
        writeln!(out, "applied {version:04}")?;
    }
    for note in &report.notes {
        writeln!(out, "note: {}", visible(note))?;
    }
    match report.applied.len() {
        0 => writeln!(out, "up to date: nothing to apply")?,
        applied => writeln!(out, "up to date: {} applied", count(applied))?,
    }
    out.flush()?;
    Ok(())
}

/// Builds an index for searching, and says of how many partitions.
fn build(url: &str, options: &Options, extra: Extra) -> Result<usize, Failure> {
    let index = match extra {
        Extra::MetadataIndex => SearchIndex::Metadata,
        Extra::TextIndex => SearchIndex::Text,
    };
    let built = |partition: &str| say(format_args!("indexed {}", visible(partition)));
    block_on(migrate::build_search_index(url, options, index, built))?.map_err(|error| failed(&error))
}

fn tell_indexed(indexed: &[(Extra, usize)], out: &mut impl Write) -> Result<(), Failure> {
    for (_, partitions) in indexed {
        match partitions {
            0 => writeln!(out, "every partition has its index")?,
            1 => writeln!(out, "1 partition indexed")?,
            partitions => writeln!(out, "{partitions} partitions indexed")?,
        }
    }
    Ok(())
}

fn done(report: &Report, indexed: &[(Extra, usize)]) -> Value {
    let indexed: Value = indexed
        .iter()
        .map(|(extra, partitions)| {
            let index = extra.to_possible_value().map(|value| value.get_name().to_owned());
            json!({ "index": index, "partitions": partitions })
        })
        .collect();
    json!({ "applied": report.applied, "notes": report.notes, "indexed": indexed })
}

fn count(migrations: usize) -> String {
    if migrations == 1 { "1 migration".to_owned() } else { format!("{migrations} migrations") }
}

fn failed(error: &migrate::Error) -> Failure {
    Failure::failed(error).with_hint("`audit doctor` says what is wrong with the log")
}

/// When a migration was applied, and how long that took, where that is known.
const fn applied(state: State) -> (Option<DateTime<Utc>>, Option<Duration>) {
    match state {
        State::Done { at, took } => (Some(at), Some(took)),
        State::Changed { at } | State::Missing { at } | State::Newer { at } => (Some(at), None),
        _ => (None, None),
    }
}

fn as_json(migration: &MigrationStatus) -> Value {
    let (at, took) = applied(migration.state);
    let checksum: Vec<_> = migration.checksum.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "version": migration.version,
        "description": migration.description,
        "state": migration.state.to_string(),
        "at": at,
        "took_ms": took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        "checksum": checksum.concat(),
        "notes": migration.notes,
    })
}

fn show(migrations: &[MigrationStatus], out: &mut impl Write) -> Result<(), Failure> {
    let mut table = table::styled(["version", "description", "state", "when (UTC)", "took", "checksum"]);
    for migration in migrations {
        let (at, took) = applied(migration.state);
        table.add_row([
            Cell::new(format!("{:04}", migration.version)),
            Cell::new(visible(&migration.description)),
            state(migration.state),
            Cell::new(at.map(instant).unwrap_or_default()),
            Cell::new(took.map(|took| format!("{} ms", took.as_millis())).unwrap_or_default()),
            Cell::new(checksum(&migration.checksum)),
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    let pending = migrations.iter().filter(|migration| migration.state == State::Pending).count();
    let foreign = migrations.len() - pending - migrations.iter().filter(|migration| migration.state.is_done()).count();
    out.flush()?;
    say(match (pending, foreign) {
        (0, 0) => "up to date".to_owned(),
        (pending, 0) => format!("{} pending: run `audit migrate`", count(pending)),
        (_, foreign) => format!(
            "{} not as this program knows them: use the release that migrated this database, or a later one",
            count(foreign)
        ),
    });
    Ok(())
}

fn state(state: State) -> Cell {
    let cell = Cell::new(state);
    match state {
        State::Done { .. } => cell.fg(Color::Green),
        State::Pending => cell.fg(Color::Yellow),
        _ => cell.fg(Color::Red),
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The first eight bytes: enough to compare by eye.
fn checksum(sha256: &[u8; 32]) -> String {
    let first = sha256.first_chunk().expect("a SHA-256 is longer than eight bytes");
    format!("{:016x}", u64::from_be_bytes(*first))
}
