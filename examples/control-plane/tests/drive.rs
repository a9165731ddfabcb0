//! The program itself, driven by `drive.sh` with curl, on both databases.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use audit_core::query::{Query, Reader};
use audit_core::store::{self, Schema};
use audit_core::verify::verify;
use audit_core::{AuditAction, Outcome, Row, catalog};
use tests::postgres::server;

const ADMIN_TOKEN: &str = "the-token-of-the-first-admin";

/// The program, started, and where it listens.
struct Program {
    child: Child,
    base: String,
}

impl Program {
    fn start(folder: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_control-plane"));
        command.args(["--listen=127.0.0.1:0", "--sweep-every=1", "--admin-token", ADMIN_TOKEN]).current_dir(folder);
        for name in ["DATABASE_URL", "AUDIT_WRITER_URL", "AUDIT_READER_URL", "AUDIT_JOURNAL", "TRUSTED_PROXIES"] {
            command.env_remove(name);
        }
        let mut child = command.envs(settings.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it says {line:?}")).to_owned();
        Self { child, base }
    }

    /// Runs the script, and gives back the page that it ends with.
    fn drive(&self, folder: &Path) -> String {
        let page = folder.join("page.html");
        let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("drive.sh"));
        let output = script.args([&self.base, ADMIN_TOKEN]).arg(&page).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        let ready: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
        assert_eq!(ready, serde_json::json!({ "audit": "ok", "database": true }));
        std::fs::read_to_string(page).unwrap()
    }

    /// Ends it as an operator would.
    fn terminate(mut self) {
        let kill = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn rows(url: &str) -> Vec<Row> {
    let reader = Reader::connect(url, &Schema::default()).await.unwrap();
    let page = reader.page(&Query::new().limit(500)).await.unwrap();
    assert!(page.next.is_none());
    page.rows
}

/// What the script leaves, whatever the database.
async fn check(url: &str, page: &str) {
    let rows = rows(url).await;
    let done: BTreeSet<&str> =
        rows.iter().filter(|row| row.outcome == Outcome::Success).map(|row| row.action.as_str()).collect();
    for info in catalog::list::<AuditAction>() {
        assert!(done.contains(info.name), "{} did not happen: {done:?}", info.name);
    }
    let count = |action: &str, outcome: Outcome| {
        rows.iter().filter(|row| row.action == action && row.outcome == outcome).count()
    };
    assert_eq!(count("project.created", Outcome::Success), 2);
    assert_eq!(count("project.created", Outcome::Denied), 1);
    assert_eq!(count("project.deleted", Outcome::Failure), 1);
    assert_eq!(count("secret.accessed", Outcome::Attempted), 2);
    assert_eq!(count("secret.accessed", Outcome::Denied), 1);
    assert_eq!(count("session.started", Outcome::Denied), 1);
    assert_eq!(count("key.revoked", Outcome::Success), 2);
    assert_eq!(count("audit_log.viewed", Outcome::Success), 1);
    // The last thing before the program is told to stop.
    assert_eq!(count("session.ended", Outcome::Success), 1);

    for row in rows.iter().filter(|row| row.actor_type.as_str() != "system") {
        assert_eq!(row.ip_address, Some("127.0.0.1".parse().unwrap()), "{}", row.action);
        assert_eq!(row.user_agent.as_deref(), Some("drive/1.0"), "{}", row.action);
        assert!(row.request_id.is_some(), "{}", row.action);
    }
    let deleted = rows.iter().find(|row| row.action == "project.deleted" && row.outcome == Outcome::Success).unwrap();
    let revoked = rows.iter().filter(|row| row.request_id == deleted.request_id && row.action == "key.revoked");
    assert_eq!(revoked.count(), 1, "a spawned task keeps the request's id");
    assert!(page.contains("deleted <span class=\"kind\">project</span>"), "the page shows the log: {page}");
    assert!(!format!("{rows:?}").contains("sk_live"));

    assert!(verify(url, &Schema::default(), |_| ()).await.unwrap().is_intact());
}

#[tokio::test]
async fn a_day_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path(), &[]);
    let page = program.drive(folder.path());
    program.terminate();
    check(&format!("sqlite:{}", folder.path().join("control-plane.db").display()), &page).await;
}

#[tokio::test]
async fn a_day_on_postgresql_with_a_user_for_each_part_of_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let database = server().database().await;
    store::open(&database.url(), &Schema::default()).unwrap().migrate().await.unwrap();
    database.execute("GRANT CREATE ON SCHEMA public TO audit_caller").await;
    let app = database.url_as("audit_caller").await;
    let writer = database.user("control_plane_writer", "IN ROLE audit_writer, audit_drainer, audit_sealer").await;
    let reader = database.url_as("audit_reader").await;
    let settings = [
        ("DATABASE_URL", app.as_str()),
        ("AUDIT_WRITER_URL", &writer),
        ("AUDIT_READER_URL", &reader),
        ("AUDIT_JOURNAL", "journal"),
    ];
    let program = Program::start(folder.path(), &settings);
    let page = program.drive(folder.path());
    program.terminate();
    check(&database.url(), &page).await;
}
