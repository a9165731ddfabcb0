//! What becomes of a process that is forked from one that audits.

use std::process::Command;

use tests::oracle::Log;
use tests::postgres::server;
use tests::victim::Acks;

/// Fault 25: fork. The children have copies of the queue and of the connections; the log is their parent's alone.
#[tokio::test]
async fn a_forked_process_is_told_that_it_has_no_writer_and_leaves_its_parents_stream_alone() {
    let database = server().database().await;
    let folder = tempfile::tempdir().expect("a folder");
    let acks = folder.path().join("acknowledged");
    let mut forker = Command::new(env!("CARGO_BIN_EXE_forker"));
    let output = forker.arg(database.url()).arg(&acks).output().expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let stored: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("it prints what it stored");

    let acknowledged = Acks::read(&acks);
    assert!(!acknowledged.is_empty());
    let verdict = Log::read(&database.url()).await.judge(&acknowledged);
    verdict.assert_good_and_none_refused();
    assert_eq!((verdict.rows, verdict.acknowledged, verdict.streams), (stored, stored, 1), "{verdict}");
}
