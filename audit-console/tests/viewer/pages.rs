//! What the pages show.

use std::time::{Duration, Instant, SystemTime};

use audit_core::query::Position;
use audit_core::store::Schema;
use audit_core::{Actor, Outcome, Target};
use axum::Router;
use tests::postgres::{Database, Durability, Server, server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Log, Site, entry};

/// An id that no entry has.
const NOBODYS: &str = "019fa29c-1c7a-7b11-a7e2-6d6f0f7d2a43";

#[tokio::test]
async fn entries_are_sentences_with_exact_times_newest_first() {
    for log in Log::both().await {
        let failed = entry("project.deleted", 30).outcome(Outcome::Failure).failure("it is locked");
        log.hold(vec![entry("project.created", 130).build(), failed.build()]).await;
        let page = log.site().await.get("/entries").await.is(200);
        let page = page.says("<b>user_123</b> created <span class=\"kind\">project</span> <b>proj_456</b>");
        // What failed is not told as if it had been done.
        let page = page.says("<b>user_123</b> tried project.deleted on").says("it is locked").says("2 min ago");
        let (deleted, created) = (page.body.find("tried project.deleted"), page.body.find("</b> created"));
        assert!(deleted < created, "{}", page.body);
        let time = page.body.split_once("<time datetime=\"").unwrap().1;
        assert!(time.contains(" UTC\">"), "{time}");
    }
}

#[tokio::test]
async fn the_query_box_finds_and_keeps_what_was_asked_without_a_script() {
    for log in Log::both().await {
        let other = entry("project.deleted", 5).target(Target::project("other")).actor(Actor::user("user_8"));
        log.hold(vec![entry("project.created", 10).build(), other.build()]).await;
        let site = log.site().await;
        let page = site.get("/entries").await.says("action=\"entries\" method=\"get\"").says("name=\"q\"");
        assert_eq!(page.targets(), ["other", "proj_456"]);
        // As a browser sends the form.
        let page = site.get("/entries?q=actor%3Auser_8+action%3Aproject.*").await.is(200);
        assert_eq!(page.targets(), ["other"]);
        page.says("value=\"actor:user_8 action:project.*\"").says("1 entry");
        let page = site.get("/entries?q=tenant:nobody").await.is(200).says("No entry matches");
        assert!(page.targets().is_empty());
    }
}

#[tokio::test]
async fn a_wrong_word_is_marked_and_what_was_meant_is_said() {
    let log = Log::sqlite().await;
    let site = log.site().await;
    let page = site.get("/entries?q=actor:x+outcome:failed").await.is(400);
    page.says("actor:x outcome:<mark>failed</mark>").says("did you mean `failure`?");
    // The word may be missing, or the text end within it.
    site.get("/entries?q=actor:").await.is(400).says("<mark>");
    site.get("/entries?q=%22open").await.is(400).says("<mark>");
    site.get("/entries?after=page-2").await.is(400).says("not a cursor");
}

#[tokio::test]
async fn pages_turn_both_ways_while_entries_arrive() {
    for log in Log::both().await {
        let numbered = |number: u64| {
            entry("project.created", 1_000 - number).target(Target::project(format!("p{number:03}"))).build()
        };
        log.hold((0..120).map(numbered).collect()).await;
        let site = log.site().await;
        let first = site.get("/entries?q=action:project.created").await;
        assert_eq!((first.targets().len(), first.targets()[0].as_str()), (50, "p119"));
        assert_eq!(first.link("‹ newer"), None);
        log.hold((120..130).map(numbered).collect()).await;
        let second = site.get(&first.link("older ›").unwrap()).await;
        assert_eq!((second.targets()[0].as_str(), second.targets()[49].as_str()), ("p069", "p020"));
        let last = site.get(&second.link("older ›").unwrap()).await;
        assert_eq!((last.targets().len(), last.link("older ›")), (20, None));
        let back = site.get(&last.link("‹ newer").unwrap()).await;
        assert_eq!(back.targets(), second.targets());
        let newest = site.get(&first.link("older ›").unwrap()).await.link("« latest").unwrap();
        assert_eq!(site.get(&newest).await.targets()[0], "p129");
    }
}

