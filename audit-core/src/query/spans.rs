//! Which span of time the next statement looks at.

use std::collections::VecDeque;
use std::time::Duration;

use super::Travel;

/// A span of time in µs since 1970: from the first, before the second.
pub(super) type Span = (i64, i64);

/// The first step of a search: at a hundred entries a second, 60,000 rows.
const FIRST_STEP: i64 = 600_000_000;
/// The shortest step.
const LEAST_STEP: i64 = 1_000_000;
/// Where a statement took less, the next steps further; where it took more than four times that, less far.
const AIM: Duration = Duration::from_millis(50);

/// The spans that the statements of one question look at.
#[derive(Debug)]
pub(super) struct Spans {
    windows: VecDeque<Span>,
    travel: Travel,
    /// How far a step goes, in µs; `None` where an index leads to the rows, so that a window is looked at whole.
    step: Option<i64>,
    /// The times between which there are rows, as far as anybody knows. It saves steps through empty centuries.
    inhabited: Span,
}

impl Spans {
    /// Window after window.
    pub(super) fn whole(windows: Vec<Span>, travel: Travel) -> Self {
        Self { windows: windows.into(), travel, step: None, inhabited: (i64::MIN, i64::MAX) }
    }

    /// Window after window, in steps that take about equally long.
    pub(super) fn in_steps(windows: Vec<Span>, travel: Travel, inhabited: Span) -> Self {
        Self { windows: windows.into(), travel, step: Some(FIRST_STEP), inhabited }
    }

    pub(super) fn next(&mut self) -> Option<Span> {
        let window = self.windows.front_mut()?;
        let Some(step) = self.step else { return self.windows.pop_front() };
        let (since, until) = *window;
        let (first, last) = self.inhabited;
        match self.travel {
            Travel::Older => {
                let cut = until.min(last).saturating_sub(step);
                if cut > since.max(first) {
                    window.1 = cut;
                    return Some((cut, until));
                }
            }
            Travel::Newer => {
                let cut = since.max(first).saturating_add(step);
                if cut < until.min(last) {
                    window.0 = cut;
                    return Some((since, cut));
                }
            }
        }
        self.windows.pop_front()
    }

    /// Everything that was not given yet.
    pub(super) fn left(&self) -> Option<Span> {
        let since = self.windows.iter().map(|(since, _)| *since).min()?;
        let until = self.windows.iter().map(|(_, until)| *until).max()?;
        Some((since, until))
    }

    pub(super) fn is_done(&self) -> bool {
        self.windows.is_empty()
    }

    /// Tells how long the statement for the last span took.
    pub(super) fn took(&mut self, elapsed: Duration) {
        if let Some(step) = &mut self.step {
            if elapsed < AIM {
                *step = step.saturating_mul(4);
            } else if elapsed > AIM * 4 {
                *step = (*step / 2).max(LEAST_STEP);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;
    const YEAR: i64 = 365 * 24 * 60 * MINUTE;

    fn every(mut spans: Spans, elapsed: Duration) -> Vec<Span> {
        let mut all = Vec::new();
        while let Some(span) = spans.next() {
            spans.took(elapsed);
            all.push(span);
        }
        all
    }

    #[test]
    fn steps_cover_the_windows_in_the_order_of_reading_whatever_they_take() {
        for elapsed in [Duration::ZERO, AIM * 2, AIM * 5] {
            for inhabited in [(i64::MIN, i64::MAX), (3 * MINUTE, 70 * MINUTE), (500 * MINUTE, 600 * MINUTE)] {
                let older = vec![(50 * MINUTE, 100 * MINUTE), (-100 * MINUTE, 50 * MINUTE)];
                let covered = every(Spans::in_steps(older, Travel::Older, inhabited), elapsed);
                assert_eq!((covered.first().unwrap().1, covered.last().unwrap().0), (100 * MINUTE, -100 * MINUTE));
                assert!(covered.windows(2).all(|pair| pair[0].0 == pair[1].1 && pair[0].0 < pair[0].1));

                let newer = vec![(-100 * MINUTE, 50 * MINUTE), (50 * MINUTE, 100 * MINUTE)];
                let covered = every(Spans::in_steps(newer, Travel::Newer, inhabited), elapsed);
                assert_eq!((covered.first().unwrap().0, covered.last().unwrap().1), (-100 * MINUTE, 100 * MINUTE));
                assert!(covered.windows(2).all(|pair| pair[0].1 == pair[1].0 && pair[0].0 < pair[0].1));
            }
        }
    }

    #[test]
    fn an_empty_past_costs_a_handful_of_steps() {
        let ever = (-2_000 * YEAR, 8_000 * YEAR);
        for travel in [Travel::Older, Travel::Newer] {
            let spans = Spans::in_steps(vec![ever], travel, (56 * YEAR, 57 * YEAR));
            assert!(every(spans, Duration::ZERO).len() < 12);
        }
    }
}
