//! Faults that happen at a time that is planned.

use crate::schedule::NodeIndex;
use serde::{Deserialize, Serialize};

/// A fault and when it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// When, in milliseconds since the beginning.
    pub at_ms: u64,
    /// What.
    pub fault: Fault,
}

/// What goes wrong. Nodes are named by their place in genesis; times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The process dies.
    Crash {
        /// The node.
        node: NodeIndex,
        /// How long it stays down.
        down_ms: u64,
        /// Calls of ports it still makes.
        calls: u32,
    },
    /// The node loses its disk, and knows it when it starts again.
    Wipe {
        /// The node.
        node: NodeIndex,
        /// How long it stays down.
        down_ms: u64,
    },
    /// The process stands still, and goes on as if nothing had been.
    Pause {
        /// The node.
        node: NodeIndex,
        /// How long.
        for_ms: u64,
    },
    /// The core of an actor panics in one of its next reads.
    Panic {
        /// The node.
        node: NodeIndex,
        /// Reads that still succeed.
        reads: u32,
    },
    /// Nodes of one side do not hear the other, in both directions.
    Partition {
        /// One side.
        side: Vec<NodeIndex>,
        /// How long.
        for_ms: u64,
    },
    /// What some send does not reach others; the other direction works.
    OneWay {
        /// Those who are not heard.
        from: Vec<NodeIndex>,
        /// By these.
        to: Vec<NodeIndex>,
        /// How long.
        for_ms: u64,
    },
    /// Frames between two nodes wait and come all at once at the end.
    Clog {
        /// The sender.
        from: NodeIndex,
        /// The receiver.
        to: NodeIndex,
        /// How long.
        for_ms: u64,
    },
    /// A node is cut from the bridge: frames wait, and those delivered last come again.
    Disconnect {
        /// The node.
        node: NodeIndex,
        /// How long.
        for_ms: u64,
    },
    /// The clock of a node jumps.
    ClockStep {
        /// The node.
        node: NodeIndex,
        /// By how much, forward or back.
        by_ms: i64,
    },
    /// The next write of the node fails, which ends the process.
    WriteError {
        /// The node.
        node: NodeIndex,
        /// How long it stays down.
        down_ms: u64,
    },
    /// The next read of the node fails, which ends the process.
    ReadError {
        /// The node.
        node: NodeIndex,
        /// How long it stays down.
        down_ms: u64,
    },
    /// The disk is full: every write ends the process, and it cannot start.
    DiskFull {
        /// The node.
        node: NodeIndex,
        /// How long.
        for_ms: u64,
    },
    /// The disk says "durable" and is not; at the end the node loses its power.
    LyingFsync {
        /// The node.
        node: NodeIndex,
        /// How long it lies.
        for_ms: u64,
    },
    /// A journal record changes where it lies; the node is started anew.
    JournalRot {
        /// The node.
        node: NodeIndex,
        /// How long it stays down.
        down_ms: u64,
    },
    /// An entry of the ledger changes where it lies: whoever reads it stops, and restores the disk
    /// from nothing.
    LedgerRot {
        /// The node.
        node: NodeIndex,
    },
}

impl Fault {
    /// Name for counters and timelines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Wipe { .. } => "wipe",
            Self::Pause { .. } => "pause",
            Self::Panic { .. } => "panic",
            Self::Partition { .. } => "partition",
            Self::OneWay { .. } => "one-way",
            Self::Clog { .. } => "clog",
            Self::Disconnect { .. } => "disconnect",
            Self::ClockStep { .. } => "clock-step",
            Self::WriteError { .. } => "write-error",
            Self::ReadError { .. } => "read-error",
            Self::DiskFull { .. } => "disk-full",
            Self::LyingFsync { .. } => "lying-fsync",
            Self::JournalRot { .. } => "journal-rot",
            Self::LedgerRot { .. } => "ledger-rot",
        }
    }

    /// The node whose state it is about, if it is about one.
    pub fn node(&self) -> Option<NodeIndex> {
        match self {
            Self::Crash { node, .. }
            | Self::Wipe { node, .. }
            | Self::Pause { node, .. }
            | Self::Panic { node, .. }
            | Self::Disconnect { node, .. }
            | Self::ClockStep { node, .. }
            | Self::WriteError { node, .. }
            | Self::ReadError { node, .. }
            | Self::DiskFull { node, .. }
            | Self::LyingFsync { node, .. }
            | Self::JournalRot { node, .. }
            | Self::LedgerRot { node } => Some(*node),
            Self::Clog { from, .. } => Some(*from),
            Self::Partition { side, .. } => side.first().copied(),
            Self::OneWay { from, .. } => from.first().copied(),
        }
    }

    /// The greatest node that it names.
    pub fn greatest_node(&self) -> Option<NodeIndex> {
        match self {
            Self::Partition { side, .. } => side.iter().max().copied(),
            Self::OneWay { from, to, .. } => from.iter().chain(to).max().copied(),
            Self::Clog { from, to, .. } => Some(*from.max(to)),
            other => other.node(),
        }
    }

    /// Whether an honest node gets over it without anybody's help, as often as it comes.
    pub fn is_survivable(&self) -> bool {
        let large = matches!(self, Self::ClockStep { by_ms, .. } if by_ms.abs() > 500);
        self.loses_data_of().is_none() && !large
    }

    /// The node that loses what it had on its disk.
    pub fn loses_data_of(&self) -> Option<NodeIndex> {
        match self {
            Self::Wipe { node, .. }
            | Self::LyingFsync { node, .. }
            | Self::JournalRot { node, .. }
            | Self::LedgerRot { node } => Some(*node),
            _ => None,
        }
    }
}
