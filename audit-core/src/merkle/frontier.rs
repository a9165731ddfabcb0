//! A tree that grows at its right edge.

use sha2::{Digest, Sha256};

use super::node;
use crate::batch::Hash;

/// What is needed of a tree to add leaves and to know its root: the roots of its complete subtrees, largest first, whose sizes
/// are the binary digits of the number of leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// The number of leaves.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut subtree = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("every one-bit of the size stands for a subtree");
            subtree = node(&left, &subtree);
        }
        self.subtrees.push(subtree);
        self.size += 1;
    }

    /// The root over all leaves; SHA-256 of nothing where there are none.
    pub(crate) fn root(&self) -> Hash {
        let folded = self.subtrees.iter().rev().copied().reduce(|right, left| node(&left, &right));
        folded.unwrap_or_else(|| Sha256::digest([]).into())
    }

    /// The subtrees' roots, the largest subtree's first.
    pub(crate) fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// The subtrees' roots, one behind the other.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.subtrees.concat()
    }

    /// A tree of this size with these subtrees; nothing where their number is not that of the size's binary digits.
    pub(crate) fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (subtrees, rest) = bytes.as_chunks::<32>();
        let fits = rest.is_empty() && subtrees.len() == size.count_ones() as usize;
        fits.then(|| Self { size, subtrees: subtrees.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_that_was_put_down_grows_on_as_if_it_had_not_been() {
        let leaves: Vec<Hash> = (0..70_u8).map(|n| [n; 32]).collect();
        for cut in 0..leaves.len() {
            let mut first = Frontier::default();
            leaves[..cut].iter().for_each(|leaf| first.push(*leaf));
            let mut second = Frontier::from_bytes(first.size(), &first.to_bytes()).unwrap();
            leaves[cut..].iter().for_each(|leaf| second.push(*leaf));
            assert_eq!(second.root(), super::super::root(leaves.clone()));
        }
        assert_eq!(Frontier::from_bytes(3, &[0; 32]), None);
        assert_eq!(Frontier::from_bytes(1, &[0; 33]), None);
    }
}
