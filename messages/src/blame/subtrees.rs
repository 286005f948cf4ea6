//! Complete subtrees: what tree heads of different sizes have in common.
//!
//! The tree of n leaves of RFC 6962 section 2.1 contains the root of every aligned range of 2^k
//! leaves below n, and a tree that extends it contains the same root there. So two heads for one
//! such range with different hashes are heads of two different logs. An inclusion proof that holds
//! gives the hashes of its leaf, of the siblings on its path, and of the nodes above the leaf.

use super::exhibit::{Head, Inclusion};
use crate::hash::Hash;
use crate::ids::LeafIndex;
use crate::merkle;
use core::fmt;
use core::ops::Range;
use std::collections::BTreeMap;

/// The aligned range of 2^level leaves at `index * 2^level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subtree {
    /// Height above the leaves; 0 is a leaf.
    pub level: u32,
    /// Position among the subtrees of this level, from 0.
    pub index: u64,
}

impl Subtree {
    /// One entry.
    pub(super) fn leaf(index: LeafIndex) -> Self {
        let (level, index) = (0, index.0);
        Self { level, index }
    }

    /// The subtree over exactly `range`, when it is aligned and of 2^k leaves.
    fn over(range: &Range<u64>) -> Option<Self> {
        let length = range.end - range.start;
        let aligned = length.is_power_of_two() && range.start.is_multiple_of(length);
        aligned.then(|| {
            let level = length.trailing_zeros();
            let index = range.start >> level;
            Self { level, index }
        })
    }
}

impl fmt::Display for Subtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.level == 0 {
            return write!(f, "entry {}", self.index);
        }
        let first = self.index << self.level;
        let last = first + ((1 << self.level) - 1);
        write!(f, "entries {first} to {last}")
    }
}

/// Where two trees differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// A subtree that both trees contain.
    pub at: Subtree,
    /// Its hash under the first head, and under the second.
    pub hashes: [Hash; 2],
}

/// Hashes of complete subtrees under one head, each with the proof that gives it: a position in
/// [`Head::proofs`], or none when the root itself is one.
pub(super) type Known = BTreeMap<Subtree, (Hash, Option<usize>)>;

/// Everything that a head and its proofs say about complete subtrees.
pub(super) fn known(head: &Head) -> Known {
    let mut known = Known::new();
    let (size, root) = (head.checkpoint().size.0, head.checkpoint().root);
    if size > 0
        && let Some(whole) = Subtree::over(&(0..size))
    {
        known.insert(whole, (root, None));
    }
    for (position, proof) in head.proofs().iter().enumerate() {
        for (subtree, hash) in of_inclusion(proof, size) {
            known.entry(subtree).or_insert((hash, Some(position)));
        }
    }
    known
}

/// The complete subtrees on and beside the way from a leaf to the root.
fn of_inclusion(proof: &Inclusion, size: u64) -> Vec<(Subtree, Hash)> {
    let Ok(siblings) = merkle::inclusion_ranges(proof.index.0, size) else {
        return Vec::new();
    };
    let (mut range, mut hash) = (proof.index.0..proof.index.0 + 1, proof.leaf);
    let mut found: Vec<_> = Subtree::over(&range)
        .map(|s| (s, hash))
        .into_iter()
        .collect();
    for (sibling, sibling_hash) in siblings.iter().zip(&proof.path) {
        found.extend(Subtree::over(sibling).map(|s| (s, *sibling_hash)));
        hash = if sibling.start < range.start {
            Hash::node(sibling_hash, &hash)
        } else {
            Hash::node(&hash, sibling_hash)
        };
        range = range.start.min(sibling.start)..range.end.max(sibling.end);
        found.extend(Subtree::over(&range).map(|s| (s, hash)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subtree_of_a_proof_is_the_tree_over_its_leaves() {
        let leaves: Vec<Hash> = (0..70_u8).map(|i| Hash::leaf(&[i])).collect();
        for size in 1..=leaves.len() {
            for index in 0..size {
                let proof = Inclusion {
                    index: LeafIndex(index as u64),
                    leaf: leaves[index],
                    path: merkle::inclusion_path(&leaves[..size], index),
                };
                let found = of_inclusion(&proof, size as u64);
                assert!(!found.is_empty());
                for (Subtree { level, index }, hash) in found {
                    let first = (index << level) as usize;
                    let over = &leaves[first..first + (1 << level)];
                    assert_eq!(hash, merkle::root_of_leaves(over), "{size} {level} {index}");
                }
            }
        }
    }

    #[test]
    fn subtrees_are_named_by_their_entries() {
        let named = |level, index| Subtree { level, index }.to_string();
        assert_eq!(named(0, 7), "entry 7");
        assert_eq!(named(2, 1), "entries 4 to 7");
        assert_eq!(Subtree::over(&(4..7)), None);
        assert_eq!(Subtree::over(&(1..3)), None);
    }
}
