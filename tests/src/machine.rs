//! What a measurement was taken on.

use std::fs;

use crate::postgres;

/// Processor, memory, system, database, and how busy all of it was when the measurement ended.
#[must_use]
pub fn description() -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let of = |file: &str, field: &str| {
        let text = read(file);
        let line = text.lines().find(|line| line.starts_with(field)).and_then(|line| line.split_once(':'));
        line.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let kib: u64 = of("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
    format!(
        "{} cores of {}, {} GiB, Linux {}, {}, load average {}",
        std::thread::available_parallelism().map_or(0, usize::from),
        of("/proc/cpuinfo", "model name"),
        kib >> 20,
        read("/proc/sys/kernel/osrelease").trim(),
        postgres::version_text(),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    )
}

/// This program's resident memory, in bytes.
///
/// # Panics
///
/// Where there is no `/proc`.
#[must_use]
pub fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line of the resident memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") << 10
}
