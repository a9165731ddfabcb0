//! `PgBouncer` before a private server.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use super::server::{PORTS_TRIED, Server, free_port};
use super::supervisor::{Signal, Supervisor};
use super::user::Unprivileged;

/// A `PgBouncer` in transaction mode before a server, with fewer sessions there than it has clients, for as long as the
/// value lives.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    server: u16,
    supervisor: Supervisor,
}

impl Pooler {
    /// Starts a pooler that keeps at most so many sessions of a database.
    #[must_use]
    pub fn before(server: &Server, sessions: usize) -> Self {
        let user = Unprivileged::find();
        let mut log = String::new();
        for _ in 0..PORTS_TRIED {
            let folder = user.folder("audit-pooler-");
            let port = free_port();
            fs::write(folder.join("pgbouncer.ini"), settings(server, port, sessions)).expect("a file in an own folder");
            let supervisor = Supervisor::new(user.command("/bin/sh", &folder), &folder, Signal::Terminate, |shell| {
                shell.args([program(), "pgbouncer.ini"]);
            });
            let pooler = Self { port, server: server.port(), supervisor };
            if pooler.supervisor.try_start(|| pooler.answers()) {
                return pooler;
            }
            log = pooler.supervisor.log();
        }
        panic!("PgBouncer does not start; its log says:\n{log}")
    }

    /// The URL of a database on the server behind, through the pooler.
    #[must_use]
    pub fn url(&self, direct: &str) -> String {
        let server = format!(":{}/", self.server);
        assert!(direct.contains(&server), "{direct} is not on the server behind the pooler");
        direct.replacen(&server, &format!(":{}/", self.port), 1)
    }

    /// Kills it, and with it every session.
    pub fn kill(&self) {
        self.supervisor.kill();
    }

    /// Starts it again, on the same port.
    pub fn start_again(&self) {
        self.supervisor.start_again(|| self.answers());
    }

    fn answers(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }
}

/// Whoever connects is the superuser, as without a pooler. What a client sees of a session that it did not open is seen at
/// once: a pool is small, and each transaction gets the session that was used longest ago.
fn settings(server: &Server, port: u16, sessions: usize) -> String {
    format!(
        "[databases]
* = host=127.0.0.1 port={} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
server_round_robin = 1
server_login_retry = 0.1
",
        server.port()
    )
}

fn program() -> &'static str {
    let places =
        ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
    places.into_iter().find(|place| Path::new(place).is_file()).expect(
        "PgBouncer is not installed: run `tests/run`, or install it with `apt-get install pgbouncer`, `brew install \
         pgbouncer` or your system's like",
    )
}
