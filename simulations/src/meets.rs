//! How often each fault met each step of the protocol: a swarm that never loses a precommit proves
//! nothing about lost precommits.

use messages::cbor::Canonical;
use messages::consensus::{ConsensusMessage, VoteKind};
use messages::wire::PeerMessage;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Counts by fault and step.
pub type Counts = BTreeMap<(&'static str, &'static str), u64>;

#[derive(Default)]
struct State {
    counts: Counts,
    /// What each process said last.
    steps: Vec<&'static str>,
}

/// The counts of one world; clones share them.
#[derive(Clone, Default)]
pub struct Meets(Arc<Mutex<State>>);

impl Meets {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("no code panics while it holds the counts")
    }

    /// A process said something of a step.
    pub fn said(&self, process: usize, step: &'static str) {
        // Status and gossip come at any time and tell nothing about where a node stands.
        if matches!(step, "status" | "statements" | "body" | "noise") {
            return;
        }
        let mut state = self.state();
        if state.steps.len() <= process {
            state.steps.resize(process + 1, "start");
        }
        state.steps[process] = step;
    }

    /// A fault met a message of this step.
    pub fn met(&self, fault: &'static str, step: &'static str) {
        *self.state().counts.entry((fault, step)).or_default() += 1;
    }

    /// A fault met a process wherever it stands.
    pub fn met_process(&self, fault: &'static str, process: usize) {
        let mut state = self.state();
        let step = state.steps.get(process).copied().unwrap_or("start");
        *state.counts.entry((fault, step)).or_default() += 1;
    }

    /// All counts.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }
}

/// The step of the protocol that a message belongs to.
pub fn step_of(message: &PeerMessage) -> &'static str {
    match message {
        PeerMessage::Consensus(bytes) => match ConsensusMessage::from_bytes(bytes) {
            Ok(ConsensusMessage::Vote(signed)) => match signed.vote.kind {
                VoteKind::Prevote => "prevote",
                VoteKind::Precommit => "precommit",
            },
            Ok(ConsensusMessage::Proposal(_)) => "proposal",
            Ok(ConsensusMessage::Polka(_) | ConsensusMessage::RoundCertificate(_)) => "certificate",
            Err(_) => "noise",
        },
        PeerMessage::Proposal { .. } => "proposal",
        PeerMessage::Statements(_) => "statements",
        PeerMessage::Cosignature { .. } => "cosignature",
        PeerMessage::Status { .. } => "status",
        PeerMessage::BlocksRequest { .. } | PeerMessage::Blocks(_) => "sync",
        PeerMessage::BodyRequest { .. } | PeerMessage::BodyChunk { .. } => "body",
        PeerMessage::CheckpointRequest { .. } | PeerMessage::Checkpoint { .. } => "checkpoint",
    }
}
