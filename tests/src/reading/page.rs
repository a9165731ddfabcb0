//! The viewer's first page of a log: when its entries are there, and when its end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audit_console::viewer;
use audit_core::query::Query;
use audit_core::store::Schema;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::timing::Timing;
use super::{ASKED, AT_MOST};
use crate::rounds::Rounds;
use crate::served::Served;

/// Behind the entries, which a browser shows then, and before what is counted beside them.
const ENTRIES_END: &[u8] = b"</main>";

/// Serves the pages of the log at a URL on this machine, and asks for the first, over a connection each time: how long until its
/// entries are there, for which there is a bar (in ms), and until its last byte is.
pub(super) async fn first_page(url: &str, bar: f64) -> [Timing; 2] {
    let log = viewer::Log::connect(url, &Schema::default()).await.expect("the log is there");
    let served = Served::start(viewer::router(log)).await;
    let (mut entries, mut whole) = (Timing::new("viewer, entries"), Timing::new("viewer, last byte"));
    for _ in Rounds::new(ASKED, AT_MOST) {
        let (until_entries, until_end, rows) = ask(served.address()).await;
        entries.took(until_entries, rows);
        whole.took(until_end, rows);
    }
    served.stop().await;
    [entries.told(Some(bar)), whole.told(None)]
}

/// How long the entries took, and the whole page, and how many entries there are.
async fn ask(address: SocketAddr) -> (Duration, Duration, usize) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).await.expect("the viewer answers");
    let request = format!("GET /entries HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the viewer answers");
    let (mut page, mut until_entries) = (Vec::with_capacity(1 << 18), None);
    while stream.read_buf(&mut page).await.expect("the viewer answers") > 0 {
        if until_entries.is_none() && page.windows(ENTRIES_END.len()).any(|bytes| bytes == ENTRIES_END) {
            until_entries = Some(began.elapsed());
        }
    }
    let until_end = began.elapsed();
    let page = String::from_utf8_lossy(&page);
    let rows = page.matches("<li class=\"entry").count();
    assert!(page.starts_with("HTTP/1.1 200") && rows == Query::DEFAULT_LIMIT as usize, "{page}");
    (until_entries.expect("the entries are before the end"), until_end, rows)
}
