//! `audit journal`: what waits on disk, and landing it.

use std::sync::Arc;
use std::time::Duration;

use audit_core::{Auditor, Migrate, WaitForStore};
use tests::samples::entry;
use tests::scripted::ScriptedStore;

use crate::support::Shell;

/// A writer that died while its store was away, with three entries in its journal.
fn leave_entries(shell: &Shell) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = ScriptedStore::default();
        store.go_away();
        let builder = Auditor::builder().store(Arc::new(store)).wait_for_store(WaitForStore::No);
        let writer = builder.migrate(Migrate::Skip).journal(shell.folder().join("journal")).start().await;
        let writer = writer.unwrap();
        for _ in 0..3 {
            writer.auditor().record(entry()).durable().await.unwrap();
        }
        let report = writer.shutdown(Duration::ZERO).await;
        assert_eq!((report.journaled, report.lost), (3, 0));
    });
}

#[test]
fn what_a_dead_writer_left_is_shown_and_landed() {
    let shell = Shell::with_log();
    leave_entries(&shell);
    let examined = shell.run(&["doctor", "--journal=journal"]).success().out;
    assert!(examined.contains("! journal") && examined.contains("3 entries that dead writers left"), "{examined}");
    assert!(examined.contains(" bytes, the oldest ") && !examined.contains("(0 bytes"), "{examined}");
    let shown = shell.run(&["journal", "status", "--dir=journal"]).success().out;
    assert!(shown.contains("dead") && shown.contains("entries"), "{shown}");
    let shown = shell.run(&["journal", "status", "--dir=journal", "--format=json"]).success().out;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["writers"][0]["entries"], &shown["writers"][0]["is_alive"]), (&3.into(), &false.into()));

    let ran = shell.run(&["journal", "replay", "--dir=journal"]).success();
    assert!(ran.out.contains("3 entries adopted: 3 stored"), "{}", ran.out);
    assert_eq!(shell.entries(&[]).len(), 3);
    let shown = shell.run(&["journal", "status", "--dir=journal", "--format=json"]).success().out;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["writers"], serde_json::json!([]));
    let examined = shell.run(&["doctor", "--journal=journal"]).success().out;
    assert!(examined.contains("nothing waits in journal"), "{examined}");
    shell.run(&["doctor", "--journal=nowhere"]).exits_with(1);
}

#[test]
fn what_cannot_be_landed_is_left_and_told() {
    let shell = Shell::with_log();
    leave_entries(&shell);
    let writer = std::fs::read_dir(shell.folder().join("journal")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(writer.join("notes.txt"), "not a journal's").unwrap();
    shell.run(&["journal", "replay", "--dir=journal"]).exits_with(1).complains("left: 0 entries");
    assert_eq!(shell.entries(&[]).len(), 3);
}

#[test]
fn what_cannot_be_tried_exits_with_2() {
    let shell = Shell::with_log();
    shell.run(&["journal", "replay", "--dir=nowhere"]).exits_with(2).complains("nowhere");
    leave_entries(&shell);
    let away = "--database-url=postgres://127.0.0.1:1/log";
    shell.run(&["journal", "replay", "--dir=journal", "--seconds=1", away]).exits_with(2);
    shell.run(&["journal", "status"]).exits_with(2).complains("--dir");
}
