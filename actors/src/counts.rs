//! What the shells of a node count, for whoever watches it.

use bus::mailbox::Mailbox;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that shells and links share.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) restarts: AtomicU64,
    pub(crate) poison_inputs: AtomicU64,
    pub(crate) frames_refused: AtomicU64,
}

impl Counts {
    /// Adds one, and gives how many there are now.
    pub(crate) fn add(counter: &AtomicU64) -> u64 {
        counter.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// How a mailbox is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxUse {
    /// Whose it is.
    pub actor: &'static str,
    /// Messages that wait now.
    pub waiting: usize,
    /// Messages refused with "busy" since the start.
    pub shed: u64,
    /// Messages kept past the bound since the start.
    pub over_bound: u64,
}

impl MailboxUse {
    pub(crate) fn of<T>(actor: &'static str, mailbox: &Mailbox<T>) -> Self {
        Self {
            actor,
            waiting: mailbox.len(),
            shed: mailbox.shed(),
            over_bound: mailbox.over_capacity(),
        }
    }
}

/// How a node works, as its shells see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeUse {
    /// Its mailboxes; the last one is that of its links.
    pub mailboxes: Vec<MailboxUse>,
    /// Things that clients and peers make its machines keep in memory.
    pub kept: usize,
    /// Cores refolded after a panic.
    pub restarts: u64,
    /// Inputs rejected because they panicked a core twice.
    pub poison_inputs: u64,
    /// Frames of peers refused.
    pub frames_refused: u64,
}
