//! `audit record`: one entry from a shell.

use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use audit_core::migrate::{self, Options};
use audit_core::{
    ActionName, ActionNameError, Actor, AuditAction, Auditor, Context, Entry, Metadata, Migrate, Outbox, Outcome,
    Stats, Target, WaitForStore, catalog,
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Args;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::format::{Format, document};
use super::{ADVICE, shell};
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::run::block_on;
use crate::say::say;

/// How long the store may take to be reached, and then to commit the entry.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this it is time to look what holds the store up.
const FIRST_LOOK: Duration = Duration::from_millis(500);
/// How long sealing it may take.
const SEALED_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(after_help = "\
The entry's id is printed once the entry is committed.

Examples:
  audit record --actor user:user_123 --action project.created \\
      --target project:proj_456 --ip 192.168.1.1 \\
      --metadata '{\"changes\": {\"name\": \"MyProject\"}}'
  audit record --actor system:billing --action project.suspended \\
      --target project:proj_456 --metadata '{\"reason\": \"unpaid\"}'
  audit record --actor api_key:key_7 --action secret.accessed \\
      --target secret:sec_1 --outcome denied --request-id req_9
  audit record --actor user:user_123 --action invoice.refunded \\
      --target invoice:inv_1 --allow-unlisted")]
pub(crate) struct RecordArgs {
    /// Who did it: `user:ID`, `system:ID` or `api_key:ID`
    #[arg(long, value_name = "TYPE:ID")]
    actor: Actor,

    /// What was done: an action of the catalog (`audit catalog` lists them)
    #[arg(long, value_name = "NAME")]
    action: String,

    /// What it was done to
    #[arg(long, value_name = "TYPE:ID")]
    target: Option<Target>,

    /// Named details: a JSON object
    #[arg(long, value_name = "JSON")]
    metadata: Option<String>,

    /// The client's address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,

    /// The client program's own words about itself
    #[arg(long, value_name = "TEXT")]
    user_agent: Option<String>,

    /// The request it belongs to
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,

    /// The tenant on whose data the work was done
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,

    /// How it ended: success, failure, denied, cancelled, panicked or attempted [default: success, or failure
    /// with --error]
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<Outcome>,

    /// What is to be kept of the error
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,

    /// Accept an action or a target type that the catalog does not list
    #[arg(long)]
    allow_unlisted: bool,

    /// How to print its id; as JSON `id`
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(log: &LogArgs, args: RecordArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let format = args.format;
    let entry = entry(args)?;
    let id = block_on(store(log, log.url()?.as_str(), entry))??;
    let printed = match format {
        Format::Text => writeln!(out, "{id}").map_err(Failure::Output),
        Format::Json => document(&json!({ "id": id }), out),
    };
    match printed.and_then(|()| out.flush().map_err(Failure::Output)) {
        Err(Failure::Output(error)) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Failed {
            what: format!("entry {id} is stored, but standard output does not take its id: {error}"),
            hint: Some("do not record it again".to_owned()),
        }),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn entry(args: RecordArgs) -> Result<Entry, Failure> {
    let action = action(&args.action, args.allow_unlisted)?;
    if let Some(target) = &args.target {
        check_target(&action, target, args.allow_unlisted)?;
    }
    let outcome = match (args.outcome, &args.error) {
        (Some(Outcome::Success), Some(_)) => {
            return Err(Failure::usage("a success has no error")
                .with_hint("leave out --error, or say how it ended: --outcome failure"));
        }
        (Some(outcome), _) => outcome,
        (None, Some(_)) => Outcome::Failure,
        (None, None) => Outcome::Success,
    };
    let mut builder = Entry::builder(action).actor(args.actor);
    if let Some(target) = args.target {
        builder = builder.target(target);
    }
    if let Some(text) = &args.metadata {
        if serde_json::from_str::<Map<String, Value>>(text).is_err() {
            say("warning: --metadata is not a JSON object; it is kept whole, as text where it could not be read");
        }
        builder = builder.metadata_all(Metadata::from_json(text));
    }
    builder = match args.error {
        Some(error) => builder.failure(error).outcome(outcome),
        None => builder.outcome(outcome),
    };
    let mut context = Context::new();
    if let Some(ip) = args.ip {
        context = context.with_ip_address(ip);
    }
    if let Some(user_agent) = args.user_agent {
        context = context.with_user_agent(user_agent);
    }
    if let Some(request_id) = args.request_id {
        context = context.with_request_id(request_id);
    }
    if let Some(tenant) = args.tenant {
        context = context.with_tenant_id(tenant);
    }
    Ok(builder.context(context).build())
}

fn action(name: &str, allow_unlisted: bool) -> Result<ActionName, Failure> {
    match ActionName::parse::<AuditAction>(name) {
        Err(ActionNameError::Unknown { .. }) if allow_unlisted => ActionName::unlisted(name).map_err(Failure::usage),
        Err(error @ ActionNameError::Unknown { .. }) => Err(Failure::usage(&error)
            .with_hint("`audit catalog` lists every action; --allow-unlisted records a name of your own")),
        other => other.map_err(Failure::usage),
    }
}

/// Holds the target to the type that the catalog gives the action, as the compiler does for `#[audited]`.
fn check_target(action: &ActionName, target: &Target, allow_unlisted: bool) -> Result<(), Failure> {
    match catalog::find::<AuditAction>(action.as_str()) {
        Some(info) if info.target != target.target_type && !allow_unlisted => Err(Failure::usage(format!(
            "`{action}` is done to a target of type `{}`, not `{}`",
            info.target, target.target_type
        ))
        .with_hint(format!("write --target {}:ID; --allow-unlisted records it as it is", info.target))),
        _ => Ok(()),
    }
}

/// Records the entry and waits until it is committed.
async fn store(log: &LogArgs, url: &str, entry: Entry) -> Result<Uuid, Failure> {
    let failed = |error: &audit_core::Error| Failure::failed(error).with_hint(ADVICE);
    let writer = Auditor::builder()
        .url(url)
        .schema(log.schema.as_str())
        .service_name("audit record")
        .migrate(Migrate::Skip)
        .outbox(Outbox::Leave)
        .wait_for_store(WaitForStore::AtMost(PATIENCE))
        .linger(Duration::ZERO)
        .lanes(1)
        .start()
        .await
        .map_err(|error| failed(&error))?;
    let created_at = entry.created_at();
    let id = writer.auditor().record(entry).await.map_err(|error| failed(&error))?;
    let options = Options::new().with_schema(log.schema.clone());
    // A log without its tables will not get them by waiting.
    let stored = writer.flush(FIRST_LOOK).await.is_ok()
        || (migrate::is_current(url, &options).await.unwrap_or(true) && writer.flush(PATIENCE).await.is_ok());
    // What is stored is sealed, too, where this user may, so that whoever follows the log sees it, and the stream ends.
    // Otherwise the report tells whether it was in time after all.
    let report = writer.shutdown(if stored { SEALED_WITHIN } else { Duration::ZERO }).await;
    verdict(log, id, created_at, &report.stats)
}

/// What became of the entry. One that is not known to be committed may be, for the store may still do what it was
/// last asked for.
fn verdict(log: &LogArgs, id: Uuid, created_at: DateTime<Utc>, stats: &Stats) -> Result<Uuid, Failure> {
    if stats.dead_lettered > 0 {
        return Err(Failure::Failed {
            what: format!("the store refused the values of entry {id}, which is now among the dead letters"),
            hint: Some("record it again with values that the store takes".to_owned()),
        });
    }
    if stats.waiting == 0 && stats.dropped == 0 {
        return Ok(id);
    }
    let reason = stats.last_error.as_deref().unwrap_or("the store did not answer in time");
    let instant = |at: DateTime<Utc>| Some(at.to_rfc3339_opts(SecondsFormat::Micros, true));
    let next = created_at + TimeDelta::microseconds(1);
    let look = shell::command("query", log, [("since", instant(created_at)), ("until", instant(next))]);
    Err(Failure::Failed {
        what: format!("entry {id} may not have been stored: {}", visible(reason)),
        hint: Some(format!("{ADVICE}. Before recording it again, look whether it is there: {look}")),
    })
}

#[cfg(test)]
mod tests {
    use audit_core::store::Schema;

    use super::*;

    fn verdict_of(stats: &Stats) -> Result<Uuid, Failure> {
        let log = LogArgs { database_url: None, schema: Schema::default(), audit_reads: false };
        verdict(&log, Uuid::nil(), DateTime::UNIX_EPOCH, stats)
    }

    fn stats(set: impl FnOnce(&mut Stats)) -> Stats {
        let mut stats = Stats::default();
        set(&mut stats);
        stats
    }

    #[test]
    fn only_an_entry_that_is_neither_waiting_nor_lost_nor_refused_is_stored() {
        verdict_of(&stats(|stats| stats.stored = 1)).unwrap();
        // A failure before the success is past.
        verdict_of(&stats(|stats| stats.last_error = Some("away".to_owned()))).unwrap();
        verdict_of(&stats(|stats| stats.waiting = 1)).unwrap_err();
        verdict_of(&stats(|stats| stats.dropped = 1)).unwrap_err();
        verdict_of(&stats(|stats| stats.dead_lettered = 1)).unwrap_err();
    }

    #[test]
    fn an_entry_whose_fate_is_unknown_is_named_with_the_command_that_finds_it() {
        let failure = verdict_of(&stats(|stats| stats.dropped = 1)).unwrap_err();
        let Failure::Failed { what, hint: Some(hint) } = failure else { panic!("{failure:?}") };
        assert!(what.starts_with("entry 00000000-0000-0000-0000-000000000000 may not have been stored"), "{what}");
        let look = "audit query --since 1970-01-01T00:00:00.000000Z --until 1970-01-01T00:00:00.000001Z";
        assert!(hint.contains("Before recording it again") && hint.ends_with(look), "{hint}");
    }
}
