//! The encoding is described so well that another language can follow it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Lets Python, which knows the description alone, compute the hashes of a file of vectors.
fn python(vectors: &Path) -> Output {
    let script = project().join("tests/encoding/vectors.py");
    Command::new("python3").arg(script).arg(vectors).output().expect("python3 is installed: tests/run sees to it")
}

#[test]
fn another_implementation_finds_the_same_hashes() {
    let output = python(&project().join("docs/encoding-vectors.json"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "50 hashes");
}

#[test]
fn another_implementation_sees_a_change() {
    let vectors = std::fs::read_to_string(project().join("docs/encoding-vectors.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.json");
    for (from, to) in
        [("user_123", "user_124"), ("\"n\": 4", "\"n\": 5"), ("\"seq\": 3", "\"seq\": 4"), ("5a5a", "5a5b")]
    {
        std::fs::write(&file, vectors.replacen(from, to, 1)).unwrap();
        let output = python(&file);
        assert_eq!(output.status.code(), Some(1), "{from}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("and should be"), "{output:?}");
    }
}
