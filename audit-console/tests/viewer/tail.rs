//! Entries as they come.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Log, Site, entry};

const PATIENCE: Duration = Duration::from_secs(30);

async fn follow(site: &Site, path: &str) -> Lines<BufReader<TcpStream>> {
    BufReader::new(site.open("GET", path, "", "").await).lines()
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
        let site = log.site().await;
        let mut lines = follow(&site, "/live?q=action:project.created").await;
        assert_eq!(next(&mut lines, "content-type:").await, "text/event-stream");
        let first = entry("project.created", 0).build();
        let (second, other) = (entry("project.created", 0).build(), entry("project.deleted", 0).build());
        let ids = [first.id().to_string(), second.id().to_string()];
        log.hold(vec![other, first]).await;
        assert_eq!(next(&mut lines, "id:").await, ids[0]);
        log.hold(vec![second]).await;
        // What came once does not come again.
        assert_eq!(next(&mut lines, "id:").await, ids[1]);
    }
}

#[tokio::test]
async fn an_entry_that_is_stored_late_is_not_missed() {
    let log = Log::sqlite().await;
    let site = log.site().await;
    let mut lines = follow(&site, "/live").await;
    let (early, late) = (entry("project.created", 0).build(), entry("project.created", 20).build());
    let ids = [early.id().to_string(), late.id().to_string()];
    log.hold(vec![early]).await;
    assert_eq!(next(&mut lines, "id:").await, ids[0]);
    log.hold(vec![late]).await;
    assert_eq!(next(&mut lines, "id:").await, ids[1]);
}

#[tokio::test]
async fn so_many_may_follow_and_who_leaves_makes_room() {
    let log = Log::sqlite().await;
    let site = log.site().await;
    let mut streams = Vec::new();
    for _ in 0..32 {
        let mut lines = follow(&site, "/live").await;
        next(&mut lines, "content-type: text/event-stream").await;
        streams.push(lines);
    }
    site.get("/live").await.is(503).says("Too many follow the log");
    streams.pop();
    // The server learns that somebody left when it next looks.
    let room = timeout(PATIENCE, async {
        loop {
            let mut lines = follow(&site, "/live").await;
            if lines.next_line().await.unwrap().unwrap().contains("200") {
                return;
            }
        }
    });
    room.await.expect("there is room again");
}
