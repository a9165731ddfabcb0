//! Entries as they come.

use std::time::Duration;

use audit_core::Target;
use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Log, Site, entry};

/// Half a transaction that stores an entry.
const HELD: &str = "BEGIN; SET search_path = control_plane;
     INSERT INTO audit_batches (stream_id, batch_no, first_seq, first_created, last_created, writer_time, n, kind, rows_root, prev_hash)
     VALUES ('00000000-0000-0000-0000-00000000001a', 0, 0, now(), now(), now(), 1, 'entries', sha256(''), decode(repeat('00', 32), 'hex'));
     INSERT INTO audit_logs (id, created_at, stream_id, seq, actor_type, outcome, action, target_type, target_id, metadata)
     VALUES ('00000000-0000-0000-0000-00000000001b', now(), '00000000-0000-0000-0000-00000000001a', 0, 'user', 'success',
             'project.created', 'project', 'late', '{}')";

const PATIENCE: Duration = Duration::from_secs(30);

async fn follow(site: &Site, path: &str, headers: &str) -> Lines<BufReader<TcpStream>> {
    BufReader::new(site.open("GET", path, headers, "").await).lines()
}

/// The next line of the stream that begins so, without its beginning.
async fn next(lines: &mut Lines<BufReader<TcpStream>>, beginning: &str) -> String {
    let found = timeout(PATIENCE, async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the stream goes on");
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
        }
    });
    found.await.unwrap_or_else(|_| panic!("no line begins with {beginning}"))
}

#[tokio::test]
async fn an_entry_that_is_recorded_later_comes_once_and_matches_the_query() {
    for log in Log::both().await {
        log.hold(vec![entry("project.created", 60).build()]).await;
        log.seal(None).await;
        let site = log.site().await;
        let mut lines = follow(&site, "/live?q=action:project.created", "").await;
        assert_eq!(next(&mut lines, "content-type:").await, "text/event-stream");
        for target in ["first", "second"] {
            let entry = |action| entry(action, 0).target(Target::project(target)).build();
            log.hold(vec![entry("project.deleted"), entry("project.created")]).await;
            log.seal(None).await;
            assert!(next(&mut lines, "data: <li").await.contains("data-id"));
            assert!(next(&mut lines, "data:     <span class=\"sentence\"").await.contains(target));
        }
    }
}

#[tokio::test]
async fn what_came_after_the_page_was_made_is_not_missed_and_a_client_goes_on_where_it_was() {
    for log in Log::both().await {
        let site = log.site().await;
        let page = site.get("/entries").await;
        let address =
            page.body.split_once("data-address=\"").unwrap().1.split_once('"').unwrap().0.replace("&#38;", "&");
        for target in ["first", "second"] {
            log.hold(vec![entry("project.created", 0).target(Target::project(target)).build()]).await;
            log.seal(None).await;
        }
        let mut lines = follow(&site, &format!("/{address}"), "").await;
        let mut places = Vec::new();
        for target in ["first", "second"] {
            places.push(next(&mut lines, "id:").await);
            assert!(next(&mut lines, "data:     <span class=\"sentence\"").await.contains(target));
        }
        let mut lines = follow(&site, &format!("/{address}"), &format!("Last-Event-ID: {}\r\n", places[0])).await;
        assert!(next(&mut lines, "data:     <span class=\"sentence\"").await.contains("second"));
        site.get("/live?from=page-2").await.is(400).says("not a position");
    }
}

#[tokio::test]
async fn an_entry_that_commits_late_is_not_missed() {
    let log = Log::postgres().await;
    let site = log.site().await;
    let mut lines = follow(&site, "/live", "").await;
    next(&mut lines, "content-type: text/event-stream").await;
    let mut late = PgConnection::connect(&log.owner).await.unwrap();
    sqlx::raw_sql(HELD).execute(&mut late).await.unwrap();
    log.hold(vec![entry("project.created", 0).target(Target::project("early")).build()]).await;
    log.seal(None).await;
    assert!(next(&mut lines, "data:     <span class=\"sentence\"").await.contains("early"));
    sqlx::raw_sql("COMMIT").execute(&mut late).await.unwrap();
    log.seal(None).await;
    assert!(next(&mut lines, "data:     <span class=\"sentence\"").await.contains("late"));
}

#[tokio::test]
async fn that_nobody_seals_is_said() {
    let log = Log::sqlite().await;
    log.hold(vec![entry("project.created", 0).build()]).await;
    log.tamper("UPDATE audit_batches SET db_time = db_time - 120000000").await;
    let mut lines = follow(&log.site().await, "/live", "").await;
    assert!(next(&mut lines, "data: Nobody seals this log").await.contains("`audit seal`"));
}

#[tokio::test]
async fn whose_right_is_taken_meanwhile_is_told_and_goes_on_once_it_is_back() {
    let log = Log::postgres().await;
    let site = log.site_of("follower", "GRANT audit_reader TO follower").await;
    let mut lines = follow(&site, "/live", "").await;
    next(&mut lines, "content-type: text/event-stream").await;
    log.database().execute("REVOKE audit_reader FROM follower").await;
    let trouble = next(&mut lines, "data: This viewer may no longer read the log").await;
    assert!(trouble.contains("audit_reader") && !trouble.contains("SQLSTATE"), "{trouble}");
    log.hold(vec![entry("project.created", 0).target(Target::project("meanwhile")).build()]).await;
    log.seal(None).await;
    log.database().execute("GRANT audit_reader TO follower").await;
    assert!(next(&mut lines, "data:     <span class=\"sentence\"").await.contains("meanwhile"));
}

#[tokio::test]
async fn so_many_may_follow_and_who_leaves_makes_room() {
    let log = Log::sqlite().await;
    let site = log.site().await;
    let mut streams = Vec::new();
    for _ in 0..32 {
        let mut lines = follow(&site, "/live", "").await;
        next(&mut lines, "content-type: text/event-stream").await;
        streams.push(lines);
    }
    site.get("/live").await.is(503).says("Too many follow the log");
    streams.pop();
    // The server learns that somebody left when it next looks.
    let room = timeout(PATIENCE, async {
        loop {
            let mut lines = follow(&site, "/live", "").await;
            if lines.next_line().await.unwrap().unwrap().contains("200") {
                return;
            }
        }
    });
    room.await.expect("there is room again");
}
