//! `audit tail`: the latest entries, and those that come.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::support::Shell;

fn record(shell: &Shell, target: &str) {
    let target = format!("--target=project:{target}");
    shell.run(&["record", "--actor=user:ann", "--action=project.created", &target]).success();
}

/// A command that runs until it is told to end.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Running {
    fn start(shell: &Shell, arguments: &[&str]) -> Self {
        let mut child = shell.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, out: BufReader::new(out), err: BufReader::new(err) }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line
    }

    fn target(&mut self) -> String {
        let line = self.line();
        let row: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no document: {line}"));
        row["target_id"].as_str().unwrap().to_owned()
    }

    /// Sends a signal, and gives back the exit code and what the command had left to say.
    fn end(self, signal: &str) -> (Option<i32>, String) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
        self.ended()
    }

    fn ended(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        self.err.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

#[test]
fn the_latest_come_in_the_order_of_time() {
    let shell = Shell::with_log();
    for target in ["p1", "p2", "p3"] {
        record(&shell, target);
    }
    let ran = shell.run(&["tail", "-n", "2"]).success();
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ran.out);
    assert!(lines[0].ends_with("  success    user:ann  project.created  project:p2"), "{}", ran.out);
    assert!(lines[1].ends_with("project:p3"), "{}", ran.out);

    let documents = shell.run(&["tail", "--format=json", "target:p2"]).success().out;
    assert_eq!(documents, shell.run(&["query", "--format=jsonl", "target:p2"]).success().out);
    assert_eq!(shell.run(&["tail", "-n0"]).success().out, "");
    shell.run(&["tail", "--state=s"]).exits_with(2).complains("--follow");
    shell.run(&["tail", "actr:ann"]).exits_with(2).complains("actor");
}

#[test]
fn what_comes_is_shown_until_somebody_interrupts_it() {
    let shell = Shell::with_log();
    record(&shell, "p1");
    for signal in ["-INT", "-TERM"] {
        let mut tail = Running::start(&shell, &["tail", "-f", "-n1", "--format=jsonl", "--", "-outcome:failure"]);
        // Shown as one of the latest, and not again as one that came.
        assert_eq!(tail.target(), "p1");
        record(&shell, "p2");
        shell
            .run(&["record", "--action=project.created", "--target=project:p", "--actor=system:x", "--outcome=failure"])
            .success();
        record(&shell, "p1");
        assert_eq!((tail.target(), tail.target()), ("p2".to_owned(), "p1".to_owned()));
        assert_eq!(tail.end(signal), (Some(0), String::new()));
    }
}

#[test]
fn it_ends_when_nobody_reads_it_any_more_also_while_nothing_comes() {
    let shell = Shell::with_log();
    record(&shell, "p1");
    let Running { mut child, mut out, mut err } = Running::start(&shell, &["tail", "-f"]);
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    let mut words = String::new();
    err.read_to_string(&mut words).unwrap();
    assert_eq!((child.wait().unwrap().code(), words.as_str()), (Some(0), ""));
}

#[test]
fn a_state_says_where_to_go_on() {
    let shell = Shell::with_log();
    record(&shell, "p1");
    let arguments = ["tail", "-f", "-n0", "--format=jsonl", "--state=kept"];
    // Its place is kept from the start, so that what comes while it does not run is not missed.
    let start = Running::start(&shell, &arguments);
    while !shell.folder().join("kept").exists() {
        std::thread::yield_now();
    }
    assert_eq!(start.end("-KILL").0, None);
    for targets in [["p2", "p3"], ["p4", "p5"]] {
        for target in targets {
            record(&shell, target);
        }
        let mut tail = Running::start(&shell, &arguments);
        assert_eq!([tail.target(), tail.target()], targets);
        assert_eq!(tail.end("-INT"), (Some(0), String::new()));
    }
    std::fs::write(shell.folder().join("kept"), "page 2").unwrap();
    shell.run(&arguments).exits_with(2).complains("kept holds no position");
    std::fs::write(shell.folder().join("kept"), "99").unwrap();
    shell.run(&arguments).exits_with(1).complains("position 99 is beyond its end, 15");
}

#[test]
fn where_nobody_seals_that_is_said() {
    let shell = Shell::with_log();
    let waiting = "INSERT INTO audit_batches (stream_id, batch_no, kind, first_seq, n, first_created, last_created, rows_root, prev_hash,
            writer_time, db_time)
        VALUES (zeroblob(16), 0, 'entries', 0, 0, 0, 0, zeroblob(32), zeroblob(32), 0, 1700000000000000)";
    shell.execute(waiting);
    let mut tail = Running::start(&shell, &["tail", "-f"]);
    let mut words = String::new();
    tail.err.read_line(&mut words).unwrap();
    assert!(words.starts_with("nobody seals this log: what was stored since 2023-11-14T22:13:20Z"), "{words}");
    assert_eq!(tail.end("-INT").0, Some(0));
}
