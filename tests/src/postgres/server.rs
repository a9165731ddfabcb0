//! A server process and its folder.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::binaries;
use super::database::Database;
use super::supervisor::{POLL, START_DEADLINE, Signal, Supervisor};
use super::user::Unprivileged;
use crate::preload::Faults;

/// Somebody else may take a free port before the server does.
pub(super) const PORTS_TRIED: u32 = 3;

/// Whether what is committed survives a crash of the machine. A crash of the server alone loses nothing either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// No fsync: fast, and all that a test needs which does not measure.
    Off,
    /// As in production.
    On,
}

/// A private server. See [`server`] for the one that tests share.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    port: u16,
    supervisor: Supervisor,
    databases: AtomicU32,
}

/// The server that the tests of this binary share, without fsync.
#[must_use]
pub fn server() -> &'static Server {
    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(Durability::Off));
    &SERVER
}

impl Server {
    /// Starts a server of one's own.
    #[must_use]
    pub fn start(durability: Durability) -> Self {
        Self::start_under(durability, None)
    }

    /// Starts a server of one's own that has this machine for itself, to be measured.
    pub async fn tuned(durability: Durability) -> Self {
        let server = Self::start(durability);
        let maintenance = Database::maintenance(&server);
        for setting in ["shared_buffers = '1GB'", "max_wal_size = '4GB'", "autovacuum = off"] {
            maintenance.execute(&format!("ALTER SYSTEM SET {setting}")).await;
        }
        server.stop();
        server.start_again();
        server
    }

    /// Starts a server of one's own whose system calls may fail.
    #[must_use]
    pub fn start_under(durability: Durability, faults: Option<&Faults>) -> Self {
        Self::prepared(
            durability,
            faults,
            "initdb",
            &["--pgdata=data", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"],
        )
    }

    /// Starts a standby, which can be read from and refuses writes until it is [promoted](Self::promote). From now on this
    /// server acknowledges no commit that the standby has not got.
    pub async fn standby(&self) -> Self {
        let source = format!("host=127.0.0.1 port={} user=postgres", self.port);
        let standby = Self::prepared(
            Durability::Off,
            None,
            "pg_basebackup",
            &["--pgdata=data", "--dbname", &source, "--checkpoint=fast", "--write-recovery-conf", "--no-sync"],
        );
        let maintenance = Database::maintenance(self);
        maintenance.execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        maintenance.execute("SELECT pg_reload_conf()").await;
        let deadline = Instant::now() + START_DEADLINE;
        let follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while maintenance.value::<i64>(follows).await == 0 {
            assert!(Instant::now() < deadline, "the standby does not follow");
            tokio::time::sleep(POLL).await;
        }
        standby
    }

    /// Makes a standby a server of its own, which takes writes.
    pub async fn promote(&self) {
        let promoted = Database::maintenance(self).value::<bool>("SELECT pg_promote()").await;
        assert!(promoted, "the standby is not promoted in time");
    }

    /// Starts a server whose data a program of PostgreSQL has put in its folder.
    fn prepared(durability: Durability, faults: Option<&Faults>, program: &str, arguments: &[&str]) -> Self {
        let user = Unprivileged::find();
        let mut log = String::new();
        for _ in 0..PORTS_TRIED {
            let folder = user.folder("audit-pg-");
            let output = user.command(binaries::folder().join(program), &folder).args(arguments).output();
            let output = output.unwrap_or_else(|error| panic!("{program} does not run: {error}"));
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            let port = free_port();
            let supervisor = supervise(&user, &folder, port, durability, faults);
            let server = Self { folder, port, supervisor, databases: 0.into() };
            if server.supervisor.try_start(|| server.answers()) {
                return server;
            }
            log = server.supervisor.log();
        }
        panic!("PostgreSQL does not start; its log says:\n{log}")
    }

    /// Makes a database of its own for a test: empty, in UTF8.
    pub async fn database(&self) -> Database<'_> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Database::create(self, format!("test_{number}"), "").await
    }

    /// Makes an empty database with such options of `CREATE DATABASE`.
    pub async fn database_with(&self, options: &str) -> Database<'_> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Database::create(self, format!("test_{number}"), &format!("{options} TEMPLATE template0")).await
    }

    /// Makes an empty database whose texts have the order of a language.
    pub async fn collated_database(&self) -> Database<'_> {
        self.database_with("LOCALE_PROVIDER icu ICU_LOCALE 'en-US'").await
    }

    /// Makes a database that is stored in a folder.
    pub async fn database_in_folder(&self, folder: &Path) -> Database<'_> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Database::create_in(self, format!("test_{number}"), folder).await
    }

    /// The port on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where the Unix socket is.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// Kills the server's main process with SIGKILL, as a crash would.
    pub fn kill(&self) {
        self.supervisor.kill();
    }

    /// Stops the server at once, without a checkpoint.
    pub fn stop(&self) {
        self.supervisor.stop();
    }

    /// Gives a folder to the server's user.
    pub(super) fn give(folder: &Path) {
        Unprivileged::find().own(folder);
    }

    /// Sends a signal, `KILL` say, to one of the server's processes.
    pub fn signal(&self, pid: i32, signal: &str) {
        let status = Command::new("kill").args(["-s", signal, &pid.to_string()]).status().expect("kill runs");
        assert!(status.success(), "there is no process {pid}");
    }

    /// Starts the server that was killed or stopped, on the same port, and waits until it answers.
    pub fn start_again(&self) {
        // After a kill its other processes end by themselves, and a successor refuses to start before they have.
        self.supervisor.start_again(|| self.answers());
    }

    /// Whether the server's main process has ended, by itself perhaps: where it finds no room to recover from a crash, it does.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.folder.join("ended").exists()
    }

    /// Whether the server takes connections: its pid file then says so.
    fn answers(&self) -> bool {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        file.lines().nth(7).is_some_and(|status| status.trim() == "ready")
            && TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }
}

fn supervise(
    user: &Unprivileged,
    folder: &Path,
    port: u16,
    durability: Durability,
    faults: Option<&Faults>,
) -> Supervisor {
    let fsync = match durability {
        Durability::Off => "fsync=off",
        Durability::On => "fsync=on",
    };
    let mut shell = user.command("/bin/sh", folder);
    if let Some(faults) = faults {
        faults.apply(&mut shell);
    }
    Supervisor::new(shell, folder, Signal::Quit, |shell| {
        shell
            .arg(binaries::folder().join("postgres"))
            .args(["-D", "data", "-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", fsync])
            .args(["-c", "max_connections=200", "-c", "unix_socket_permissions=0777", "-k"])
            .arg(folder);
    })
}

/// A port of loopback that nobody has just now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
