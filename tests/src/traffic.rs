//! What a busy service records.

use audit_core::{Actor, Auditor, Catalog, Context, context};

/// Tasks that record at once.
pub const TASKS: usize = 64;
/// What browsers say of themselves.
pub const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36";
/// Entries of one request.
const CALLS: usize = 4;
const REASON: &str = "the customer asked for it on the telephone, and support looked at the contract first";

/// What is done in this traffic.
#[derive(Catalog)]
pub enum Action {
    /// A project was moved to another plan.
    #[audit(action = "plan.changed", target = "project")]
    PlanChanged {
        /// The new plan.
        plan: String,
        /// Why.
        reason: String,
        /// How many may use it.
        seats: u64,
    },
}

/// Moves a project to another plan, with details of about 150 bytes.
#[audited(action = "plan.changed", target = "project", metadata(plan, reason, seats))]
async fn change_plan(project_id: &str, plan: &str, reason: &str, seats: u64) {
    let _ = (project_id, plan, reason, seats);
}

/// Makes so many calls from [`TASKS`] tasks, and returns when they have ended. An entry for which there is no room in time is dropped and
/// counted, as of every annotated function.
///
/// # Panics
///
/// When a task does.
pub async fn record(auditor: &Auditor, calls: u64) {
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(record_some(auditor.clone(), calls, task))).collect();
    for task in tasks {
        task.await.expect("no task panics");
    }
}

async fn record_some(auditor: Auditor, calls: u64, task: usize) {
    let calls: Vec<u64> = (task as u64..calls).step_by(TASKS).collect();
    for (request, calls) in calls.chunks(CALLS).enumerate() {
        let context = Context::new()
            .with_actor(Actor::user(format!("user_{}", request * TASKS + task)))
            .with_ip_address([192, 168, 1, 1])
            .with_user_agent(USER_AGENT)
            .with_auditor(auditor.clone());
        context::scope(context, async {
            for call in calls {
                change_plan(&format!("proj_{call}"), "enterprise", REASON, *call).await;
            }
        })
        .await;
    }
}
