//! What a seed draws. Rates are often zero, so that each fault is also seen alone; each group of
//! draws has its own stream, so that one more draw here moves nothing there.

use super::{
    AdversaryKind, AdversaryPlan, Clocks, DiskRates, Driver, Fault, NetworkRates, Plan, Planned,
    Workload,
};
use crate::dice::Dice;
use crate::schedule::NodeIndex;

/// Every so many seeds sign with real keys: fewer where they would be most of the work.
const REAL_KEYS_EVERY: (u64, u64) = (16, 64);
/// Blocks that a world lasts at least.
const HEIGHTS: u64 = 50;
/// One world in so many has an adversary, where one is allowed.
const ADVERSARY_EVERY: u64 = 3;
/// One world in so many has an observer: those whose seed leaves this remainder.
const OBSERVER_EVERY: (u64, u64) = (4, 3);

/// How many of `n` validators may fail in any way: n less the quorum.
pub fn faulty_max(n: usize) -> usize {
    n - messages::quorum::quorum(n)
}

impl Plan {
    /// What `seed` draws for four validators.
    pub fn draw(seed: u64, driver: Driver) -> Self {
        Self::draw_for(seed, driver, 4)
    }

    /// What `seed` draws for `nodes` validators.
    pub fn draw_for(seed: u64, driver: Driver, nodes: usize) -> Self {
        let dice = &mut Dice::new(seed, "plan");
        let faults_ms = dice.within(6_000..12_000);
        let deposits = dice.within(20..41) as usize;
        // Those who may fail in ways beyond a crash; all others keep what they wrote.
        let fragile = fragile(&mut Dice::new(seed, "fragile"), nodes);
        let adversaries = adversaries(&mut Dice::new(seed, "adversaries"), &fragile);
        let failing = fragile.get(adversaries.len()..).unwrap_or_default();
        let mut faults = Vec::new();
        let stream = |purpose| Dice::new(seed, purpose);
        crashes(&mut stream("crashes"), nodes, faults_ms, &mut faults);
        links(&mut stream("links"), nodes, faults_ms, &mut faults);
        processes(&mut stream("processes"), nodes, faults_ms, &mut faults);
        losses(&mut stream("losses"), failing, faults_ms, &mut faults);
        for adversary in &adversaries {
            if adversary.kind == AdversaryKind::Amnesiac {
                wipes(
                    &mut stream("amnesia"),
                    adversary.node,
                    faults_ms,
                    &mut faults,
                );
            }
        }
        let observers = usize::from(seed % OBSERVER_EVERY.0 == OBSERVER_EVERY.1);
        let twins = adversaries
            .iter()
            .filter(|a| a.kind == AdversaryKind::Twins);
        let first = nodes + twins.count();
        observer_faults(
            &mut stream("observers"),
            first..first + observers,
            faults_ms,
            &mut faults,
        );
        faults.sort_by_key(|planned| planned.at_ms);
        Self {
            seed,
            nodes,
            observers,
            driver,
            real_keys: seed.is_multiple_of(match driver {
                Driver::Actors => REAL_KEYS_EVERY.0,
                Driver::Stepped => REAL_KEYS_EVERY.1,
            }),
            faults_ms,
            heights: HEIGHTS,
            heartbeat_ms: dice.within(80..400) as u32,
            block_statements_max: [2, 5, 4096][dice.index(3)],
            tiny_mailboxes: dice.within(0..5) == 0,
            network: network(&mut stream("rates")),
            disk: disk(&mut stream("disks")),
            clocks: clocks(&mut stream("skew")),
            workload: workload(&mut stream("workload"), driver, deposits),
            faults,
            adversaries,
        }
    }
}

/// Zero in every other world.
fn often_zero(dice: &mut Dice, max: u64) -> u64 {
    match dice.within(0..2) {
        0 => 0,
        _ => dice.within(1..max),
    }
}

fn network(dice: &mut Dice) -> NetworkRates {
    NetworkRates {
        loss_ppm: often_zero(dice, 100_000) as u32,
        duplicates_ppm: often_zero(dice, 50_000) as u32,
        late_ppm: often_zero(dice, 30_000) as u32,
        late_ms_max: dice.within(50..1_500),
        delay_us_max: dice.within(1_000..20_000),
        replay_ppm: often_zero(dice, 20_000) as u32,
    }
}

fn disk(dice: &mut Dice) -> DiskRates {
    DiskRates {
        write_us_max: dice.within(200..5_000),
        slow_ppm: often_zero(dice, 20_000) as u32,
        slow_ms_max: dice.within(20..500),
        torn_subsets: dice.within(0..2) == 0,
    }
}

fn clocks(dice: &mut Dice) -> Clocks {
    Clocks {
        skew_ms_max: often_zero(dice, 400),
        drift_ppm_max: often_zero(dice, 20_000),
    }
}

fn workload(dice: &mut Dice, driver: Driver, deposits: usize) -> Workload {
    let (bodies_ppm, body_bytes_max) = match driver {
        Driver::Actors => (60_000, 600_000),
        // Hashing large bodies is most of what a fast world would do.
        Driver::Stepped => (20_000, 100_000),
    };
    Workload {
        deposits,
        bodies_ppm,
        body_bytes_max,
        hostile: often_zero(dice, 20) as usize,
        burst_ms: if dice.within(0..6) == 0 { 50 } else { 0 },
    }
}

/// Places that may fail in any way, in the order in which they are used.
fn fragile(dice: &mut Dice, nodes: usize) -> Vec<NodeIndex> {
    let mut places: Vec<NodeIndex> = (0..nodes).collect();
    (0..faulty_max(nodes))
        .map(|_| places.remove(dice.index(places.len())))
        .collect()
}

