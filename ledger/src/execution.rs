//! Execution: folding a block into the chain's state, and making the next block.
//!
//! The header's roots are those *after* the block, so a validator executes a proposal before it
//! votes, and votes nil when it computes others.

mod certified;
mod restore;

use crate::permissions::{Event, Permissions, Rejection};
use crate::state::StateTree;
use bytes::Bytes;
use messages::block::{Block, Header, PROTOCOL_VERSION};
use messages::cbor::Canonical;
use messages::consensus::{BlockId, CommitCertificate, ValidatorSet};
use messages::genesis::{Genesis, Parameters};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, StatementId, TimeMs};
use messages::keys::PublicKey;
use messages::merkle::Frontier;
use messages::outcome::{Outcome, outcomes_root};
use messages::ports::ConsensusVerifier;
use messages::seal::Seal;
use messages::statement::{Statement, StatementError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A statement that was read strictly; its signature was judged beside it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: StatementId,
    /// Its bytes, as logged.
    pub bytes: Bytes,
    /// What it says.
    pub statement: Arc<Statement>,
}

impl Entry {
    /// Reads an entry strictly.
    ///
    /// # Errors
    /// When the bytes are no statement.
    pub fn parse(bytes: Bytes) -> Result<Self, StatementError> {
        let id = StatementId::of_entry(&bytes);
        Self::parse_as(id, bytes)
    }

    /// Reads an entry whose id is known already.
    ///
    /// # Errors
    /// When the bytes are no statement.
    pub fn parse_as(id: StatementId, bytes: Bytes) -> Result<Self, StatementError> {
        let statement = Arc::new(Statement::parse(&bytes)?);
        Ok(Self {
            id,
            bytes,
            statement,
        })
    }
}

/// Why a proposed block is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockRejection {
    /// A header field is not what the chain demands.
    #[error("{field}: expected {expected}, found {found}")]
    Header {
        /// The field.
        field: &'static str,
        /// What this validator computes.
        expected: String,
        /// What the block says.
        found: String,
    },
    /// A statement stands in the block or the ledger already.
    #[error("statement {0} is in the ledger already")]
    Duplicate(StatementId),
    /// An author may not make a statement of this block.
    #[error("statement {id}: {rejection}")]
    Unauthorised {
        /// The statement.
        id: StatementId,
        /// Why.
        rejection: Rejection,
    },
    /// The certificate of the block before does not hold.
    #[error("certificate of the block before: {0}")]
    Certificate(String),
    /// More statements or bytes than the parameters allow.
    #[error("the block is larger than the network allows")]
    TooLarge,
}

/// What never changes while the rules of genesis hold.
#[derive(Debug)]
pub struct Rules {
    /// Name of the network.
    pub network: Name,
    /// Limits and intervals.
    pub parameters: Parameters,
    /// Validators of the epoch.
    pub validators: ValidatorSet,
    /// Their hash.
    pub validator_set_hash: Hash,
    /// Who may do what.
    pub permissions: Permissions,
}

impl Rules {
    /// The rules `genesis` lays down.
    pub fn new(genesis: &Genesis) -> Self {
        let validators = genesis.validator_set();
        Self {
            network: genesis.network.clone(),
            parameters: genesis.parameters,
            validator_set_hash: validators.hash(),
            validators,
            permissions: Permissions::new(genesis),
        }
    }
}

/// The chain after a block; cheap to clone.
#[derive(Clone, Debug)]
pub struct Chain {
    /// What does not change.
    pub rules: Arc<Rules>,
    /// Height of the newest block; 0 after genesis.
    pub height: Height,
    /// Its time.
    pub time: TimeMs,
    /// Its id; the genesis leaf hash at height 0.
    pub id: Hash,
    /// The certificate that decided it; none at height 0.
    pub certificate: Option<CommitCertificate>,
    /// Leaf hash of its seal; the genesis leaf hash at height 0.
    pub seal: Hash,
    /// Right edge of the log's tree.
    pub log: Frontier,
    /// The authenticated state.
    pub state: StateTree,
    /// Statements committed so far.
    pub ordinal: u64,
}

/// A block together with all that follows from it.
#[derive(Debug)]
pub struct Executed {
    /// Id of the block.
    pub id: BlockId,
    /// The block.
    pub block: Block,
    /// Its statements, read.
    pub entries: Vec<Entry>,
    /// Index of its first statement.
    pub first_leaf: LeafIndex,
    /// Its seal entry.
    pub seal: Bytes,
    /// Leaf hashes of statements and seal.
    pub leaves: Vec<Hash>,
    /// One outcome per statement.
    pub outcomes: Vec<Outcome>,
    /// Facts that change the state.
    pub events: Vec<Event>,
    /// The chain after it, still without this block's certificate.
    pub next: Chain,
}

