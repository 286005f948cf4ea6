//! A small deterministic network of engines, and the hand-made inputs of single-engine tests.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test uses a part of this"
)]
#![allow(unused_imports, clippy::unwrap_used, reason = "helpers of tests")]

mod network;
pub use network::{Faults, World};

use ledger::engine::{DropReason, Engine, EngineConfig, EngineInput, EngineOutput, EngineSnapshot};
use messages::cbor::Canonical;
use messages::consensus::{
    BlockId, CommitCertificate, ConsensusMessage, EquivocationProof, Proposal, SignedProposal,
    SignedVote, ValidatorSet, Vote, VoteKind,
};
use messages::entropy::HashStream;
use messages::hash::Hash;
use messages::ids::{Height, Name, Round};
use messages::keys::{PublicKey, Signature};
use messages::ports::{ConsensusSigner, ConsensusVerifier, FakeSigner, FakeVerifier};
use rand_core::TryRng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const SECRET: Hash = Hash([42; 32]);

pub fn network() -> Name {
    Name::try_new("trial").unwrap()
}

pub fn key(i: usize) -> PublicKey {
    PublicKey(Hash::of(&[b'k', i as u8]).0)
}

pub fn validators(n: usize) -> ValidatorSet {
    ValidatorSet::try_new((0..n).map(key).collect()).unwrap()
}

pub fn block(tag: &str) -> BlockId {
    BlockId(Hash::of(tag.as_bytes()))
}

/// Counts the signatures that are really verified.
#[derive(Default)]
pub struct Counting {
    pub calls: AtomicU64,
}

impl ConsensusVerifier for Counting {
    fn verify_message(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        self.calls.fetch_add(1, Ordering::SeqCst);
        FakeVerifier::new(SECRET).verify_message(key, message, signature)
    }
}

pub fn signer(i: usize) -> Arc<dyn ConsensusSigner> {
    Arc::new(FakeSigner::new(SECRET, key(i)))
}

pub fn verifier() -> Arc<dyn ConsensusVerifier> {
    Arc::new(FakeVerifier::new(SECRET))
}

pub fn config(n: usize, i: usize) -> EngineConfig {
    EngineConfig::new(network(), validators(n), Some(key(i)))
}

pub fn engine(n: usize, i: usize) -> Engine {
    Engine::new(config(n, i), Some(signer(i)), verifier())
}

pub fn observer(n: usize) -> Engine {
    Engine::new(
        EngineConfig::new(network(), validators(n), None),
        None,
        verifier(),
    )
}

pub fn step(engine: &mut Engine, input: EngineInput) -> Vec<EngineOutput> {
    let mut out = Vec::new();
    engine.step(input, &mut out).unwrap();
    out
}

pub fn vote(i: usize, h: u64, r: u32, kind: VoteKind, block: Option<BlockId>) -> SignedVote {
    let (network, validator) = (network(), key(i));
    let vote = Vote {
        network,
        height: Height(h),
        round: Round(r),
        kind,
        block,
        validator,
    };
    SignedVote {
        signature: signer(i).sign_vote(&vote),
        vote,
    }
}

pub fn vote_input(i: usize, h: u64, r: u32, kind: VoteKind, b: Option<BlockId>) -> EngineInput {
    EngineInput::Message(ConsensusMessage::Vote(vote(i, h, r, kind, b)))
}

/// A proposal by whoever's turn it is.
pub fn proposal(n: usize, h: u64, r: u32, block: BlockId) -> SignedProposal {
    let (height, round) = (Height(h), Round(r));
    let proposer = validators(n).proposer(height, round);
    let network = network();
    let proposal = Proposal {
        network,
        height,
        round,
        block,
        valid_round: None,
        proposer,
    };
    let signature = FakeSigner::new(SECRET, proposer).sign_proposal(&proposal);
    SignedProposal {
        proposal,
        signature,
    }
}

pub fn proposal_input(n: usize, h: u64, r: u32, block: BlockId) -> EngineInput {
    EngineInput::Message(ConsensusMessage::Proposal(proposal(n, h, r, block)))
}

pub fn body_input(n: usize, h: u64, r: u32, block: BlockId, valid: bool) -> EngineInput {
    let (height, round) = (Height(h), Round(r));
    let proposer = validators(n).proposer(height, round);
    EngineInput::BlockChecked {
        height,
        round,
        block,
        proposer,
        valid_round: None,
        valid,
    }
}

/// The votes among `out`.
pub fn votes_in(out: &[EngineOutput]) -> Vec<Vote> {
    out.iter()
        .filter_map(|o| match o {
            EngineOutput::Broadcast(ConsensusMessage::Vote(m)) => Some(m.vote.clone()),
            _ => None,
        })
        .collect()
}

pub fn decided_in(out: &[EngineOutput]) -> Option<CommitCertificate> {
    out.iter().find_map(|o| match o {
        EngineOutput::Decided { certificate } => Some(certificate.clone()),
        _ => None,
    })
}

pub fn dropped(engine: &Engine, reason: DropReason) -> u64 {
    engine.dropped().get(&reason).copied().unwrap_or(0)
}

/// Brings `engine`, run by validator `me` of `n`, through height `h` with a quorum's help.
pub fn decide(engine: &mut Engine, n: usize, me: usize, h: u64, b: BlockId) -> Vec<EngineOutput> {
    let mut out = step(engine, start(h));
    for input in inputs_to_decide(n, me, h, b) {
        out.extend(step(engine, input));
    }
    assert_eq!(
        decided_in(&out).map(|c| c.block),
        Some(b),
        "height {h} must be decided"
    );
    out
}

/// What validator `me` receives after the start of a height that goes well: nobody is late.
pub fn inputs_to_decide(n: usize, me: usize, h: u64, b: BlockId) -> Vec<EngineInput> {
    let (height, round) = (Height(h), Round(0));
    let mut inputs = if validators(n).proposer(height, round) == key(me) {
        vec![EngineInput::Propose {
            height,
            round,
            block: b,
        }]
    } else {
        vec![body_input(n, h, 0, b, true), proposal_input(n, h, 0, b)]
    };
    for kind in [VoteKind::Prevote, VoteKind::Precommit] {
        inputs.extend(
            (0..n)
                .filter(|i| *i != me)
                .map(|i| vote_input(i, h, 0, kind, Some(b))),
        );
    }
    inputs
}

pub fn start(height: u64) -> EngineInput {
    EngineInput::StartHeight(Height(height))
}
