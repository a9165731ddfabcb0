//! The auditor of the whole program: one test, because there is one global auditor to a process.

use std::sync::Arc;
use std::time::Duration;

use audit_core::batch::Batch;
use audit_core::{ActionName, Auditor, Context, Entry, Error, WriterGuard, audited, context};
use tests::scripted::ScriptedStore;

const SOON: Duration = Duration::from_secs(20);

#[audited(action = "project.deleted", target_id = id)]
fn delete_project(id: &str) {
    let _ = id;
}

/// Begins without an auditor and ends with one: no call is lost.
#[audited(action = "project.updated", target_id = "itself")]
async fn start_up(store: &ScriptedStore) -> WriterGuard {
    Auditor::builder().store(Arc::new(store.clone())).init().await.expect("the writer starts")
}

fn actions(store: &ScriptedStore) -> Vec<String> {
    store.rows().into_iter().map(|row| row.action).collect()
}

#[tokio::test]
async fn the_log_tells_of_calls_before_the_start_and_the_accounts_of_calls_after_the_end() {
    delete_project("too_soon");
    delete_project("too_soon");
    assert_eq!(Auditor::unheard(), 2);

    let store = ScriptedStore::default();
    let writer = start_up(&store).await;
    delete_project("in_time");
    writer.flush(SOON).await.expect("the store takes everything");
    let mut stored = actions(&store);
    stored.sort();
    assert_eq!(stored, ["audit.gap", "project.deleted", "project.updated"]);
    let batches = store.batches();
    let gap = batches.iter().flat_map(Batch::rows).find(|row| row.row.action == "audit.gap");
    assert_eq!(gap.and_then(|row| row.row.metadata.get("dropped")?.as_i64()), Some(2));

    let again = Auditor::builder().store(Arc::new(ScriptedStore::default())).init().await;
    assert!(matches!(again, Err(Error::AlreadyInitialised)));

    // A context that carries an auditor goes before the global one.
    let own = ScriptedStore::default();
    let own_writer = Auditor::builder().store(Arc::new(own.clone())).start().await.expect("the writer starts");
    context::sync_scope(Context::new().with_auditor(own_writer.auditor().clone()), || delete_project("elsewhere"));
    own_writer.shutdown(SOON).await;
    assert_eq!(actions(&own), ["project.deleted"]);

    let auditor = writer.auditor().clone();
    let report = writer.shutdown(SOON).await;
    assert_eq!((report.stored, report.lost, report.stats.dropped), (3, 0, 2));
    delete_project("too_late");
    let action = ActionName::unlisted("door.opened").expect("a well-formed name");
    auditor.record(Entry::builder(action).build()).await.expect_err("the writer is gone");
    let stats = auditor.stats();
    assert_eq!(stats.dropped, 4);
    assert!(stats.is_balanced(), "{stats:?}");
    assert_eq!(actions(&store).len(), 3);
}
