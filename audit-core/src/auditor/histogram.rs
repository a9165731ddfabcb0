//! How often values were how large.

/// Bounds of powers of two reach from 1 to 2²⁹; larger values share the last bucket.
const BUCKETS: usize = 32;

/// How often values were how large, in buckets that end at powers of two: 0, 1, 2, 4, 8 and so on.
///
/// # Examples
///
/// ```
/// let histogram = audit_core::Stats::default().batch_entries;
/// assert_eq!((histogram.count(), histogram.quantile(0.99)), (0, None));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    sum: u64,
}

impl Histogram {
    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Of all values.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest value of each bucket, [`u64::MAX`] in the last, and how many values are in it: no larger, and larger than the bucket before
    /// allows.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        (0..).map(bound).zip(self.counts)
    }

    /// The largest value of the bucket in which this part of all values ends: 0.5 for the median. Nothing where there are no values.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<u64> {
        #[expect(clippy::cast_precision_loss, reason = "beyond 2^53, nobody counts one by one")]
        let upto = part.clamp(0.0, 1.0) * self.count() as f64;
        let mut below = 0;
        self.buckets().filter(|(_, count)| *count > 0).find_map(|(bound, count)| {
            below += count;
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            let is_there = below as f64 >= upto;
            is_there.then_some(bound)
        })
    }

    pub(crate) fn add(&mut self, value: u64) {
        let bucket = (0..BUCKETS - 1).find(|bucket| value <= bound(*bucket)).unwrap_or(BUCKETS - 1);
        self.counts[bucket] += 1;
        self.sum = self.sum.saturating_add(value);
    }
}

/// The largest value of a bucket.
const fn bound(bucket: usize) -> u64 {
    match bucket {
        0 => 0,
        _ if bucket == BUCKETS - 1 => u64::MAX,
        _ => 1 << (bucket - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for value in values {
            histogram.add(*value);
        }
        histogram
    }

    #[test]
    fn a_value_is_in_the_bucket_that_ends_no_lower() {
        let histogram = of(&[0, 1, 2, 3, 4, 5, 1 << 29, (1 << 29) + 1, u64::MAX]);
        let filled: Vec<_> = histogram.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0, 1), (1, 1), (2, 1), (4, 2), (8, 1), (1 << 29, 1), (u64::MAX, 2)]);
        assert_eq!((histogram.count(), histogram.sum()), (9, u64::MAX));
        assert_eq!(histogram.buckets().count(), BUCKETS);
    }

    #[test]
    fn a_quantile_is_no_lower_than_that_part_of_the_values() {
        let histogram = of(&[1, 1, 1, 100]);
        assert_eq!(
            [0.0, 0.5, 0.75, 0.76, 1.0, 7.0].map(|part| histogram.quantile(part)),
            [1, 1, 1, 128, 128, 128].map(Some)
        );
        assert_eq!(of(&[]).quantile(0.5), None);
    }
}
