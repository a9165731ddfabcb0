//! A job queue: who asked for the work is on record, however much later another task does it.
//!
//! ```text
//! cargo run --example background_job
//! ```

use std::error::Error;
use std::time::Duration;

use audit_core::query::{Query, Reader};
use audit_core::store::Schema;
use audit_core::{Actor, Context, audited, context};
use serde_json::{Value, json};
use tokio::sync::mpsc;

#[audited(action = "project.suspended", metadata(reason))]
async fn suspend(project_id: &str, reason: &str) {
    println!("suspended {project_id}: {reason}");
}

/// What goes into the queue, as text. A context is part of it like any other value.
fn job(project_id: &str) -> String {
    json!({ "project_id": project_id, "context": Context::current() }).to_string()
}

async fn work(mut jobs: mpsc::Receiver<String>) -> Result<(), serde_json::Error> {
    while let Some(job) = jobs.recv().await {
        let job: Value = serde_json::from_str(&job)?;
        let asked: Context = serde_json::from_value(job["context"].clone())?;
        let project = job["project_id"].as_str().unwrap_or_default();
        // Who asked stays the actor; that a job did it is the origin.
        context::scope(asked.with_origin("job:suspend"), suspend(project, "unpaid")).await;
    }
    // What the worker does on its own account is the system's.
    let own = Context::new().with_actor(Actor::system("suspend-worker"));
    context::scope(own, suspend("proj_9", "over its hard cap")).await;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    let writer = audit_core::init(&url).await?;

    let (queue, jobs) = mpsc::channel(16);
    let worker = tokio::spawn(work(jobs));
    let request = Context::new().with_actor(Actor::user("user_123")).with_request_id("req_9");
    context::scope(request, async { queue.send(job("proj_456")).await }).await?;
    drop(queue);
    worker.await??;
    writer.shutdown(Duration::from_secs(10)).await;

    let reader = Reader::connect(&url, &Schema::default()).await?;
    for row in reader.page(&Query::new()).await?.rows {
        let (who, what) = (row.actor_id.as_deref().unwrap_or("-"), row.target_id.as_deref().unwrap_or("-"));
        let (request, origin) = (row.request_id.as_deref().unwrap_or("-"), row.origin.as_deref().unwrap_or("-"));
        println!("{who} {} {what} · request {request} · origin {origin}", row.action);
    }
    Ok(())
}