#[tokio::test]
async fn facets_count_what_matches_and_their_links_narrow_and_widen_the_query() {
    for log in Log::both().await {
        let denied = |number: u64| entry("project.updated", 10 + number).outcome(Outcome::Denied).build();
        log.hold((0..3).map(denied).chain([entry("project.created", 5).build()]).collect()).await;
        let site = log.site().await;
        let page = site.get("/entries").await.says("over all 4 that match");
        let label = "<span class=\"label\">⊘ denied</span><span class=\"count\">3</span>";
        let narrowed = site.get(&page.says(label).link(label).unwrap()).await.is(200);
        assert_eq!(narrowed.targets().len(), 3);
        let widened = narrowed.says("aria-current=\"true\"").link(label).unwrap();
        assert_eq!(site.get(&widened).await.targets().len(), 4);
    }
}

#[tokio::test]
async fn entries_are_sent_before_they_are_counted() {
    for log in Log::both().await {
        log.hold(vec![entry("project.created", 1).build()]).await;
        let site = log.site().await;
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        let request = "GET /entries HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        // Each chunk begins with its length.
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        let (length, body) = body.split_once("\r\n").unwrap();
        let (first, rest) = body.split_at(usize::from_str_radix(length, 16).unwrap());
        assert!(first.contains("proj_456") && !first.contains("1 entry"), "{first}");
        assert!(rest.contains("1 entry") && rest.contains("class=\"count\""), "{rest}");
    }
}

#[tokio::test]
async fn what_is_counted_is_bounded_and_says_so() {
    let log = Log::sqlite().await;
    log.hold((0..1_001).map(|number| entry("project.created", number).build()).collect()).await;
    // Free text has to be looked for row by row.
    let page = log.site().await.get("/entries?q=proj_456").await;
    page.says("more than 1,000 entries")
        .says("over the newest 1,000 that match")
        .says("<span class=\"count\">1,000</span>");
}

#[tokio::test]
async fn each_bar_of_the_histogram_leads_to_its_entries() {
    for log in Log::both().await {
        let old = entry("project.created", 7_200).target(Target::project("old")).build();
        log.hold(vec![old, entry("project.updated", 60).build()]).await;
        let site = log.site().await;
        let page = site.get("/entries").await;
        let bars: Vec<_> = page.body.split("<a href=\"").filter(|link| link.contains("class=\"hit\"")).collect();
        assert!(bars.len() > 2 && bars.len() <= 60, "{}", bars.len());
        let first = format!("/{}", bars[0].split_once('"').unwrap().0);
        assert_eq!(site.get(&first).await.is(200).targets(), ["old"]);
    }
}

#[tokio::test]
async fn an_entry_is_shown_whole_with_its_changes_and_its_request() {
    for log in Log::both().await {
        let context = || audit_core::Context::new().with_request_id("req_9").with_tenant_id("acme");
        let changes = serde_json::json!({ "name": { "from": "Mine", "to": "Ours" } });
        let time = SystemTime::now() - Duration::from_secs(10);
        let updated = entry("project.updated", 0).metadata("changes", &changes).context(context());
        let updated = updated.created_at(time).build();
        let id = updated.id();
        let created = entry("project.created", 0).context(context()).created_at(time - Duration::from_secs(2)).build();
        let elsewhere = entry("project.suspended", 11).build();
        log.hold(vec![created, elsewhere, updated]).await;
        let site = log.site().await;
        let page = site.get(&format!("/entries/{id}")).await.is(200);
        let page = page.says("changes.name").says("<del>Mine</del>").says("<ins>Ours</ins>").says("acme");
        let page = page.says(&format!("<code>audit show {id}</code>")).says("The same request").says("+2.0 s");
        let page = page.says("&#34;request_id&#34;: &#34;req_9&#34;");
        assert!(!page.body.contains("suspended"), "{}", page.body);
        site.get(&format!("/entries/{NOBODYS}")).await.is(404).says("There is no such entry");
        site.get("/entries/1").await.is(404).says("There is no such entry");
    }
}

