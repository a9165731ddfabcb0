//! Which database the command takes, on a real PostgreSQL.

use crate::support::Shell;
use tests::postgres;

/// The parts of a URL of the harness, `postgres://USER@HOST:PORT/NAME`.
fn parts(url: &str) -> [String; 4] {
    let (user, rest) = url.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
    let (address, name) = rest.split_once('/').unwrap();
    let (host, port) = address.split_once(':').unwrap();
    [user, host, port, name].map(str::to_owned)
}

#[tokio::test]
async fn the_parts_of_an_address_do_as_well_as_a_url() {
    let database = postgres::server().database().await;
    let [user, host, port, name] = parts(&database.url());
    let shell = Shell::new()
        .with("AUDIT_LOGS_DB_HOST", host)
        .with("AUDIT_LOGS_DB_PORT", port)
        .with("AUDIT_LOGS_DB_NAME", name)
        .with("AUDIT_LOGS_DB_USER", user)
        .with("AUDIT_LOGS_DB_PASSWORD", "p@ss/w:rd?#");
    shell.run(&["migrate"]).success();
    shell.run(&["migrate", "status", "--check"]).success();
    let arguments = ["record", "--actor=user:user_123", "--action=project.created", "--target=project:proj_456"];
    let id = shell.run(&arguments).success().out;
    let entries = shell.entries(&["--actor=user_123"]);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["id"], id.trim());
    let stored: String = database.value("SELECT id::text FROM control_plane.audit_logs").await;
    assert_eq!(stored, id.trim());
}

#[tokio::test]
async fn the_schema_is_the_one_that_was_named() {
    let database = postgres::server().database().await;
    let shell = Shell::new().with("DATABASE_URL", database.url());
    shell.run(&["migrate", "--schema=audit_eu"]).success();
    shell
        .run(&["record", "--schema=audit_eu", "--actor=user:u", "--action=project.deleted", "--target=project:p"])
        .success();
    assert_eq!(database.value::<i64>("SELECT count(*) FROM audit_eu.audit_logs").await, 1);
    assert_eq!(shell.entries(&["--schema=audit_eu"]).len(), 1);
    shell.run(&["query", "--schema=Audit"]).exits_with(2).complains("is not a schema name");
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let shell = Shell::new();
    std::fs::write(shell.folder().join(".env"), "DATABASE_URL='sqlite:file.db'\n").unwrap();
    let made = |shell: &Shell, name: &str| shell.folder().join(name).exists();

    shell.run(&["migrate"]).success();
    assert!(made(&shell, "file.db"));
    let shell = shell.with("DATABASE_URL", "sqlite:environment.db");
    shell.run(&["migrate"]).success();
    assert!(made(&shell, "environment.db"));
    shell.run(&["migrate", "--database-url=sqlite:flag.db"]).success();
    assert!(made(&shell, "flag.db"));
    shell.run(&["migrate", "--database-url="]).exits_with(2).complains("--database-url is empty");
}

#[tokio::test]
async fn parts_in_the_environment_win_over_a_url_in_the_file() {
    let database = postgres::server().database().await;
    let [user, host, port, name] = parts(&database.url());
    let shell = Shell::new()
        .with("AUDIT_LOGS_DB_HOST", host)
        .with("AUDIT_LOGS_DB_PORT", port)
        .with("AUDIT_LOGS_DB_NAME", name)
        .with("AUDIT_LOGS_DB_USER", user);
    std::fs::write(shell.folder().join(".env"), "DATABASE_URL='sqlite:file.db'\n").unwrap();
    shell.run(&["migrate"]).success();
    assert!(!shell.folder().join("file.db").exists());
    assert!(database.value::<bool>("SELECT to_regclass('control_plane.audit_logs') IS NOT NULL").await);
}

#[test]
fn without_a_database_the_command_says_how_to_name_one() {
    Shell::new().run(&["query"]).exits_with(2).complains("set DATABASE_URL");
}

#[test]
fn a_url_that_names_no_store_is_an_error_of_the_configuration() {
    for url in ["mysql://h/a", "postgres://h:port/a", "sqlite::memory:", "audit.db"] {
        let shell = Shell::new().with("DATABASE_URL", url);
        for command in ["migrate", "query", "doctor"] {
            shell.run(&[command]).exits_with(2).complains("correct --database-url or DATABASE_URL");
        }
    }
}

#[test]
fn no_message_rules_the_terminal() {
    let ran = Shell::new().with("CLICOLOR_FORCE", "1").run(&["query", "--database-url=sqlite:\u{1b}[2J\n\u{202e}.db"]);
    ran.exits_with(1).complains("sqlite:\\u{1b}[2J\\n\\u{202e}.db");
}

#[test]
fn no_message_holds_a_password() {
    let secret = "hunter2-ÿ";
    let elsewhere = format!("mysql://u:{secret}@127.0.0.1/a");
    let unreachable = format!("postgres://u:{secret}@127.0.0.1:1/a");
    let broken = format!("postgres://u:{secret}@127.0.0.1:port/a");
    for url in [elsewhere, unreachable, broken] {
        let shell = Shell::new().with("DATABASE_URL", &url);
        for command in [&["migrate"][..], &["query"], &["migrate", "status"], &["--help"]] {
            let ran = shell.run(command);
            assert!(!format!("{}{}", ran.out, ran.err).contains("hunter2"), "{command:?}: {}", ran.err);
        }
    }
    let shell = Shell::new();
    std::fs::write(shell.folder().join(".env"), "DATABASE_URL='postgres://u:hunter2@h/a\nX").unwrap();
    let ran = shell.run(&["query"]).exits_with(2);
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
}
