//! The `load` example, killed again and again at random moments while it acknowledges; then the oracle.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::dice::Dice;
use crate::oracle::{Log, Verdict};
use crate::postgres::{Durability, Server};
use crate::victim::Acks;

/// A program is killed at most so many ms after it has begun to acknowledge.
const LIVES: u64 = 1_000;
/// In one of so many rounds the server is stopped first, so that the journal alone has what was acknowledged last.
const SERVER_STOPS: u64 = 4;
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(2);

/// What a run is like.
#[derive(Debug, Clone)]
pub struct Options {
    /// How often the program is killed.
    pub rounds: u32,
    /// Gives the moments.
    pub seed: u64,
    /// The `load` example.
    pub load: PathBuf,
}

/// Runs, printing each round; gives back what the oracle says.
pub async fn run(options: &Options) -> Verdict {
    let server = Server::start(Durability::Off);
    let database = server.database().await;
    let load =
        Load { program: options.load.clone(), url: database.url(), folder: tempfile::tempdir().expect("a folder") };
    let mut dice = Dice::new(options.seed);
    for round in 1..=options.rounds {
        let contract = dice.pick(&["durable", "durable", "before"]);
        let before = load.acknowledged();
        let mut running = load.start(contract);
        load.acknowledges_more_than(before);
        let stops = dice.is_one_of(SERVER_STOPS);
        if stops {
            server.stop();
        }
        thread::sleep(dice.millis(LIVES));
        running.kill().expect("it runs");
        running.wait().expect("it is a child");
        if stops {
            server.start_again();
        }
        let more = load.acknowledged() - before;
        let server = if stops { ", the server stopped before" } else { "" };
        println!("kill {round:3}  {more:7} acknowledged as {contract}{server}");
    }
    load.recovers();
    Log::read(&load.url).await.judge(&Acks::read(&load.acks()))
}

/// The program, and where its runs leave what they leave.
struct Load {
    program: PathBuf,
    url: String,
    folder: TempDir,
}

impl Load {
    fn acks(&self) -> PathBuf {
        self.folder.path().join("acknowledged")
    }

    fn acknowledged(&self) -> usize {
        Acks::read(&self.acks()).len()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--tasks=16", "--database-url", &self.url]).current_dir(self.folder.path());
        command.arg("--journal").arg(self.folder.path().join("journal"));
        command
    }

    fn start(&self, contract: &str) -> Child {
        let mut command = self.command();
        command.args(["--calls=100000000", "--durability", contract]).arg("--ack-file").arg(self.acks());
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
    }

    fn acknowledges_more_than(&self, before: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.acknowledged() <= before {
            assert!(Instant::now() < deadline, "the program acknowledges nothing");
            thread::sleep(POLL);
        }
    }

    /// One more run, which stores what the others left.
    fn recovers(&self) {
        let output = self.command().arg("--calls=1").output().expect("it starts");
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}{errors}");
    }
}
