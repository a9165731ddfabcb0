//! Faults at random, as `cargo run -p tests --bin chaos` mixes them.

use std::process::Command;

use crate::scene::program;

/// Half a minute of them, always the same.
#[test]
fn faults_at_random_break_no_promise() {
    let output = Command::new(program()).args(["--seconds=30", "--seed=7"]).output().expect("the run starts");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    println!("{said}");
}
