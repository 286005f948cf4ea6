//! How a world ended.

use crate::meets::Counts;
use crate::net::NetCounters;
use messages::hash::Hash;
use std::collections::BTreeSet;
use std::fmt;

/// The verdict on a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that must hold held, and the healed network finished in time.
    Held,
    /// Nothing false was seen, but the healed network did not finish.
    Stalled(String),
    /// Something that must hold does not.
    Diverged(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => write!(f, "held"),
            Self::Stalled(reason) => write!(f, "STALLED: {reason}"),
            Self::Diverged(reason) => write!(f, "DIVERGED: {reason}"),
        }
    }
}

/// What came of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Hash over the event log.
    pub hash: Hash,
    /// Events in the log.
    pub events: u64,
    /// Newest lines of the log, when they were asked for.
    pub lines: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Greatest durable height.
    pub height: u64,
    /// Greatest round in which anybody voted.
    pub rounds_max: u32,
    /// Statements that some node acknowledged.
    pub acknowledged: usize,
    /// Starts of nodes after the first.
    pub restarts: u64,
    /// Writes that crashes lost.
    pub lost_writes: u64,
    /// Simulated time, in milliseconds.
    pub simulated_ms: u64,
    /// What the network did.
    pub net: NetCounters,
    /// How often each fault met each step of the protocol.
    pub meets: Counts,
    /// Validators that were proven to have signed two things, by place.
    pub guilty: BTreeSet<usize>,
}

impl Outcome {
    /// A world that ended in a panic.
    pub(crate) fn of_panic(reason: String, lines: Vec<String>) -> Self {
        Self {
            hash: Hash::ZERO,
            events: 0,
            lines,
            verdict: Verdict::Diverged(reason),
            height: 0,
            rounds_max: 0,
            acknowledged: 0,
            restarts: 0,
            lost_writes: 0,
            simulated_ms: 0,
            net: NetCounters::default(),
            meets: Counts::default(),
            guilty: BTreeSet::new(),
        }
    }
}
