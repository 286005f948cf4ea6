//! What a world is made of: everything a seed draws, and everything a scenario may set.
//!
//! A plan is data. It is printed before a run, can be saved as TOML, changed, and run again: what
//! happens follows from the plan and from nothing else.

mod draw;
mod faults;

pub use draw::faulty_max;
pub use faults::{Fault, Planned};

use crate::schedule::NodeIndex;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who gives the actors of a node their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// actix on a paused clock, as in production.
    Actors,
    /// The simulator itself, in an order that the seed draws: the same machines, far faster.
    Stepped,
}

/// Everything a seed draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The seed of all further draws.
    pub seed: u64,
    /// Validators.
    pub nodes: usize,
    /// Nodes that follow and do not vote.
    #[serde(default)]
    pub observers: usize,
    /// Who gives turns.
    pub driver: Driver,
    /// Everything is signed with Ed25519 and not with a keyed hash.
    pub real_keys: bool,
    /// When faults end, in milliseconds since the beginning.
    pub faults_ms: u64,
    /// The world goes on until it has so many blocks.
    pub heights: u64,
    /// Interval of empty blocks, in milliseconds.
    pub heartbeat_ms: u32,
    /// Most statements in a block.
    pub block_statements_max: u32,
    /// Mailboxes hold next to nothing.
    pub tiny_mailboxes: bool,
    /// Rates of the network.
    pub network: NetworkRates,
    /// Rates of the disks.
    pub disk: DiskRates,
    /// The clocks.
    pub clocks: Clocks,
    /// What clients do.
    pub workload: Workload,
    /// Faults that happen at a time.
    pub faults: Vec<Planned>,
    /// Validators that are not honest.
    pub adversaries: Vec<AdversaryPlan>,
}

/// How the network treats each frame; probabilities in parts of a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRates {
    /// Frames lost.
    pub loss_ppm: u32,
    /// Frames that arrive twice.
    pub duplicates_ppm: u32,
    /// Frames that take up to `late_ms_max`.
    pub late_ppm: u32,
    /// Longest delay of a late frame, in milliseconds.
    pub late_ms_max: u64,
    /// Longest delay of other frames, in microseconds.
    pub delay_us_max: u64,
    /// Frames after which an old one arrives once more.
    pub replay_ppm: u32,
}

/// How disks behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskRates {
    /// Longest write, in microseconds.
    pub write_us_max: u64,
    /// Writes in a million that take up to `slow_ms_max`.
    pub slow_ppm: u32,
    /// Longest slow write, in milliseconds.
    pub slow_ms_max: u64,
    /// A crash keeps any subset of the writes under way, and not a prefix.
    pub torn_subsets: bool,
}

/// How clocks differ; each node draws its own within these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clocks {
    /// Clocks run ahead by up to this, in milliseconds.
    pub skew_ms_max: u64,
    /// Clocks are up to this much too fast or too slow, in parts of a million.
    pub drift_ppm_max: u64,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Statements to be deposited.
    pub deposits: usize,
    /// Deposits in a million that lodge a body.
    pub bodies_ppm: u32,
    /// Longest body, in bytes.
    pub body_bytes_max: u64,
    /// Submissions by hostile clients.
    pub hostile: usize,
    /// All deposits come within this time, in milliseconds; 0: over the whole time of faults.
    pub burst_ms: u64,
}

/// A validator that is not honest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdversaryPlan {
    /// Which one.
    pub node: NodeIndex,
    /// What it does.
    pub kind: AdversaryKind,
}

/// What an adversary does; each holds the keys of its validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdversaryKind {
    /// Signs a second vote or proposal for a step and tells it to some.
    Equivocator,
    /// Loses its disk again and again, and behaves as if it had not.
    Amnesiac,
    /// Keeps votes, proposals, bodies or cosignatures to itself.
    Withholder,
    /// Speaks in the names of others.
    Impersonator,
    /// Sends as much as it can.
    Flooder,
    /// Answers with forged blocks and certificates, and claims heights it does not have.
    Liar,
    /// Runs twice with the same keys, each telling its part of the network.
    Twins,
    /// Cosigns two tree heads of one size, and tells each to some.
    SplitView,
}

impl AdversaryKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Equivocator,
        Self::Amnesiac,
        Self::Withholder,
        Self::Impersonator,
        Self::Flooder,
        Self::Liar,
        Self::Twins,
        Self::SplitView,
    ];
}

impl Plan {
    /// Processes that run: validators, the twins of some, and observers, numbered in this order.
    pub fn processes(&self) -> usize {
        let twins = |a: &&AdversaryPlan| a.kind == AdversaryKind::Twins;
        self.nodes + self.adversaries.iter().filter(twins).count() + self.observers
    }

    /// Whether the validator at a place is honest.
    pub fn is_honest(&self, node: NodeIndex) -> bool {
        self.adversaries.iter().all(|a| a.node != node)
    }

    /// Whether a disk of this node is lost at some time, so that what it alone acknowledged may go
    /// with it.
    pub fn loses_data(&self, node: NodeIndex) -> bool {
        let planned = |p: &Planned| p.fault.loses_data_of() == Some(node);
        self.faults.iter().any(planned)
    }

    /// The plan as one line of JSON.
    ///
    /// # Panics
    /// Never: a plan is plain data.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a plan is plain data")
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let adversaries: Vec<String> = self
            .adversaries
            .iter()
            .map(|a| format!("{:?}@{}", a.kind, a.node).to_lowercase())
            .collect();
        let keys = if self.real_keys {
            "ed25519"
        } else {
            "keyed-hash"
        };
        let driver = format!("{:?}", self.driver).to_lowercase();
        let (net, disk) = (&self.network, &self.disk);
        write!(
            f,
            "nodes {} driver {driver} keys {keys} faults_ms {} heights {} heartbeat_ms {} loss {} \
             twice {} late {}/{}ms delay_us {} replay {} disk_us {} slow {} skew_ms {} deposits {} \
             hostile {} faults {} adversaries {}",
            self.nodes,
            self.faults_ms,
            self.heights,
            self.heartbeat_ms,
            net.loss_ppm,
            net.duplicates_ppm,
            net.late_ppm,
            net.late_ms_max,
            net.delay_us_max,
            net.replay_ppm,
            disk.write_us_max,
            disk.slow_ppm,
            self.clocks.skew_ms_max,
            self.workload.deposits,
            self.workload.hostile,
            self.faults.len(),
            if adversaries.is_empty() {
                "none".into()
            } else {
                adversaries.join(",")
            },
        )
    }
}
