//! `forker URL FILE` audits without a pause, and forks while it does; the ids of what was acknowledged go to the file. Each
//! child records, flushes and shuts down, and ends with 0 if it was told at once that it has no writer.

use std::path::Path;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use audit_core::{Auditor, Error, WriterGuard};
use fork::{Fork, fork, waitpid_nohang};
use tests::samples::entry;
use tests::victim::Acks;

const CHILDREN: usize = 20;
const SOON: Duration = Duration::from_secs(10);
/// A child that waits so long hangs.
const LONG: Duration = Duration::from_hours(1);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().expect("usage: forker URL FILE");
    // Batches wait when the children are forked.
    let builder = Auditor::builder().url(argument()).lanes(1).linger(Duration::from_secs(1));
    let acks = Acks::append(Path::new(&argument())).expect("the file can be written");
    let writer = builder.start_blocking().expect("the writer starts");
    let stop = Arc::new(AtomicBool::new(false));
    let recorder = {
        let (auditor, stop) = (writer.auditor().clone(), Arc::clone(&stop));
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let id = auditor.record_blocking(entry()).expect("there is room");
                acks.add(id).expect("the file takes a line");
            }
        })
    };
    for _ in 0..CHILDREN {
        match fork().expect("the system forks") {
            Fork::Child => process::exit(child(writer)),
            Fork::Parent(pid) => wait(pid),
        }
    }
    stop.store(true, Ordering::Relaxed);
    recorder.join().expect("the recorder does not panic");
    let report = writer.shutdown_blocking(SOON);
    assert!(report.stats.is_balanced(), "{report:?}");
    assert_eq!((report.stored, report.lost, report.stats.dropped), (report.stats.emitted, 0, 0), "{report:?}");
    println!("{}", report.stored);
}

/// Which of the promises was broken; 0 for none.
fn child(writer: WriterGuard) -> i32 {
    let auditor = writer.auditor().clone();
    let told = auditor.record_blocking(entry());
    if !matches!(&told, Err(Error::Dropped { reason, .. }) if reason.contains("forked")) {
        return 1;
    }
    if auditor.record(entry()).durable().blocking().is_ok() || auditor.attempt_blocking(entry()).is_ok() {
        return 2;
    }
    let stats = auditor.stats();
    if !stats.is_balanced() || (stats.emitted, stats.dropped_by.forked) != (3, 3) {
        return 3;
    }
    if writer.flush_blocking(LONG).is_ok() {
        return 4;
    }
    let report = writer.shutdown_blocking(LONG);
    if (report.stored, report.lost) != (0, 3) {
        return 5;
    }
    0
}

fn wait(pid: i32) {
    let deadline = Instant::now() + SOON;
    loop {
        match waitpid_nohang(pid).expect("the child is ours") {
            Some(status) => return assert_eq!(status, 0, "the child's end, as the system tells it"),
            None if Instant::now() > deadline => {
                Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill runs");
                panic!("the child hangs");
            }
            None => thread::yield_now(),
        }
    }
}
