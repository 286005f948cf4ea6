//! What a bridge counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a bridge since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgeCounts {
    /// Packets handed to the client library, those sent again included.
    pub sent: u64,
    /// Packets heard, refused ones included.
    pub received: u64,
    /// Packets sent again because a peer asked.
    pub resent: u64,
    /// Packets of peers that never came, though they were asked for.
    pub lost: u64,
    /// Frames that found no room on their way out.
    pub outbox_full: u64,
    /// Frames that found no room in the node.
    pub inbox_full: u64,
}

/// The same while they are counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) resent: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) outbox_full: AtomicU64,
    pub(crate) inbox_full: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> BridgeCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BridgeCounts {
            sent: read(&self.sent),
            received: read(&self.received),
            resent: read(&self.resent),
            lost: read(&self.lost),
            outbox_full: read(&self.outbox_full),
            inbox_full: read(&self.inbox_full),
        }
    }
}
