//! Figures as pictures: rates along a quantity as [lines](Lines), percentiles of times as [spans](Spans).

mod lines;
mod scale;
mod spans;
mod svg;

pub use self::lines::Lines;
pub use self::spans::Spans;

/// A picture.
#[derive(Debug)]
pub enum Plot {
    /// One line for each way.
    Lines(Lines),
    /// One row for each way, from its least percentile to its greatest.
    Spans(Spans),
}

impl Plot {
    /// As an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        match self {
            Self::Lines(lines) => lines.svg(),
            Self::Spans(spans) => spans.svg(),
        }
    }
}
