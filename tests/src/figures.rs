//! What was measured of several ways.

use std::fmt;

use serde_json::{Value, json};

/// Rates of several ways, one of which the others are compared with.
#[derive(Debug)]
pub struct Figures {
    first: &'static str,
    unit: &'static str,
    ways: Vec<(&'static str, Vec<f64>)>,
}

impl Figures {
    /// Rates in `unit`, each of which is compared with that of the way `first`.
    #[must_use]
    pub const fn new(first: &'static str, unit: &'static str) -> Self {
        Self { first, unit, ways: Vec::new() }
    }

    /// One more rate of a way.
    pub fn add(&mut self, way: &'static str, rate: f64) {
        match self.ways.iter_mut().find(|(name, _)| *name == way) {
            Some((_, rates)) => rates.push(rate),
            None => self.ways.push((way, vec![rate])),
        }
    }

    /// What the first way does, as a multiple of another, in each round.
    fn ratios(&self, rates: &[f64]) -> Vec<f64> {
        let first = self.ways.iter().find(|(name, _)| *name == self.first).map(|(_, rates)| rates.as_slice());
        first.unwrap_or_default().iter().zip(rates).map(|(first, rate)| first / rate).collect()
    }

    /// What the first way does, as a multiple of another: the median of the rounds.
    #[must_use]
    pub fn first_by(&self, way: &str) -> f64 {
        let rates = self.ways.iter().find(|(name, _)| *name == way).map(|(_, rates)| rates.as_slice());
        median(&mut self.ratios(rates.unwrap_or_default()))
    }

    /// The median rate of a way.
    #[must_use]
    pub fn median(&self, way: &str) -> f64 {
        let rates = self.ways.iter().find(|(name, _)| *name == way).map(|(_, rates)| rates.clone());
        median(&mut rates.unwrap_or_default())
    }

    /// The rates of each way, their median, and that of the first way's as multiples of them.
    #[must_use]
    pub fn json(&self) -> Value {
        let ways = self.ways.iter().map(|(name, rates)| {
            let mut ratios = self.ratios(rates);
            json!({ "way": name, "rates": rates, "median": median(&mut rates.clone()), "first_by_this": median(&mut ratios) })
        });
        json!({ "unit": self.unit, "ways": ways.collect::<Vec<_>>() })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<38} {:>10} {:>22}   {} / this", "", self.unit, "least to most", self.first)?;
        for (name, rates) in &self.ways {
            let (mut rates, mut ratios) = (rates.clone(), self.ratios(rates));
            let middle = median(&mut rates);
            let range = format!("{:.0} to {:.0}", rates[0], rates[rates.len() - 1]);
            writeln!(f, "{name:<38} {middle:>10.0} {range:>22}   {:.2}", median(&mut ratios))?;
        }
        Ok(())
    }
}

/// The middle one; they are sorted afterwards.
pub fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The number below which a part of them lies; they are sorted.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "there are some thousands"
)]
pub fn percentile(sorted: &[f64], part: f64) -> f64 {
    let place = (sorted.len() as f64 * part).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1]
}
