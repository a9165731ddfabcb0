//! Who may see what `audit serve` serves.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Log, Site, entry};

pub(crate) const TOKEN: &str = "0123456789abcdef-token";

/// `audit serve`, until it is dropped.
pub(crate) struct Served(Child);

impl Served {
    pub(crate) fn start(log: &Log, arguments: &[&str]) -> (Self, Site) {
        let mut child = command(log, arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("the log is at http://").expect(&line).trim_end_matches('/');
        let site = Site { address: address.parse().unwrap() };
        (Self(child), site)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn command(log: &Log, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audit"));
    command.arg("serve").args(arguments).env_clear().env("DATABASE_URL", &log.reader);
    command
}

fn refused(log: &Log, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = command(log, arguments).output().unwrap();
    assert_eq!(status.code(), Some(2));
    String::from_utf8(stderr).unwrap()
}

#[tokio::test]
async fn beyond_this_machine_nothing_is_served_without_a_token() {
    let log = Log::sqlite().await;
    assert!(refused(&log, &["--listen=0.0.0.0:0"]).contains("--token-file"));
    assert!(refused(&log, &["--listen=[::]:0"]).contains("--token-file"));
    let words = refused(&log, &["--listen=0.0.0.0:0", "--token=short"]);
    assert!(words.contains("less than 16 characters"), "{words}");
}

#[tokio::test]
async fn whoever_has_the_token_sees_the_log_and_nobody_else_does() {
    let log = Log::sqlite().await;
    log.hold(vec![entry("project.created", 1).build()]).await;
    let (_served, site) = Served::start(&log, &["--listen=127.0.0.1:0", "--token", TOKEN]);
    for path in ["/", "/entries", "/export.csv", "/live", "/nowhere"] {
        for header in ["", "Authorization: Bearer wrong\r\n", "Cookie: audit_viewer=wrong\r\n"] {
            let answer = site.ask("GET", path, header, "").await.is(401).says("behind a token");
            assert!(!answer.body.contains("proj_456"), "{path}");
            assert!(answer.header("content-security-policy").is_some(), "{path}");
        }
    }
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    site.ask("GET", "/entries", &bearer, "").await.is(200).says("proj_456");
    // The form has its style.
    site.get("/assets/viewer.css").await.is(200);
}

#[tokio::test]
async fn the_form_sets_a_cookie_that_no_script_reads_and_no_other_site_sends() {
    let log = Log::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let (_served, site) = Served::start(&log, &["--listen=127.0.0.1:0", "--token-file", file.to_str().unwrap()]);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let answer = site.ask("POST", "/login", form, "token=wrong").await.is(401).says("This is not the token");
    assert_eq!(answer.header("set-cookie"), None);
    let answer = site.ask("POST", "/login", form, &format!("token={TOKEN}")).await.is(303);
    let (cookie, attributes) = answer.header("set-cookie").unwrap().split_once("; ").unwrap();
    assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Strict"), "{attributes}");
    assert!(!cookie.contains(TOKEN));
    site.ask("GET", "/entries", &format!("Cookie: other=1; {cookie}\r\n"), "").await.is(200);
    site.ask("GET", "/entries", &format!("Authorization: Bearer {}\r\n", &cookie[13..]), "").await.is(401);
}

#[tokio::test]
async fn on_this_machine_no_other_name_leads_to_the_log() {
    let log = Log::sqlite().await;
    let (_served, site) = Served::start(&log, &["--listen=127.0.0.1:0"]);
    site.get("/entries").await.is(200);
    let port = site.address.port();
    site.ask("GET", "/entries", &format!("Host: localhost:{port}\r\n"), "").await.is(200);
    for host in ["evil.example", "127.0.0.1.evil.example", &format!("evil.example:{port}")] {
        site.ask("GET", "/entries", &format!("Host: {host}\r\n"), "").await.is(403).says("Not under this name");
    }
}
