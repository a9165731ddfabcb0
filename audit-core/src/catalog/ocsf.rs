//! What an action is in the Open Cybersecurity Schema Framework (OCSF 1.3.0): an activity of the class Entity Management.

use super::{ActionInfo, Catalog, list};
use serde::Serialize;
use serde_json::{Value, json};

/// The version of OCSF that is meant here.
pub const VERSION: &str = "1.3.0";
/// Identity & Access Management.
pub const CATEGORY_UID: u32 = 3;
/// The name of the category.
pub const CATEGORY_NAME: &str = "Identity & Access Management";
/// Entity Management.
pub const CLASS_UID: u32 = 3004;
/// The name of the class.
pub const CLASS_NAME: &str = "Entity Management";

/// An activity of the class Entity Management.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// `activity_id`.
    #[serde(rename = "activity_id")]
    pub id: u32,
    /// `activity_name`, as the schema has it.
    #[serde(rename = "activity_name")]
    pub name: &'static str,
}

/// What is none of the others: the source's own name tells.
const OTHER: Activity = Activity { id: 99, name: "Other" };

const ACTIVITIES: [(Activity, &[&str]); 11] = [
    (Activity { id: 1, name: "Create" }, &["created", "added", "invited", "issued", "imported"]),
    (Activity { id: 2, name: "Read" }, &["accessed", "read", "viewed", "exported", "downloaded", "listed"]),
    (Activity { id: 3, name: "Update" }, &["updated", "changed", "role_changed", "rotated", "edited", "set"]),
    (Activity { id: 4, name: "Delete" }, &["deleted", "removed", "revoked", "purged"]),
    (Activity { id: 5, name: "Move" }, &["moved", "renamed", "transferred"]),
    (Activity { id: 8, name: "Enable" }, &["enabled"]),
    (Activity { id: 9, name: "Disable" }, &["disabled"]),
    (Activity { id: 10, name: "Activate" }, &["activated"]),
    (Activity { id: 11, name: "Deactivate" }, &["deactivated"]),
    (Activity { id: 12, name: "Suspend" }, &["suspended", "auto_suspended"]),
    (Activity { id: 13, name: "Resume" }, &["resumed"]),
];

/// The activity that an action is, by the last word of its name.
///
/// # Examples
///
/// ```
/// use audit_core::catalog::ocsf;
///
/// assert_eq!(ocsf::activity("project.created").name, "Create");
/// assert_eq!(ocsf::activity("door.opened").id, 99);
/// ```
#[must_use]
pub fn activity(action: &str) -> Activity {
    let verb = action.rsplit('.').next().unwrap_or(action);
    ACTIVITIES.into_iter().find(|(_, verbs)| verbs.contains(&verb)).map_or(OTHER, |(activity, _)| activity)
}

/// `type_uid`: class and activity in one number.
#[must_use]
pub const fn type_uid(activity: Activity) -> u32 {
    CLASS_UID * 100 + activity.id
}

/// The catalog as a JSON array of what each action is in OCSF, sorted by name: `action`, `category_uid`, `class_uid`,
/// `activity_id`, `activity_name`, `type_uid` and `entity` with its `type`.
#[must_use]
pub fn mapping<C: Catalog>() -> String {
    format!("{:#}", list::<C>().into_iter().map(mapped).collect::<Value>())
}

fn mapped(info: &ActionInfo) -> Value {
    let activity = activity(info.name);
    json!({
        "action": info.name,
        "category_uid": CATEGORY_UID,
        "class_uid": CLASS_UID,
        "activity_id": activity.id,
        "activity_name": activity.name,
        "type_uid": type_uid(activity),
        "entity": { "type": info.target },
    })
}
