//! What a node keeps of the ledger, and the synchronous reads a pure machine may make of it.

use crate::event::{BlockEvents, EventTail};
use crate::hash::Hash;
use crate::ids::{Height, LeafIndex, Name, StatementId};
use crate::keys::Signature;
use bytes::Bytes;

/// A committed block as the store keeps it: its entries stand in the log, once.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct StoredBlock {
    /// Height; 0 for the genesis.
    pub height: Height,
    /// Canonical header; empty for the genesis.
    pub header: Bytes,
    /// Canonical certificate that decided this block; empty for the genesis.
    pub certificate: Bytes,
    /// Canonical certificate of the block before, as the block carried it.
    pub previous_certificate: Bytes,
    /// Index of the block's first entry; its last entry is the seal.
    pub first_leaf: LeafIndex,
    /// Entries of the block, the seal included.
    pub entry_count: u32,
    /// Outcome codes in block order, one per statement.
    pub outcomes: Vec<u32>,
    /// Peaks of the log's tree after this block, largest first.
    pub peaks: Vec<Hash>,
    /// Statements committed before this block.
    pub first_ordinal: u64,
    /// Journal records from this seq on are needed to replay after this block.
    pub replay_from: u64,
}

impl crate::wire::Framed for StoredBlock {
    const SCHEMA: u16 = 10;
    const VERSION: u16 = 1;
}

/// A validator's COSE receipt signature over a tree head ([`crate::cose_receipt`]); origin, size and
/// root stand in the checkpoint beside it.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct ReceiptSignature {
    /// Key id of the validator's receipt key.
    pub key_id: [u8; 8],
    /// Its signature.
    pub signature: Signature,
}

/// The receipt signatures that a published checkpoint came with, as the store keeps them beside
/// its note.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct HeadSignatures {
    /// Height of the head.
    pub height: Height,
    /// The signatures, one per validator; a quorum, or fewer when some were missing.
    pub signatures: Vec<ReceiptSignature>,
}

impl crate::wire::Framed for HeadSignatures {
    const SCHEMA: u16 = 12;
    const VERSION: u16 = 1;
}

/// One block's worth of writes.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The block's record.
    pub block: StoredBlock,
    /// Index of the first entry written.
    pub first_leaf: LeafIndex,
    /// Entries in log order: statements, then the seal (the genesis commit: genesis, policy).
    pub entries: Vec<Bytes>,
    /// Complete tile hashes this block adds, as (tile level, index, hash), ordered.
    pub tile_hashes: Vec<(u8, u64, Hash)>,
    /// State rows set by this block, ordered by key.
    pub state_rows: Vec<(Bytes, Bytes)>,
    /// Ids of the block's statements with their positions.
    pub ids: Vec<(StatementId, LeafIndex)>,
    /// Lodged digests and commitments with their positions.
    pub values: Vec<(Hash, LeafIndex)>,
    /// Where the chains of events stood before the block.
    pub events: BlockEvents,
    /// Where those of the block's namespaces stand after it, ordered by name.
    pub event_tails: Vec<(Name, EventTail)>,
}

/// Reads of bodies: contents kept beside the log, by their SHA-256.
pub trait BodyReader: Send + Sync {
    /// The body.
    fn body(&self, digest: &Hash) -> Option<Bytes>;

    /// Whether the body is here and durable.
    fn holds_body(&self, digest: &Hash) -> bool;
}

/// Reads of committed data. Deterministic: the same committed blocks give the same answers.
pub trait LedgerReader: Send + Sync {
    /// The newest committed block.
    fn head(&self) -> Option<StoredBlock>;

    /// The block at a height.
    fn block(&self, height: Height) -> Option<StoredBlock>;

    /// The entry at an index.
    fn entry(&self, index: LeafIndex) -> Option<Bytes>;

    /// Entries from `first` on, at most `count`.
    fn entries(&self, first: LeafIndex, count: usize) -> Vec<Bytes>;

    /// Hashes of tile level `level` (each covers 256^level leaves) from `first` on.
    fn tile_hashes(&self, level: u8, first: u64, count: usize) -> Vec<Hash>;

    /// Position of a statement.
    fn position(&self, id: &StatementId) -> Option<LeafIndex>;

    /// Positions of the statements that lodge this digest or commitment, oldest first: at most
    /// `count` of those at or after `from`.
    fn lookup(&self, value: &Hash, from: LeafIndex, count: usize) -> Vec<LeafIndex>;

    /// Height of the block whose header has this id; heights from 1.
    fn height_of_block(&self, id: &Hash) -> Option<Height>;

    /// The newest published checkpoint at or above `height`: the lowest such.
    fn checkpoint_from(&self, height: Height) -> Option<(Height, String)>;

    /// The newest published checkpoint.
    fn newest_checkpoint(&self) -> Option<(Height, String)>;

    /// The receipt signatures that the published checkpoint of exactly this height came with.
    fn head_signatures(&self, height: Height) -> Option<HeadSignatures>;

    /// Where the chains of events stood before the block at a height.
    fn block_events(&self, height: Height) -> Option<BlockEvents>;

    /// Where the chain of events of a namespace stands; none before its first event.
    fn event_tail(&self, namespace: &Name) -> Option<EventTail>;

    /// All state rows, ordered by key.
    fn state_rows(&self) -> Vec<(Bytes, Bytes)>;
}
