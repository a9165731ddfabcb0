//! How many instructions a call of an annotated function takes on its caller's thread, beside the poor man's audit log.
//!
//! Callgrind runs this program twice for each way, with few calls and with more: the difference is the calls'. The C library
//! picks its copies and comparisons of memory by the processor; here it is made to pick those that every one has.

use std::hint::black_box;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context as Task, Waker};
use std::time::Duration;
use std::{env, fs, process};

use audit_core::{Auditor, WriterGuard, context};

use crate::calls::{audited_always, audited_on_failure, bare, instrumented, request};
use crate::memory::MemoryStore;
use crate::poor_man::PoorMan;

const FEW: u64 = 500;
/// Fewer than a batch, so that the writer's thread leaves the queue alone.
const MORE: u64 = 1_500;
/// Copies and comparisons of memory as every x86-64 has them.
const ANY_PROCESSOR: &str = "glibc.cpu.hwcaps=-AVX512VL,-AVX512F,-AVX2,-AVX,-ERMS,-FSRM,-SSE4_2,-SSSE3";

/// A way to call the function.
#[derive(Debug)]
pub struct Way {
    /// What it is called in the output.
    pub name: &'static str,
    /// More instructions a call than this are too many. Where there is no number, it is not ours.
    pub most: Option<u64>,
    calls: fn(u64),
}

/// All of them. The limits are a few hundredths above what was counted; whoever makes a call cheaper lowers them.
pub const WAYS: [Way; 6] = [
    Way { name: "no attribute", most: None, calls: |calls| each!(calls, bare) },
    Way { name: "#[audited], queued", most: Some(3_600), calls: queued },
    Way { name: "#[audited(on = \"failure\")], success", most: Some(2_060), calls: on_failure },
    Way { name: "#[audited], auditing off", most: Some(375), calls: off },
    Way { name: "#[audited], disabled by the context", most: Some(600), calls: disabled },
    Way { name: "#[instrument], span-close JSON, non-blocking", most: None, calls: poor_man },
];

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
use each;

/// Instructions of one call in the way of this number.
///
/// # Panics
///
/// When valgrind is not there, or cannot run this program.
#[must_use]
pub fn per_call(way: usize) -> u64 {
    (count(way, MORE) - count(way, FEW)) / (MORE - FEW)
}

/// Calls in the way of this number, so often: what callgrind counts.
pub fn call(way: usize, calls: u64) {
    (WAYS[way].calls)(calls);
}

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
    let output = env::temp_dir().join(format!("instructions.{}", process::id()));
    let valgrind = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--separate-threads=yes"])
        .arg(format!("--callgrind-out-file={}", output.display()))
        .arg(env::current_exe().expect("this program has a path"))
        .args(["count", &way.to_string(), &calls.to_string()])
        .env("GLIBC_TUNABLES", ANY_PROCESSOR)
        .output()
        .expect("valgrind is installed");
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
