//! Two hundred worlds with loss, delay, crashes and partitions, each run twice: what must hold
//! holds, and the same seed gives the same bytes.

#![allow(clippy::print_stdout, reason = "a test tells what it saw")]

use simulations::{Outcome, Verdict, run};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const SEEDS: Range<u64> = 0..200;
/// Worlds share nothing, so that threads change nothing.
const THREADS: usize = 2;

fn twice(seed: u64) -> Result<Outcome, String> {
    let again = format!(
        "cargo run --release -p simulations --bin wutong-sim -- run --seeds {seed}..{}",
        seed + 1
    );
    let (first, second) = (run(seed), run(seed));
    if first != second {
        return Err(format!(
            "seed {seed}: two runs differ: {first:?} and {second:?}\n{again}"
        ));
    }
    match &first.verdict {
        Verdict::Held => Ok(first),
        failed => Err(format!("seed {seed}: {failed}\n{again}")),
    }
}

#[test]
fn what_must_hold_holds_and_repeats() {
    let next = AtomicU64::new(SEEDS.start);
    let worker = || {
        let seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        seeds
            .take_while(|seed| SEEDS.contains(seed))
            .map(twice)
            .collect::<Vec<_>>()
    };
    let results = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().unwrap())
            .collect::<Vec<_>>()
    });
    let failed: Vec<_> = results.iter().filter_map(|r| r.as_ref().err()).collect();
    assert!(
        failed.is_empty(),
        "{} seeds failed: {failed:#?}",
        failed.len()
    );
    let outcomes: Vec<_> = results.into_iter().flatten().collect();
    assert_eq!(outcomes.len() as u64, SEEDS.end - SEEDS.start);
    sometimes(&outcomes);
}

/// Each kind of fault happened in some world: a swarm without faults proves nothing.
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
        ("frames lost", total(|o| o.net.lost)),
        ("frames repeated", total(|o| o.net.repeated)),
        ("frames late", total(|o| o.net.late)),
        ("frames kept back by partitions", total(|o| o.net.parted)),
    ];
    for (what, count) in counts {
        println!("{what}: {count}");
        assert!(count > 0, "no world saw: {what}");
    }
}
