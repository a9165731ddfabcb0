//! Whether the log tells what the service did: of each audited request that was answered one entry, with its actor, action and outcome
//! (two of one that is recorded before it is done); of one whose client went away at most that; of a project that was made in a
//! transaction one entry, and none of one that was not; and nothing else.

use std::collections::{HashMap, HashSet};
use std::fmt;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tests::postgres::Database;

use super::service::{Answers, Asked};

/// Every entry that requests made.
const ENTRIES: &str =
    "SELECT request_id, actor_type || ':' || actor_id, action, outcome, target_id FROM control_plane.audit_logs
                        WHERE action NOT LIKE 'audit%'";

/// The request's id, the actor, the action, the outcome and the target's id of an entry.
type Told = (Option<String>, Option<String>, String, String, Option<String>);

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Audited requests that were answered, and have their entries.
    told: u64,
    /// Audited requests whose clients went away while they were worked on, with an entry.
    told_of_left: u64,
    /// The same, without: nothing had begun yet, or was rolled back.
    untold_of_left: u64,
    /// Projects that were made with their entry.
    made: u64,
    /// Entries that should be there.
    missing: u64,
    /// Entries that should not be there.
    surplus: u64,
    /// Entries that say something else than what happened.
    wrong: u64,
}

/// What an audited request should leave.
#[derive(Debug)]
struct Expected {
    action: &'static str,
    actor: String,
    /// How it ended, as words of the log, in the order of their letters. What became of a client that left is not known.
    outcomes: Option<Vec<&'static str>>,
}

impl Expected {
    /// None if nothing of the request is audited.
    fn of(Asked { line, status }: &Asked) -> Option<Self> {
        let mut words = line.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let action = match method {
            "PATCH" => "project.updated",
            "GET" => "secret.accessed",
            _ if path == "/projects" => "project.created",
            _ => return None,
        };
        let user = line.rsplit('_').next()?;
        let kind = if action == "project.created" { "user:user" } else { "api_key:key" };
        let outcomes = status.map(|status| {
            let end = match status {
                StatusCode::OK | StatusCode::CREATED => "success",
                StatusCode::FORBIDDEN => "denied",
                _ => "failure",
            };
            if action == "secret.accessed" { vec!["attempted", end] } else { vec![end] }
        });
        Some(Self { action, actor: format!("{kind}_{user}"), outcomes })
    }
}

pub(crate) async fn judge(database: &Database<'_>, answers: &Answers) -> Judged {
    let mut connection = database.connect().await;
    let rows: Vec<Told> = sqlx::query_as(ENTRIES).fetch_all(&mut connection).await.expect("the log can be read");
    let select = "SELECT name, id FROM projects";
    let named: Vec<(String, String)> =
        sqlx::query_as(select).fetch_all(&mut connection).await.expect("there are projects");
    // What is made without annotations has the name of a request that is not among these.
    let mut projects: HashSet<String> =
        named.into_iter().filter(|(name, _)| answers.contains_key(name)).map(|(_, id)| id).collect();
    let mut judged = Judged::default();
    let mut entries: HashMap<String, Vec<Told>> = HashMap::new();
    for row in rows {
        if row.2 == "project.created" && row.3 == "success" {
            let is_made = row.4.as_ref().is_some_and(|id| projects.remove(id));
            *(if is_made { &mut judged.made } else { &mut judged.surplus }) += 1;
        }
        match &row.0 {
            Some(id) => entries.entry(id.clone()).or_default().push(row),
            None => judged.surplus += 1,
        }
    }
    judged.missing = projects.len() as u64;
    for (id, asked) in answers {
        let told = entries.remove(id).unwrap_or_default();
        match Expected::of(asked) {
            Some(expected) => judged.compare(&expected, &told),
            None => judged.surplus += told.len() as u64,
        }
    }
    judged.surplus += entries.values().map(|rows| rows.len() as u64).sum::<u64>();
    judged
}

impl Judged {
    fn compare(&mut self, expected: &Expected, told: &[Told]) {
        let is_true = told
            .iter()
            .all(|(_, actor, action, ..)| action == expected.action && actor.as_ref() == Some(&expected.actor));
        let mut outcomes: Vec<_> = told.iter().map(|(_, _, _, outcome, _)| outcome.as_str()).collect();
        outcomes.sort_unstable();
        match &expected.outcomes {
            _ if !is_true => self.wrong += 1,
            Some(due) if outcomes == *due => self.told += 1,
            Some(due) if outcomes.len() < due.len() => self.missing += 1,
            Some(due) if outcomes.len() > due.len() => self.surplus += 1,
            Some(_) => self.wrong += 1,
            None => match outcomes.as_slice() {
                [] => self.untold_of_left += 1,
                [_] | ["attempted", _] => self.told_of_left += 1,
                _ => self.surplus += 1,
            },
        }
    }

    /// Whether the log is whole and true, and there was something to see.
    pub(crate) const fn is_good(&self) -> bool {
        let happened = self.told > 0 && self.told_of_left > 0 && self.made > 0;
        happened && self.missing == 0 && self.surplus == 0 && self.wrong == 0
    }

    pub(crate) fn json(&self) -> Value {
        let Self { told, told_of_left, untold_of_left, made, missing, surplus, wrong } = self;
        json!({
            "answered": told, "left, with an entry": told_of_left, "left, without": untold_of_left, "projects": made,
            "missing": missing, "surplus": surplus, "wrong": wrong,
        })
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { told, told_of_left, untold_of_left, made, missing, surplus, wrong } = self;
        writeln!(f, "audited requests that were answered, and have their entries: {told}")?;
        writeln!(f, "whose clients went away meanwhile: {told_of_left} with an entry, {untold_of_left} without")?;
        writeln!(f, "projects that were made in a transaction with their entry: {made}")?;
        write!(f, "missing: {missing}, surplus: {surplus}, wrong: {wrong}")
    }
}
