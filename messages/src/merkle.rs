//! The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1) over SHA-256.
//!
//! Leaves are given as leaf hashes ([`Hash::leaf`]), so the same functions serve entries of the
//! log and outcomes of a block. A tree of n leaves splits at the largest power of two below n.
//! [`Frontier`] is the compact right edge of a growing tree: one peak per set bit of its size.

use crate::hash::Hash;
use crate::ids::TreeSize;
use core::ops::Range;

/// Why a proof does not lead from a leaf or an old tree to a root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// The position lies outside the tree.
    #[error("index: expected one below the tree size {size}, found {index}")]
    IndexOutside {
        /// Zero-based position asked for.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The old tree is larger than the new one.
    #[error("tree size: expected an old size of at most {new}, found {old}")]
    Shrunk {
        /// Leaves in the old tree.
        old: u64,
        /// Leaves in the new tree.
        new: u64,
    },
    /// The path has another length than its position and tree size fix.
    #[error("path: expected {expected} hashes, found {found}")]
    PathLength {
        /// Hashes that position and size call for.
        expected: usize,
        /// Hashes given.
        found: usize,
    },
    /// The path leads to another root than the one claimed.
    #[error("root: expected {expected}, found {found}")]
    Root {
        /// The claimed root.
        expected: Hash,
        /// The root that the path leads to.
        found: Hash,
    },
    /// The number of peaks is not the number of set bits of the size.
    #[error("peaks: expected {expected} for this tree size, found {found}")]
    Peaks {
        /// Set bits of the size.
        expected: usize,
        /// Peaks given.
        found: usize,
    },
}

/// Root of the tree over `leaves`; `H("")` when there are none.
pub fn root_of_leaves(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::empty();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// The leaf ranges whose roots form the inclusion path of `index`, ordered from leaf to root
/// (RFC 6962 section 2.1.1). A store that keeps subtree roots answers a proof from these.
///
/// # Errors
/// When `index` is not below `size`.
pub fn inclusion_ranges(index: u64, size: u64) -> Result<Vec<Range<u64>>, MerkleError> {
    if index >= size {
        return Err(MerkleError::IndexOutside { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut ranges = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
        }
    }
    ranges.reverse();
    Ok(ranges)
}

/// Inclusion path of the leaf at `index`, from leaf to root (RFC 6962 section 2.1.1).
///
/// # Panics
/// When `index` is not below the number of leaves: the caller owns both.
pub fn inclusion_path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    let ranges = inclusion_ranges(index as u64, leaves.len() as u64)
        .expect("a path is asked for a leaf that is in the tree");
    roots_of(leaves, &ranges)
}

/// The root that `path` leads to from `leaf` at `index` of a tree of `size` leaves
/// (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// When `index` is not below `size`, or the path has not exactly the length that both fix.
pub fn root_from_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
) -> Result<Hash, MerkleError> {
    if index >= size {
        return Err(MerkleError::IndexOutside { index, size });
    }
    // Below the point where leaf and last leaf part, every level has a sibling; above it only the
    // levels at which the leaf hangs on the right.
    let inner = (u64::BITS - (index ^ (size - 1)).leading_zeros()) as usize;
    let border = (index >> inner.min(63)).count_ones() as usize * usize::from(inner < 64);
    if path.len() != inner + border {
        return Err(MerkleError::PathLength {
            expected: inner + border,
            found: path.len(),
        });
    }
    let mut hash = *leaf;
    for (level, sibling) in path[..inner].iter().enumerate() {
        let is_right = (index >> level) & 1 == 1;
        hash = if is_right {
            Hash::node(sibling, &hash)
        } else {
            Hash::node(&hash, sibling)
        };
    }
    for sibling in &path[inner..] {
        hash = Hash::node(sibling, &hash);
    }
    Ok(hash)
}

/// Checks that `leaf` is at `index` of the tree of `size` leaves with root `root`.
///
/// # Errors
/// Those of [`root_from_inclusion`], or when the path leads to another root.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), MerkleError> {
    expect_root(root, root_from_inclusion(leaf, index, size, path)?)
}

