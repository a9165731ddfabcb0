//! Clients: those of `wrk`, who wait for their answers, and those who do not.

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use tests::dice::Dice;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::service::USERS;

/// Connections of `wrk`.
const CONNECTIONS: u32 = 32;
/// Clients that hang up, at once.
const LEAVERS: u64 = 4;
/// How long one of them stays at most, in ms. An answer takes about ten.
const PATIENCE: u64 = 20;

/// Makes clients ask.
#[derive(Debug)]
pub(crate) struct Load {
    seconds: u64,
    seed: u64,
    script: NamedTempFile,
    turns: u32,
}

impl Load {
    /// Turns of so many seconds.
    pub(crate) fn new(seconds: u64, seed: u64) -> Self {
        let mut script = NamedTempFile::new().expect("a temporary file");
        script.write_all(include_bytes!("wrk.lua")).expect("the script is written");
        Self { seconds, seed, script, turns: 0 }
    }

    /// Asks for one turn; gives back how many requests a second were answered to the clients of `wrk`.
    pub(crate) async fn ask(&mut self, address: SocketAddr) -> f64 {
        self.turns += 1;
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let leavers: Vec<_> = (0..LEAVERS)
            .map(|leaver| {
                let seed = self.seed + u64::from(self.turns) * LEAVERS + leaver;
                tokio::spawn(leave(address, format!("{}-l{leaver}", self.turns), Dice::new(seed), until))
            })
            .collect();
        let mut wrk = Command::new("wrk");
        wrk.arg("--threads=1").arg(format!("--connections={CONNECTIONS}")).arg(format!("--duration={}s", self.seconds));
        // Nobody is given up on, however busy the machine is.
        wrk.arg("--timeout=60s").arg("--script").arg(self.script.path()).arg(format!("http://{address}"));
        wrk.arg("--").args([self.turns.to_string(), USERS.to_string()]);
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
async fn leave(address: SocketAddr, name: String, mut dice: Dice, until: Instant) {
    for count in 0.. {
        if Instant::now() >= until {
            return;
        }
        let user = 1 + dice.below(USERS as usize);
        let body = r#"{"name":"Another name"}"#;
        let request = format!(
            "PATCH /projects/proj_{user} HTTP/1.1\r\nhost: {address}\r\nauthorization: token_{user}\r\n\
             x-request-id: {name}-{count}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = TcpStream::connect(address).await.expect("the service takes connections");
        // A service that has had enough of us may close the connection first.
        drop(connection.write_all(request.as_bytes()).await);
        sleep(dice.millis(PATIENCE)).await;
    }
}
