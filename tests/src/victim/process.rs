//! The test's end of the victim.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Acks, Orders};
use crate::preload::Faults;

const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);

/// A victim that runs.
#[derive(Debug)]
pub struct Victim {
    child: Child,
    output: BufReader<ChildStdout>,
    acks: PathBuf,
}

/// The accounts of a victim that ended in order.
#[derive(Debug)]
pub struct Ended(Value);

impl Ended {
    /// One of the accounts, by its name in `Stats`, or `lost`.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("no account {name} in {}", self.0))
    }
}

impl Victim {
    /// Starts a program with the subcommand `victim`, and waits until it records.
    #[must_use]
    pub fn start(program: &Path, orders: &Orders, faults: Option<&Faults>) -> Self {
        let mut command = Command::new(program);
        command.arg("victim").args(orders.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(faults) = faults {
            faults.apply(&mut command);
        }
        let mut child = command.spawn().expect("the victim starts");
        let mut output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("the victim speaks");
        assert_eq!(line, "started\n", "the victim has no writer");
        Self { child, output, acks: orders.acks.clone() }
    }

    /// How many entries are acknowledged by now, those of earlier victims with the same file included.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        Acks::read(&self.acks).len()
    }

    /// Waits until so many more entries are acknowledged.
    pub fn acknowledges(&self, more: usize) {
        let enough = self.acknowledged() + more;
        let deadline = Instant::now() + PATIENCE;
        while self.acknowledged() < enough {
            assert!(Instant::now() < deadline, "the victim acknowledges nothing");
            std::thread::sleep(POLL);
        }
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it with SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("the victim runs");
        self.child.wait().expect("the victim is a child");
    }

    /// Asks it to end, by SIGTERM, and waits until it has.
    #[must_use]
    pub fn terminate(self) -> Ended {
        self.signalled("TERM")
    }

    /// Asks it to end, by SIGINT, as a terminal does, and waits until it has.
    #[must_use]
    pub fn interrupt(self) -> Ended {
        self.signalled("INT")
    }

    /// Lets it end by itself, when its standard input does, and waits until it has.
    #[must_use]
    pub fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        self.ended()
    }

    fn signalled(self, signal: &str) -> Ended {
        let status =
            Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(status.success(), "the victim runs");
        self.ended()
    }

    fn ended(mut self) -> Ended {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the victim speaks");
        let status = self.child.wait().expect("the victim is a child");
        assert!(status.success(), "the victim failed: {status}");
        let accounts: Value = serde_json::from_str(&line).expect("accounts");
        assert_eq!(accounts["balanced"], Value::Bool(true), "{accounts}");
        Ended(accounts)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // Of a test that failed; elsewhere it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
