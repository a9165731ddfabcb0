//! A shell that runs a server for as long as this process lives.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A server answers within this time, crash recovery included.
pub(super) const START_DEADLINE: Duration = Duration::from_secs(30);
pub(super) const POLL: Duration = Duration::from_millis(20);

/// What ends a server at once.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    /// PostgreSQL, without a checkpoint.
    Quit,
    /// `PgBouncer`, which heeds SIGQUIT in later versions alone.
    Terminate,
}

impl Signal {
    const fn option(self) -> &'static str {
        match self {
            Self::Quit => "-QUIT",
            Self::Terminate => "-TERM",
        }
    }
}

/// A shell that runs a server. When this process ends, however it ends, the pipe closes and the shell cleans up.
#[derive(Debug)]
pub(super) struct Supervisor {
    folder: PathBuf,
    ends: Mutex<Ends>,
}

#[derive(Debug)]
struct Ends {
    shell: Child,
    /// `None` once the shell has been told to end.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.shell.wait();
    }
}

impl Supervisor {
    /// Has a shell run what `with` adds to its arguments: a program and the program's. Starts nothing yet. The folder goes
    /// with the server.
    pub(super) fn new(mut shell: Command, folder: &Path, stop: Signal, with: impl FnOnce(&mut Command)) -> Self {
        shell.arg("-c").arg(include_str!("supervise.sh")).arg("supervise").arg(folder).arg(stop.option());
        with(&mut shell);
        let mut shell = shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // An interrupt from the terminal ends the test process, and the shell must outlive it to clean up.
            .process_group(0)
            .spawn()
            .expect("/bin/sh runs");
        let commands = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("stdout is piped"));
        Self { folder: folder.to_owned(), ends: Mutex::new(Ends { shell, commands, answers }) }
    }

    /// Kills the server with SIGKILL.
    pub(super) fn kill(&self) {
        self.command("kill");
    }

    /// Stops the server at once.
    pub(super) fn stop(&self) {
        self.command("stop");
    }

    /// Starts the server, and waits until it answers, or has ended.
    pub(super) fn try_start(&self, answers: impl Fn() -> bool) -> bool {
        self.command("start");
        let deadline = Instant::now() + START_DEADLINE;
        while Instant::now() < deadline {
            if answers() {
                return true;
            }
            if self.folder.join("ended").exists() {
                return false;
            }
            thread::sleep(POLL);
        }
        false
    }

    /// Starts the server, and does so again should it refuse because what a killed one left has not ended yet.
    pub(super) fn start_again(&self, answers: impl Fn() -> bool) {
        let deadline = Instant::now() + START_DEADLINE;
        while !self.try_start(&answers) {
            assert!(Instant::now() < deadline, "the server does not start again; its log says:\n{}", self.log());
        }
    }

    /// What the server has written.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Gives the shell a command and waits until it is carried out.
    fn command(&self, word: &str) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let commands = ends.commands.as_mut().expect("the shell runs until it is dropped");
        writeln!(commands, "{word}").expect("the supervisor listens");
        let mut answer = String::new();
        ends.answers.read_line(&mut answer).expect("the supervisor answers");
        assert_eq!(answer, "done\n", "the supervisor of {} has ended", self.folder.display());
    }
}
