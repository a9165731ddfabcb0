//! `audit record`: one entry from a shell.

use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use audit_core::migrate::{self, Options};
use audit_core::store::Schema;
use audit_core::{
    ActionName, ActionNameError, Actor, AuditAction, Auditor, Context, Entry, Metadata, Migrate, Outcome, Target,
    WaitForStore, catalog,
};
use clap::Args;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::ADVICE;
use crate::cli::LogArgs;
use crate::failure::Failure;
use crate::render::escape::visible;
use crate::run::block_on;

/// How long the store may take to be reached, and then to commit the entry.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this it is time to look what holds the store up.
const FIRST_LOOK: Duration = Duration::from_millis(500);

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
}

pub(crate) fn run(log: &LogArgs, args: RecordArgs, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let entry = entry(args)?;
    let id = block_on(store(entry, log.url()?.as_str(), &log.schema))??;
    writeln!(out, "{id}")?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
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
            anstream::eprintln!(
                "warning: --metadata is not a JSON object; it is kept whole, as text where it could not be read"
            );
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
        Err(error @ ActionNameError::Unknown { .. }) => Err(Failure::usage(visible(&error.to_string()))
            .with_hint("`audit catalog` lists every action; --allow-unlisted records a name of your own")),
        other => other.map_err(|error| Failure::usage(visible(&error.to_string()))),
    }
}

/// Holds the target to the type that the catalog gives the action, as the compiler does for `#[audited]`.
fn check_target(action: &ActionName, target: &Target, allow_unlisted: bool) -> Result<(), Failure> {
    match catalog::find::<AuditAction>(action.as_str()) {
        Some(info) if info.target != target.target_type && !allow_unlisted => Err(Failure::usage(format!(
            "`{action}` is done to a target of type `{}`, not `{}`",
            info.target,
            visible(&target.target_type)
        ))
        .with_hint(format!("write --target {}:ID; --allow-unlisted records it as it is", info.target))),
        _ => Ok(()),
    }
}

/// Records the entry and waits until it is committed.
async fn store(entry: Entry, url: &str, schema: &Schema) -> Result<Uuid, Failure> {
    let failed = |error: &audit_core::Error| Failure::failed(error).with_hint(ADVICE);
    let writer = Auditor::builder()
        .url(url)
        .schema(schema.as_str())
        .service_name("audit record")
        .migrate(Migrate::Skip)
        .wait_for_store(WaitForStore::AtMost(PATIENCE))
        .linger(Duration::ZERO)
        .start()
        .await
        .map_err(|error| failed(&error))?;
    let id = writer.auditor().record(entry).await.map_err(|error| failed(&error))?;
    let mut stored = writer.flush(FIRST_LOOK).await;
    // A log without its tables will not get them by waiting.
    if stored.is_err() && migrate::is_current(url, &Options::new().with_schema(schema.clone())).await.unwrap_or(true) {
        stored = writer.flush(PATIENCE).await;
    }
    let stats = writer.stats();
    // What is not committed by now is reported as such, not waited for any longer.
    drop(writer.shutdown(Duration::ZERO).await);
    match (stored, stats.last_error) {
        (Ok(()), _) if stats.dead_lettered == 0 && stats.dropped == 0 => Ok(id),
        (Err(error), None) => Err(failed(&error)),
        (_, reason) => Err(Failure::Failed {
            what: format!(
                "the entry was not stored: {}",
                visible(reason.as_deref().unwrap_or("the store refused its values"))
            ),
            hint: Some(ADVICE.to_owned()),
        }),
    }
}
