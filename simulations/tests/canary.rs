//! A disk that says "durable" too early must be caught: what never fails proves nothing.

#![allow(clippy::print_stdout, reason = "a test tells what it saw")]

use simulations::{Driver, Fault, Honesty, Options, Plan, Planned, Verdict, run_plan};

/// Worlds within which a lie must come to light.
const SEEDS: u64 = 40;
/// Writes take long, so that crashes find many that were promised and not done.
const WRITE_US_MAX: u64 = 400_000;

fn found(honesty: Honesty, change: impl Fn(&mut Plan)) -> Vec<String> {
    let mut found = Vec::new();
    let options = Options {
        honesty,
        ..Options::default()
    };
    for seed in 1_000..1_000 + SEEDS {
        let mut plan = Plan::draw(seed, Driver::Actors);
        // Whoever else fails would take the blame.
        plan.adversaries.clear();
        plan.faults.retain(|planned| planned.fault.is_survivable());
        plan.heights = 0;
        change(&mut plan);
        match run_plan(plan, &options).verdict {
            Verdict::Held => {}
            failed => found.push(format!("seed {seed}: {failed}")),
        }
    }
    println!("{honesty:?}: {found:#?}");
    found
}

fn slow(plan: &mut Plan) {
    plan.disk.write_us_max = WRITE_US_MAX;
}

/// The whole network goes down every second: nobody else remembers what one forgets.
fn whole_crashes(plan: &mut Plan) {
    let at_ms = (1_000..plan.faults_ms).step_by(1_000);
    let crash = |at_ms, node| Planned {
        at_ms,
        fault: Fault::Crash {
            node,
            down_ms: 300,
            calls: 0,
        },
    };
    plan.faults = at_ms
        .flat_map(|at_ms| (0..plan.nodes).map(move |n| crash(at_ms, n)))
        .collect();
}

#[test]
fn a_disk_that_forgets_votes_is_caught() {
    let found = found(Honesty::AcknowledgesEarly, slow);
    assert!(
        found.iter().any(|f| f.contains("equivocation")),
        "a vote is forgotten and made anew"
    );
}

#[test]
fn a_disk_that_forgets_statements_is_caught() {
    let found = found(Honesty::ForgetsStatements, whole_crashes);
    assert!(
        found.iter().any(|f| f.contains("is lost")),
        "an acknowledged deposit is missing"
    );
}

/// A node votes at every moment, and loses its disk at one of them.
fn loses_a_disk(plan: &mut Plan) {
    plan.block_statements_max = 2;
    let at_ms = 3_000 + plan.seed % 1_000;
    let (node, down_ms) = (0, 1);
    plan.faults.push(Planned {
        at_ms,
        fault: Fault::Wipe { node, down_ms },
    });
}

#[test]
fn a_disk_that_hides_its_loss_is_caught() {
    let found = found(Honesty::HidesItsLoss, loses_a_disk);
    assert!(
        found
            .iter()
            .any(|f| f.contains("equivocation") || f.contains("cosigned"))
    );
}

#[test]
fn a_disk_that_does_not_lie_is_not_accused() {
    assert_eq!(found(Honesty::Honest, slow), Vec::<String>::new());
    assert_eq!(found(Honesty::Honest, whole_crashes), Vec::<String>::new());
    assert_eq!(found(Honesty::Honest, loses_a_disk), Vec::<String>::new());
}
