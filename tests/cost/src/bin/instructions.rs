//! Counts the instructions of a call on its caller's thread, and fails where there are more than were agreed on. Needs valgrind.
//!
//! ```text
//! cargo run --release -p cost --bin instructions
//! ```

use std::env;
use std::process::ExitCode;

use cost::instructions::{WAYS, call, per_call};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [mode, way, calls] = arguments.as_slice()
        && mode == "count"
    {
        call(way.parse().expect("a number"), calls.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    let counted: Vec<u64> = (0..WAYS.len()).map(per_call).collect();
    let poor_man = counted[WAYS.len() - 1];
    let mut is_within = true;
    println!("{:<46} {:>12} {:>8} {:>22}", "", "instructions", "at most", "of the poor man's");
    for (way, &counted) in WAYS.iter().zip(&counted) {
        let is_more = way.most.is_some_and(|most| counted > most);
        is_within &= !is_more;
        let most = way.most.map(|most| most.to_string()).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more")]
        let ratio = counted as f64 / poor_man as f64;
        println!("{:<46} {counted:>12} {most:>8} {ratio:>22.3}{}", way.name, if is_more { "  too many" } else { "" });
    }
    if is_within {
        return ExitCode::SUCCESS;
    }
    eprintln!("instructions: a call takes more than it may; find what it does more, or raise the limit and say why");
    ExitCode::FAILURE
}