#[tokio::test]
async fn an_export_holds_every_entry_of_the_query_oldest_first() {
    for log in Log::both().await {
        let numbered = |number: u64| {
            entry("project.created", 1_000 - number).target(Target::project(format!("={number}"))).build()
        };
        log.hold((0..450).map(numbered).chain([entry("project.deleted", 3).build()]).collect()).await;
        let site = log.site().await;
        let page = site.get("/entries?q=action:project.created").await;
        let csv = site.get(&page.link("CSV").unwrap()).await.is(200);
        assert!(csv.header("content-disposition").unwrap().contains(".csv"), "{csv:?}");
        let lines: Vec<_> = csv.body.lines().collect();
        assert_eq!((lines.len(), &lines[0][..13]), (451, "id,created_at"));
        assert!(lines[1].contains("\"'=0\"") && lines[450].contains("\"'=449\""), "{}", lines[1]);
        let jsonl = site.get(&page.link("JSONL").unwrap()).await.is(200);
        let ids =
            jsonl.body.lines().map(|line| serde_json::from_str::<audit_core::Row>(line).unwrap().target_id.unwrap());
        assert!(ids.eq((0..450).map(|number| format!("={number}"))));
    }
}

#[tokio::test]
async fn an_export_whose_client_stops_reading_gives_its_place_back_and_is_no_whole_file() {
    let log = Log::sqlite().await;
    let large = |_| entry("project.created", 10).metadata("text", &"x".repeat(60_000)).build();
    // More than what is sent at once.
    log.hold((0..201).map(large).collect()).await;
    let shown = audit_console::viewer::Log::connect(&log.reader, &Schema::default()).await.unwrap();
    let site = Site::serve(audit_console::viewer::router(shown.with_unread_time(Duration::from_secs(10)))).await;
    let mut unread = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        let request = format!("GET /export.jsonl HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", site.address);
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_exact(&mut [0; 100]).await.unwrap();
        unread.push(stream);
    }
    site.get("/export.csv?q=tenant:nobody").await.is(503).says("Too many exports");
    let deadline = Instant::now() + Duration::from_secs(40);
    while site.get("/export.csv?q=tenant:nobody").await.status != 200 {
        assert!(Instant::now() < deadline, "no place is free");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut rest = Vec::new();
    // The connection may be gone altogether.
    let _ = unread.remove(0).read_to_end(&mut rest).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the file seems whole");
}

#[tokio::test]
async fn the_query_box_offers_the_values_that_the_log_has() {
    for log in Log::both().await {
        let other = entry("door.opened", 5).target(Target::new("door", "d")).actor(Actor::system("night shift"));
        log.hold(vec![entry("project.created", 10).build(), other.build()]).await;
        let site = log.site().await;
        for page in [site.get("/entries?q=tenant:nobody").await, site.get("/entries?q=outcome:failed").await] {
            let page = page.says("<option value=\"action:door.opened\">").says("<option value=\"target_type:door\">");
            let page = page.says("<option value=\"actor:user/user_123\">").says("<option value=\"created:&#62;=24h\">");
            page.says("<option value=\"actor:system/&#34;night shift&#34;\">");
        }
    }
}

#[tokio::test]
async fn an_empty_log_says_what_to_do() {
    for log in Log::both().await {
        log.site().await.get("/entries").await.is(200).says("Nothing was recorded yet").says("audit record");
    }
}

#[tokio::test]
async fn who_may_not_read_the_log_is_told_who_may_and_what_to_run() {
    let database = server().database().await;
    let url = database.user("viewer_without_a_role", "").await;
    let site = Site::serve(migrated(&database, &url).await).await;
    let command = "GRANT audit_reader TO USER;";
    let (entry, from) = (format!("/entries/{NOBODYS}"), Position::START);
    for path in [
        "/entries",
        "/entries?q=actor:user_123",
        &entry,
        &format!("{entry}?proof=wait"),
        &format!("{entry}/proof.json"),
        "/live",
        &format!("/live?from={from}"),
        "/export.csv",
        "/export.jsonl",
    ] {
        let page = site.get(path).await.is(403).says("This viewer may not read the log").says("the role audit_reader");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert_eq!(page.header("content-disposition"), None, "{path}");
        page.says(&format!("<code>{command}</code>")).says("permission denied").says("</main>");
    }
    // What is wrong with a question is said before who may ask it.
    site.get("/entries?q=outcome:failed").await.is(400).says("<option value=\"outcome:failure\">");
    database.execute(&command.replace("USER", "viewer_without_a_role")).await;
    site.get("/entries").await.is(200).says("Nothing was recorded yet");
    site.get("/export.csv").await.is(200).says("id,created_at");
}

