//! The state after recent blocks, for proofs. Versions share what they have in common.

use super::Storage;
use crate::state::StateTree;
use messages::block::Header;
use messages::cbor::Canonical;
use messages::hash::Hash;
use messages::ids::Height;
use std::collections::BTreeMap;

/// The state after the newest published block and after each durable one above it.
#[derive(Debug, Default)]
pub(super) struct RecentStates(BTreeMap<Height, StateTree>);

impl RecentStates {
    /// Keeps the state after a block that became durable.
    pub(super) fn add(&mut self, height: Height, state: StateTree) {
        self.0.insert(height, state);
    }

    /// Forgets the states before a block that is published.
    pub(super) fn published(&mut self, height: Height) {
        self.0 = self.0.split_off(&height);
    }

    /// The oldest that is kept: of the published block, when one is.
    fn oldest(&self) -> Option<(Height, &StateTree)> {
        self.0.first_key_value().map(|(height, s)| (*height, s))
    }

    /// The newest at or below `height`, else the oldest.
    fn at_or_below(&self, height: Height) -> Option<(Height, &StateTree)> {
        let found = self.0.range(..=height).next_back();
        found.map(|(height, s)| (*height, s)).or(self.oldest())
    }
}

impl Storage {
    /// Reads the state from the disk, once, when no block came since the start. What was read
    /// counts only when it is the head's: a block may be on its way to the disk.
    pub(super) fn load_state(&mut self) {
        if self.states.oldest().is_some() {
            return;
        }
        let expected = match self.reader.block(self.head).map(|block| block.header) {
            Some(header) if !header.is_empty() => {
                Header::from_bytes(&header).map_or(Hash::ZERO, |header| header.state_root)
            }
            _ => Hash::ZERO,
        };
        let state = StateTree::from_rows(self.reader.state_rows());
        if state.root() == expected {
            self.states.add(self.head, state);
        }
    }

    /// The state that questions are answered from: after the newest published block, so that its
    /// seal can be proved, or the newest durable one when none is published.
    pub(super) fn state(&self) -> Option<(Height, &StateTree)> {
        let published = self.published.as_ref().map(|p| p.height);
        self.states.at_or_below(published.unwrap_or(self.head))
    }
}
