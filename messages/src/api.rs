//! What a node answers to its surfaces (HTTP, NATS, the in-process bench), as typed data.

use crate::hash::Hash;
use crate::ids::{Height, LeafIndex, Name, Ordinal, Round, StatementId, TimeMs, TreeSize};
use crate::keys::PublicKey;
use crate::wire::NodeFacts;
use bytes::Bytes;

mod reading;

pub use reading::*;

/// Kind of a refusal; surfaces map it to their own status codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The input is not of the expected form (HTTP 400).
    Malformed,
    /// The author may not do this (HTTP 403).
    Forbidden,
    /// No such thing (HTTP 404).
    NotFound,
    /// Larger than the network allows (HTTP 413).
    TooLarge,
    /// The node has too much to do; come back later (HTTP 429).
    Busy,
    /// The node cannot answer now (HTTP 503).
    Unavailable,
}

/// A refusal that names the field and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of refusal.
    pub kind: ProblemKind,
    /// Stable code, `kebab-case`.
    pub code: &'static str,
    /// What is wrong, with expected and found.
    pub detail: String,
    /// The field it is about.
    pub field: Option<String>,
    /// What the caller can do.
    pub next_step: String,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRole {
    /// Votes and cosigns.
    Validator,
    /// Follows, and serves reads and receipts.
    Observer,
}

/// A node as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorStatus {
    /// Node name.
    pub name: Name,
    /// What it is for.
    pub role: NodeRole,
    /// Organisation that runs it; empty for observers, which genesis does not name.
    pub organisation: String,
    /// Whether it was heard of within the last two seconds (this node itself always is).
    pub present: bool,
    /// Whether it is this node.
    pub own: bool,
    /// Its last known durable height.
    pub height: Height,
    /// Its last known round.
    pub round: Round,
    /// Height up to which it has receipts.
    pub published: Height,
    /// Milliseconds since it was last heard of; none when it never was.
    pub silent_ms: Option<u64>,
    /// What it says of itself; none before it was heard of.
    pub about: Option<NodeFacts>,
}

/// Where a statement stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its id.
    pub id: StatementId,
    /// Height of its block.
    pub height: Height,
    /// Its place in the log.
    pub index: LeafIndex,
    /// Time of its block.
    pub block_time: TimeMs,
    /// The receipt (C2SP tlog-proof, without the depositor's salt).
    pub receipt: String,
}

/// Answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitAnswer {
    /// Committed: here is the receipt.
    Committed(Box<Committed>),
    /// Admitted and durable here; the wait ended before a receipt existed.
    Pending(StatementId),
    /// Admitted and durable here, but too few validators are present to decide.
    NoQuorum {
        /// The statement, which commits once when the quorum is back.
        id: StatementId,
        /// Validators that are missing.
        missing: Vec<Name>,
        /// Validators needed.
        quorum: usize,
    },
    /// Refused; nothing was changed.
    Refused(Problem),
}

/// A question about committed data or the node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The receipt of a statement.
    Receipt(StatementId),
    /// A statement and where it stands.
    Statement(StatementId),
    /// Statements that lodge this digest or commitment, from a place in the log on.
    Lookup {
        /// The digest or commitment.
        value: Hash,
        /// First place that counts.
        from: LeafIndex,
        /// Most statements wanted.
        count: usize,
    },
    /// A block.
    Block(Height),
    /// The newest published checkpoint.
    Checkpoint,
    /// The policy (trust anchor) in force.
    Policy,
    /// The validators as this node sees them.
    Validators,
    /// How the node is.
    Health,
    /// A body, asked for by the holder of a key, if the asker proved to hold one.
    Body {
        /// SHA-256 of the body.
        digest: Hash,
        /// The asker's key.
        reader: Option<PublicKey>,
    },
    /// Hands a body over, ahead of the statement that lodges it.
    PutBody {
        /// SHA-256 of the body.
        digest: Hash,
        /// The body.
        bytes: Bytes,
    },
    /// A tile of the published log.
    Tile(TileName),
    /// Proof that a tree of the log extends an earlier one.
    Consistency {
        /// Size of the earlier tree.
        first: TreeSize,
        /// Size of the later tree; none for that of the newest checkpoint.
        second: Option<TreeSize>,
    },
    /// Proof that an entry is in the log.
    Inclusion {
        /// Its place.
        index: LeafIndex,
        /// Size of the tree; none for that of the newest checkpoint.
        size: Option<TreeSize>,
    },
    /// A block by its id.
    BlockById(Hash),
    /// A page of durable blocks.
    Blocks(Page<Height>),
    /// An entry of the published log.
    Entry(LeafIndex),
    /// A page of entries of the published log.
    Entries(Page<LeafIndex>),
    /// A page of published statements.
    Statements(Page<Ordinal>),
    /// What became of a published statement.
    Outcome(StatementId),
    /// What a key may do.
    Identity {
        /// The key.
        key: PublicKey,
        /// The only namespace wanted; none for all.
        namespace: Option<Name>,
    },
    /// Namespaces, ordered by name.
    Namespaces {
        /// Those after this name; none for the first.
        after: Option<Name>,
        /// Most wanted.
        count: usize,
    },
    /// Listed keys of a namespace, ordered by key.
    ListedKeys {
        /// The namespace.
        namespace: Name,
        /// Those after this key; none for the first.
        after: Option<PublicKey>,
        /// Most wanted.
        count: usize,
    },
    /// A row of the state with its proof.
    State(Bytes),
    /// Events of published statements.
    Events(EventsQuery),
    /// All policies of the network.
    PolicyChain,
    /// The COSE receipt of a statement (RFC 9942).
    CoseReceipt(StatementId),
    /// Keys that sign COSE receipts.
    ReceiptKeys,
    /// The policy entry in force, which lists the receipt keys, with proof.
    PolicyProof,
}

