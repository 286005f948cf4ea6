//! The chain at genesis, and after the newest block on disk.

use super::{Chain, Rules};
use crate::state::StateTree;
use bytes::Bytes;
use messages::block::Header;
use messages::cbor::Canonical;
use messages::consensus::CommitCertificate;
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, TreeSize};
use messages::merkle::Frontier;
use messages::stored::{LedgerReader, StoredBlock};
use std::sync::Arc;

impl Chain {
    /// The chain at genesis.
    pub fn genesis(genesis: &Genesis, policy_text: &str) -> Self {
        let mut log = Frontier::empty();
        log.push(genesis.leaf_hash());
        log.push(Hash::leaf(&genesis.policy_entry(policy_text)));
        Self {
            rules: Arc::new(Rules::new(genesis)),
            height: Height(0),
            time: genesis.created,
            id: genesis.leaf_hash(),
            certificate: None,
            seal: genesis.leaf_hash(),
            log,
            state: StateTree::default(),
            ordinal: 0,
        }
    }

    /// The chain after the newest block on disk.
    ///
    /// # Panics
    /// When the store lacks what its head promises; opening it checks that.
    pub fn restore(genesis: &Genesis, policy_text: &str, reader: &dyn LedgerReader) -> Self {
        Self::restore_with(genesis, policy_text, reader).0
    }

    /// [`Chain::restore`], and the journal seq from which a replay after that block begins.
    ///
    /// # Panics
    /// As [`Chain::restore`].
    pub fn restore_with(
        genesis: &Genesis,
        policy_text: &str,
        reader: &dyn LedgerReader,
    ) -> (Self, u64) {
        loop {
            let head = reader
                .head()
                .expect("a store is opened with its genesis written");
            let rows = reader.state_rows();
            // A block may have become durable between the two reads.
            if reader.head().is_some_and(|now| now.height == head.height) {
                let replay_from = head.replay_from;
                return (
                    Self::at(genesis, policy_text, reader, head, rows),
                    replay_from,
                );
            }
        }
    }

    fn at(
        genesis: &Genesis,
        policy_text: &str,
        reader: &dyn LedgerReader,
        head: StoredBlock,
        rows: Vec<(Bytes, Bytes)>,
    ) -> Self {
        if head.height == Height(0) {
            return Self::genesis(genesis, policy_text);
        }
        let header = Header::from_bytes(&head.header).expect("a stored header is canonical");
        let certificate = CommitCertificate::from_bytes(&head.certificate);
        let size = TreeSize(head.first_leaf.0 + u64::from(head.entry_count));
        let state = StateTree::from_rows(rows);
        assert_eq!(
            state.root(),
            header.state_root,
            "the stored state is that of the head"
        );
        let seal = reader
            .entry(LeafIndex(size.0 - 1))
            .expect("a block ends with its seal");
        Self {
            rules: Arc::new(Rules::new(genesis)),
            height: head.height,
            time: header.time,
            id: header.id().0,
            certificate: Some(certificate.expect("a stored certificate is canonical")),
            seal: Hash::leaf(&seal),
            log: Frontier::from_peaks(size, head.peaks).expect("stored peaks fit their size"),
            state,
            ordinal: head.first_ordinal + u64::from(head.entry_count) - 1,
        }
    }
}
