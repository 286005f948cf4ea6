//! Questions about the log, its history and its state, as typed data.
//!
//! Hashes and entries that are answered here lie under the newest published checkpoint unless a
//! type says otherwise, so that whoever reads them can check them.

use super::{BlockView, StatementView};
use crate::hash::Hash;
use crate::ids::{Height, LeafIndex, Name, Ordinal, StatementId, TimeMs, TreeSize};
use crate::keys::PublicKey;
use crate::state_proof::StateProof;
use bytes::Bytes;

/// Most items in one page of a list.
pub const PAGE_MAX: usize = 100;

/// Hashes or entries in a full tile (C2SP tlog-tiles).
pub const TILE_WIDTH: u16 = 256;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileKind {
    /// Hashes of this level; each covers 256^level entries.
    Hashes(u8),
    /// The entries themselves.
    Entries,
}

/// Names a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileName {
    /// What it holds.
    pub kind: TileKind,
    /// Its number within its level.
    pub index: u64,
    /// Hashes or entries wanted from its start, 1 to [`TILE_WIDTH`].
    pub width: u16,
}

/// Where a page of a list begins, and which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<T> {
    /// At the newest, downwards.
    Newest,
    /// Below this, downwards.
    Before(T),
    /// At this, upwards.
    From(T),
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Where it begins.
    pub start: Start<T>,
    /// Most items wanted; answers hold no more than [`PAGE_MAX`].
    pub count: usize,
}

/// Items of a page, and where the next page begins; none at the end of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<I, T> {
    /// The items.
    pub items: Vec<I>,
    /// The next page.
    pub next: Option<Start<T>>,
}

/// Proof that a tree extends an earlier one (RFC 6962 section 2.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Size of the earlier tree.
    pub first: TreeSize,
    /// Its root.
    pub first_root: Hash,
    /// Size of the later tree.
    pub second: TreeSize,
    /// Its root.
    pub root: Hash,
    /// The path.
    pub path: Vec<Hash>,
}

/// Proof that an entry is in the log (RFC 6962 section 2.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// Position of the entry.
    pub index: LeafIndex,
    /// Its leaf hash.
    pub leaf: Hash,
    /// Size of the tree.
    pub size: TreeSize,
    /// Root of the tree.
    pub root: Hash,
    /// Path from leaf to root.
    pub path: Vec<Hash>,
}

/// A block in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockSummary {
    /// The block, its statements left out.
    pub block: BlockView,
    /// How many statements it holds.
    pub statement_count: usize,
}

/// A statement in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedStatement {
    /// Its number.
    pub ordinal: Ordinal,
    /// The statement.
    pub view: StatementView,
}

/// What became of a statement, and what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeView {
    /// The statement.
    pub id: StatementId,
    /// Height of its block.
    pub height: Height,
    /// Its place in the log.
    pub index: LeafIndex,
    /// Time of its block.
    pub block_time: TimeMs,
    /// Result code; 0 is done.
    pub code: u32,
    /// Canonical outcome: the leaf's content.
    pub outcome: Vec<u8>,
    /// Position in its block.
    pub position: u64,
    /// Statements in its block.
    pub count: u64,
    /// Path under the seal's outcomes root.
    pub path: Vec<Hash>,
    /// The seal of its block.
    pub seal: Bytes,
    /// Place of the seal in the log.
    pub seal_index: LeafIndex,
}

/// Rights of a key in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The namespace.
    pub namespace: Name,
    /// Whether a key's first statement registers it.
    pub open: bool,
    /// Organisation under which the key is listed; none when it is not.
    pub organisation: Option<String>,
    /// Height that registered the key; none when no statement did.
    pub registered: Option<Height>,
    /// Whether the key may deposit.
    pub may_deposit: bool,
}

/// A key, and what it may do as of a height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityView {
    /// The key.
    pub key: PublicKey,
    /// The height.
    pub height: Height,
    /// One for each namespace asked for, ordered by name.
    pub memberships: Vec<Membership>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceView {
    /// Its name.
    pub name: Name,
    /// Whether a key's first statement registers it.
    pub open: bool,
    /// Whether contents may be lodged in the open and read by anybody.
    pub public: bool,
    /// Validators that hold its bodies; none named: all do.
    pub holders: Vec<Name>,
    /// Listed keys with their organisations, ordered by key: the first page of them.
    pub listed: Vec<(PublicKey, String)>,
    /// Listed keys in all.
    pub listed_count: usize,
}

/// The seal that carries a state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealView {
    /// Its bytes.
    pub entry: Bytes,
    /// Its place in the log.
    pub index: LeafIndex,
    /// Its inclusion, and the checkpoint it leads to; none while the block is not published.
    pub published: Option<(InclusionProof, String)>,
}

/// A row of the state, or the proof that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateView {
    /// The key.
    pub key: Bytes,
    /// Its value; none when it is absent.
    pub value: Option<Bytes>,
    /// Height of the block after which this holds.
    pub height: Height,
    /// State root after that block.
    pub root: Hash,
    /// Leads to the root.
    pub proof: StateProof,
    /// The seal that carries the root; none at height 0.
    pub seal: Option<SealView>,
}

/// From where on events are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventsFrom {
    /// None, only what the newest ordinal is.
    Newest,
    /// Those with a greater ordinal, which counts from 1.
    After(u64),
    /// Those of the block at this height and later ones.
    Height(Height),
}

/// Which events are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsQuery {
    /// From where on.
    pub from: EventsFrom,
    /// Those of this namespace; none for all.
    pub namespace: Option<Name>,
    /// With their receipts inside.
    pub receipts: bool,
    /// Most wanted.
    pub count: usize,
}

/// Events, as they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// In order; without a gap in the chain that was asked for.
    pub events: Vec<super::Event>,
    /// All wanted events up to this ordinal are here: the next page follows it.
    pub seen: u64,
    /// Ordinal of the newest event there is; 0 when there is none.
    pub newest: u64,
}

/// The policy of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyEpoch {
    /// The epoch.
    pub epoch: u64,
    /// Its policy (C2SP tlog-policy).
    pub policy: String,
    /// The entry that holds it.
    pub entry: Bytes,
    /// Place of the entry in the log.
    pub index: LeafIndex,
}

/// Binds the policy of an epoch to the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLink {
    /// The epoch that it leads to.
    pub epoch: u64,
    /// The entry that holds the policy.
    pub entry: Bytes,
    /// Place of the entry in the log.
    pub index: LeafIndex,
    /// Inclusion path under the checkpoint.
    pub path: Vec<Hash>,
    /// A checkpoint that meets the policy before.
    pub checkpoint: String,
}

/// All policies of a network, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyChain {
    /// The network.
    pub network: Name,
    /// One for each epoch.
    pub epochs: Vec<PolicyEpoch>,
    /// One for each epoch but the first.
    pub links: Vec<PolicyLink>,
}
