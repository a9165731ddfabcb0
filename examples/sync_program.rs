//! A program without a runtime: a nightly sweep over files, with a thread beside it.
//!
//! ```text
//! cargo run --example sync_program
//! ```
//!
//! Annotated functions need no `async`, and the writer has a thread of its own.

use std::error::Error;
use std::io;
use std::thread;
use std::time::Duration;

use audit_core::{Actor, Context, audited, context};

/// A failure is recorded with what the error says.
#[audited(action = "project.deleted", metadata(reason))]
fn delete_project(project_id: &str, reason: &str) -> io::Result<()> {
    if project_id == "proj_2" {
        return Err(io::Error::other("it still has members"));
    }
    println!("deleted {project_id}: {reason}");
    Ok(())
}

/// Returns once the entry is committed, or safe in the journal where there is one: the thread waits for it.
#[audited(action = "key.revoked", durability = "durable")]
fn revoke_key(key_id: &str) {
    println!("revoked {key_id}");
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("audit.db").display());
    let writer = audit_core::init_blocking(&url)?;

    let sweep = Context::new().with_actor(Actor::system("nightly-sweep"));
    context::sync_scope(sweep.clone(), || {
        for project in ["proj_1", "proj_2", "proj_3"] {
            if let Err(error) = delete_project(project, "unused for a year") {
                println!("kept {project}: {error}");
            }
        }
    });
    // A thread begins without a context: hand it the one it works for.
    thread::spawn(|| context::sync_scope(sweep, || revoke_key("key_7"))).join().expect("nothing in it panics");

    let report = writer.shutdown_blocking(Duration::from_secs(10));
    println!("the log took {} entries and lost {}", report.stored, report.lost);
    Ok(())
}