/// The leaf ranges whose roots form the consistency path between the trees of `old` and `new`
/// leaves, in path order (RFC 6962 section 2.1.2).
///
/// # Errors
/// When `old` is above `new`.
pub fn consistency_ranges(old: u64, new: u64) -> Result<Vec<Range<u64>>, MerkleError> {
    if old > new {
        return Err(MerkleError::Shrunk { old, new });
    }
    let mut ranges = Vec::new();
    if old == 0 || old == new {
        return Ok(ranges);
    }
    let (mut start, mut end) = (0, new);
    while old < end {
        let middle = start + split(end - start);
        if old <= middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
        }
    }
    // The verifier knows the old root: it is left out when it is a whole subtree of the new tree.
    if start != 0 {
        ranges.push(start..end);
    }
    ranges.reverse();
    Ok(ranges)
}

/// Consistency path from the tree of the first `old` leaves to the tree of all `leaves`
/// (RFC 6962 section 2.1.2); empty when `old` is 0 or all leaves.
///
/// # Panics
/// When `old` is above the number of leaves: the caller owns both.
pub fn consistency_path(leaves: &[Hash], old: usize) -> Vec<Hash> {
    let ranges = consistency_ranges(old as u64, leaves.len() as u64)
        .expect("a path is asked from a tree that is no larger");
    roots_of(leaves, &ranges)
}

/// Checks that the tree of `new` leaves extends the tree of `old` leaves
/// (RFC 9162 section 2.1.4.2). The empty tree is extended by every tree, with an empty path.
///
/// # Errors
/// When `old` is above `new`, the path has another length than both fix, or either root differs.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), MerkleError> {
    let expected = consistency_ranges(old, new)?.len();
    if path.len() != expected {
        return Err(MerkleError::PathLength {
            expected,
            found: path.len(),
        });
    }
    if old == 0 {
        return expect_root(old_root, Hash::empty_root());
    }
    if old == new {
        return expect_root(old_root, *new_root);
    }
    // A whole subtree is its own seed; otherwise the path begins with it.
    let (seed, rest) = if old.is_power_of_two() {
        (*old_root, path)
    } else {
        (path[0], &path[1..])
    };
    let skipped = old.trailing_zeros();
    let (mut node, mut last) = ((old - 1) >> skipped, (new - 1) >> skipped);
    let (mut from_old, mut from_new) = (seed, seed);
    for sibling in rest {
        if node & 1 == 1 || node == last {
            from_old = Hash::node(sibling, &from_old);
            from_new = Hash::node(sibling, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = Hash::node(&from_new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    expect_root(old_root, from_old)?;
    expect_root(new_root, from_new)
}

/// The right edge of a growing tree: the roots of its complete subtrees, largest first.
///
/// Invariant: there is one peak per set bit of the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A stored frontier.
    ///
    /// # Errors
    /// When the number of peaks is not the number of set bits of `size`.
    pub fn from_peaks(size: TreeSize, peaks: Vec<Hash>) -> Result<Self, MerkleError> {
        let expected = size.0.count_ones() as usize;
        if peaks.len() == expected {
            Ok(Self {
                size: size.0,
                peaks,
            })
        } else {
            Err(MerkleError::Peaks {
                expected,
                found: peaks.len(),
            })
        }
    }

    /// Appends one leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self
                .peaks
                .pop()
                .expect("there is one peak per set bit of the size");
            node = Hash::node(&left, &node);
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// Leaves so far.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// Roots of the complete subtrees, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Root of the tree; `H("")` when it is empty.
    pub fn root(&self) -> Hash {
        let Some((smallest, larger)) = self.peaks.split_last() else {
            return Hash::empty_root();
        };
        larger
            .iter()
            .rev()
            .fold(*smallest, |right, left| Hash::node(left, &right))
    }
}

/// The largest power of two below `n`, for `n` of at least 2.
fn split(n: u64) -> u64 {
    debug_assert!(n >= 2);
    1 << (n - 1).ilog2()
}

fn roots_of(leaves: &[Hash], ranges: &[Range<u64>]) -> Vec<Hash> {
    ranges
        .iter()
        .map(|r| root_of_leaves(&leaves[r.start as usize..r.end as usize]))
        .collect()
}

fn expect_root(expected: &Hash, found: Hash) -> Result<(), MerkleError> {
    if *expected == found {
        Ok(())
    } else {
        Err(MerkleError::Root {
            expected: *expected,
            found,
        })
    }
}
