//! How many instructions a call of an annotated function takes on its caller's thread, beside the poor man's audit log.
//!
//! Valgrind runs this program twice for each way, with few calls and with more: the difference is the calls'. Without
//! valgrind nothing is counted, and that is said.
//!
//! `cargo bench -p cost --bench call_instructions`

use std::hint::black_box;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context as Task, Waker};
use std::time::Duration;
use std::{env, fs, process};

use audit_core::{Auditor, WriterGuard, context};
use cost::calls::{audited_always, audited_on_failure, bare, instrumented, request};
use cost::memory::MemoryStore;
use cost::poor_man::PoorMan;

const FEW: u64 = 500;
/// Fewer than a batch, so that the writer's thread leaves the queue alone.
const MORE: u64 = 1_500;

/// Polls each call once: there is no runtime whose instructions would count, too.
macro_rules! each {
    ($calls:expr, $function:ident) => {
        for call in 0..$calls {
            let future =
                pin!($function(black_box("proj_456"), black_box("enterprise"), black_box(call + 1), black_box(true)));
            let _ = black_box(future.poll(&mut Task::from_waker(Waker::noop())));
        }
    };
}

/// A name, and so many calls of its function.
type Way = (&'static str, fn(u64));

const WAYS: [Way; 6] = [
    ("no attribute", |calls| each!(calls, bare)),
    ("#[audited], queued", queued),
    ("#[audited(on = \"failure\")], success", on_failure),
    ("#[audited], auditing off", off),
    ("#[audited], disabled by the context", disabled),
    ("#[instrument], span-close JSON, non-blocking", poor_man),
];

fn writer() -> WriterGuard {
    let builder = Auditor::builder().store(Arc::new(MemoryStore)).linger(Duration::from_mins(1));
    builder.start_blocking().expect("the writer starts")
}

fn queued(calls: u64) {
    let writer = writer();
    context::sync_scope(request(writer.auditor().clone()), || each!(calls, audited_always));
    process::exit(0);
}

fn on_failure(calls: u64) {
    let writer = writer();
    context::sync_scope(request(writer.auditor().clone()), || each!(calls, audited_on_failure));
    process::exit(0);
}

fn off(calls: u64) {
    let _writer = Auditor::builder().disabled().init_blocking().expect("there is no other");
    each!(calls, audited_always);
}

fn disabled(calls: u64) {
    let _writer = writer();
    context::sync_scope(request(Auditor::disabled()), || each!(calls, audited_always));
    process::exit(0);
}

fn poor_man(calls: u64) {
    let poor_man = PoorMan::start();
    tracing::dispatcher::with_default(&poor_man.dispatch, || each!(calls, instrumented));
    process::exit(0);
}

/// The instructions of the first thread of this program, run with so many calls.
fn count(way: usize, calls: u64) -> u64 {
    let output = env::temp_dir().join(format!("call_instructions.{}", process::id()));
    let valgrind = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--separate-threads=yes"])
        .arg(format!("--callgrind-out-file={}", output.display()))
        .arg(env::current_exe().expect("this program has a path"))
        .args(["count", &way.to_string(), &calls.to_string()])
        .output()
        .expect("valgrind was there a moment ago");
    assert!(valgrind.status.success(), "{}", String::from_utf8_lossy(&valgrind.stderr));
    let read = |thread: &str| fs::read_to_string(format!("{}{thread}", output.display())).ok();
    let profile = read("-01").or_else(|| read("")).expect("callgrind writes a profile");
    for thread in ["", "-01", "-02", "-03", "-04"] {
        // Not every program has so many threads.
        let _ = fs::remove_file(format!("{}{thread}", output.display()));
    }
    let totals = profile.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a profile has totals");
    totals.trim().parse().expect("totals are a number")
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [mode, way, calls] = arguments.as_slice()
        && mode == "count"
    {
        let way: usize = way.parse().expect("a number");
        WAYS[way].1(calls.parse().expect("a number"));
        return;
    }
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("call_instructions: skipped, because there is no valgrind here; install it to count instructions");
        return;
    }
    for (way, (name, _)) in WAYS.iter().enumerate() {
        let per_call = (count(way, MORE) - count(way, FEW)) / (MORE - FEW);
        println!("{name}: {per_call} instructions a call");
    }
}
