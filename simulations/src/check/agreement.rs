//! No two nodes hold different blocks of one height.

use super::Violations;
use bus::ports::StoredBlock;
use bytes::Bytes;
use messages::ids::Height;
use std::collections::BTreeMap;

/// Headers by height, as they became durable anywhere.
pub struct Agreement {
    headers: BTreeMap<Height, (usize, Bytes)>,
    /// The greatest height that each node was seen to have.
    reached: BTreeMap<usize, Height>,
    violations: Violations,
}

impl Agreement {
    /// Nothing is decided yet.
    pub fn new(violations: Violations) -> Self {
        Self {
            headers: BTreeMap::new(),
            reached: BTreeMap::new(),
            violations,
        }
    }

    /// A node starts with what its disk has: never less than it had, but for a disk that was lost
    /// and knows it.
    pub fn on_start(&mut self, node: usize, head: Height, lost: bool) {
        let known = self.reached.entry(node).or_default();
        if head < *known && !lost {
            self.violations.add(format!(
                "finality: node {node} starts at height {head} and had {known}"
            ));
        }
        *known = head;
    }

    /// A block became durable on a node.
    pub fn on_durable(&mut self, node: usize, block: &StoredBlock) {
        let known = self.reached.entry(node).or_default();
        if block.height != known.next() {
            let (found, expected) = (block.height, known.next());
            self.violations.add(format!(
                "finality: node {node} commits height {found} where {expected} is next"
            ));
        }
        *known = block.height;
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

    #[test]
    fn a_height_that_is_lost_or_skipped_is_a_violation() {
        let started = |head, lost| {
            let violations = Violations::default();
            let mut agreement = Agreement::new(violations.clone());
            agreement.on_durable(0, &block(b"a"));
            agreement.on_start(0, Height(head), lost);
            violations.first()
        };
        assert_eq!(started(1, false), None);
        assert_eq!(started(0, true), None);
        assert!(started(0, false).is_some_and(|v| v.contains("finality")));
        let violations = Violations::default();
        let mut agreement = Agreement::new(violations.clone());
        let second = StoredBlock {
            height: Height(2),
            ..block(b"b")
        };
        agreement.on_durable(0, &second);
        assert!(violations.first().is_some());
    }
}
