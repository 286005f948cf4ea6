//! The [`bus::ports::Journal`] and [`bus::ports::Store`] of a node on one fjall database.
//!
//! One directory per node holds the database and, beside it, the vote-state file. fjall alone is
//! not enough: damage in the middle of its own journal makes it open without a complaint and
//! lose what came after, but for what its tables hold already; and it forgets a keyspace whose
//! folder is gone. So opening checks that all keyspaces are there and end with the newest block,
//! each journal record carries the hash of the one before, and a watermark lives in the second
//! place ([`VoteState`]). Whoever opens a node learns by [`JournalHealth`] whether it remembers
//! everything it may have voted.
//!
//! Invariants:
//! - the watermark never runs ahead of the journal: the database is synced first;
//! - a completion is called only when its write, and what was queued before it, is durable;
//! - one thread writes: journal and store share its fsyncs (DESIGN.md sections 4 and 11).

mod events;
mod failure;
mod index;
mod journal;
mod keyspaces;
mod node;
mod record;
mod store;
mod verify;
mod vote_state;
mod writer;

pub use failure::FailureHook;
pub use node::{FjallNode, JournalHealth, OpenError, Opened, Options};
pub use record::JournalRecord;
pub use vote_state::{Standing, VoteState};
