//! What becomes of a process that is forked from one that audits.

use std::process::Command;

use sqlx::{Connection, Row, SqliteConnection};

#[tokio::test]
async fn a_forked_process_is_told_that_it_has_no_writer_and_leaves_its_parents_stream_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("audit.db");
    let output = Command::new(env!("CARGO_BIN_EXE_forker")).arg(&path).output().expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let stored: i64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("it prints what it stored");

    let mut log = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.expect("the log opens");
    let query = "SELECT COUNT(*), COUNT(DISTINCT id), COUNT(DISTINCT stream_id), MAX(seq) + 1 FROM audit_logs";
    let row = sqlx::query(query).fetch_one(&mut log).await.expect("the log is read");
    let count = |column: usize| row.get::<i64, _>(column);
    assert_eq!((count(0), count(1), count(2), count(3)), (stored, stored, 1, stored));
}
