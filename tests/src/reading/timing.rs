//! What was measured of one question.

use std::time::Duration;

use serde_json::{Value, json};

/// How long answers took, ours and the seed's.
pub(super) struct Timing {
    name: String,
    ours: Vec<f64>,
    seeds: Vec<f64>,
    /// Rows of the last answer.
    rows: usize,
}

impl Timing {
    pub(super) const HEADER: &str = "question                                              rows   median      p99      max   the seed's way, median";

    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ours: Vec::new(), seeds: Vec::new(), rows: 0 }
    }

    pub(super) fn took(&mut self, time: Duration, rows: usize) {
        self.ours.push(time.as_secs_f64() * 1e3);
        self.rows = rows;
    }

    pub(super) fn took_the_seeds_way(&mut self, time: Duration) {
        self.seeds.push(time.as_secs_f64() * 1e3);
    }

    /// Prints a line, with a mark where the 99th percentile is above the bar (in ms), and gives back the figures.
    pub(super) fn told(mut self, bar: Option<f64>) -> Value {
        self.ours.sort_by(f64::total_cmp);
        self.seeds.sort_by(f64::total_cmp);
        let (median, p99, max) = (at(&self.ours, 0.5), at(&self.ours, 0.99), at(&self.ours, 1.0));
        let seed = (!self.seeds.is_empty()).then(|| at(&self.seeds, 0.5));
        let mark = if bar.is_some_and(|bar| p99 > bar) { "✗" } else { "" };
        let beside = seed.map(|seed| format!("{seed:>8.1} ms = {:.0} ×", seed / median)).unwrap_or_default();
        println!("{:<50} {:>7} {median:>8.2} {p99:>8.2} {max:>8.2}   {beside} {mark}", self.name, self.rows);
        json!({
            "question": self.name, "rows": self.rows, "asked": self.ours.len(), "median_ms": median, "p99_ms": p99,
            "max_ms": max, "bar_ms": bar, "seed_median_ms": seed,
        })
    }
}

/// The value below which a part of them lies; they are sorted.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "there are a few hundred"
)]
fn at(sorted: &[f64], part: f64) -> f64 {
    let place = (sorted.len() as f64 * part).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}
