//! One replica of four, and proposals that the others might send it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use bytes::Bytes;
use ledger::engine::EngineTimeouts;
use ledger::execution::{Chain, Committed, Entry, Executed, Rules};
use ledger::machine::{At, Keep, Machine};
use ledger::pool::PoolLimits;
use ledger::replica::{JudgedBlock, Replica, ReplicaConfig, ReplicaEffect, ReplicaInput};
use messages::cbor::Canonical;
use messages::consensus::{BlockId, ConsensusMessage, Proposal, SignedProposal};
use messages::event::{BlockEvents, EventTail};
use messages::genesis::{Genesis, GenesisValidator, Namespace, Parameters};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, Round, StatementId, TimeMs};
use messages::keys::{PrivateKey, PublicKey};
use messages::ports::{ConsensusSigner, FakeSigner, FakeVerifier};
use messages::statement::Statement;
use messages::stored::{HeadSignatures, LedgerReader, StoredBlock};
use messages::wire::PeerMessage;
use std::sync::Arc;

const SECRET: Hash = Hash([3; 32]);

/// A ledger with nothing in it.
struct Empty;

impl LedgerReader for Empty {
    fn head(&self) -> Option<StoredBlock> {
        None
    }
    fn block(&self, _: Height) -> Option<StoredBlock> {
        None
    }
    fn entry(&self, _: LeafIndex) -> Option<Bytes> {
        None
    }
    fn entries(&self, _: LeafIndex, _: usize) -> Vec<Bytes> {
        Vec::new()
    }
    fn tile_hashes(&self, _: u8, _: u64, _: usize) -> Vec<Hash> {
        Vec::new()
    }
    fn position(&self, _: &StatementId) -> Option<LeafIndex> {
        None
    }
    fn lookup(&self, _: &Hash, _: LeafIndex, _: usize) -> Vec<LeafIndex> {
        Vec::new()
    }
    fn height_of_block(&self, _: &Hash) -> Option<Height> {
        None
    }
    fn checkpoint_from(&self, _: Height) -> Option<(Height, String)> {
        None
    }
    fn newest_checkpoint(&self) -> Option<(Height, String)> {
        None
    }
    fn head_signatures(&self, _: Height) -> Option<HeadSignatures> {
        None
    }
    fn block_events(&self, _: Height) -> Option<BlockEvents> {
        None
    }
    fn event_tail(&self, _: &Name) -> Option<EventTail> {
        None
    }
    fn state_rows(&self) -> Vec<(Bytes, Bytes)> {
        Vec::new()
    }
}

impl Committed for Empty {
    fn contains(&self, _: &StatementId) -> bool {
        false
    }
}

pub struct World {
    pub replica: Replica,
    pub chain: Chain,
    /// The chain as the makers of proposals see it.
    pub makers_chain: Chain,
    pub now: TimeMs,
    seq: u64,
}

fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

fn key(purpose: &str) -> PublicKey {
    PrivateKey::derive(&[1; 32], purpose).public()
}

fn genesis(open: bool) -> Genesis {
    let validator = |i: usize| GenesisValidator {
        name: name(&format!("validator-{i}")),
        organisation: format!("Organisation {i}"),
        consensus: key(&format!("consensus-{i}")),
        log: key(&format!("log-{i}")),
        cosigner: key(&format!("cosigner-{i}")),
        receipt: key(&format!("receipt-{i}")),
        transport: key(&format!("transport-{i}")),
    };
    let public = Namespace {
        open,
        ..Namespace::open(name("public"))
    };
    Genesis {
        network: name("world"),
        origin: "wutong.example/world".into(),
        created: TimeMs(1_800_000_000_000),
        demonstration: true,
        validators: (0..4).map(validator).collect(),
        namespaces: vec![public],
        parameters: Parameters::default(),
    }
}

impl World {
    /// Validator 0 at genesis; the proposer of height 1 is validator 1.
    pub fn new() -> Self {
        Self::with(&genesis(true), Some(Height(0)))
    }

    /// The same in a network whose namespace lists no key, among makers of proposals that act as
    /// if it were open.
    pub fn closed() -> Self {
        let mut world = Self::with(&genesis(false), Some(Height(0)));
        world.makers_chain.rules = Arc::new(Rules::new(&genesis(true)));
        world
    }

    /// The same after it lost its journal.
    pub fn amnesiac() -> Self {
        Self::with(&genesis(true), None)
    }

