//! A server process and its folder.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::binaries;
use super::database::Database;
use crate::preload::Faults;

/// A server answers within this time, crash recovery included.
const START_DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// Somebody else may take a free port before the server does.
const PORTS_TRIED: u32 = 3;

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
    supervisor: Mutex<Supervisor>,
    databases: AtomicU32,
}

/// The two ends of the shell that runs the server. When this process ends, however it ends, the pipe closes and the
/// shell cleans up.
#[derive(Debug)]
struct Supervisor {
    shell: Child,
    /// `None` once the shell has been told to end.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.shell.wait();
    }
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

    /// Starts a server of one's own whose system calls may fail.
    #[must_use]
    pub fn start_under(durability: Durability, faults: Option<&Faults>) -> Self {
        let binaries = binaries::folder();
        let user = Unprivileged::find();
        let folder = tempfile::Builder::new().prefix("audit-pg-").tempdir().expect("a temporary folder").keep();
        user.own(&folder);
        user.initdb(&binaries, &folder);
        for _ in 0..PORTS_TRIED {
            let port = free_port();
            let supervisor = user.supervise(&binaries, &folder, port, durability, faults);
            let server = Self { folder: folder.clone(), port, supervisor: Mutex::new(supervisor), databases: 0.into() };
            if server.try_start() {
                return server;
            }
        }
        panic!(
            "PostgreSQL does not start; its log says:\n{}",
            fs::read_to_string(folder.join("log")).unwrap_or_default()
        )
    }

    /// Makes a database of its own for a test: empty, in UTF8.
    pub async fn database(&self) -> Database<'_> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Database::create(self, format!("test_{number}"), "").await
    }

    /// Makes a database in another encoding.
    pub async fn database_in(&self, encoding: &str) -> Database<'_> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        Database::create(self, format!("test_{number}"), &format!("ENCODING '{encoding}' TEMPLATE template0")).await
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
        self.command("kill");
    }

    /// Stops the server at once, without a checkpoint.
    pub fn stop(&self) {
        self.command("stop");
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
        let deadline = Instant::now() + START_DEADLINE;
        // After a kill its other processes end by themselves, and a successor refuses to start before they have.
        while !self.try_start() {
            assert!(
                Instant::now() < deadline,
                "PostgreSQL does not start again; see {}",
                self.folder.join("log").display()
            );
        }
    }

    /// Starts and waits until the server answers, or has ended.
    fn try_start(&self) -> bool {
        self.command("start");
        let deadline = Instant::now() + START_DEADLINE;
        while Instant::now() < deadline {
            if self.answers() {
                return true;
            }
            if self.folder.join("ended").exists() {
                return false;
            }
            thread::sleep(POLL);
        }
        false
    }

    /// Whether the server takes connections: its pid file then says so.
    fn answers(&self) -> bool {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        file.lines().nth(7).is_some_and(|status| status.trim() == "ready")
            && TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    /// Gives the supervisor a command and waits until it is carried out.
    fn command(&self, word: &str) {
        let mut supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner);
        let commands = supervisor.commands.as_mut().expect("the shell runs until it is dropped");
        writeln!(commands, "{word}").expect("the supervisor listens");
        let mut answer = String::new();
        supervisor.answers.read_line(&mut answer).expect("the supervisor answers");
        assert_eq!(answer, "done\n", "the supervisor of {} has ended", self.folder.display());
    }
}

/// Whom the server runs as: PostgreSQL refuses to run as root.
struct Unprivileged(Option<(u32, u32)>);

impl Unprivileged {
    fn find() -> Self {
        if id(&["-u"]) != Some(0) {
            return Self(None);
        }
        let user = ["postgres", "nobody"].into_iter().find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)));
        Self(Some(user.expect("a system has a user `nobody`")))
    }

    fn own(&self, folder: &Path) {
        if let Some((user, group)) = self.0 {
            chown(folder, Some(user), Some(group)).expect("root gives a folder away");
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("permissions of an own folder");
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null());
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }

    fn initdb(&self, binaries: &Path, folder: &Path) {
        let output = self
            .command(binaries.join("initdb"), folder)
            .args([
                "--pgdata=data",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .output()
            .expect("initdb runs");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn supervise(
        &self,
        binaries: &Path,
        folder: &Path,
        port: u16,
        durability: Durability,
        faults: Option<&Faults>,
    ) -> Supervisor {
        let fsync = match durability {
            Durability::Off => "fsync=off",
            Durability::On => "fsync=on",
        };
        let mut shell = self.command("/bin/sh", folder);
        if let Some(faults) = faults {
            faults.apply(&mut shell);
        }
        let mut shell = shell
            .arg("-c")
            .arg(include_str!("supervise.sh"))
            .arg("supervise")
            .arg(folder)
            .arg(binaries.join("postgres"))
            .args(["-D", "data", "-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", fsync])
            .args(["-c", "max_connections=200", "-c", "unix_socket_permissions=0777", "-k"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // An interrupt from the terminal ends the test process, and the shell must outlive it to clean up.
            .process_group(0)
            .spawn()
            .expect("/bin/sh runs");
        let commands = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("stdout is piped"));
        Supervisor { shell, commands, answers }
    }
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
