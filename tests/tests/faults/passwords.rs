//! What happens to the password.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use tests::oracle::Log;
use tests::postgres::{Durability, Server, execute_at};
use tests::victim::{Acks, Orders, Victim};

use crate::scene::program;
use crate::support::{SOON, WRITERS};

/// A file that this user alone may read, as PostgreSQL wants a password file to be.
fn private(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("a file in an own folder");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions of an own file");
}

/// A password that was changed in the server and in the password file is used without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_is_read_without_a_restart() {
    let server = Server::start(Durability::Off);
    let database = server.database().await;
    let url = database.user("service", "SUPERUSER PASSWORD 'first'").await;
    let hba: String = database.value("SELECT current_setting('hba_file')").await;
    let lines =
        "('host all service 127.0.0.1/32 scram-sha-256'), ('local all all trust'), ('host all all 127.0.0.1/32 trust')";
    database.execute(&format!("COPY (VALUES {lines}) TO '{hba}'")).await;
    database.execute("SELECT pg_reload_conf()").await;
    let deadline = Instant::now() + SOON;
    while execute_at(&url.replace("service@", "service:wrong@"), "SELECT 1").await.is_ok() {
        assert!(Instant::now() < deadline, "the server asks for no password");
    }

    let folder = tempfile::tempdir().expect("a temporary folder");
    let (passwords, script) = (folder.path().join("passwords"), folder.path().join("service"));
    private(&passwords, "*:*:*:service:first\n", 0o600);
    let run = format!("#!/bin/sh\nPGPASSFILE='{}' exec '{}' \"$@\"\n", passwords.display(), program().display());
    private(&script, &run, 0o700);
    let orders = Orders::new(url, folder.path().join("acknowledged"));
    let victim = Victim::start(&script, &orders, None);
    victim.acknowledges(100);

    database.execute("ALTER USER service PASSWORD 'second'").await;
    database.execute(&format!("SELECT pg_terminate_backend(pid) {WRITERS}")).await;
    private(&passwords, "*:*:*:service:second\n", 0o600);
    victim.acknowledges(200);
    assert_eq!(victim.end().get("lost"), 0);
    Log::read(&database.url()).await.judge(&Acks::read(&orders.acks)).assert_good_and_none_refused();
}
