//! What was measured of one question.

use std::time::Duration;

use serde_json::{Value, json};

use crate::figures::percentile;

/// How long answers took, ours and the seed's.
pub(super) struct Timing {
    name: String,
    ours: Vec<f64>,
    seeds: Vec<f64>,
    /// Rows of the last answer.
    rows: usize,
    bar: Option<f64>,
}

impl Timing {
    pub(super) const HEADER: &str = "question                                              rows   median      p99      max   the seed's way, median";

    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ours: Vec::new(), seeds: Vec::new(), rows: 0, bar: None }
    }

    pub(super) fn took(&mut self, time: Duration, rows: usize) {
        self.ours.push(time.as_secs_f64() * 1e3);
        self.rows = rows;
    }

    pub(super) fn took_the_seeds_way(&mut self, time: Duration) {
        self.seeds.push(time.as_secs_f64() * 1e3);
    }

    /// Prints a line, with a mark where the 99th percentile is above the bar (in ms).
    pub(super) fn told(mut self, bar: Option<f64>) -> Self {
        self.ours.sort_by(f64::total_cmp);
        self.seeds.sort_by(f64::total_cmp);
        self.bar = bar;
        let (median, p99, max) = (self.at(0.5), self.p99(), self.at(1.0));
        let mark = if bar.is_some_and(|bar| p99 > bar) { "✗" } else { "" };
        let beside =
            self.seeds_way().map(|seed| format!("{seed:>8.1} ms = {:.0} ×", seed / median)).unwrap_or_default();
        println!("{:<50} {:>7} {median:>8.2} {p99:>8.2} {max:>8.2}   {beside} {mark}", self.name, self.rows);
        self
    }

    /// Whether its question's name begins like this.
    pub(super) fn is_of(&self, kind: &str) -> bool {
        self.name.starts_with(kind)
    }

    /// In ms.
    pub(super) fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// In ms.
    pub(super) fn longest(&self) -> f64 {
        self.at(1.0)
    }

    /// In ms.
    pub(super) fn p99(&self) -> f64 {
        self.at(0.99)
    }

    /// The median, in ms, where the seed can be asked.
    pub(super) fn seeds_way(&self) -> Option<f64> {
        (!self.seeds.is_empty()).then(|| percentile(&self.seeds, 0.5))
    }

    /// Median, 99th percentile and greatest of ours, and the seed's.
    pub(super) fn row(&self) -> (String, Vec<Option<f64>>) {
        (self.name.clone(), vec![Some(self.at(0.5)), Some(self.p99()), Some(self.at(1.0)), self.seeds_way()])
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "question": self.name, "rows": self.rows, "asked": self.ours.len(), "median_ms": self.at(0.5),
            "p99_ms": self.p99(), "max_ms": self.at(1.0), "bar_ms": self.bar, "seed_median_ms": self.seeds_way(),
        })
    }

    fn at(&self, part: f64) -> f64 {
        percentile(&self.ours, part)
    }
}
