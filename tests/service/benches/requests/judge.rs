//! Whether the log says what the handlers say: of each that began one entry, with its actor, request, action and outcome, and none besides.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::{Value, json};
use tests::postgres::Database;

use super::notes::{Note, Notes};

/// Every entry that the handlers made.
const ENTRIES: &str = "SELECT request_id, actor_type, actor_id, action, outcome FROM control_plane.audit_logs
                        WHERE action NOT LIKE 'audit%'";

/// The request's id, the actor's type and id, the action and the outcome of an entry.
type Told = (Option<String>, String, Option<String>, String, String);

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Handlers that began, by how they ended.
    ends: BTreeMap<&'static str, u64>,
    /// Entries that say the same as their handler.
    told: u64,
    /// Handlers without an entry.
    missing: u64,
    /// Entries that are a second one for a handler, or for none.
    surplus: u64,
    /// Entries that say something else than their handler.
    wrong: u64,
}

pub(crate) async fn judge(database: &Database<'_>, notes: &Notes) -> Judged {
    let mut notes = notes.all();
    let mut judged = Judged::default();
    for note in notes.values() {
        *judged.ends.entry(note.end).or_default() += 1;
    }
    let rows: Vec<Told> =
        sqlx::query_as(ENTRIES).fetch_all(&mut database.connect().await).await.expect("the log can be read");
    for (request_id, actor_type, actor_id, action, outcome) in rows {
        let note: Option<Note> = request_id.and_then(|id| HashMap::remove(&mut notes, &id));
        match note {
            None => judged.surplus += 1,
            Some(note)
                if actor_type == "user"
                    && actor_id.as_ref() == Some(&note.user)
                    && action == note.action
                    && outcome == note.end =>
            {
                judged.told += 1;
            }
            Some(_) => judged.wrong += 1,
        }
    }
    judged.missing = notes.len() as u64;
    judged
}

impl Judged {
    /// Whether the log is whole and true, and there was something to see.
    pub(crate) fn is_good(&self) -> bool {
        let happened = ["success", "denied", "cancelled"].iter().all(|end| self.ends.contains_key(end));
        happened && (self.missing, self.surplus, self.wrong) == (0, 0, 0)
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "ends": self.ends, "told": self.told, "missing": self.missing, "surplus": self.surplus, "wrong": self.wrong })
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends: Vec<_> = self.ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
        writeln!(f, "handlers that began: {}", ends.join(", "))?;
        let Self { told, missing, surplus, wrong, .. } = self;
        write!(f, "entries that say so: {told}; missing: {missing}, surplus: {surplus}, wrong: {wrong}")
    }
}
