//! Clients of a service: those of `wrk`, who wait for their answers, and those who hang up. `wrk` is a package of Debian.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use audit_core::WriterGuard;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::dice::Dice;
use crate::figures::Figures;

/// Connections of `wrk`.
const CONNECTIONS: u32 = 32;
/// Clients that hang up, at once.
const LEAVERS: u64 = 4;
/// How long one of them stays at most, in ms. An answer takes about ten.
const PATIENCE: u64 = 20;

const SOON: Duration = Duration::from_mins(1);
/// Before every script. It is told which turn it is, and how many users there are, and says in the end `answered: ` and how many
/// requests a second were.
const COMMON: &[u8] = include_bytes!("wrk.lua");

/// Asks a service with annotations and without in turns.
#[derive(Debug, clap::Parser)]
pub struct Asking {
    /// How long each is asked
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How long a turn is, in seconds
    #[arg(long, default_value_t = 3)]
    turn: u64,
    /// When clients hang up
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// What clients ask.
#[derive(Debug)]
pub struct Questions {
    /// Of `wrk`: its `request()` makes the next one, of what `next_request()` of `wrk.lua` gives it.
    pub script: &'static [u8],
    /// How many there are.
    pub users: u32,
    /// The bytes of a request with an id, of one of those who hang up.
    pub leaver: fn(id: &str, dice: &mut Dice) -> String,
}

impl Asking {
    /// Has services asked in turns, the first of which has annotations; gives back how many requests a second were answered.
    pub async fn rates(
        &self,
        questions: Questions,
        writer: &WriterGuard,
        services: [(&'static str, SocketAddr); 2],
    ) -> Figures {
        let mut clients = Clients::new(self.turn, self.seed, questions);
        let mut rates = Figures::new(services[0].0, "requests/s");
        for turn in 0..self.seconds.div_ceil(self.turn) {
            // Neither is always the one that comes after the other.
            let mut turns = services;
            turns.rotate_left(usize::from(turn % 2 == 1));
            for (name, address) in turns {
                rates.add(name, clients.ask(address).await);
                // What is still to be stored would be paid for in the other's turn.
                writer.flush(SOON).await.expect("the store keeps up");
            }
        }
        rates
    }

    /// Writes figures where they are wanted.
    pub fn keep(&self, figures: &Value) {
        if let Some(file) = &self.json {
            fs::write(file, format!("{figures:#}")).expect("the figures are written");
        }
    }
}

/// Makes clients ask.
#[derive(Debug)]
struct Clients {
    seconds: u64,
    seed: u64,
    script: NamedTempFile,
    questions: Questions,
    turns: u32,
}

impl Clients {
    fn new(seconds: u64, seed: u64, questions: Questions) -> Self {
        let mut script = NamedTempFile::new().expect("a temporary file");
        script.write_all(&[COMMON, questions.script].concat()).expect("the script is written");
        Self { seconds, seed, script, questions, turns: 0 }
    }

    /// Asks for one turn; gives back how many requests a second were answered to the clients of `wrk`.
    async fn ask(&mut self, address: SocketAddr) -> f64 {
        self.turns += 1;
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let leavers: Vec<_> = (0..LEAVERS)
            .map(|leaver| {
                let seed = self.seed + u64::from(self.turns) * LEAVERS + leaver;
                let name = format!("{}-l{leaver}", self.turns);
                tokio::spawn(leave(self.questions.leaver, address, name, Dice::new(seed), until))
            })
            .collect();
        let mut wrk = Command::new("wrk");
        wrk.arg("--threads=1").arg(format!("--connections={CONNECTIONS}")).arg(format!("--duration={}s", self.seconds));
        // Nobody is given up on, however busy the machine is.
        wrk.arg("--timeout=60s").arg("--script").arg(self.script.path()).arg(format!("http://{address}"));
        wrk.arg("--").args([self.turns.to_string(), self.questions.users.to_string()]);
        wrk.stdin(Stdio::null());
        let output = spawn_blocking(move || wrk.output()).await.expect("the wait does not panic");
        let output = output.unwrap_or_else(|error| match error.kind() {
            ErrorKind::NotFound => panic!("there is no wrk: apt-get install wrk"),
            _ => panic!("wrk does not run: {error}"),
        });
        for leaver in leavers {
            leaver.await.expect("no client panics");
        }
        let said = String::from_utf8_lossy(&output.stdout);
        let answered = said.lines().find_map(|line| line.strip_prefix("answered: ")?.parse().ok());
        answered.unwrap_or_else(|| panic!("wrk says:\n{said}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// Asks, and goes away after a while, whether there was an answer or not.
async fn leave(
    leaver: fn(&str, &mut Dice) -> String,
    address: SocketAddr,
    name: String,
    mut dice: Dice,
    until: Instant,
) {
    for count in 0.. {
        if Instant::now() >= until {
            return;
        }
        let request = leaver(&format!("{name}-{count}"), &mut dice);
        let mut connection = TcpStream::connect(address).await.expect("the service takes connections");
        // A service that has had enough of us may close the connection first.
        drop(connection.write_all(request.as_bytes()).await);
        sleep(dice.millis(PATIENCE)).await;
    }
}
