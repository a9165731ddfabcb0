//! Proofs that a leaf is in a tree: RFC 6962, section 2.1.1.

use super::{Frontier, node};
use crate::batch::Hash;

/// Computes a leaf's path while all leaves go by, in their order, and keeps no more of them than the path has.
#[derive(Debug)]
pub(crate) struct InclusionPath {
    index: u64,
    /// Ranges of leaves whose roots are the path, from left to right, each with its place in the path and what of it has
    /// gone by.
    parts: Vec<Part>,
    /// The part that the next leaf belongs to.
    current: usize,
    seen: u64,
}

#[derive(Debug)]
struct Part {
    end: u64,
    place: usize,
    frontier: Frontier,
}

impl InclusionPath {
    /// The path of the leaf at `index` in a tree of `size` leaves; nothing where it has no such leaf.
    pub(crate) fn new(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        // From the root downwards; the path begins at the leaf.
        let (mut start, mut end, mut ranges) = (0, size, Vec::new());
        while end - start > 1 {
            // The largest power of two below the number of leaves.
            let split = start + (1 << (u64::BITS - 1 - (end - start - 1).leading_zeros()));
            if index < split {
                ranges.push((split, end));
                end = split;
            } else {
                ranges.push((start, split));
                start = split;
            }
        }
        let places = (0..ranges.len()).rev();
        let mut parts: Vec<_> = ranges.into_iter().zip(places).collect();
        parts.sort_unstable();
        let part = |((_, end), place)| Part { end, place, frontier: Frontier::default() };
        Some(Self { index, parts: parts.into_iter().map(part).collect(), current: 0, seen: 0 })
    }

    /// The next leaf.
    pub(crate) fn push(&mut self, leaf: Hash) {
        while self.parts.get(self.current).is_some_and(|part| part.end <= self.seen) {
            self.current += 1;
        }
        if self.seen != self.index
            && let Some(part) = self.parts.get_mut(self.current)
        {
            part.frontier.push(leaf);
        }
        self.seen += 1;
    }

    /// The path, from the leaf upwards.
    pub(crate) fn finish(mut self) -> Vec<Hash> {
        self.parts.sort_unstable_by_key(|part| part.place);
        self.parts.iter().map(|part| part.frontier.root()).collect()
    }
}

/// The root of the tree of `size` leaves that has `leaf` at `index`, as the path says; nothing where the path does not fit.
/// RFC 9162, section 2.1.3.2, tells how.
pub(crate) fn root_of_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    for beside in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            hash = node(beside, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, beside);
        }
        place >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::merkle::root;

    #[test]
    fn paths_are_those_of_another_implementation() {
        let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut leaves: Vec<Hash> = Vec::new();
        for n in 0..70_u32 {
            leaves.push(Sha256::new_with_prefix([0]).chain_update(n.to_be_bytes()).finalize().into());
            theirs.push(n.to_be_bytes().to_vec());
            let size = leaves.len() as u64;
            for (index, leaf) in (0..).zip(&leaves) {
                let mut path = InclusionPath::new(index, size).unwrap();
                for leaf in &leaves {
                    path.push(*leaf);
                }
                let path = path.finish();
                let expected = theirs.prove_inclusion(usize::try_from(index).unwrap());
                assert_eq!(path.concat(), expected.as_bytes(), "leaf {index} of {size}");
                assert_eq!(root_of_path(*leaf, index, size, &path), Some(root(leaves.clone())));
            }
        }
    }

    #[test]
    fn a_path_that_does_not_fit_proves_nothing() {
        let leaves: Vec<Hash> = (0..5).map(|n| [n; 32]).collect();
        let mut path = InclusionPath::new(3, 5).unwrap();
        for leaf in &leaves {
            path.push(*leaf);
        }
        let path = path.finish();
        let all = Some(root(leaves.clone()));
        assert_eq!(root_of_path(leaves[3], 3, 5, &path), all);
        assert_ne!(root_of_path(leaves[2], 3, 5, &path), all);
        assert_ne!(root_of_path(leaves[3], 2, 5, &path), all);
        assert_eq!(root_of_path(leaves[3], 3, 5, &path[1..]), None);
        assert_eq!(root_of_path(leaves[3], 5, 5, &path), None);
        assert_eq!(root_of_path(leaves[3], 3, 5, &[path, vec![[0; 32]]].concat()), None);
        assert!(InclusionPath::new(5, 5).is_none());
    }
}
