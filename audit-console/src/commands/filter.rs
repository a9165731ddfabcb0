//! Which entries a command is about: a query in the grammar, flags, or both.

use audit_core::query::{Filter, Moment, Query};
use audit_core::{Actor, ActorType, AuditAction, Outcome, Target, catalog};
use chrono::{DateTime, Utc};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::failure::Failure;

/// What `--help` says of the grammar.
pub(super) const GRAMMAR: &str = "\
Query:
  actor:user_123  actor:user/user_123  actor_type:api_key  on_behalf_of:root
  action:project.created  action:project.*  outcome:failure
  target:proj_456  target:project/proj_456  target_type:project
  request:req_9  tenant:acme  trace:ID  origin:import  id:UUID  attempt:UUID
  ip:10.0.0.1  ip:10.0.0.0/8  user_agent:Mozilla*  error:timeout*
  created:2026-11-01  created:>=24h  created:2026-11-01..2026-11-30
  metadata.changes.name:MyProject  metadata.\"a.b\":c
  word  \"free text\"      anywhere in the entry
  -outcome:success       not so; where a query begins with -, write -- before it
  tenant:*  -tenant:*    with a tenant; without one
All of it has to hold, and the flags, too.

Times are a day (2026-11-23, whole, in UTC), a month (2026-11), an instant
(2026-11-23T09:00:00Z) or how long ago (90s, 30m, 24h, 7d, 2w).";

#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Which entries, in the language below
    #[arg(value_name = "QUERY")]
    words: Vec<String>,

    /// Who did it: an id, or its type too (`user:ID`, `system:ID`, `api_key:ID`)
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "[TYPE:]ID", help_heading = "Filters")]
    actor: Option<String>,

    /// What was done
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "NAME", help_heading = "Filters")]
    action: Option<String>,

    /// What it was done to
    #[arg(long, value_name = "TYPE:ID", help_heading = "Filters")]
    target: Option<Target>,

    /// The kind of thing it was done to
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "TYPE", conflicts_with = "target", help_heading = "Filters")]
    target_type: Option<String>,

    /// The thing it was done to, of whatever kind
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "ID", conflicts_with = "target", help_heading = "Filters")]
    target_id: Option<String>,

    /// How it ended: success, failure, denied, cancelled, panicked or attempted
    #[arg(long, value_name = "OUTCOME", help_heading = "Filters")]
    outcome: Option<Outcome>,

    /// The request it belongs to
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "ID", help_heading = "Filters")]
    request_id: Option<String>,

    /// The tenant on whose data the work was done
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "ID", help_heading = "Filters")]
    tenant: Option<String>,

    /// Nothing older than this
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    since: Option<Moment>,

    /// Nothing of this time or newer; a day is taken whole
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    until: Option<Moment>,
}

impl FilterArgs {
    /// What query and flags mean together. Times that count back from now are fixed by it.
    pub(super) fn filter(&self, now: DateTime<Utc>) -> Result<Filter, Failure> {
        // An empty range is a mistake, and no finding.
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since.start(now) >= until.end(now)
        {
            return Err(Failure::usage("nothing is between --since and --until")
                .with_hint("--since is the earlier of the two: --since 7d --until 24h"));
        }
        let text = self.words.join(" ");
        let filter = Filter::parse(&text, now).map_err(|error| Failure::query(&text, &error))?;
        Ok(self.flags(now).filter().clone().and(filter))
    }

    /// The words and flags as they were given.
    pub(super) fn asked(&self) -> String {
        format!("{self:?}")
    }

    fn flags(&self, now: DateTime<Utc>) -> Query {
        let mut query = Query::new();
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
        query
    }

    /// What may be meant where nothing was found.
    pub(super) fn advice(&self) -> String {
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
