//! Asynchronous ports of the outside world.
//!
//! A port never blocks its caller for a write: it takes a completion and calls it, from any
//! thread, when the write is durable. A failed write is not reported: it aborts the node, for no
//! code after it could be right. Reads are synchronous and come from committed data.

use bytes::Bytes;
pub use messages::api::Event;
use messages::hash::Hash;
use messages::ids::{Name, TimeMs};
pub use messages::stored::{BodyReader, Commit, HeadSignatures, LedgerReader, StoredBlock};
use std::sync::Arc;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in milliseconds since the Unix epoch.
    fn now(&self) -> TimeMs;
}

/// Carries frames to other nodes; may lose, delay, repeat and reorder them.
pub trait Transport: Send + Sync {
    /// Sends a frame to one node.
    fn send(&self, to: &Name, frame: Bytes);

    /// Sends a frame to every other node.
    fn broadcast(&self, frame: Bytes);
}

/// Called once when a write is durable.
pub type Completion = Box<dyn FnOnce() + Send>;

/// Which actor's input a journal record holds.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub enum Stream {
    /// Inputs of the consensus actor.
    Consensus,
    /// Inputs of the checkpoint actor.
    Checkpoint,
    /// What the node itself did: an [`crate::journal_file::Opening`] each time it opens.
    Node,
}

/// One journaled input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Position in the node's one journal, from 1, without gaps.
    pub seq: u64,
    /// Whose input.
    pub stream: Stream,
    /// The time the machine was told.
    pub now: TimeMs,
    /// The input, in its journal encoding.
    pub input: Bytes,
    /// What it led to, as [`NewRecord::effects`].
    pub effects: u64,
}

/// An input on its way to the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// The time the machine was told.
    pub now: TimeMs,
    /// The input, in its journal encoding.
    pub input: Bytes,
    /// Digest of what the input led to, by which a replay proves that it leads to the same: see
    /// `ledger::machine::effects_digest`. 0 when it led to nothing that counts.
    pub effects: u64,
}

impl NewRecord {
    /// An input that led to nothing.
    pub fn plain(now: TimeMs, input: Bytes) -> Self {
        Self {
            now,
            input,
            effects: 0,
        }
    }
}

/// The durable input log of one node. One chain for all its actors: each record carries the hash
/// of the one before.
pub trait Journal: Send + Sync {
    /// Appends records; `seq`s are assigned by the journal in call order.
    ///
    /// Returns the seq of the first. When `votes` is set the second watermark is durable too
    /// before `done` is called.
    fn append(&self, stream: Stream, inputs: Vec<NewRecord>, votes: bool, done: Completion) -> u64;

    /// The seq the next append gets.
    fn next_seq(&self) -> u64;

    /// Records from `seq` on, of one stream, in order.
    fn load(&self, stream: Stream, seq: u64) -> Vec<Record>;
}

/// The durable ledger of one node: its reads are [`LedgerReader`]'s.
pub trait Store: LedgerReader {
    /// Writes a block, its entries, tree hashes, state changes and index rows in one durable
    /// batch, then calls `done`.
    fn commit(&self, commit: Arc<Commit>, done: Completion);

    /// Writes the note of a published checkpoint and its receipt signatures, both or neither
    /// (durable with the next commit at the latest: they can be formed again from the journal until
    /// then).
    fn put_checkpoint(&self, note: String, signatures: HeadSignatures);
}

/// Bodies of one node: each is written once and never changes.
pub trait BodyStore: BodyReader {
    /// Writes a body durably, then calls `done`; writing one again changes nothing.
    fn put_body(&self, digest: Hash, bytes: Bytes, done: Completion);
}

/// Takes events for integrators.
pub trait EventSink: Send + Sync {
    /// Publishes events in order, then calls `done`. Retries until it succeeds.
    fn publish(&self, events: Vec<Event>, done: Completion);

    /// The ordinal after the newest event the sink holds; none when it cannot tell yet.
    fn next_ordinal(&self) -> Option<u64>;
}
