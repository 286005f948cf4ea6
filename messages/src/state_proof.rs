//! Proofs about the authenticated state, and their check by a stranger.
//!
//! The state is a compact sparse Merkle tree over SHA-256 of the key; `ledger` keeps it. Its root
//! after a block stands in the block's seal. A row that is alone in its subtree is
//! `H(0x00 || H(key) || H(value))`, a subtree `H(0x01 || left || right)`, an empty place 32 zero
//! bytes; the bits of `H(key)`, most significant first, lead from the root to the row.

use crate::hash::Hash;

/// Most siblings of a proof: bits of a path.
const DEPTH_MAX: usize = 256;

/// The bit of `path` at `depth`; set means to the right.
pub fn path_bit(path: &Hash, depth: usize) -> bool {
    path.0[depth / 8] & (0x80 >> (depth % 8)) != 0
}

/// Siblings from the root downwards, and what stands at the end of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof {
    /// Sibling hashes, from the root downwards.
    pub siblings: Vec<Hash>,
    /// The pair at the end: (hash of the key, hash of the value); none for an empty place.
    pub end: Option<(Hash, Hash)>,
}

impl StateProof {
    /// The root this proof leads to for `key`, and whether the key is present; none when the
    /// proof says nothing about `key`.
    pub fn resolve(&self, key: &[u8]) -> Option<(Hash, bool)> {
        let path = Hash::of(key);
        if self.siblings.len() > DEPTH_MAX {
            return None;
        }
        let (mut hash, present) = match &self.end {
            None => (Hash::ZERO, false),
            Some((end_path, value_hash)) => {
                let shares =
                    (0..self.siblings.len()).all(|d| path_bit(end_path, d) == path_bit(&path, d));
                if !shares {
                    return None;
                }
                (
                    Hash::of_parts(&[&[0], &end_path.0, &value_hash.0]),
                    *end_path == path,
                )
            }
        };
        for (depth, sibling) in self.siblings.iter().enumerate().rev() {
            hash = if path_bit(&path, depth) {
                Hash::node(sibling, &hash)
            } else {
                Hash::node(&hash, sibling)
            };
        }
        Some((hash, present))
    }
}
