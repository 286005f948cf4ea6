//! Signatures of one height already found good: the core asks about its own votes and about the
//! certificate it just built a second time, and the answer comes from here.

use messages::hash::Hash;
use messages::keys::{PublicKey, Signature};
use messages::ports::ConsensusVerifier;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Signatures kept per validator; a validator that signs more is verified anew each time.
const KEPT_PER_VALIDATOR_MAX: usize = 256;

/// A verifier that remembers the good signatures of a height.
pub(super) struct Verified {
    verifier: Arc<dyn ConsensusVerifier>,
    good: BTreeMap<PublicKey, BTreeSet<(Hash, Signature)>>,
}

impl Verified {
    pub(super) fn new(verifier: Arc<dyn ConsensusVerifier>) -> Self {
        Self {
            verifier,
            good: BTreeMap::new(),
        }
    }

    /// Forgets the height.
    pub(super) fn clear(&mut self) {
        self.good.clear();
    }

    /// Remembers a signature known to be good: our own, or one judged before.
    pub(super) fn remember(&mut self, key: PublicKey, message: Hash, signature: Signature) {
        let kept = self.good.entry(key).or_default();
        if kept.len() < KEPT_PER_VALIDATOR_MAX {
            kept.insert((message, signature));
        }
    }
}

impl ConsensusVerifier for Verified {
    fn verify_message(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        self.verifier.verify_message(key, message, signature)
    }

    fn verify(&self, key: &PublicKey, message_hash: &Hash, signature: &Signature) -> bool {
        let known = self
            .good
            .get(key)
            .is_some_and(|k| k.contains(&(*message_hash, *signature)));
        known || self.verifier.verify(key, message_hash, signature)
    }
}