/// Whether a statement is in the ledger already.
pub trait Committed {
    /// Whether `id` was committed before the block at hand.
    fn contains(&self, id: &StatementId) -> bool;
}

/// What a block adds, before it has a header.
struct Body {
    events: Vec<Event>,
    outcomes: Vec<Outcome>,
    leaves: Vec<Hash>,
    state: StateTree,
}

impl Chain {
    /// Height of the block to come.
    pub fn next_height(&self) -> Height {
        self.height.next()
    }

    /// Makes the next block of those `candidates` that are still valid, within the limits.
    pub fn build(
        &self,
        now: TimeMs,
        proposer: PublicKey,
        candidates: impl IntoIterator<Item = Entry>,
        committed: &dyn Committed,
    ) -> Executed {
        let limits = &self.rules.parameters;
        let mut entries = Vec::new();
        let mut bytes = 0;
        let mut seen = BTreeSet::new();
        let mut body = self.empty_body();
        for entry in candidates {
            let fits = entries.len() < limits.block_statements_max as usize
                && bytes + entry.bytes.len() <= limits.block_bytes_max as usize;
            if !fits {
                break;
            }
            if committed.contains(&entry.id) || !seen.insert(entry.id) {
                continue;
            }
            if self.fold(&entry, &mut body).is_ok() {
                bytes += entry.bytes.len();
                entries.push(entry);
            }
        }
        let time = now.max(self.time.plus_ms(1));
        let certificate_hash = hash_of(self.certificate.as_ref());
        let (header, seal, log) = self.finish(&mut body, time, proposer, certificate_hash);
        let statements = entries.iter().map(|e| e.bytes.clone()).collect();
        let block = Block {
            header,
            statements,
            certificate: self.certificate.clone(),
        };
        self.executed(block, entries, seal, body, log)
    }

    /// Executes a block that came from elsewhere and compares all that it claims.
    ///
    /// # Errors
    /// The first claim that does not hold.
    pub fn execute(
        &self,
        block: Block,
        entries: Vec<Entry>,
        committed: &dyn Committed,
        verifier: &dyn ConsensusVerifier,
    ) -> Result<Executed, BlockRejection> {
        self.check_links(&block, verifier)?;
        let mut seen = BTreeSet::new();
        let mut body = self.empty_body();
        for entry in &entries {
            if committed.contains(&entry.id) || !seen.insert(entry.id) {
                return Err(BlockRejection::Duplicate(entry.id));
            }
            self.fold(entry, &mut body)
                .map_err(|rejection| BlockRejection::Unauthorised {
                    id: entry.id,
                    rejection,
                })?;
        }
        let (time, proposer) = (block.header.time, block.header.proposer);
        let carried = hash_of(block.certificate.as_ref());
        let (expected, seal, log) = self.finish(&mut body, time, proposer, carried);
        if expected != block.header {
            return Err(difference(&expected, &block.header));
        }
        Ok(self.executed(block, entries, seal, body, log))
    }

    /// The checks that need no execution.
    fn check_links(
        &self,
        block: &Block,
        verifier: &dyn ConsensusVerifier,
    ) -> Result<(), BlockRejection> {
        let limits = &self.rules.parameters;
        if block.statements.len() > limits.block_statements_max as usize
            || block.statement_bytes() > limits.block_bytes_max as usize
        {
            return Err(BlockRejection::TooLarge);
        }
        if block.header.time <= self.time {
            return Err(BlockRejection::Header {
                field: "time",
                expected: format!("later than {}", self.time.0),
                found: block.header.time.0.to_string(),
            });
        }
        match (&block.certificate, self.height) {
            (None, Height(0)) => Ok(()),
            (Some(certificate), height) if height.0 > 0 => {
                if certificate.height != height || certificate.block.0 != self.id {
                    return Err(BlockRejection::Certificate(
                        "certifies another block".into(),
                    ));
                }
                let rules = &self.rules;
                if self.certificate.as_ref() == Some(certificate) {
                    return Ok(());
                }
                certificate
                    .verify_with(&rules.network, &rules.validators, verifier)
                    .map_err(|e| BlockRejection::Certificate(e.to_string()))
            }
            _ => Err(BlockRejection::Certificate(
                "missing or out of place".into(),
            )),
        }
    }

