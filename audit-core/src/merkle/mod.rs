//! Merkle trees as RFC 6962, section 2.1, describes them: roots, and the proofs that a leaf is in one.

mod frontier;
mod inclusion;

use sha2::{Digest, Sha256};

pub(crate) use frontier::Frontier;
pub(crate) use inclusion::{InclusionPath, root_of_path};

use crate::batch::Hash;

/// Domain separation of inner nodes.
const NODE_PREFIX: [u8; 1] = [0x01];

/// The root over leaf hashes; SHA-256 of nothing where there are none.
pub(crate) fn root(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(leaf);
    }
    frontier.root()
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
