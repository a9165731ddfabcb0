//! Percentiles of times.

use super::scale::{Scale, label};
use super::svg::{Anchor, COLOURS, FAINT, Svg};

const WIDTH: f64 = 760.0;
/// Room for the names of the rows.
const LEFT: f64 = 230.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 44.0;
const ROW: f64 = 24.0;
const INK: &str = "#4a545d";

/// Rows over one logarithmic axis, each with a dot for each percentile.
#[derive(Debug)]
pub struct Spans {
    /// What they show.
    pub title: String,
    /// Of all numbers.
    pub unit: &'static str,
    /// What the dots of a row are; a row may have fewer.
    pub dots: Vec<&'static str>,
    /// The name of each row, and its numbers, all above zero.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
}

impl Spans {
    pub(super) fn svg(&self) -> String {
        let numbers = || self.rows.iter().flat_map(|(_, numbers)| numbers).flatten().copied();
        let (least, most) = (numbers().fold(f64::MAX, f64::min), numbers().fold(f64::MIN_POSITIVE, f64::max));
        let x = Scale::logarithmic(least.min(most), most, (LEFT, WIDTH - RIGHT));
        let place = |row: usize| TOP + ROW * f64::from(u32::try_from(row).unwrap_or(u32::MAX));
        let end = place(self.rows.len());
        let mut svg = Svg::new(WIDTH, end + BOTTOM, &self.title);
        for (number, (dot, colour)) in self.dots.iter().zip(COLOURS).enumerate() {
            let left = LEFT + 110.0 * f64::from(u32::try_from(number).unwrap_or(u32::MAX));
            svg.dot((left, 44.0), colour);
            svg.text((left + 9.0, 48.0), Anchor::Start, INK, dot);
        }
        for tick in x.ticks() {
            svg.line((x.place(tick), TOP - 14.0), (x.place(tick), end - 8.0), FAINT, 1.0);
            svg.text((x.place(tick), end + 8.0), Anchor::Middle, INK, &label(tick));
        }
        svg.text((f64::midpoint(LEFT, WIDTH - RIGHT), end + 30.0), Anchor::Middle, INK, self.unit);
        for (number, (name, dots)) in self.rows.iter().enumerate() {
            let height = place(number);
            svg.text((LEFT - 12.0, height + 4.0), Anchor::End, INK, name);
            for (number, colour) in dots.iter().zip(COLOURS) {
                if let Some(number) = number {
                    svg.dot((x.place(*number), height), colour);
                }
            }
        }
        svg.finished()
    }
}

#[cfg(test)]
mod tests {
    use super::Spans;

    #[test]
    fn each_row_has_a_dot_for_each_number_that_there_is() {
        let rows = vec![("one".to_owned(), vec![Some(0.2), Some(3.0)]), ("other".to_owned(), vec![Some(0.4), None])];
        let svg = Spans { title: "Times".to_owned(), unit: "ms", dots: vec!["median", "p99"], rows }.svg();
        // Two of them explain the others.
        assert_eq!(svg.matches("<circle").count(), 5);
        assert!(svg.contains(">one<") && svg.ends_with("</svg>\n"), "{svg}");
    }
}