    fn empty_body(&self) -> Body {
        Body {
            events: Vec::new(),
            outcomes: Vec::new(),
            leaves: Vec::new(),
            state: self.state.clone(),
        }
    }

    /// Folds one statement into the body.
    fn fold(&self, entry: &Entry, body: &mut Body) -> Result<(), Rejection> {
        let height = self.next_height();
        let event = self
            .rules
            .permissions
            .decide(&body.state, &entry.statement, height)?;
        if let Some(event) = event {
            Permissions::evolve(&mut body.state, &event);
            body.events.push(event);
        }
        body.outcomes.push(Outcome::done(entry.id));
        body.leaves.push(entry.id.0);
        Ok(())
    }

    /// Seals the body and computes the header that goes with it.
    fn finish(
        &self,
        body: &mut Body,
        time: TimeMs,
        proposer: PublicKey,
        certificate_hash: Hash,
    ) -> (Header, Bytes, Frontier) {
        let rules = &self.rules;
        let outcomes_root = outcomes_root(&body.outcomes);
        let state_root = body.state.root();
        let seal = Seal {
            network: rules.network.clone(),
            height: self.next_height(),
            time,
            previous_seal: self.seal,
            first_leaf: LeafIndex(self.log.size().0),
            outcomes_root,
            state_root,
            validator_set_hash: rules.validator_set_hash,
            protocol_version: PROTOCOL_VERSION,
        };
        let seal_bytes: Bytes = seal.to_bytes().into();
        body.leaves.push(Hash::leaf(&seal_bytes));
        let mut log = self.log.clone();
        for leaf in &body.leaves {
            log.push(*leaf);
        }
        let header = Header {
            network: rules.network.clone(),
            height: self.next_height(),
            time,
            previous: self.id,
            log_size: log.size(),
            log_root: log.root(),
            state_root,
            outcomes_root,
            proposer,
            validator_set_hash: rules.validator_set_hash,
            certificate_hash,
            protocol_version: PROTOCOL_VERSION,
        };
        (header, seal_bytes, log)
    }

    fn executed(
        &self,
        block: Block,
        entries: Vec<Entry>,
        seal: Bytes,
        body: Body,
        log: Frontier,
    ) -> Executed {
        let id = block.header.id();
        let next = Self {
            rules: self.rules.clone(),
            height: self.next_height(),
            time: block.header.time,
            id: id.0,
            certificate: None,
            seal: *body.leaves.last().expect("a block has its seal"),
            log,
            state: body.state,
            ordinal: self.ordinal + entries.len() as u64,
        };
        Executed {
            id,
            first_leaf: LeafIndex(self.log.size().0),
            block,
            entries,
            seal,
            leaves: body.leaves,
            outcomes: body.outcomes,
            events: body.events,
            next,
        }
    }
}

/// Hash of the certificate a block carries; zeros for none. Nodes may hold different quorums of
/// one decision: the one that the next block carries is the canonical one.
fn hash_of(certificate: Option<&CommitCertificate>) -> Hash {
    certificate.map_or(Hash::ZERO, CommitCertificate::hash)
}

/// Names the first field in which two headers differ.
fn difference(expected: &Header, found: &Header) -> BlockRejection {
    let rows: [(&'static str, String, String); 11] = [
        (
            "network",
            expected.network.to_string(),
            found.network.to_string(),
        ),
        (
            "height",
            expected.height.to_string(),
            found.height.to_string(),
        ),
        (
            "previous",
            expected.previous.to_string(),
            found.previous.to_string(),
        ),
        (
            "log size",
            expected.log_size.to_string(),
            found.log_size.to_string(),
        ),
        (
            "log root",
            expected.log_root.to_string(),
            found.log_root.to_string(),
        ),
        (
            "state root",
            expected.state_root.to_string(),
            found.state_root.to_string(),
        ),
        (
            "outcomes root",
            expected.outcomes_root.to_string(),
            found.outcomes_root.to_string(),
        ),
        (
            "validator-set hash",
            expected.validator_set_hash.to_string(),
            found.validator_set_hash.to_string(),
        ),
        (
            "certificate hash",
            expected.certificate_hash.to_string(),
            found.certificate_hash.to_string(),
        ),
        (
            "protocol version",
            expected.protocol_version.to_string(),
            found.protocol_version.to_string(),
        ),
        (
            "proposer",
            expected.proposer.to_string(),
            found.proposer.to_string(),
        ),
    ];
    let first = rows.into_iter().find(|(_, a, b)| a != b);
    let (field, expected, found) = first.expect("headers that differ differ in a field");
    BlockRejection::Header {
        field,
        expected,
        found,
    }
}