    fn with(genesis: &Genesis, floor: Option<Height>) -> Self {
        let chain = Chain::genesis(genesis, &genesis.policy().unwrap().text());
        let own = genesis.validators[0].consensus;
        let config = ReplicaConfig {
            own: Some(own),
            signer: Some(Arc::new(FakeSigner::new(SECRET, own))),
            verifier: Arc::new(FakeVerifier::new(SECRET)),
            reader: Arc::new(Empty),
            timeouts: EngineTimeouts::default(),
            pool: PoolLimits::default(),
            floor,
        };
        let replica = Replica::new(config, chain.clone(), &mut Vec::new());
        Self {
            replica,
            makers_chain: chain.clone(),
            chain,
            now: TimeMs(1_800_000_001_000),
            seq: 1,
        }
    }

    /// Steps one input; what it kept and asked for.
    pub fn step(&mut self, input: &ReplicaInput) -> (Keep, Vec<ReplicaEffect>) {
        let mut effects = Vec::new();
        let at = At {
            now: self.now,
            seq: self.seq,
        };
        self.seq += 1;
        let keep = self.replica.step(at, input, &mut effects);
        (keep, effects)
    }

    fn statement(&self) -> Entry {
        let deposit = messages::deposit::Deposit {
            network: self.chain.rules.network.clone(),
            namespace: name("public"),
            lodged: messages::deposit::Lodged::Digest(Hash([9; 32])),
            algorithm: messages::deposit::DigestAlgorithm::Sha256,
            declared_time: None,
            not_before: None,
            references: Vec::new(),
        };
        let author = PrivateKey::derive(&[2; 32], "author");
        let statement = Statement::sign(&author, "author", "test", deposit).unwrap();
        Entry::parse(statement.entry().into()).unwrap()
    }

    /// The proposal of height 1 at `round`, with a block of one statement made at `time`.
    pub fn proposal(
        &self,
        round: Round,
        valid_round: Option<Round>,
        time: TimeMs,
    ) -> (BlockId, ReplicaInput) {
        let proposer = self.chain.rules.validators.proposer(Height(1), round);
        let executed = self
            .makers_chain
            .build(time, proposer, [self.statement()], &Empty);
        let block = JudgedBlock {
            parts: executed.block.to_parts(),
            entries: Some(executed.entries.clone()),
        };
        (
            executed.id,
            self.signed(&executed, block, round, valid_round),
        )
    }

    fn signed(
        &self,
        executed: &Executed,
        block: JudgedBlock,
        round: Round,
        valid_round: Option<Round>,
    ) -> ReplicaInput {
        self.sign(executed.id, block, round, valid_round)
    }

    fn sign(
        &self,
        id: BlockId,
        block: JudgedBlock,
        round: Round,
        valid_round: Option<Round>,
    ) -> ReplicaInput {
        let rules = &self.chain.rules;
        let proposer = rules.validators.proposer(Height(1), round);
        let network = rules.network.clone();
        let (height, block_id) = (Height(1), id);
        let proposal = Proposal {
            network,
            height,
            round,
            block: block_id,
            valid_round,
            proposer,
        };
        let signature = FakeSigner::new(SECRET, proposer).sign_proposal(&proposal);
        let message = ConsensusMessage::Proposal(SignedProposal {
            proposal,
            signature,
        });
        ReplicaInput::Proposal {
            message: message.to_bytes().into(),
            block,
        }
    }

    /// The block of another proposal, proposed again.
    pub fn proposal_of(
        &self,
        of: &ReplicaInput,
        round: Round,
        valid_round: Option<Round>,
    ) -> ReplicaInput {
        let ReplicaInput::Proposal { block, .. } = of else {
            unreachable!()
        };
        let header = messages::block::Header::from_bytes(&block.parts.header).unwrap();
        self.sign(header.id(), block.clone(), round, valid_round)
    }
}

/// Votes for `id` among what a step asked to broadcast.
pub fn votes_for(effects: &[ReplicaEffect], id: BlockId) -> usize {
    let is_vote = |effect: &&ReplicaEffect| {
        let ReplicaEffect::Broadcast(PeerMessage::Consensus(bytes)) = effect else {
            return false;
        };
        matches!(
            ConsensusMessage::from_bytes(bytes),
            Ok(ConsensusMessage::Vote(signed)) if signed.vote.block == Some(id)
        )
    };
    effects.iter().filter(is_vote).count()
}