/// A block for people and programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockView {
    /// Height.
    pub height: Height,
    /// Id (header hash); the genesis leaf hash at height 0.
    pub id: Hash,
    /// Block time.
    pub time: TimeMs,
    /// Name of the validator that made it; none at height 0.
    pub proposer: Option<Name>,
    /// Round in which it was decided.
    pub round: Round,
    /// Names of those whose precommits decide it.
    pub signers: Vec<Name>,
    /// Index of its first entry.
    pub first_leaf: LeafIndex,
    /// Size of the log after it.
    pub log_size: TreeSize,
    /// Root of the log after it.
    pub log_root: Hash,
    /// Root of the state after it.
    pub state_root: Hash,
    /// Its statements in order, with outcome codes.
    pub statements: Vec<(StatementId, u32)>,
}

/// A statement for people and programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementView {
    /// Its id.
    pub id: StatementId,
    /// Its bytes.
    pub entry: Bytes,
    /// Height, index and block time; none while it waits for a block.
    pub place: Option<(Height, LeafIndex, TimeMs)>,
}

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Network.
    pub network: Name,
    /// This node.
    pub node: Name,
    /// Version of the software.
    pub version: &'static str,
    /// Whether enough validators are present to decide.
    pub quorum: bool,
    /// Validators needed.
    pub quorum_size: usize,
    /// Validators that are missing.
    pub missing: Vec<Name>,
    /// Last durable height.
    pub height: Height,
    /// Round at the next height.
    pub round: Round,
    /// Height of the newest checkpoint with a quorum.
    pub published: Height,
    /// Entries in the log.
    pub log_size: TreeSize,
    /// Root of the log.
    pub log_root: Hash,
    /// Statements committed.
    pub statements: Ordinal,
    /// Statements waiting for a block.
    pub waiting: usize,
    /// The node lost its journal and does not sign below this height; none when all is well.
    pub amnesiac: Option<String>,
    /// Whether this node votes.
    pub voting: bool,
}

/// Answer to a [`Query`], of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Query::Receipt`].
    Receipt(Box<Committed>),
    /// To questions about a statement that is admitted here and not yet published.
    Waiting(StatementId),
    /// To [`Query::Statement`].
    Statement(StatementView),
    /// To [`Query::Lookup`], oldest first.
    Lookup(Paged<StatementView, LeafIndex>),
    /// To [`Query::Block`] and [`Query::BlockById`].
    Block(Box<BlockView>),
    /// To [`Query::Checkpoint`]: the signed note.
    Checkpoint(String),
    /// To [`Query::Policy`]: the policy text.
    Policy(String),
    /// To [`Query::Validators`]: the validators in the order of genesis, then the observers that
    /// this node knows.
    Validators(Vec<ValidatorStatus>),
    /// To [`Query::Health`].
    Health(Box<Health>),
    /// To [`Query::Body`].
    Body(Bytes),
    /// To [`Query::PutBody`]: the body waits for its statement, or is here already.
    BodyTaken {
        /// SHA-256 of the body.
        digest: Hash,
        /// Its size in bytes.
        size: u64,
    },
    /// To [`Query::Tile`]: its bytes.
    Tile(Bytes),
    /// To [`Query::Consistency`].
    Consistency(Box<ConsistencyProof>),
    /// To [`Query::Inclusion`].
    Inclusion(Box<InclusionProof>),
    /// To [`Query::Blocks`].
    Blocks(Paged<BlockSummary, Height>),
    /// To [`Query::Entry`].
    Entry(Bytes),
    /// To [`Query::Entries`].
    Entries(Paged<(LeafIndex, Bytes), LeafIndex>),
    /// To [`Query::Statements`].
    Statements(Paged<NumberedStatement, Ordinal>),
    /// To [`Query::Outcome`].
    Outcome(Box<OutcomeView>),
    /// To [`Query::Identity`].
    Identity(Box<IdentityView>),
    /// To [`Query::Namespaces`].
    Namespaces(Paged<NamespaceView, Name>),
    /// To [`Query::ListedKeys`].
    ListedKeys(Paged<(PublicKey, String), PublicKey>),
    /// To [`Query::State`].
    State(Box<StateView>),
    /// To [`Query::Events`].
    Events(EventPage),
    /// To [`Query::PolicyChain`].
    PolicyChain(Box<PolicyChain>),
    /// To [`Query::CoseReceipt`]: the transparent statement.
    CoseReceipt(Bytes),
    /// To [`Query::ReceiptKeys`], one for each validator.
    ReceiptKeys(Vec<PublicKey>),
    /// To [`Query::PolicyProof`]: the entry under the newest published checkpoint.
    PolicyProof(Box<crate::receipt::PolicyLink>),
    /// No such thing, or no answer now.
    Problem(Problem),
}

/// A committed fact, in its integrator form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Dense number within the network, from 1.
    pub ordinal: u64,
    /// Namespace it belongs to.
    pub namespace: Name,
    /// Its hash, which the next event names.
    pub hash: Hash,
    /// Versioned JSON ([`crate::event::event_json`]).
    pub json: String,
}
