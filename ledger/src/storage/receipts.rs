//! Receipts: an entry, its path, its outcome and its seal under a published checkpoint.

use super::{Published, Recent, Storage};
use crate::log_tree::LogTree;
use bytes::Bytes;
use messages::api::Committed;
use messages::block::Header;
use messages::cbor::Canonical;
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, StatementId, TimeMs};
use messages::outcome::{Outcome, OutcomeCode, outcome_leaves};
use messages::receipt::{OutcomeProof, Receipt, ReceiptExtra, SealProof};
use std::borrow::Cow;

/// Why there is no receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoReceipt {
    /// Not in the ledger.
    Unknown,
    /// Committed, its checkpoint still lacks a quorum.
    NotPublished,
}

/// Where a statement stands, and what proves its outcome.
pub(super) struct Place {
    pub(super) height: Height,
    pub(super) time: TimeMs,
    pub(super) index: LeafIndex,
    pub(super) entry: Bytes,
    pub(super) outcome: OutcomeProof,
    pub(super) seal: Bytes,
    pub(super) seal_index: LeafIndex,
}

impl Storage {
    /// The receipt of a statement, without its depositor's salt.
    pub(super) fn receipt(&self, id: &StatementId) -> Result<Committed, NoReceipt> {
        let place = self.place(id).ok_or(NoReceipt::Unknown)?;
        let published = self
            .checkpoint_for(place.height)
            .ok_or(NoReceipt::NotPublished)?;
        let (size, reader) = (published.size.0, Some(&*self.reader));
        let path = self.tree.path(place.index.0, size, reader);
        let seal_path = self.tree.path(place.seal_index.0, size, reader);
        let extra = ReceiptExtra {
            entry: place.entry.to_vec(),
            salt: None,
            batch: None,
            outcome: place.outcome,
            seal: SealProof {
                bytes: place.seal.to_vec(),
                index: place.seal_index,
                path: seal_path,
            },
            chain: Vec::new(),
        };
        let receipt = Receipt {
            index: place.index,
            path,
            extra,
            checkpoint: published.note.clone(),
        };
        Ok(Committed {
            id: *id,
            height: place.height,
            index: place.index,
            block_time: place.time,
            receipt: receipt.encode(),
        })
    }

    /// The lowest published checkpoint that covers `height`.
    pub(super) fn checkpoint_for(&self, height: Height) -> Option<Cow<'_, Published>> {
        let newest = self.published.as_ref().filter(|p| p.height >= height)?;
        if newest.height == height {
            return Some(Cow::Borrowed(newest));
        }
        let stored = self.reader.checkpoint_from(height);
        let stored = stored.filter(|(found, _)| *found < newest.height);
        Some(stored.map_or(Cow::Borrowed(newest), |(found, note)| {
            Cow::Owned(Published::stored(&*self.reader, (found, note)))
        }))
    }

    pub(super) fn place(&self, id: &StatementId) -> Option<Place> {
        for (height, recent) in self.recent.iter().rev() {
            if let Some(position) = recent.positions.get(id) {
                return Some(place_in(*height, recent, *position));
            }
        }
        self.place_on_disk(id)
    }

    /// Height of the block that holds `index`, by bisection over the block records.
    pub(super) fn height_of(&self, index: LeafIndex) -> Option<Height> {
        let (mut low, mut high) = (0, self.head.0);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.reader.block(Height(middle))?.first_leaf <= index {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Some(Height(low))
    }

    fn place_on_disk(&self, id: &StatementId) -> Option<Place> {
        let index = self.reader.position(id)?;
        let height = self.height_of(index)?;
        if height == Height(0) {
            return None;
        }
        let stored = self.reader.block(height)?;
        let count = stored.entry_count as usize;
        let entries = self.reader.entries(stored.first_leaf, count);
        let (seal, statements) = entries.split_last()?;
        let outcomes: Vec<Outcome> = statements
            .iter()
            .zip(&stored.outcomes)
            .map(|(entry, code)| Outcome {
                id: StatementId::of_entry(entry),
                code: OutcomeCode(*code),
                detail: None,
            })
            .collect();
        let position = (index.0 - stored.first_leaf.0) as usize;
        let tree = LogTree::of_leaves(&outcome_leaves(&outcomes));
        Some(Place {
            height,
            time: Header::from_bytes(&stored.header).ok()?.time,
            index,
            entry: statements.get(position)?.clone(),
            outcome: outcome_proof(&outcomes, position, &tree),
            seal: seal.clone(),
            seal_index: LeafIndex(stored.first_leaf.0 + count as u64 - 1),
        })
    }
}

fn outcome_proof(outcomes: &[Outcome], position: usize, tree: &LogTree) -> OutcomeProof {
    let count = outcomes.len() as u64;
    let path: Vec<Hash> = tree.path(position as u64, count, None);
    OutcomeProof {
        bytes: outcomes[position].to_bytes(),
        index: position as u64,
        count,
        path,
    }
}

fn place_in(height: Height, recent: &Recent, position: usize) -> Place {
    let executed = &recent.decided.executed;
    let first = executed.first_leaf.0;
    Place {
        height,
        time: executed.block.header.time,
        index: LeafIndex(first + position as u64),
        entry: executed.entries[position].bytes.clone(),
        outcome: outcome_proof(&executed.outcomes, position, &recent.outcomes),
        seal: executed.seal.clone(),
        seal_index: LeafIndex(first + executed.entries.len() as u64),
    }
}
