//! Clients of a service: those of `wrk`, who wait for their answers, and those who hang up. `wrk` is a package of Debian.

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::dice::Dice;

/// Connections of `wrk`.
const CONNECTIONS: u32 = 32;
/// Clients that hang up, at once.
const LEAVERS: u64 = 4;
/// How long one of them stays at most, in ms. An answer takes about ten.
const PATIENCE: u64 = 20;

/// The bytes of a request with this id, of one of those who hang up.
pub type Leaver = fn(id: &str, dice: &mut Dice) -> String;

/// Makes clients ask.
#[derive(Debug)]
pub struct Clients {
    seconds: u64,
    seed: u64,
    script: NamedTempFile,
    users: u32,
    leaver: Leaver,
    turns: u32,
}

impl Clients {
    /// Turns of so many seconds. The script of `wrk` is told which turn it is, and how many users there are; when it is done it says
    /// `answered: ` and how many requests a second were.
    #[must_use]
    pub fn new(seconds: u64, seed: u64, script: &[u8], users: u32, leaver: Leaver) -> Self {
        let mut file = NamedTempFile::new().expect("a temporary file");
        file.write_all(script).expect("the script is written");
        Self { seconds, seed, script: file, users, leaver, turns: 0 }
    }

    /// Asks for one turn; gives back how many requests a second were answered to the clients of `wrk`.
    pub async fn ask(&mut self, address: SocketAddr) -> f64 {
        self.turns += 1;
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let leavers: Vec<_> = (0..LEAVERS)
            .map(|leaver| {
                let seed = self.seed + u64::from(self.turns) * LEAVERS + leaver;
                let name = format!("{}-l{leaver}", self.turns);
                tokio::spawn(leave(self.leaver, address, name, Dice::new(seed), until))
            })
            .collect();
        let mut wrk = Command::new("wrk");
        wrk.arg("--threads=1").arg(format!("--connections={CONNECTIONS}")).arg(format!("--duration={}s", self.seconds));
        // Nobody is given up on, however busy the machine is.
        wrk.arg("--timeout=60s").arg("--script").arg(self.script.path()).arg(format!("http://{address}"));
        wrk.arg("--").args([self.turns.to_string(), self.users.to_string()]);
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
async fn leave(leaver: Leaver, address: SocketAddr, name: String, mut dice: Dice, until: Instant) {
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
