//! Hashes of complete subtrees, for proofs.
//!
//! Level `l`, index `i` is the root of leaves `i * 2^l .. (i + 1) * 2^l`. Levels that tiles keep
//! (0, 8, 16, ...) can be read back, so memory holds all levels from 8 up (n / 128 hashes) and
//! the lower ones for the newest leaves only.

use messages::hash::Hash;
use messages::ids::TreeSize;
use messages::merkle::inclusion_ranges;
use messages::stored::LedgerReader;
use std::collections::VecDeque;
use std::ops::Range;

/// Lowest level that is kept whole in memory: one hash for 256 leaves.
const WHOLE_LEVEL: usize = 8;
/// Leaves whose lower levels are kept in memory.
const WINDOW_LEAVES: u64 = 65_536;

#[derive(Clone, Debug, Default)]
struct Level {
    /// Index of the first hash held.
    first: u64,
    hashes: VecDeque<Hash>,
}

impl Level {
    fn get(&self, index: u64) -> Option<Hash> {
        let at = index.checked_sub(self.first)?;
        self.hashes.get(usize::try_from(at).ok()?).copied()
    }
}

/// A growing tree that answers for the root of any range.
#[derive(Clone, Debug, Default)]
pub struct LogTree {
    size: u64,
    levels: Vec<Level>,
}

impl LogTree {
    /// The tree over `leaves`, all in memory: for small trees such as a block's outcomes.
    pub fn of_leaves(leaves: &[Hash]) -> Self {
        let mut tree = Self::default();
        for leaf in leaves {
            tree.push(*leaf);
        }
        tree
    }

    /// The tree of a log that is on disk.
    pub fn load(reader: &dyn LedgerReader, size: TreeSize) -> Self {
        let mut tree = Self::default();
        let low = size.0.saturating_sub(WINDOW_LEAVES / 16) & !255;
        let whole = reader.tile_hashes(1, 0, (low / 256) as usize);
        assert_eq!(
            whole.len() as u64,
            low / 256,
            "the store holds every tile of its log"
        );
        tree.levels = (0..=WHOLE_LEVEL)
            .map(|level| Level {
                first: low >> level,
                hashes: VecDeque::new(),
            })
            .collect();
        tree.levels[WHOLE_LEVEL].first = 0;
        for (index, hash) in whole.into_iter().enumerate() {
            tree.place(WHOLE_LEVEL, index as u64, hash);
        }
        tree.size = low;
        let leaves = reader.tile_hashes(0, low, (size.0 - low) as usize);
        assert_eq!(
            leaves.len() as u64,
            size.0 - low,
            "the store holds every leaf of its log"
        );
        for leaf in leaves {
            tree.push(leaf);
        }
        tree
    }

    /// Number of leaves.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.place(0, self.size, leaf);
        self.size += 1;
        if self.size.is_multiple_of(1024) {
            self.trim();
        }
    }

    /// Puts a hash in its place and completes the levels above.
    fn place(&mut self, level: usize, index: u64, hash: Hash) {
        if self.levels.len() <= level {
            self.levels.push(Level {
                first: index,
                hashes: VecDeque::new(),
            });
        }
        self.levels[level].hashes.push_back(hash);
        if index % 2 == 1 {
            let left = self.levels[level].get(index - 1);
            if let Some(left) = left {
                self.place(level + 1, index / 2, Hash::node(&left, &hash));
            }
        }
    }

    fn trim(&mut self) {
        let keep_from = self.size.saturating_sub(WINDOW_LEAVES) & !255;
        for (level, held) in self.levels.iter_mut().enumerate().take(WHOLE_LEVEL) {
            while held.first < keep_from >> level {
                held.hashes.pop_front();
                held.first += 1;
            }
        }
    }

    /// Complete hashes at tile level `tile` (covering 256^tile leaves) with an index in `range`.
    pub fn tile_hashes(&self, tile: usize, range: Range<u64>) -> Vec<(u8, u64, Hash)> {
        let Some(level) = self.levels.get(tile * 8) else {
            return Vec::new();
        };
        range
            .filter_map(|i| level.get(i).map(|hash| (tile as u8, i, hash)))
            .collect()
    }

    /// Number of tile levels that hold at least one hash.
    pub fn tile_levels(&self) -> usize {
        self.levels.len().div_ceil(8)
    }

    fn complete(&self, level: usize, index: u64, reader: Option<&dyn LedgerReader>) -> Hash {
        if let Some(hash) = self.levels.get(level).and_then(|l| l.get(index)) {
            return hash;
        }
        let reader = reader.expect("a tree without a reader holds all its levels");
        let tile = level / 8;
        let span = 1_u64 << (level % 8);
        let hashes = reader.tile_hashes(tile as u8, index * span, span as usize);
        assert_eq!(
            hashes.len() as u64,
            span,
            "the store holds every tile of its log"
        );
        messages::merkle::root_of_leaves(&hashes)
    }

    /// Root of the leaves in `range`, which starts at a multiple of the largest power of two that
    /// is not above its length (all ranges of RFC 6962 proofs do).
    pub fn root_of(&self, range: Range<u64>, reader: Option<&dyn LedgerReader>) -> Hash {
        let len = range.end - range.start;
        assert!(
            len > 0 && range.end <= self.size,
            "a proof asks for leaves that exist"
        );
        if len.is_power_of_two() && range.start.is_multiple_of(len) {
            return self.complete(len.trailing_zeros() as usize, range.start / len, reader);
        }
        let half = 1_u64 << (u64::BITS - 1 - (len - 1).leading_zeros());
        let middle = range.start + half;
        let left = self.root_of(range.start..middle, reader);
        Hash::node(&left, &self.root_of(middle..range.end, reader))
    }

    /// Inclusion path of leaf `index` in the tree of the first `size` leaves.
    pub fn path(&self, index: u64, size: u64, reader: Option<&dyn LedgerReader>) -> Vec<Hash> {
        let ranges = inclusion_ranges(index, size).expect("a proof asks for a leaf of the tree");
        ranges
            .into_iter()
            .map(|range| self.root_of(range, reader))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::merkle::{inclusion_path, root_of_leaves};

    #[test]
    fn paths_equal_those_of_the_definition() {
        let leaves: Vec<Hash> = (0..70_u32).map(|i| Hash::leaf(&i.to_be_bytes())).collect();
        let tree = LogTree::of_leaves(&leaves);
        for size in 1..=leaves.len() {
            assert_eq!(
                tree.root_of(0..size as u64, None),
                root_of_leaves(&leaves[..size])
            );
            for index in 0..size {
                let path = tree.path(index as u64, size as u64, None);
                assert_eq!(
                    path,
                    inclusion_path(&leaves[..size], index),
                    "{index} of {size}"
                );
            }
        }
    }
}
