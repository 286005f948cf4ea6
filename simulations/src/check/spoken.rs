//! What honest keys signed: never two things for one step, never an older head after a newer, no
//! head before it is durable, nothing that gives a round up before its time.
//!
//! Every frame is decoded as it leaves its node, whether or not it arrives anywhere.

use super::Violations;
use super::patience::Patience;
use crate::meets::step_of;
use messages::cbor::Canonical;
use messages::consensus::{BlockId, CommitCertificate, ConsensusMessage, Proposal, Vote, VoteKind};
use messages::ids::{Height, Name, Round};
use messages::keys::{PublicKey, Signature};
use messages::ports::ConsensusVerifier;
use messages::wire::{self, Envelope, PeerMessage};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

type Step = (PublicKey, Height, Round, VoteKind);

/// A cosignature as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SentCosignature {
    /// Height of the head.
    pub height: Height,
    /// The time that was signed, in seconds.
    pub time_s: u64,
    /// The signature.
    pub signature: Vec<u8>,
    /// The signature of COSE receipts that went with it.
    pub receipt: Vec<u8>,
}

/// When a frame leaves its node.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Microseconds since the world began.
    pub at_us: u64,
    /// Greatest height on the node's disk.
    pub durable: Height,
}

struct State {
    network: Name,
    /// Validators that are not honest, by key, and the processes that run as one.
    dishonest: (BTreeSet<PublicKey>, BTreeSet<usize>),
    verifier: Arc<dyn ConsensusVerifier>,
    votes: BTreeMap<Step, (Vote, Signature)>,
    proposals: BTreeMap<(PublicKey, Height, Round), (Proposal, Signature)>,
    /// By sender.
    cosigned: BTreeMap<usize, BTreeSet<SentCosignature>>,
    newest_cosigned: BTreeMap<usize, Height>,
    patience: Patience,
    rounds_max: u32,
    violations: Violations,
}

/// Everything signed in a world; clones share it.
#[derive(Clone)]
pub struct Spoken(Arc<Mutex<State>>);

