//! The Merkle tree of RFC 6962, section 2.1: its root.

use sha2::{Digest, Sha256};

use crate::batch::Hash;

/// Domain separation of inner nodes.
const NODE_PREFIX: [u8; 1] = [0x01];

/// The root over leaf hashes; SHA-256 of nothing where there are none.
pub(crate) fn root(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    // The roots of complete subtrees, largest first, whose sizes are the binary digits of the leaves so far.
    let mut subtrees: Vec<Hash> = Vec::new();
    for (index, leaf) in leaves.into_iter().enumerate() {
        let mut subtree = leaf;
        for _ in 0..index.trailing_ones() {
            let left = subtrees.pop().expect("every one-bit of the index stands for a subtree");
            subtree = node(&left, &subtree);
        }
        subtrees.push(subtree);
    }
    subtrees.into_iter().rev().reduce(|right, left| node(&left, &right)).unwrap_or_else(|| Sha256::digest([]).into())
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix(NODE_PREFIX).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;

    use super::*;

    #[test]
    fn the_root_is_that_of_another_implementation_of_rfc_6962() {
        let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut ours = Vec::new();
        for n in 0..200_u32 {
            let item = n.to_be_bytes();
            assert_eq!(root(ours.clone()).as_slice(), theirs.root().as_bytes().as_slice(), "{n} leaves");
            ours.push(Sha256::new_with_prefix([0]).chain_update(item).finalize().into());
            theirs.push(item.to_vec());
        }
    }
}
