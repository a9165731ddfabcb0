//! Rates along a quantity.

use super::scale::{Scale, label};
use super::svg::{Anchor, COLOURS, FAINT, Svg};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 64.0;
/// Room for the names at the ends of the lines.
const RIGHT: f64 = 200.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 52.0;
const INK: &str = "#4a545d";

/// Lines over two axes that begin at zero.
#[derive(Debug)]
pub struct Lines {
    /// What they show.
    pub title: String,
    /// What goes to the right.
    pub along: &'static str,
    /// What goes up.
    pub unit: &'static str,
    /// The name of each line, and its points.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Lines {
    pub(super) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(1.0, f64::max);
        let x = Scale::linear(most(|point| point.0), (LEFT, WIDTH - RIGHT));
        let y = Scale::linear(most(|point| point.1), (HEIGHT - BOTTOM, TOP));
        let mut svg = Svg::new(WIDTH, HEIGHT, &self.title);
        svg.text((LEFT, TOP - 14.0), Anchor::Middle, INK, self.unit);
        for tick in y.ticks() {
            svg.line((LEFT, y.place(tick)), (WIDTH - RIGHT, y.place(tick)), FAINT, 1.0);
            svg.text((LEFT - 8.0, y.place(tick) + 4.0), Anchor::End, INK, &label(tick));
        }
        for tick in x.ticks() {
            svg.text((x.place(tick), HEIGHT - BOTTOM + 18.0), Anchor::Middle, INK, &label(tick));
        }
        svg.text((f64::midpoint(LEFT, WIDTH - RIGHT), HEIGHT - 12.0), Anchor::Middle, INK, self.along);
        for ((name, points), colour) in self.lines.iter().zip(COLOURS.into_iter().cycle()) {
            let places: Vec<_> = points.iter().map(|point| (x.place(point.0), y.place(point.1))).collect();
            for pair in places.windows(2) {
                svg.line(pair[0], pair[1], colour, 2.5);
            }
            for place in &places {
                svg.dot(*place, colour);
            }
            if let Some((right, height)) = places.last() {
                svg.text((right + 10.0, height + 4.0), Anchor::Start, colour, name);
            }
        }
        svg.finished()
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn each_line_has_a_dot_for_each_point_and_its_name_escaped() {
        let lines = vec![
            ("a & b".to_owned(), vec![(0.0, 10.0), (5.0, 9.0), (20.0, 9.5)]),
            ("other".to_owned(), vec![(0.0, 8.0), (20.0, 2.0)]),
        ];
        let svg = Lines { title: "Rate".to_owned(), along: "rows", unit: "entries/s", lines }.svg();
        assert_eq!(svg.matches("<circle").count(), 5);
        assert!(svg.contains("a &amp; b") && svg.ends_with("</svg>\n"), "{svg}");
    }
}
