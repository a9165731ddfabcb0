//! The command line.

use audit_core::migrate::Options;
use audit_core::store::{self, Schema};
use clap::{Args, Parser, Subcommand};

#[cfg(feature = "viewer")]
use crate::commands::serve;
use crate::commands::{
    catalog, completions, dead_letters, doctor, export, hold, import, journal, keys, migrate, proof, query, record,
    redact, retention, seal, show, stats, tail, verify,
};
use crate::database_url::DatabaseUrl;
use crate::failure::Failure;

/// Who did what, to which thing, when, from where, and how it ended.
#[derive(Debug, Parser)]
#[command(name = "audit", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Where the log is:
  --database-url, else DATABASE_URL, else AUDIT_LOGS_DB_HOST, _PORT, _NAME,
  _USER and _PASSWORD. A file .env, here or in a folder above, may hold these
  variables; it counts where the environment has none of them.

Examples:
  audit --database-url sqlite:audit.db migrate
  audit record --actor user:user_123 --action project.created \\
      --target project:proj_456
  audit query 'actor:user_123 created:>=24h'
  audit doctor

For scripts:
  --format json prints one JSON document to standard output: a list where the
  command lists things, otherwise an object. Names are snake_case, times RFC
  3339, what is unknown null. Members may be added; none changes its meaning
  or goes within a major version. Words for people go to standard error.

Exit codes:
  0  it worked
  1  it failed
  2  the command line or the configuration is wrong";

/// Where the log is.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The log's database: `postgres://USER@HOST/NAME` or `sqlite:PATH`
    ///
    /// A password belongs in the environment or in .env, where no process list shows it.
    #[arg(long, global = true, value_name = "URL", help_heading = "Log")]
    pub(crate) database_url: Option<String>,

    /// The PostgreSQL schema that holds the log
    #[arg(long, global = true, value_name = "NAME", default_value = "control_plane", value_parser = Schema::new, help_heading = "Log")]
    pub(crate) schema: Schema,

    /// Record each look at entries as `audit_log.viewed`, with what was asked
    ///
    /// The user then needs to write as well, and what cannot be recorded is not shown.
    #[arg(long, global = true, env = "AUDIT_READS", help_heading = "Log")]
    pub(crate) audit_reads: bool,
}

impl LogArgs {
    /// The URL of the log's database, from wherever it was given; one that names a kind of store.
    pub(crate) fn url(&self) -> Result<DatabaseUrl, Failure> {
        let url = DatabaseUrl::resolve(self.database_url.as_deref())?;
        // This connects to nothing yet.
        match store::open(url.as_str(), &self.schema) {
            Ok(_) => Ok(url),
            Err(error) => Err(Failure::wrong(&error).with_hint("correct --database-url or DATABASE_URL")),
        }
    }

    /// How the log's database is migrated and examined.
    pub(crate) fn options(&self, roles: &RoleArgs) -> Result<Options, Failure> {
        Options::new().with_schema(self.schema.clone()).with_role_prefix(&roles.role_prefix).map_err(Failure::usage)
    }
}

/// How the PostgreSQL roles are named.
#[derive(Debug, Args)]
pub(crate) struct RoleArgs {
    /// What the names of the PostgreSQL roles begin with: audit makes `audit_writer`, `audit_reader` and so on
    #[arg(long, value_name = "PREFIX", default_value = "audit", help_heading = "Log")]
    role_prefix: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring the database up to date, or say whether it is
    Migrate(migrate::MigrateArgs),
    /// Record one entry
    Record(Box<record::RecordArgs>),
    /// Show entries, page by page
    Query(Box<query::QueryArgs>),
    /// Show the latest entries, and those that come
    Tail(Box<tail::TailArgs>),
    /// Show one entry, whole, and what else its request did
    Show(show::ShowArgs),
    /// Show how many entries there are, by day, action, actor and outcome
    Stats(Box<stats::StatsArgs>),
    /// Show the log as web pages
    #[cfg(feature = "viewer")]
    Serve(serve::ServeArgs),
    /// Write entries for other programs, however many
    Export(Box<export::ExportArgs>),
    /// Move rows of an earlier log into this one
    Import(Box<import::ImportArgs>),
    /// Show rows that the table refused, or send them again
    DeadLetters(dead_letters::DeadLettersArgs),
    /// Show what waits on disk, or land what dead writers left
    Journal(journal::JournalArgs),
    /// Print what the built-in catalog lists
    Catalog(catalog::CatalogArgs),
    /// Compute every hash again and say whether anything was changed
    Verify(Box<verify::VerifyArgs>),
    /// Put what is new into the tree, and sign checkpoints of it
    Seal(seal::SealArgs),
    /// Print what proves that one entry is in the log
    Proof(proof::ProofArgs),
    /// Erase personal values, and keep the log provable
    Redact(Box<redact::RedactArgs>),
    /// Keep entries from being erased or pruned
    Hold(hold::HoldArgs),
    /// Show what is old enough to go, and take it out
    Retention(retention::RetentionArgs),
    /// Make keys that sign batches and checkpoints
    Keys(keys::KeysArgs),
    /// Examine the log and say what to do
    Doctor(doctor::DoctorArgs),
    /// Print what a shell needs to complete commands and flags
    Completions(completions::CompletionsArgs),
    /// Print the manual (roff)
    Man(completions::ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Those that print no document: what they print has a format of its own, or is for a shell or a browser.
    const WITHOUT: [&str; 4] = ["serve", "completions", "man", "export"];

    fn leaves(command: &clap::Command) -> Vec<&clap::Command> {
        let mut below = command.get_subcommands().flat_map(leaves).collect::<Vec<_>>();
        // A command that does something without another one beneath it.
        if below.is_empty() || !command.is_subcommand_required_set() {
            below.push(command);
        }
        below
    }

    #[test]
    fn every_command_that_tells_something_tells_it_as_json() {
        let cli = Cli::command();
        let lacking = leaves(&cli).into_iter().filter(|command| {
            let formats = command.get_arguments().filter(|argument| argument.get_long() == Some("format"));
            let mut values = formats.flat_map(clap::Arg::get_possible_values);
            !values.any(|value| value.matches("json", false)) && !WITHOUT.contains(&command.get_name())
        });
        let lacking: Vec<_> = lacking.map(clap::Command::get_name).collect();
        assert!(lacking.is_empty(), "{lacking:?}");
    }
}
