//! What follows a decision: the chain moves on, the block goes to the disk.

use super::{Decided, Replica, ReplicaEffect, ReplicaInput, ReplicaTimer};
use crate::execution::Executed;
use crate::machine::{At, Keep};
use messages::consensus::CommitCertificate;
use messages::ids::Height;
use messages::mutant;
use messages::wire::CertifiedBlock;
use std::sync::Arc;

impl Replica {
    /// The engine decided: commit the block it decided on.
    ///
    /// # Panics
    /// When the block is not here or not valid here, though a quorum that includes this validator's
    /// engine decided it: a programmer's error.
    pub(super) fn on_decided(
        &mut self,
        at: At,
        certificate: CommitCertificate,
        out: &mut Vec<ReplicaEffect>,
    ) {
        assert_eq!(
            certificate.height,
            self.chain.next_height(),
            "decisions come in order"
        );
        let key = (certificate.height, certificate.block);
        let body = self
            .bodies
            .remove(&key)
            .expect("the engine decides on blocks it was told of");
        let executed = Arc::into_inner(body.executed).expect("a body has one holder");
        self.commit(at, executed, certificate, out);
    }

    /// A peer sent the next block with its certificate.
    pub(super) fn on_synced(
        &mut self,
        at: At,
        synced: &CertifiedBlock,
        out: &mut Vec<ReplicaEffect>,
    ) -> Keep {
        match self.check_synced(synced) {
            Ok((executed, certificate)) => {
                self.commit(at, executed, certificate, out);
                Keep::Yes
            }
            Err(reason) => {
                tracing::debug!(reason, "a synced block was dropped");
                self.dropped.bad_sync += 1;
                Keep::No
            }
        }
    }

    fn check_synced(
        &self,
        synced: &CertifiedBlock,
    ) -> Result<(Executed, CommitCertificate), String> {
        let verifier = &*self.config.verifier;
        self.chain
            .execute_certified(synced, &self.committed(), verifier)
    }

    fn commit(
        &mut self,
        at: At,
        executed: Executed,
        certificate: CommitCertificate,
        out: &mut Vec<ReplicaEffect>,
    ) {
        let height = executed.block.header.height;
        let ids: Vec<_> = executed.entries.iter().map(|e| e.id).collect();
        for id in &ids {
            self.pool.remove(id);
            self.recent_ids.insert(*id);
        }
        self.recent.insert(height, ids);
        self.chain = executed.next.clone();
        self.chain.certificate = Some(certificate.clone());
        self.started = false;
        self.bodies = self.bodies.split_off(&(height.next(), zero_id()));
        self.held = self.held.split_off(&height.next());
        self.earliest = self.earliest.split_off(&height.next());
        self.proposed = self
            .proposed
            .split_off(&(height.next(), messages::ids::Round(0)));
        out.push(ReplicaEffect::CancelEngineTimers);
        let replay_from = self.replay_from(at, height);
        let decided = Decided {
            executed,
            certificate,
            replay_from,
        };
        out.push(ReplicaEffect::Commit(decided.into()));
        out.push(ReplicaEffect::Progress {
            height: self.chain.next_height(),
            round: messages::ids::Round(0),
            waiting: self.pool.len(),
        });
        let heartbeat_ms = u64::from(self.chain.rules.parameters.heartbeat_ms);
        let timer = ReplicaTimer::Heartbeat(self.chain.next_height());
        out.push(ReplicaEffect::StartTimer {
            timer,
            after_ms: heartbeat_ms,
        });
        let next = self.chain.next_height();
        if !self.pool.is_empty() || self.held.contains_key(&next) {
            // An input of its own, stepped when the engine is done with this height.
            out.push(ReplicaEffect::Again(ReplicaInput::Start(next)));
        }
    }

    /// The first journal record that a replay after `height` may need: the first of a height to
    /// come, the oldest statement admitted here that still waits, the floor while it is ahead.
    fn replay_from(&self, at: At, height: Height) -> u64 {
        let early = self.earliest.values().copied().min();
        let early = early.filter(|_| !mutant!(CutsFutureInputs));
        let waiting = self.pool.oldest_local_seq();
        let floor = self
            .floor_seq
            .filter(|_| self.floor.is_some_and(|floor| floor > height));
        [early, waiting, floor]
            .into_iter()
            .flatten()
            .fold(at.seq, u64::min)
    }
}

fn zero_id() -> messages::consensus::BlockId {
    messages::consensus::BlockId(messages::hash::Hash::ZERO)
}
