//! Worlds with every fault and adversary, some of them run twice: what must hold holds, and the
//! same seed gives the same bytes.

#![allow(clippy::print_stdout, reason = "a test tells what it saw")]

use simulations::{Dice, Driver, Options, Outcome, Plan, Verdict, run_plan};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Worlds share nothing, so that threads change nothing.
const THREADS: usize = 2;
/// Every so many seeds are run twice.
const TWICE_EVERY: u64 = 4;
/// Sizes of networks.
const SIZES: [usize; 10] = [4, 4, 4, 4, 4, 1, 2, 3, 5, 7];

fn plan(seed: u64, driver: Driver) -> Plan {
    let nodes = SIZES[Dice::new(seed, "size of the swarm").index(SIZES.len())];
    Plan::draw_for(seed, driver, nodes)
}

fn judged(seed: u64, driver: Driver) -> Result<Outcome, String> {
    let run = || run_plan(plan(seed, driver), &Options::default());
    let plan = plan(seed, driver);
    let name = format!("{driver:?}").to_lowercase();
    let again = format!(
        "cargo run --release -p simulations --bin wutong-sim -- run --seeds {seed}..{} --nodes {} \
         --driver {name} --trace",
        seed + 1,
        plan.nodes
    );
    let first = run();
    if seed.is_multiple_of(TWICE_EVERY) {
        let second = run();
        if first != second {
            return Err(format!(
                "seed {seed}: two runs differ: {first:?} and {second:?}\n{again}"
            ));
        }
    }
    match &first.verdict {
        Verdict::Held => Ok(first),
        failed => Err(format!("seed {seed}: {failed}\n{again}")),
    }
}

fn swarm(seeds: Range<u64>, driver: Driver) -> Vec<Outcome> {
    let next = AtomicU64::new(seeds.start);
    let worker = || {
        let seeds_left = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        seeds_left
            .take_while(|seed| seeds.contains(seed))
            .map(|seed| judged(seed, driver))
            .collect::<Vec<_>>()
    };
    let results = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().expect("a worker catches what its worlds throw"))
            .collect::<Vec<_>>()
    });
    let failed: Vec<_> = results.iter().filter_map(|r| r.as_ref().err()).collect();
    assert!(
        failed.is_empty(),
        "{} seeds failed: {failed:#?}",
        failed.len()
    );
    let outcomes: Vec<_> = results.into_iter().flatten().collect();
    assert_eq!(outcomes.len() as u64, seeds.end - seeds.start);
    outcomes
}

#[test]
fn worlds_of_actors_hold_and_repeat() {
    sometimes(&swarm(0..240, Driver::Actors));
}

#[test]
fn stepped_worlds_hold_and_repeat() {
    sometimes(&swarm(1_000_000..1_000_800, Driver::Stepped));
}

/// Each kind of fault met each step that it can meet, in some world: a swarm without faults proves
/// nothing.
fn sometimes(outcomes: &[Outcome]) {
    let total = |count: fn(&Outcome) -> u64| outcomes.iter().map(count).sum::<u64>();
    let counts = [
        ("heights", total(|o| o.height)),
        ("deposits acknowledged", total(|o| o.acknowledged as u64)),
        ("restarts", total(|o| o.restarts)),
        ("writes lost in crashes", total(|o| o.lost_writes)),
        (
            "worlds beyond round 0",
            total(|o| u64::from(o.rounds_max > 0)),
        ),
        (
            "worlds that convicted somebody",
            total(|o| u64::from(!o.guilty.is_empty())),
        ),
    ];
    for (what, count) in counts {
        println!("{what}: {count}");
        assert!(count > 0, "no world saw: {what}");
    }
    let mut meets: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for outcome in outcomes {
        for (place, count) in &outcome.meets {
            *meets.entry(*place).or_default() += count;
        }
    }
    for fault in ["lost", "twice", "late", "parted", "held"] {
        for step in ["proposal", "prevote", "precommit", "cosignature"] {
            assert!(meets.contains_key(&(fault, step)), "{fault} met no {step}");
        }
    }
    for fault in FAULTS {
        let met = meets.keys().filter(|(f, _)| f == &fault).count();
        assert!(met > 0, "no world saw: {fault}");
    }
}

/// Faults that are planned.
const FAULTS: [&str; 16] = [
    "clock-step",
    "clog",
    "crash",
    "disconnect",
    "disk-full",
    "journal-rot",
    "ledger-rot",
    "lying-fsync",
    "one-way",
    "panic",
    "partition",
    "pause",
    "read-error",
    "replayed",
    "wipe",
    "write-error",
];
