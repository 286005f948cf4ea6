//! No two nodes hold different blocks of one height.

use super::Violations;
use bus::ports::StoredBlock;
use bytes::Bytes;
use messages::ids::Height;
use std::collections::BTreeMap;

/// Headers by height, as they became durable anywhere.
pub struct Agreement {
    headers: BTreeMap<Height, (usize, Bytes)>,
    violations: Violations,
}

impl Agreement {
    /// Nothing is decided yet.
    pub fn new(violations: Violations) -> Self {
        Self {
            headers: BTreeMap::new(),
            violations,
        }
    }

    /// A block became durable on a node.
    pub fn on_durable(&mut self, node: usize, block: &StoredBlock) {
        let fresh = (node, block.header.clone());
        let (first, header) = self.headers.entry(block.height).or_insert(fresh);
        if *header != block.header {
            let height = block.height;
            self.violations.add(format!(
                "agreement: nodes {first} and {node} differ at height {height}"
            ));
        }
    }

    /// The greatest height that is durable anywhere.
    pub fn height(&self) -> Height {
        self.headers
            .last_key_value()
            .map_or(Height(0), |(height, _)| *height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::ids::LeafIndex;

    fn block(header: &'static [u8]) -> StoredBlock {
        StoredBlock {
            height: Height(1),
            header: Bytes::from_static(header),
            certificate: Bytes::new(),
            previous_certificate: Bytes::new(),
            first_leaf: LeafIndex(2),
            entry_count: 1,
            outcomes: Vec::new(),
            peaks: Vec::new(),
            first_ordinal: 0,
            replay_from: 1,
        }
    }

    #[test]
    fn two_blocks_of_one_height_are_a_violation() {
        let violations = Violations::default();
        let mut agreement = Agreement::new(violations.clone());
        agreement.on_durable(0, &block(b"a"));
        agreement.on_durable(1, &block(b"a"));
        assert_eq!(violations.first(), None);
        agreement.on_durable(2, &block(b"b"));
        assert!(violations.first().is_some());
    }
}