#[tokio::test]
async fn who_may_read_the_entries_alone_is_told_that_nothing_proves_them() {
    let log = Log::postgres().await;
    let shown = entry("project.created", 1).build();
    let path = format!("/entries/{}", shown.id());
    log.hold(vec![shown]).await;
    log.seal(None).await;
    let right = "GRANT USAGE ON SCHEMA control_plane TO half_a_reader;
                 GRANT SELECT ON control_plane.audit_logs TO half_a_reader;
                 GRANT EXECUTE ON FUNCTION control_plane.audit_partitions() TO half_a_reader";
    let site = log.site_of("half_a_reader", right).await;
    let list = site.get("/entries").await.is(200).says("proj_456").says("<b>1 entry</b>");
    assert!(!list.body.contains("sealed</span>") && !list.body.contains("id=\"live\""), "{}", list.body);
    let page = site.get(&format!("{path}?proof=wait")).await.is(200).says("Not checked").says("but not what proves it");
    for page in [list, page] {
        assert!(!page.body.contains("SQLSTATE") && !page.body.contains("permission denied"), "{}", page.body);
    }
    site.get("/export.jsonl").await.is(200).says("proj_456");
    for path in [&format!("{path}/proof.json"), "/live"] {
        site.get(path).await.is(403).says("This viewer may not read the log");
    }
}

#[tokio::test]
async fn that_nothing_may_be_counted_is_told_beside_the_entries() {
    let log = Log::postgres().await;
    // So many that the server counts them.
    log.hold((1..1_100).map(|number| entry("project.created", number).build()).collect()).await;
    // As if the right were taken between the entries and what is counted beside them.
    let taken = "GRANT audit_reader TO no_counter; REVOKE EXECUTE ON FUNCTION pg_catalog.count() FROM PUBLIC";
    let site = log.site_of("no_counter", taken).await;
    let page = site.get("/entries").await.is(200).says("proj_456");
    let page = page.says("Nothing was counted: this viewer may not read the log.").says("<datalist id=\"offers\">");
    assert!(!page.body.contains("SQLSTATE") && !page.body.contains("permission denied"), "{}", page.body);
}

#[tokio::test]
async fn a_log_that_does_not_answer_is_told_until_it_does_again() {
    let server = Server::start(Durability::Off);
    let database = server.database().await;
    let site = Site::serve(migrated(&database, &database.url()).await).await;
    site.get("/entries").await.is(200);
    server.stop();
    for path in ["/entries", &format!("/entries/{NOBODYS}"), "/live", "/export.csv"] {
        site.get(path).await.is(503).says("The log did not answer").says("load the page again");
    }
    server.start_again();
    site.get("/entries").await.is(200).says("Nothing was recorded yet");
}

#[tokio::test]
async fn a_log_that_somebody_has_to_mend_is_told_with_the_command_that_says_how() {
    let log = Log::postgres().await;
    let site = log.site().await;
    log.tamper("ALTER TABLE audit_logs RENAME TO elsewhere").await;
    site.get("/entries").await.is(500).says("The log cannot be read").says("`audit doctor`");
}

/// The pages of a new log, as a user sees them.
async fn migrated(database: &Database<'_>, url: &str) -> Router {
    let schema = Schema::default();
    audit_core::store::open(&database.url(), &schema).unwrap().migrate().await.unwrap();
    audit_console::viewer::router(audit_console::viewer::Log::connect(url, &schema).await.unwrap())
}

#[tokio::test]
async fn looks_are_recorded_before_they_are_answered_where_that_is_wanted() {
    for log in Log::both().await {
        log.hold(vec![entry("project.created", 10).build()]).await;
        let (site, writer) = log.watched_site().await;
        site.get("/entries?q=action%3Aproject.created").await.is(200);
        site.get("/assets/viewer.css").await.is(200);
        let viewed = log.site().await.get("/export.jsonl?q=action%3Aaudit_log.viewed").await.is(200);
        assert_eq!(viewed.body.matches("audit_log.viewed").count(), 1, "{}", viewed.body);
        viewed.says("/entries?q=action%3Aproject.created");
        // Nobody can record any more, so nobody sees anything.
        writer.shutdown(Duration::from_secs(5)).await;
        let page = site.get("/entries").await.is(503).says("This look cannot be recorded");
        assert!(!page.body.contains("proj_456"), "{}", page.body);
    }
}