fn adversaries(dice: &mut Dice, fragile: &[NodeIndex]) -> Vec<AdversaryPlan> {
    let mut adversaries = Vec::new();
    for node in fragile {
        if dice.within(0..ADVERSARY_EVERY) == 0 {
            let kind = AdversaryKind::ALL[dice.index(AdversaryKind::ALL.len())];
            adversaries.push(AdversaryPlan { node: *node, kind });
        } else {
            break;
        }
    }
    adversaries
}

fn crashes(dice: &mut Dice, nodes: usize, faults_ms: u64, faults: &mut Vec<Planned>) {
    let style = dice.within(0..20);
    let mut at_ms = dice.within(300..2_000);
    while at_ms < faults_ms && style >= 5 {
        let down_ms = dice.within(20..2_500);
        let count = match style {
            5..=13 => 1,
            14..=16 => 2.min(nodes),
            _ => nodes,
        };
        let first = dice.index(nodes);
        for i in 0..count {
            let (node, calls) = ((first + i) % nodes, dice.within(0..12) as u32);
            let at_ms = at_ms + dice.within(0..200);
            let fault = Fault::Crash {
                node,
                down_ms,
                calls,
            };
            faults.push(Planned { at_ms, fault });
        }
        // The next comes when these are up again: at most `count` are down at a time.
        at_ms += down_ms + 600 + dice.within(0..2_000);
    }
}

/// An observer may go down and lose its disk as often as it likes.
fn observer_faults(
    dice: &mut Dice,
    observers: core::ops::Range<NodeIndex>,
    faults_ms: u64,
    faults: &mut Vec<Planned>,
) {
    for node in observers {
        let mut at_ms = dice.within(300..4_000);
        while at_ms < faults_ms {
            let (down_ms, for_ms) = (dice.within(20..2_500), dice.within(50..2_000));
            let fault = match dice.within(0..4) {
                0 => Fault::Crash {
                    node,
                    down_ms,
                    calls: dice.within(0..12) as u32,
                },
                1 => Fault::Wipe { node, down_ms },
                2 => Fault::Pause { node, for_ms },
                _ => Fault::Disconnect { node, for_ms },
            };
            faults.push(Planned { at_ms, fault });
            at_ms += down_ms.max(for_ms) + dice.within(300..3_000);
        }
    }
}

fn links(dice: &mut Dice, nodes: usize, faults_ms: u64, faults: &mut Vec<Planned>) {
    let count = [0, 0, 1, 3, 6][dice.index(5)];
    let mut at_ms = dice.within(200..3_000);
    for _ in 0..count {
        let for_ms = dice.within(100..2_500);
        let side =
            |dice: &mut Dice| -> Vec<_> { (0..nodes).filter(|_| dice.within(0..2) == 0).collect() };
        let (from, to) = (dice.index(nodes), dice.index(nodes));
        let fault = match dice.within(0..6) {
            0 | 1 => Fault::Partition {
                side: side(dice),
                for_ms,
            },
            2 => Fault::OneWay {
                from: side(dice),
                to: side(dice),
                for_ms,
            },
            3 => Fault::Clog { from, to, for_ms },
            _ => Fault::Disconnect { node: from, for_ms },
        };
        if at_ms + for_ms < faults_ms {
            faults.push(Planned { at_ms, fault });
        }
        at_ms += for_ms / 2 + dice.within(100..1_500);
    }
}

/// Faults of a process that it gets over by itself, or by a restart.
fn processes(dice: &mut Dice, nodes: usize, faults_ms: u64, faults: &mut Vec<Planned>) {
    let count = [0, 0, 1, 2, 4][dice.index(5)];
    for _ in 0..count {
        let at_ms = dice.within(300..faults_ms);
        let (node, for_ms) = (dice.index(nodes), dice.within(50..2_000));
        let down_ms = dice.within(20..1_500);
        let fault = match dice.within(0..6) {
            0 => Fault::Pause { node, for_ms },
            1 => Fault::Panic {
                node,
                reads: dice.within(0..20) as u32,
            },
            2 => Fault::WriteError { node, down_ms },
            3 => Fault::ReadError { node, down_ms },
            4 => Fault::DiskFull { node, for_ms },
            _ => {
                let by_ms = dice.within(1..1_000) as i64 - 500;
                Fault::ClockStep { node, by_ms }
            }
        };
        faults.push(Planned { at_ms, fault });
    }
}

/// Faults that cost a node what it had, or make it as good as faulty.
fn losses(dice: &mut Dice, failing: &[NodeIndex], faults_ms: u64, faults: &mut Vec<Planned>) {
    for node in failing.iter().copied() {
        let at_ms = dice.within(1_000..faults_ms);
        let (for_ms, down_ms) = (dice.within(50..2_000), dice.within(50..2_000));
        let fault = match dice.within(0..12) {
            0 | 1 => Fault::Wipe { node, down_ms },
            2 => Fault::LyingFsync { node, for_ms },
            3 => Fault::JournalRot { node, down_ms },
            4 => Fault::LedgerRot { node },
            5 => Fault::ClockStep {
                node,
                by_ms: dice.within(0..120_000) as i64 - 60_000,
            },
            _ => continue,
        };
        faults.push(Planned { at_ms, fault });
    }
}

/// The disk of an amnesiac adversary is lost several times.
fn wipes(dice: &mut Dice, node: NodeIndex, faults_ms: u64, faults: &mut Vec<Planned>) {
    for _ in 0..dice.within(1..5) {
        let at_ms = dice.within(500..faults_ms);
        let down_ms = dice.within(1..300);
        faults.push(Planned {
            at_ms,
            fault: Fault::Wipe { node, down_ms },
        });
    }
}
