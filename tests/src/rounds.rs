//! How often something is measured, and for how long at most.

use std::time::{Duration, Instant};

/// Counts rounds. They end early when there is no time for one more as long as the longest, but not before there was one.
#[derive(Debug)]
pub struct Rounds {
    asked_for: usize,
    at_most: Duration,
    began: Instant,
    last: Instant,
    longest: Duration,
    done: usize,
}

impl Rounds {
    /// So many rounds, or as many as this time has room for.
    #[must_use]
    pub fn new(rounds: usize, at_most: Duration) -> Self {
        let now = Instant::now();
        Self { asked_for: rounds, at_most, began: now, last: now, longest: Duration::ZERO, done: 0 }
    }
}

impl Iterator for Rounds {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.longest = self.longest.max(self.last.elapsed());
        self.last = Instant::now();
        if self.done > 0 && (self.done >= self.asked_for || self.began.elapsed() + self.longest > self.at_most) {
            return None;
        }
        self.done += 1;
        Some(self.done)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Rounds;

    #[test]
    fn there_are_as_many_rounds_as_were_asked_for_and_one_where_there_is_no_time() {
        assert_eq!(Rounds::new(3, Duration::MAX / 2).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(Rounds::new(3, Duration::ZERO).count(), 1);
    }
}