impl Spoken {
    /// Nothing was said yet.
    pub fn new(
        network: Name,
        verifier: Arc<dyn ConsensusVerifier>,
        dishonest: (BTreeSet<PublicKey>, BTreeSet<usize>),
        patience: Patience,
        violations: Violations,
    ) -> Self {
        Self(Arc::new(Mutex::new(State {
            network,
            dishonest,
            verifier,
            votes: BTreeMap::new(),
            proposals: BTreeMap::new(),
            cosigned: BTreeMap::new(),
            newest_cosigned: BTreeMap::new(),
            patience,
            rounds_max: 0,
            violations,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("no code panics while it holds what was spoken")
    }

    /// A frame leaves a node; gives the step of the protocol that it belongs to.
    pub fn on_frame(&self, from: usize, frame: &[u8], moment: Moment) -> &'static str {
        let mut state = self.state();
        match wire::decode::<Envelope>(frame) {
            Ok(envelope) => {
                let step = step_of(&envelope.message);
                if !state.dishonest.1.contains(&from) {
                    state.on_message(from, envelope.message, moment);
                }
                step
            }
            Err(error) => {
                state
                    .violations
                    .add(format!("node {from} sent a bad frame: {error}"));
                "noise"
            }
        }
    }

    /// Cosignatures sent so far, by sender.
    pub fn cosigned(&self) -> BTreeMap<usize, BTreeSet<SentCosignature>> {
        self.state().cosigned.clone()
    }

    /// The greatest round in which anybody voted.
    pub fn rounds_max(&self) -> u32 {
        self.state().rounds_max
    }
}

impl State {
    fn on_message(&mut self, from: usize, message: PeerMessage, moment: Moment) {
        match message {
            PeerMessage::Consensus(bytes) => self.on_consensus(from, &bytes, moment.at_us),
            PeerMessage::Proposal { message, block } => {
                self.on_consensus(from, &message, moment.at_us);
                self.on_certificate(from, &block.certificate, moment.at_us);
            }
            PeerMessage::Blocks(blocks) => {
                for block in blocks {
                    self.on_certificate(from, &block.block.certificate, moment.at_us);
                    self.on_certificate(from, &block.certificate, moment.at_us);
                }
            }
            PeerMessage::Cosignature {
                height,
                time_s,
                signature,
                receipt,
                ..
            } => {
                let sent = SentCosignature {
                    height,
                    time_s,
                    signature: signature.to_vec(),
                    receipt: receipt.to_vec(),
                };
                self.on_cosignature(from, sent, moment.durable);
            }
            PeerMessage::Statements(_)
            | PeerMessage::Status { .. }
            | PeerMessage::BlocksRequest { .. }
            | PeerMessage::BodyRequest { .. }
            | PeerMessage::BodyChunk { .. }
            | PeerMessage::CheckpointRequest { .. }
            | PeerMessage::Checkpoint { .. } => {}
        }
    }

    fn on_consensus(&mut self, from: usize, bytes: &[u8], at_us: u64) {
        let network = self.network.clone();
        match ConsensusMessage::from_bytes(bytes) {
            Ok(ConsensusMessage::Vote(signed)) => {
                self.on_vote(at_us, signed.vote, signed.signature)
            }
            Ok(ConsensusMessage::Proposal(signed)) => {
                self.on_proposal(at_us, signed.proposal, signed.signature);
            }
            Ok(ConsensusMessage::Polka(polka)) => {
                polka
                    .votes(&network)
                    .for_each(|(vote, signature)| self.on_vote(at_us, vote, signature));
            }
            Ok(ConsensusMessage::RoundCertificate(certificate)) => {
                let votes = certificate.votes(&network);
                votes.for_each(|(vote, signature)| self.on_vote(at_us, vote, signature));
            }
            Err(error) => self
                .violations
                .add(format!("node {from} sent a bad message: {error}")),
        }
    }

    fn on_certificate(&mut self, from: usize, bytes: &[u8], at_us: u64) {
        if bytes.is_empty() {
            return; // The first block carries none.
        }
        let network = self.network.clone();
        match CommitCertificate::from_bytes(bytes) {
            Ok(certificate) => {
                let votes = certificate.votes(&network);
                votes.for_each(|(vote, signature)| self.on_vote(at_us, vote, signature));
            }
            Err(error) => self
                .violations
                .add(format!("node {from}: bad certificate: {error}")),
        }
    }

    fn on_vote(&mut self, at_us: u64, vote: Vote, signature: Signature) {
        if self.dishonest.0.contains(&vote.validator) {
            return;
        }
        self.rounds_max = self.rounds_max.max(vote.round.0);
        let step = (vote.validator, vote.height, vote.round, vote.kind);
        let Some((known, known_signature)) = self.votes.get(&step) else {
            let early = self.patience.on_vote(at_us, &vote);
            self.too_early(vote.validator, early);
            self.votes.insert(step, (vote, signature));
            return;
        };
        if known.block == vote.block {
            return;
        }
        let is_signed = |v: &Vote, s| self.verifier.verify(&v.validator, &v.signing_hash(), s);
        if is_signed(known, known_signature) && is_signed(&vote, &signature) {
            let told = |block: Option<BlockId>| block.map_or("nil".into(), |b| b.0.short());
            let (first, second) = (told(known.block), told(vote.block));
            self.violations.add(format!(
                "equivocation: {:?} signed {:?} for {first} and {second} at height {} round {}",
                vote.validator, vote.kind, vote.height, vote.round.0
            ));
        }
    }

    fn on_proposal(&mut self, at_us: u64, proposal: Proposal, signature: Signature) {
        if self.dishonest.0.contains(&proposal.proposer) {
            return;
        }
        let step = (proposal.proposer, proposal.height, proposal.round);
        let Some((known, known_signature)) = self.proposals.get(&step) else {
            let early = self
                .patience
                .on_round(at_us, proposal.height, proposal.round);
            self.too_early(proposal.proposer, early);
            self.proposals.insert(step, (proposal, signature));
            return;
        };
        if *known == proposal {
            return;
        }
        let is_signed = |p: &Proposal, s| self.verifier.verify(&p.proposer, &p.signing_hash(), s);
        if is_signed(known, known_signature) && is_signed(&proposal, &signature) {
            self.violations.add(format!(
                "equivocation: {:?} signed two proposals at height {} round {}",
                proposal.proposer, proposal.height, proposal.round.0
            ));
        }
    }

    fn too_early(&self, who: PublicKey, early: Option<String>) {
        if let Some(what) = early {
            self.violations.add(format!("too early: {who:?} {what}"));
        }
    }

    fn on_cosignature(&mut self, from: usize, sent: SentCosignature, durable: Height) {
        let height = sent.height;
        if height > durable {
            self.violations.add(format!(
                "node {from} cosigned the head of {height} before it is durable: it has {durable}"
            ));
        }
        if !self.cosigned.entry(from).or_default().insert(sent) {
            return;
        }
        let newest = self.newest_cosigned.entry(from).or_default();
        if height < *newest {
            let newest = *newest;
            self.violations.add(format!(
                "node {from} cosigned the head of {height} after that of {newest}"
            ));
            return;
        }
        *newest = height;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::founders::name;
    use bytes::Bytes;
    use messages::consensus::SignedVote;
    use messages::hash::Hash;
    use messages::ports::{ConsensusSigner, FakeSigner, FakeVerifier};

    fn frame(message: PeerMessage) -> Bytes {
        let (network, from) = (name("sim"), name("node-0"));
        wire::encode(&Envelope {
            network,
            from,
            trace: Default::default(),
            message,
        })
    }

    fn vote(block: Option<BlockId>) -> Bytes {
        let validator = PublicKey([1; 32]);
        let (height, round, kind) = (Height(1), Round(0), VoteKind::Prevote);
        let vote = Vote {
            network: name("sim"),
            height,
            round,
            kind,
            block,
            validator,
        };
        let signature = FakeSigner::new(Hash::ZERO, validator).sign_vote(&vote);
        let message = ConsensusMessage::Vote(SignedVote { vote, signature });
        frame(PeerMessage::Consensus(message.to_bytes().into()))
    }

    fn cosignature(height: u64) -> Bytes {
        let (height, time_s, wanted) = (Height(height), 1, false);
        let signature = Bytes::from(vec![height.0 as u8; 64]);
        frame(PeerMessage::Cosignature {
            height,
            time_s,
            signature,
            receipt: Bytes::new(),
            wanted,
        })
    }

    fn heard(frames: &[Bytes]) -> Option<String> {
        heard_with(frames, Height(9))
    }

    fn heard_with(frames: &[Bytes], durable: Height) -> Option<String> {
        let at_us = 1_000_000;
        let patience = Patience::new(4, 0, Default::default());
        let violations = Violations::default();
        let verifier = Arc::new(FakeVerifier::new(Hash::ZERO));
        let nobody = Default::default();
        let spoken = Spoken::new(name("sim"), verifier, nobody, patience, violations.clone());
        for frame in frames {
            spoken.on_frame(0, frame, Moment { at_us, durable });
        }
        violations.first()
    }

    #[test]
    fn two_votes_for_one_step_are_a_violation() {
        let block = Some(BlockId(Hash::ZERO));
        assert_eq!(heard(&[vote(block), vote(block)]), None);
        assert!(heard(&[vote(block), vote(None)]).is_some_and(|v| v.contains("equivocation")));
    }

    #[test]
    fn a_head_that_is_not_durable_is_a_violation() {
        assert_eq!(heard_with(&[cosignature(2)], Height(2)), None);
        assert!(heard_with(&[cosignature(2)], Height(1)).is_some_and(|v| v.contains("durable")));
    }

    #[test]
    fn an_older_head_after_a_newer_is_a_violation() {
        assert_eq!(
            heard(&[cosignature(1), cosignature(2), cosignature(1)]),
            None
        );
        assert!(heard(&[cosignature(2), cosignature(1)]).is_some());
        assert!(heard(&[Bytes::from_static(b"noise")]).is_some());
    }
}
