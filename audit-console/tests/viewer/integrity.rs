//! What the page of an entry says of its proof.

use std::process::{Command, Output};

use audit_console::viewer;
use audit_core::batch::Freezer;
use audit_core::signing::{Signer as _, SigningKey, TrustedKeys};
use audit_core::store::Schema;

use crate::support::{Log, Site, entry};

/// A log with one entry, and the path of its page. That waits for the proof, whatever else this machine does.
async fn with_entry(log: &Log) -> String {
    let entry = entry("project.created", 1).metadata("reason", "asked for").build();
    let path = format!("/entries/{}", entry.id());
    log.hold(vec![entry]).await;
    path
}

fn waiting(path: &str) -> String {
    format!("{path}?proof=wait")
}

async fn trusting(log: &Log, key: &SigningKey) -> Site {
    let keys: TrustedKeys = format!("log {}", key.verifying_key()).parse().unwrap();
    let shown = viewer::Log::connect(&log.reader, &Schema::default()).await.unwrap();
    Site::serve(viewer::router(shown.trusting(keys))).await
}

fn audit(url: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audit"));
    let Output { status, stdout, stderr } =
        command.args(arguments).env_clear().env("DATABASE_URL", url).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[tokio::test]
async fn a_list_shows_which_entries_are_sealed() {
    for log in Log::both().await {
        let mut stream = Freezer::new();
        let batch = |seconds_ago| (0..2).map(|_| entry("project.created", seconds_ago).build()).collect();
        log.hold_next(&mut stream, batch(20)).await;
        log.seal(None).await;
        log.hold_next(&mut stream, batch(10)).await;
        log.hold(batch(5)).await;
        let page = log.site().await.get("/entries").await.is(200);
        let badges: Vec<_> =
            page.body.split("<span class=\"seal").skip(1).map(|rest| rest.starts_with(" sealed")).collect();
        assert_eq!(badges, [false, false, false, false, true, true]);
        assert_eq!(page.body.matches("not sealed yet</span>").count(), 4);
    }
}

#[tokio::test]
async fn an_entry_says_how_far_it_is_proved() {
    for log in Log::both().await {
        let path = with_entry(&log).await;
        let site = log.site().await;
        site.get(&waiting(&path)).await.is(200).says("Not sealed yet").says("audit doctor");
        site.get(&format!("{path}/proof.json")).await.is(409).says("No checkpoint covers entry");
        log.seal(None).await;
        site.get(&waiting(&path)).await.is(200).says("Sealed, not signed yet").says("is number 1 in the tree");
        let key = SigningKey::generate("audit.example.org").unwrap();
        log.seal(Some(&key)).await;
        let page = site
            .get(&waiting(&path))
            .await
            .is(200)
            .says("Verified")
            .says("number 1 of 1, lead to the newest checkpoint of audit.example.org");
        let page = page.says("not told which keys to trust").says(&format!("{}/proof.json\"", &path[9..]));
        assert!(!page.body.contains("Not sealed"));
        trusting(&log, &key).await.get(&waiting(&path)).await.is(200).says("A trusted key signed that checkpoint");
        let stranger = SigningKey::generate("audit.example.org").unwrap();
        let site = trusting(&log, &stranger).await;
        site.get(&waiting(&path)).await.is(200).says("Signed by nobody who is trusted").says("no trusted key signed");
    }
}

#[tokio::test]
async fn its_proof_is_the_one_that_the_command_prints() {
    for log in Log::both().await {
        let path = with_entry(&log).await;
        log.seal(Some(&SigningKey::generate("audit.example.org").unwrap())).await;
        let file = log.site().await.get(&format!("{path}/proof.json")).await.is(200);
        assert!(file.header("content-disposition").unwrap().starts_with("attachment; filename=\"proof-"), "{file:?}");
        assert_eq!(file.body, audit(&log.reader, &["proof", &path[9..]]));
    }
}

#[tokio::test]
async fn what_was_changed_is_told_also_before_it_is_sealed() {
    for log in Log::both().await {
        let path = with_entry(&log).await;
        log.tamper("UPDATE audit_logs SET action = 'project.deleted'").await;
        let page = log.site().await.get(&waiting(&path)).await.is(200).says("Not as it was written");
        page.says("rows of its batch were changed").says("<code>audit verify</code>");
        log.site().await.get(&format!("{path}/proof.json")).await.is(409).says("There is no proof of this entry");
    }
}

#[tokio::test]
async fn what_was_erased_is_named_and_the_rest_is_proved() {
    for log in Log::both().await {
        let path = with_entry(&log).await;
        log.seal(Some(&SigningKey::generate("audit.example.org").unwrap())).await;
        let id = format!("--id={}", &path[9..]);
        audit(
            &log.owner,
            &["redact", "--fields=actor_id,metadata.reason", "--reason=request 117", "--by=user:counsel", &id],
        );
        let page = log.site().await.get(&waiting(&path)).await.is(200).says("Verified");
        let page = page.says("Erased since it was recorded: actor_id, metadata.reason.");
        assert!(!page.body.contains("asked for") && !page.body.contains("<b>user_123"), "{}", page.body);
    }
}

#[tokio::test]
async fn what_is_not_there_has_no_proof() {
    let log = Log::sqlite().await;
    let site = log.site().await;
    for path in ["/entries/019fa29c-1c7a-7b11-a7e2-6d6f0f7d2a43/proof.json", "/entries/1/proof.json"] {
        site.get(path).await.is(404).says("There is no such entry");
    }
}
