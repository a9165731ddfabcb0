//! What an annotated call costs its caller, beside the poor man's audit log: bursts of both in turns, so that what disturbs the
//! machine disturbs both.

use std::time::Duration;

use cost::bursts::{BURST, Bursts, Way};
use cost::calls::future_bytes;
use serde_json::{Value, json};

use crate::figures::Figures;
use crate::findings::Findings;
use crate::rounds::Rounds;

/// How often by itself.
pub const ROUNDS: usize = 100;
const AT_MOST: Duration = Duration::from_mins(2);
const OURS: &str = "#[audited], queued";
const POOR_MANS: &str = "#[instrument], span-close JSON";

/// Calls the function in both ways in turns, as often as there are rounds. Prints a table.
///
/// # Panics
///
/// When an entry is lost.
#[must_use]
pub fn run(rounds: usize) -> Findings {
    let mut bursts = Bursts::start();
    let mut rates = Figures::new(OURS, "calls/s");
    // The first burst makes the queue's room.
    let _ = (bursts.time(Way::Queued, BURST), bursts.time(Way::PoorMan, BURST));
    for _ in Rounds::new(rounds, AT_MOST) {
        for (name, way) in [(OURS, Way::Queued), (POOR_MANS, Way::PoorMan)] {
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
            let rate = BURST as f64 / bursts.time(way, BURST).as_secs_f64();
            rates.add(name, rate);
        }
    }
    assert_eq!(bursts.dropped(), 0);
    println!("{BURST} calls each way, the median of the rounds\n{rates}");
    let sizes = future_bytes();
    for (way, bytes) in sizes {
        println!("the future of a call, {way}: {bytes} bytes");
    }
    let sizes: Value = sizes.into_iter().map(|(way, bytes)| (way.to_owned(), Value::from(bytes))).collect();
    Findings::new("calling", json!({ "calls": BURST, "rates": rates.json(), "future_bytes": sizes }))
        .measured("annotated call", 1.0 / rates.first_by(POOR_MANS))
}
