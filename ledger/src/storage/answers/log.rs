//! Tiles of the log (C2SP tlog-tiles) and proofs about it (RFC 6962 section 2.1), all under the
//! newest published checkpoint.

use super::{malformed, not_found};
use crate::storage::Storage;
use messages::api::{
    Answer, ConsistencyProof, InclusionProof, Problem, TILE_WIDTH, TileKind, TileName,
};
use messages::hash::Hash;
use messages::ids::{LeafIndex, TreeSize};
use messages::merkle::consistency_ranges;

/// Highest tile level of a log of less than 2^64 entries.
const TILE_LEVEL_MAX: u8 = 7;

impl Storage {
    /// Entries under the newest published checkpoint.
    pub(super) fn published_size(&self) -> TreeSize {
        let published = self.published.as_ref();
        published.map_or(TreeSize(0), |published| published.size)
    }

    fn root_at(&self, size: TreeSize) -> Hash {
        if size.0 == 0 {
            return Hash::empty_root();
        }
        self.tree.root_of(0..size.0, Some(&*self.reader))
    }

    pub(super) fn tile(&self, tile: &TileName) -> Answer {
        let level = match tile.kind {
            TileKind::Hashes(level) => level,
            TileKind::Entries => 0,
        };
        let size = self.published_size().0;
        let complete = if level > TILE_LEVEL_MAX {
            0
        } else {
            size >> (8 * u32::from(level))
        };
        let width = u64::from(TILE_WIDTH);
        let first = tile.index.checked_mul(width);
        let covered = first.filter(|first| {
            let end = first.checked_add(u64::from(tile.width));
            end.is_some_and(|end| end <= complete)
        });
        let Some(first) = covered else {
            return no_tile(tile, complete);
        };
        let count = usize::from(tile.width);
        let mut bytes = Vec::new();
        if tile.kind == TileKind::Entries {
            let entries = self.reader.entries(LeafIndex(first), count);
            assert_eq!(entries.len(), count, "the store holds every entry");
            for entry in entries {
                let len = u16::try_from(entry.len()).expect("an entry fits a bundle");
                bytes.extend_from_slice(&len.to_be_bytes());
                bytes.extend_from_slice(&entry);
            }
        } else {
            let hashes = self.reader.tile_hashes(level, first, count);
            assert_eq!(hashes.len(), count, "the store holds every tile");
            hashes.iter().for_each(|hash| bytes.extend(hash.0));
        }
        Answer::Tile(bytes.into())
    }

    pub(super) fn consistency(&self, first: TreeSize, second: Option<TreeSize>) -> Answer {
        let second = match self.proof_size("second", second) {
            Ok(second) => second,
            Err(problem) => return Answer::Problem(problem),
        };
        let Ok(ranges) = consistency_ranges(first.0, second.0) else {
            let detail = format!("first: expected at most {second}, found {first}");
            return malformed("first", detail, "give the sizes in order");
        };
        let reader = Some(&*self.reader);
        let path = ranges.into_iter().map(|r| self.tree.root_of(r, reader));
        Answer::Consistency(Box::new(ConsistencyProof {
            first,
            first_root: self.root_at(first),
            second,
            root: self.root_at(second),
            path: path.collect(),
        }))
    }

    pub(super) fn inclusion(&self, index: LeafIndex, size: Option<TreeSize>) -> Answer {
        let size = match self.proof_size("size", size) {
            Ok(size) => size,
            Err(problem) => return Answer::Problem(problem),
        };
        let found = self.inclusion_at(index, size);
        found.map_or_else(
            || {
                let detail =
                    format!("index: expected one below the tree size {size}, found {index}");
                malformed("index", detail, "give an index below the size")
            },
            |proof| Answer::Inclusion(Box::new(proof)),
        )
    }

    /// Inclusion in the tree of a published size; none when the entry is not in it.
    pub(super) fn inclusion_at(&self, index: LeafIndex, size: TreeSize) -> Option<InclusionProof> {
        if index.0 >= size.0 {
            return None;
        }
        let reader = Some(&*self.reader);
        Some(InclusionProof {
            index,
            leaf: self.tree.root_of(index.0..index.0 + 1, reader),
            size,
            root: self.root_at(size),
            path: self.tree.path(index.0, size.0, reader),
        })
    }

    /// The size asked for, or the newest; a problem when no published checkpoint covers it.
    fn proof_size(&self, field: &str, size: Option<TreeSize>) -> Result<TreeSize, Problem> {
        let published = self.published_size();
        match size {
            Some(size) if size <= published => Ok(size),
            None => Ok(published),
            Some(size) => Err(super::problem_not_found(
                "not-published",
                format!("{field}: expected at most {published}, found {size}"),
                field,
                "ask for a size up to that of the newest checkpoint (`GET /checkpoint`)",
            )),
        }
    }
}

fn no_tile(tile: &TileName, complete: u64) -> Answer {
    let found = complete
        .saturating_sub(tile.index.saturating_mul(u64::from(TILE_WIDTH)))
        .min(u64::from(TILE_WIDTH));
    let next_step = if found == 0 {
        "take the size from `GET /checkpoint` and ask for tiles below it".to_owned()
    } else {
        format!("ask for the partial tile with `.p/{found}` at the end of its path")
    };
    let detail = format!(
        "tile: expected a width of at most {found}, found {}: the newest checkpoint covers no more",
        tile.width
    );
    not_found("unknown-tile", detail, "tile", &next_step)
}
