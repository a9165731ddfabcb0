//! How many entries there were when.

use audit_core::query::{Overview, Query};
use chrono::{DateTime, Utc};

use super::asked::Understood;
use super::numbers::Precision;

/// Most bars.
pub(super) const BARS: usize = 60;
/// The height of the drawing; a bar is 10 wide.
const HEIGHT: u64 = 60;
const WIDTH: usize = 10;

/// Bars of entries over time, oldest first.
#[derive(Debug)]
pub(super) struct Histogram {
    pub(super) bars: Vec<Shown>,
    pub(super) width: usize,
    pub(super) height: u64,
    /// The query without its terms on time, for a brush to add its own.
    pub(super) rest: String,
    pub(super) from: String,
    pub(super) to: String,
}

/// The entries of a span of time.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) x: usize,
    /// Height of all entries, and of those among them that did not succeed.
    pub(super) all: u64,
    pub(super) bad: u64,
    pub(super) told: String,
    /// Where it begins and ends, as terms of a query.
    pub(super) since: String,
    pub(super) until: String,
    /// The query about this span.
    pub(super) address: String,
}

impl Shown {
    pub(super) const fn top(&self) -> u64 {
        HEIGHT - self.all
    }

    pub(super) const fn top_of_bad(&self) -> u64 {
        HEIGHT - self.bad
    }
}

/// The histogram of what was counted; `None` where there is nothing to draw.
pub(super) fn histogram(overview: &Overview, query: &Understood) -> Option<Histogram> {
    let (first, last) = (overview.bars.first()?, overview.bars.last()?);
    let precision = Precision::of(overview);
    let most = overview.bars.iter().map(|bar| bar.rows).max()?.max(1);
    // Whatever there is can be seen.
    let height = |count: u64| match u128::from(count) * u128::from(HEIGHT) / u128::from(most) {
        _ if count == 0 => 0,
        height => u64::try_from(height).unwrap_or(HEIGHT).max(2),
    };
    let bars = overview.bars.iter().enumerate().map(|(index, bar)| {
        let entries = if bar.rows == 1 { "entry" } else { "entries" };
        let undone =
            if bar.undone == 0 { String::new() } else { format!(", {} without success", precision.tell(bar.undone)) };
        Shown {
            x: index * WIDTH,
            all: height(bar.rows),
            bad: height(bar.undone),
            told: format!("{}: {} {entries}{undone}", instant(bar.since), precision.tell(bar.rows)),
            since: Query::new().since(bar.since).filter().to_string(),
            until: Query::new().until(bar.until).filter().to_string(),
            address: query.during(&Query::new().since(bar.since).until(bar.until).filter().to_string()),
        }
    });
    Some(Histogram {
        bars: bars.collect(),
        width: overview.bars.len() * WIDTH,
        height: HEIGHT,
        rest: query.without_times(),
        from: instant(first.since),
        to: instant(last.until),
    })
}

fn instant(time: DateTime<Utc>) -> String {
    format!("{} UTC", time.format("%Y-%m-%d %H:%M:%S"))
}
