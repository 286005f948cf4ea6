//! What a seed draws before its world begins: rates, faults and their times.
//!
//! Rates are often zero, so that each fault is also seen alone.

use crate::dice::Dice;
use crate::schedule::NodeIndex;
use std::fmt;

/// Validators of every world.
pub const NODES: usize = 4;

/// Every so many seeds sign votes with real keys.
const REAL_KEYS_EVERY: u64 = 10;
/// One world of so many lasts longer.
const LONG_EVERY: u64 = 24;
/// How many times longer.
const LONG_TIMES: u64 = 6;
/// In one world of so many a node loses its disk.
const FORGETS_EVERY: u64 = 6;

/// A node goes down.
#[derive(Clone, Copy, Debug)]
pub struct CrashPlan {
    /// When, in milliseconds since the beginning.
    pub at_ms: u64,
    /// Which node.
    pub node: NodeIndex,
    /// How long it stays down.
    pub down_ms: u64,
    /// Calls of ports it still makes from then on.
    pub calls: u32,
}

/// The network falls apart for a while.
#[derive(Clone, Debug)]
pub struct PartitionPlan {
    /// When, in milliseconds since the beginning.
    pub at_ms: u64,
    /// How long.
    pub for_ms: u64,
    /// The nodes of one side.
    pub side: Vec<NodeIndex>,
}

/// A node loses its whole disk, and knows it: an amnesiac.
#[derive(Clone, Copy, Debug)]
pub struct ForgetPlan {
    /// When, in milliseconds since the beginning.
    pub at_ms: u64,
    /// Which node.
    pub node: NodeIndex,
    /// How long it stays down.
    pub down_ms: u64,
}

/// Everything a seed draws.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Votes are signed with Ed25519 and not with a keyed hash.
    pub real_keys: bool,
    /// When faults end, in milliseconds since the beginning.
    pub faults_ms: u64,
    /// Frames lost, in parts of a million.
    pub loss_ppm: u32,
    /// Frames that arrive twice.
    pub duplicates_ppm: u32,
    /// Frames that take up to [`Plan::late_ms_max`].
    pub late_ppm: u32,
    /// Longest delay of a late frame.
    pub late_ms_max: u64,
    /// Longest delay of other frames, in microseconds.
    pub delay_us_max: u64,
    /// Longest write, in microseconds.
    pub disk_us_max: u64,
    /// Clocks run ahead by up to this.
    pub skew_ms_max: u64,
    /// Interval of empty blocks.
    pub heartbeat_ms: u32,
    /// Most statements in a block.
    pub block_statements_max: u32,
    /// Statements to be deposited.
    pub deposits: usize,
    /// Crashes, by time.
    pub crashes: Vec<CrashPlan>,
    /// Partitions, by time.
    pub partitions: Vec<PartitionPlan>,
    /// A disk that is lost, if any.
    pub forgets: Option<ForgetPlan>,
}

impl Plan {
    /// What `seed` draws.
    pub fn draw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, "plan");
        let long = Dice::new(seed, "length").within(0..LONG_EVERY) == 0;
        let faults_ms = dice.within(6_000..12_000) * if long { LONG_TIMES } else { 1 };
        let mut often_zero = |max: u64| match dice.within(0..2) {
            0 => 0,
            _ => dice.within(1..max) as u32,
        };
        let (loss_ppm, duplicates_ppm) = (often_zero(100_000), often_zero(50_000));
        let late_ppm = often_zero(30_000);
        let skew_ms_max = u64::from(often_zero(400));
        let partitions = partitions(dice, faults_ms);
        Self {
            seed,
            real_keys: seed.is_multiple_of(REAL_KEYS_EVERY),
            faults_ms,
            loss_ppm,
            duplicates_ppm,
            late_ppm,
            late_ms_max: dice.within(50..1_500),
            delay_us_max: dice.within(1_000..20_000),
            disk_us_max: dice.within(200..5_000),
            skew_ms_max,
            heartbeat_ms: dice.within(700..3_000) as u32,
            block_statements_max: [2, 5, 4096][dice.index(3)],
            deposits: dice.within(20..41) as usize,
            crashes: crashes(dice, faults_ms),
            partitions,
            forgets: forgets(&mut Dice::new(seed, "forgetting"), faults_ms),
        }
    }
}

fn forgets(dice: &mut Dice, faults_ms: u64) -> Option<ForgetPlan> {
    let at_ms = dice.within(1_000..faults_ms);
    let (node, down_ms) = (dice.index(NODES), dice.within(50..2_000));
    (dice.within(0..FORGETS_EVERY) == 0).then_some(ForgetPlan {
        at_ms,
        node,
        down_ms,
    })
}

fn crashes(dice: &mut Dice, faults_ms: u64) -> Vec<CrashPlan> {
    let style = dice.within(0..20);
    let mut crashes = Vec::new();
    let mut at_ms = dice.within(300..2_000);
    while at_ms < faults_ms && style >= 5 {
        let down_ms = dice.within(20..2_500);
        let count = match style {
            5..=13 => 1,
            14..=16 => 2,
            _ => NODES,
        };
        let first = dice.index(NODES);
        for i in 0..count {
            let node = (first + i) % NODES;
            let later = dice.within(0..200);
            let calls = dice.within(0..12) as u32;
            crashes.push(CrashPlan {
                at_ms: at_ms + later,
                node,
                down_ms,
                calls,
            });
        }
        // The next comes when these are up again: at most `count` are down at a time.
        at_ms += down_ms + 600 + dice.within(0..2_000);
    }
    crashes
}

fn partitions(dice: &mut Dice, faults_ms: u64) -> Vec<PartitionPlan> {
    let count = [0, 0, 1, 3][dice.index(4)];
    let mut partitions = Vec::new();
    let mut at_ms = dice.within(200..3_000);
    for _ in 0..count {
        let for_ms = dice.within(100..2_500);
        let side: Vec<_> = (0..NODES).filter(|_| dice.within(0..2) == 0).collect();
        if at_ms + for_ms < faults_ms {
            partitions.push(PartitionPlan {
                at_ms,
                for_ms,
                side,
            });
        }
        at_ms += for_ms + dice.within(200..2_000);
    }
    partitions
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = if self.real_keys {
            "ed25519"
        } else {
            "keyed-hash"
        };
        write!(
            f,
            "keys {keys} faults_ms {} loss_ppm {} duplicates_ppm {} late_ppm {}/{}ms delay_us {} \
             disk_us {} skew_ms {} heartbeat_ms {} block_max {} deposits {} crashes {} \
             partitions {} forgets {}",
            self.faults_ms,
            self.loss_ppm,
            self.duplicates_ppm,
            self.late_ppm,
            self.late_ms_max,
            self.delay_us_max,
            self.disk_us_max,
            self.skew_ms_max,
            self.heartbeat_ms,
            self.block_statements_max,
            self.deposits,
            self.crashes.len(),
            self.partitions.len(),
            self.forgets
                .map_or("nobody".into(), |f| format!("{}@{}ms", f.node, f.at_ms)),
        )
    }
}
