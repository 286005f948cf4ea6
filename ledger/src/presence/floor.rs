//! The floor of an amnesiac: the first height that it may sign.

use super::{MISSING_MS, Presence, PresenceEffect};
use messages::cbor::Canonical;
use messages::consensus::CommitCertificate;
use messages::ids::{Height, TimeMs};
use messages::quorum::quorum;

/// Heights between the highest certified head and the first that an amnesiac may sign.
const FLOOR_DISTANCE: u64 = 3;

impl Presence {
    /// Whether a quorum decided a block at `height`: a peer's word alone must not move our floor.
    pub(super) fn is_certified(&self, height: Height, certificate: &[u8]) -> bool {
        if height == Height(0) {
            return true;
        }
        let set = self.genesis.validator_set();
        CommitCertificate::from_bytes(certificate).is_ok_and(|certificate| {
            certificate.height == height
                && certificate
                    .verify_with(&self.genesis.network, &set, &*self.verifier)
                    .is_ok()
        })
    }

    /// Once enough of the others said where they stand, an amnesiac knows from which height on it
    /// cannot have signed anything yet (DESIGN section 7).
    pub(super) fn find_floor(&mut self, now: TimeMs, out: &mut Vec<PresenceEffect>) {
        if self.amnesiac.is_none() || self.floor.is_some() {
            return;
        }
        let n = self.genesis.validators.len();
        let others = self
            .genesis
            .validators
            .iter()
            .filter(|v| v.name != self.own);
        let heads: Vec<Height> = others
            .filter_map(|v| self.peers.get(&v.name))
            .filter(|peer| {
                peer.heard
                    .is_some_and(|heard| now.since_ms(heard) < MISSING_MS)
            })
            .filter_map(|peer| peer.certified)
            .collect();
        if n > 1 && heads.len() >= quorum(n) - 1 {
            let highest = heads
                .into_iter()
                .max()
                .unwrap_or_default()
                .max(self.durable);
            let floor = Height(highest.0 + FLOOR_DISTANCE);
            self.floor = Some(floor);
            out.push(PresenceEffect::Floor(floor));
        }
    }
}
