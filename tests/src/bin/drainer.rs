//! A service that does nothing but drain the outbox of a log, until it is killed: `drainer URL [URL of the outbox]`.

use std::time::Duration;

use audit_core::Auditor;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the URL of a log");
    let builder = Auditor::builder()
        .url(url)
        .lanes(1)
        .outbox_rows(20)
        .outbox_poll(Duration::from_millis(2))
        .longest_pause(Duration::from_millis(50));
    let _writer = builder.start_blocking().expect("the log is there");
    println!("drains");
    loop {
        std::thread::park();
    }
}
