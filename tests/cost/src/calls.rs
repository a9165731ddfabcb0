//! One trivial function, annotated in each of the ways that are compared.

use audit_core::{Actor, Auditor, Context};

/// What can be done in these measurements.
#[derive(audit_core::Catalog)]
pub enum Action {
    /// A project was moved to another plan.
    #[audit(action = "plan.changed", target = "project")]
    PlanChanged {
        /// The new plan.
        plan: String,
        /// How many may use it.
        seats: u64,
        /// Whether it ends by itself.
        trial: bool,
    },
}

/// Why a plan was not changed.
#[derive(Debug)]
pub struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

/// Without any attribute.
///
/// # Errors
///
/// When there are no seats.
pub async fn bare(project_id: &str, plan: &str, seats: u64, trial: bool) -> Result<u64, Refused> {
    let _ = (project_id, plan);
    if seats == 0 { Err(Refused) } else { Ok(seats + u64::from(trial)) }
}

/// Recorded, however it ends.
///
/// # Errors
///
/// When there are no seats.
#[audited(action = "plan.changed", target = "project", metadata(plan, seats, trial))]
pub async fn audited_always(project_id: &str, plan: &str, seats: u64, trial: bool) -> Result<u64, Refused> {
    let _ = (project_id, plan);
    if seats == 0 { Err(Refused) } else { Ok(seats + u64::from(trial)) }
}

/// Recorded when it fails.
///
/// # Errors
///
/// When there are no seats.
#[audited(action = "plan.changed", target = "project", on = "failure", metadata(plan, seats, trial))]
pub async fn audited_on_failure(project_id: &str, plan: &str, seats: u64, trial: bool) -> Result<u64, Refused> {
    let _ = (project_id, plan);
    if seats == 0 { Err(Refused) } else { Ok(seats + u64::from(trial)) }
}

/// A span.
///
/// # Errors
///
/// When there are no seats.
#[tracing::instrument(skip_all, fields(plan = plan, seats = seats, trial = trial))]
pub async fn instrumented(project_id: &str, plan: &str, seats: u64, trial: bool) -> Result<u64, Refused> {
    let _ = (project_id, plan);
    if seats == 0 { Err(Refused) } else { Ok(seats + u64::from(trial)) }
}

/// The bytes of a call's future, in each way: what a task that waits in the body carries about.
#[must_use]
pub fn future_bytes() -> [(&'static str, usize); 3] {
    let (project, plan) = ("proj_456", "enterprise");
    [
        ("without any attribute", size_of_val(&bare(project, plan, 1, true))),
        ("#[audited]", size_of_val(&audited_always(project, plan, 1, true))),
        ("#[instrument]", size_of_val(&instrumented(project, plan, 1, true))),
    ]
}

/// The context of a request, as a middleware makes it.
#[must_use]
pub fn request(auditor: Auditor) -> Context {
    Context::new().with_actor(Actor::user("user_123")).with_request_id("req_9").with_auditor(auditor)
}
