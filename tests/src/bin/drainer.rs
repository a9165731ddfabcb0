//! A service that does nothing but drain an outbox, until it is killed: `drainer URL [URL of an outbox elsewhere]`.

use std::time::Duration;

use audit_core::{Auditor, Migrate};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the URL of a log");
    let mut builder = Auditor::builder()
        .url(url)
        .migrate(Migrate::Skip)
        .lanes(1)
        .outbox_rows(20)
        .outbox_poll(Duration::from_millis(2))
        .outbox_lease(Duration::from_millis(300))
        .longest_pause(Duration::from_millis(50));
    if let Some(outbox) = arguments.next() {
        builder = builder.outbox_url(outbox);
    }
    let _writer = builder.start_blocking().expect("the log is there");
    println!("drains");
    loop {
        std::thread::park();
    }
}
