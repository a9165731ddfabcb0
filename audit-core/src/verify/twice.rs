//! Whether what is read twice, in two orders, is the same both times.
//!
//! Headers and leaves are read once by stream and once by time or place. Somebody who owns the database could let each
//! reading see something else: by a place before the first, by a policy on rows, by a view in the table's stead.

use sha2::{Digest, Sha256};

/// A sum over what was read, in whatever order, under a key of this look that nobody knows beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    key: [u8; 32],
    lanes: [u64; 4],
    count: u64,
}

impl Sum {
    /// Two sums under one key, for the two readings.
    pub(super) fn pair() -> (Self, Self) {
        let sum = Self { key: rand::random(), lanes: [0; 4], count: 0 };
        (sum.clone(), sum)
    }

    pub(super) fn add(&mut self, parts: &[&[u8]]) {
        let mut digest = Sha256::new_with_prefix(self.key);
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digest: [u8; 32] = digest.finalize().into();
        let (chunks, _) = digest.as_chunks::<8>();
        for (lane, chunk) in self.lanes.iter_mut().zip(chunks) {
            *lane = lane.wrapping_add(u64::from_be_bytes(*chunk));
        }
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_does_not_count_and_everything_else_does() {
        let (mut one, mut other) = Sum::pair();
        one.add(&[b"a", b"bc"]);
        one.add(&[b"d"]);
        other.add(&[b"d"]);
        assert_ne!(one, other);
        let before = other.clone();
        other.add(&[b"ab", b"c"]);
        assert_ne!(one, other, "the cuts count");
        let mut other = before;
        other.add(&[b"a", b"bc"]);
        assert_eq!(one, other);
    }
}
