//! Where a number lies along an axis, and which numbers are written there.

/// An axis from one number to another, both on the picture.
#[derive(Debug)]
pub(super) struct Scale {
    kind: Kind,
    numbers: (f64, f64),
    places: (f64, f64),
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Linear,
    Logarithmic,
}

impl Scale {
    /// From zero to a round number that is not less than `most`.
    pub(super) fn linear(most: f64, places: (f64, f64)) -> Self {
        let step = round_up(most.max(f64::MIN_POSITIVE) / 4.0);
        Self { kind: Kind::Linear, numbers: (0.0, step * (most / step).ceil()), places }
    }

    /// Between powers of ten that enclose the numbers.
    pub(super) fn logarithmic(least: f64, most: f64, places: (f64, f64)) -> Self {
        let least = least.log10().floor();
        let most = most.log10().ceil().max(least + 1.0);
        Self { kind: Kind::Logarithmic, numbers: (least, most), places }
    }

    pub(super) fn place(&self, number: f64) -> f64 {
        let number = match self.kind {
            Kind::Linear => number,
            Kind::Logarithmic => number.log10(),
        };
        let part = (number - self.numbers.0) / (self.numbers.1 - self.numbers.0);
        self.places.0 + part * (self.places.1 - self.places.0)
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        let (least, most) = self.numbers;
        let step = match self.kind {
            Kind::Linear => round_up(most / 4.0),
            Kind::Logarithmic => 1.0,
        };
        let numbers = std::iter::successors(Some(least), |number| Some(number + step));
        let numbers = numbers.take_while(|number| *number < most + step / 2.0);
        match self.kind {
            Kind::Linear => numbers.collect(),
            Kind::Logarithmic => numbers.map(|number| 10_f64.powf(number)).collect(),
        }
    }
}

/// The next 1, 2 or 5 with zeros.
fn round_up(number: f64) -> f64 {
    let power = 10_f64.powf(number.log10().floor());
    let rounds = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    rounds.into_iter().find(|round| *round >= number * (1.0 - 1e-9)).unwrap_or(number)
}

/// A number as it is written at an axis.
pub(super) fn label(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        _ if number >= 1e6 => format!("{} M", number / 1e6),
        _ if number >= 1e3 => format!("{} k", number / 1e3),
        _ if number >= 1.0 => format!("{number:.0}"),
        _ => format!("{}", (number * 1e6).round() / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::{Scale, label};

    #[test]
    fn every_number_lies_on_the_picture_and_ticks_are_round() {
        let scale = Scale::linear(43_200.0, (0.0, 100.0));
        assert_eq!(scale.ticks().into_iter().map(label).collect::<Vec<_>>(), ["0", "20 k", "40 k", "60 k"]);
        assert!((scale.place(43_200.0) - 72.0).abs() < 1e-9);
        let scale = Scale::logarithmic(0.03, 700.0, (0.0, 50.0));
        let ticks: Vec<_> = scale.ticks().into_iter().map(label).collect();
        assert_eq!(ticks, ["0.01", "0.1", "1", "10", "100", "1 k"]);
        assert!((scale.place(1.0) - 20.0).abs() < 1e-9);
    }
}
