//! Proof that the checkers see: each fault put into the product on purpose is caught within few
//! seeds, and the same worlds without it hold.
//!
//! cargo test --release -p simulations --features mutants --test mutants -- --nocapture

#![allow(clippy::print_stdout, reason = "a test tells what it saw")]

use messages::mutants::{self, Mutant};
use simulations::{Driver, Fault, Options, Plan, Planned, Verdict, run_plan};

/// Disjoint ranges of seeds, of which the median is taken.
const RANGES: u64 = 9;
/// Within so many seeds each range must catch the fault.
const SEEDS_MAX: u64 = 200;

/// A fault and the worlds that look for it.
struct Trial {
    mutant: Mutant,
    driver: Driver,
    /// Makes worlds in which the fault matters; what is not changed the seed draws.
    sharpen: fn(&mut Plan),
    /// What must have caught it, at least once: parts of the first violation.
    caught_by: &'static [&'static str],
}

impl Trial {
    fn plan(&self, seed: u64) -> Plan {
        let mut plan = Plan::draw(seed, self.driver);
        (self.sharpen)(&mut plan);
        plan
    }

    /// What a world comes to, with the fault or without.
    fn verdict(&self, seed: u64, mutant: Option<Mutant>) -> Verdict {
        let plan = self.plan(seed);
        mutants::set(mutant);
        let verdict = run_plan(plan, &Options::default()).verdict;
        mutants::set(None);
        verdict
    }

    /// Seeds until the fault is caught, and by what.
    fn catch(&self, first: u64) -> (u64, String) {
        for tried in 1..=SEEDS_MAX {
            match self.verdict(first + tried - 1, Some(self.mutant)) {
                Verdict::Held => {}
                found => return (tried, found.to_string()),
            }
        }
        panic!(
            "{:?} is not caught in {SEEDS_MAX} seeds from {first} on",
            self.mutant
        );
    }

    fn run(&self) {
        let mut caught = Vec::new();
        for range in 0..RANGES {
            let first = 500_000 + range * 1_000;
            let (seeds, found) = self.catch(first);
            for seed in first..first + seeds {
                let without = self.verdict(seed, None);
                assert_eq!(without, Verdict::Held, "seed {seed} without a fault");
            }
            caught.push((seeds, found));
        }
        let found: Vec<String> = caught.iter().map(|(_, found)| found.clone()).collect();
        caught.sort();
        let median = caught[caught.len() / 2].0;
        let most = caught[caught.len() - 1].0;
        println!("{:?}: median {median}, at most {most} seeds", self.mutant);
        for (seeds, found) in &caught {
            println!("    {seeds:3} {found}");
        }
        let by = |part: &&str| found.iter().any(|f| f.contains(*part));
        let missing: Vec<_> = self.caught_by.iter().filter(|part| !by(part)).collect();
        assert!(missing.is_empty(), "never caught by {missing:?}");
    }
}

/// As drawn.
fn as_it_is(_: &mut Plan) {}

/// Everything is signed as in production, so that the verifier of strangers judges too.
fn real_keys(plan: &mut Plan) {
    plan.real_keys = true;
}

/// Writes take long, so that crashes find many that were promised and not done.
fn slow_disks(plan: &mut Plan) {
    plan.disk.write_us_max = 400_000;
}

/// A proposer whose successor misses its block, and one that decides without being heard: the
/// others are locked on that block, and the successor proposes another.
fn hidden_decisions(plan: &mut Plan) {
    plan.adversaries.clear();
    plan.tiny_mailboxes = false;
    plan.network.loss_ppm = 0;
    plan.network.late_ppm = 0;
    plan.network.delay_us_max = 60_000;
    plan.faults_ms = 30_000;
    plan.workload.burst_ms = 0;
    let nodes = plan.nodes;
    plan.faults = (0..8)
        .flat_map(|dance: u64| {
            let turn = plan.seed.wrapping_mul(31).wrapping_add(dance * 7) as usize;
            let (proposer, decides) = (turn % nodes, (turn / nodes) % nodes);
            let at_ms = 500 + dance * 3_500;
            let next = (proposer + 1) % nodes;
            let others = (0..nodes).filter(|n| *n != decides).collect();
            let missed = Fault::OneWay {
                from: vec![proposer],
                to: vec![next],
                for_ms: 1_500,
            };
            let unheard = Fault::OneWay {
                from: vec![decides],
                to: others,
                for_ms: 3_000,
            };
            let cut_ms = at_ms + 100 + (plan.seed * 37 + dance * 91) % 400;
            [(at_ms, missed), (cut_ms, unheard)]
        })
        .map(|(at_ms, fault)| Planned { at_ms, fault })
        .collect();
}

