//! What a busy service records.

use audit_core::{ActionName, Actor, Auditor, Context, Entry, context};
use serde_json::{Value, json};

/// Tasks that record at once.
pub const TASKS: usize = 64;
/// What browsers say of themselves.
pub const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36";

/// Details of about 150 bytes.
#[must_use]
pub fn metadata() -> Value {
    json!({ "changes": { "name": { "from": "Old name", "to": "New name" }, "plan": { "from": "free", "to": "pro" } },
            "reason": "the customer asked for it" })
}

/// Records so many entries from [`TASKS`] tasks, and returns when all have been taken in.
///
/// # Panics
///
/// When an entry is not taken in.
pub async fn record(auditor: &Auditor, calls: u64) {
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(record_some(auditor.clone(), calls, task))).collect();
    for task in tasks {
        task.await.expect("no task panics");
    }
}

async fn record_some(auditor: Auditor, calls: u64, task: usize) {
    let request = Context::new()
        .with_actor(Actor::user(format!("user_{task}")))
        .with_ip_address([192, 168, 1, 1])
        .with_user_agent(USER_AGENT);
    context::scope(request, async {
        for call in (task as u64..calls).step_by(TASKS) {
            let action = ActionName::unlisted("project.renamed").expect("a well-formed name");
            let details = metadata();
            let entry = Entry::builder(action)
                .target_id(format!("proj_{call}"))
                .metadata("changes", &details["changes"])
                .metadata("reason", &details["reason"])
                .build();
            auditor.record(entry).await.expect("there is room in time");
        }
    })
    .await;
}