/// Disks as slow as timers are short, and votes that are lost: timers fire while what stops them
/// waits for the disk.
fn late_timers(plan: &mut Plan) {
    plan.network.loss_ppm = 60_000;
    plan.disk.slow_ppm = 300_000;
    plan.disk.slow_ms_max = 500;
}

/// Frames overtake each other, so that inputs of heights to come wait, and two of four nodes go
/// down together again and again, so that nobody decides without them.
fn crashes_in_pairs(plan: &mut Plan) {
    plan.adversaries.clear();
    plan.network.delay_us_max = 60_000;
    let nodes = plan.nodes;
    let crashes = |place: u64| {
        let turn = plan.seed.wrapping_add(place * place) as usize;
        [turn, turn + 1].map(|node| Planned {
            at_ms: 600 + place * 900,
            fault: Fault::Crash {
                node: node % nodes,
                down_ms: 30,
                calls: (turn % 7) as u32,
            },
        })
    };
    plan.faults = (0..plan.faults_ms / 900).flat_map(crashes).collect();
}

#[test]
fn a_skipped_lock_is_caught() {
    let trial = Trial {
        mutant: Mutant::SkipsLock,
        driver: Driver::Stepped,
        sharpen: hidden_decisions,
        caught_by: &["agreement"],
    };
    trial.run();
}

#[test]
fn a_quorum_of_one_less_is_caught() {
    let trial = Trial {
        mutant: Mutant::QuorumLessOne,
        driver: Driver::Stepped,
        sharpen: as_it_is,
        caught_by: &["validators cosigned"],
    };
    trial.run();
}

#[test]
fn votes_that_need_one_less_are_caught() {
    let trial = Trial {
        mutant: Mutant::VotesLessOne,
        driver: Driver::Stepped,
        sharpen: as_it_is,
        caught_by: &["too early"],
    };
    trial.run();
}

#[test]
fn effects_before_the_disk_are_caught() {
    let trial = Trial {
        mutant: Mutant::ReleasesEarly,
        driver: Driver::Stepped,
        sharpen: slow_disks,
        caught_by: &["equivocation"],
    };
    trial.run();
}

#[test]
fn effects_before_the_disk_are_caught_among_actors() {
    let trial = Trial {
        mutant: Mutant::ReleasesEarly,
        driver: Driver::Actors,
        sharpen: slow_disks,
        caught_by: &["equivocation"],
    };
    trial.run();
}

#[test]
fn a_cut_that_forgets_is_caught() {
    let trial = Trial {
        mutant: Mutant::CutsFutureInputs,
        driver: Driver::Stepped,
        sharpen: crashes_in_pairs,
        caught_by: &["equivocation"],
    };
    trial.run();
}

#[test]
fn a_stale_timer_is_caught() {
    let trial = Trial {
        mutant: Mutant::AcceptsStaleTimers,
        driver: Driver::Stepped,
        sharpen: late_timers,
        caught_by: &["too early"],
    };
    trial.run();
}

#[test]
fn a_path_that_is_not_checked_is_caught() {
    let trial = Trial {
        mutant: Mutant::SkipsPath,
        driver: Driver::Stepped,
        sharpen: real_keys,
        caught_by: &["altered"],
    };
    trial.run();
}

#[test]
fn a_head_cosigned_before_it_is_durable_is_caught() {
    let trial = Trial {
        mutant: Mutant::CosignsEarly,
        driver: Driver::Stepped,
        sharpen: as_it_is,
        caught_by: &["before it is durable"],
    };
    trial.run();
}
