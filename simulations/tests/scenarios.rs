//! The scenarios that come along: each ends as it says, and the short ones as their timelines say.

use simulations::scenario::Expected;
use simulations::{Driver, Options, Plan, Scenario, Verdict, run_plan};

/// Seeds tried of each.
const SEEDS: u64 = 6;

fn verdicts(scenario: &Scenario, driver: Driver) -> Vec<Verdict> {
    let options = Options {
        honesty: scenario.honesty,
        ..Options::default()
    };
    let plan = |seed| scenario.plan(seed, driver, 4).expect("a whole scenario");
    (0..SEEDS)
        .map(|seed| run_plan(plan(seed), &options).verdict)
        .collect()
}

#[test]
fn each_ends_as_it_says() {
    for (name, scenario) in Scenario::known() {
        let verdicts = verdicts(&scenario, Driver::Stepped);
        let found = |v: &Verdict| matches!(v, Verdict::Diverged(reason) if reason.contains(&scenario.expect_text));
        let ends_well = match scenario.expect {
            Expected::Held => verdicts.iter().all(|v| *v == Verdict::Held),
            Expected::Violation => verdicts.iter().all(found),
            Expected::SomeViolation => verdicts.iter().any(found),
        };
        assert!(ends_well, "{name}: {verdicts:#?}");
    }
}

/// Who signs two things is found out, and nobody else.
#[test]
fn misbehavior_is_proven_against_the_guilty_alone() {
    for (name, guilty, least) in [("adversaries", 3, SEEDS), ("twins", 2, 1)] {
        let scenario = Scenario::find(name).expect("a scenario that comes along");
        let mut proven = 0;
        for seed in 0..SEEDS {
            let plan = scenario.plan(seed, Driver::Stepped, 4);
            let outcome = run_plan(plan.expect("a whole scenario"), &Options::default());
            assert_eq!(outcome.verdict, Verdict::Held, "{name}, seed {seed}");
            assert!(outcome.guilty.iter().all(|g| *g == guilty), "{outcome:?}");
            proven += u64::from(!outcome.guilty.is_empty());
        }
        // What twins say to different camps may never meet.
        assert!(proven >= least, "{name}: proven in {proven} of {SEEDS}");
    }
}

/// What happens in a world, without the frames: when which fault comes, who commits what, who is
/// told what.
fn timeline(plan: Plan) -> String {
    let options = Options {
        keeps_lines: true,
        ..Options::default()
    };
    let outcome = run_plan(plan, &options);
    let shown = |line: &&String| !line.contains(" hears ") && !line.contains("waits no longer");
    let lines = outcome.lines.iter().filter(shown);
    // Ids and receipts are long and say nothing about the order of things.
    let short = |line: &String| line.chars().take(110).collect::<String>();
    let mut lines: Vec<String> = lines.map(short).collect();
    lines.push(format!("{}, height {}", outcome.verdict, outcome.height));
    lines.join("\n")
}

fn short(name: &str, heights: u64) -> Plan {
    let scenario = Scenario::find(name).expect("a scenario that comes along");
    let mut plan = scenario
        .plan(1, Driver::Stepped, 4)
        .expect("a whole scenario");
    plan.heights = heights;
    plan.faults_ms = 1_500;
    plan.workload.deposits = 2;
    plan.workload.hostile = 0;
    plan
}

#[test]
fn a_calm_timeline_is_as_it_was() {
    insta::assert_snapshot!(timeline(short("calm", 4)));
}

#[test]
fn the_timeline_of_one_validator_is_as_it_was() {
    insta::assert_snapshot!(timeline(short("single", 4)));
}

#[test]
fn a_timeline_with_a_crash_is_as_it_was() {
    let mut plan = short("calm", 4);
    plan.faults = toml::from_str::<Faults>(CRASH).expect("faults").faults;
    insta::assert_snapshot!(timeline(plan));
}

#[derive(serde::Deserialize)]
struct Faults {
    faults: Vec<simulations::Planned>,
}

const CRASH: &str = "
[[faults]]
at_ms = 600
fault = { kind = 'crash', node = 1, down_ms = 200, calls = 2 }
[[faults]]
at_ms = 1000
fault = { kind = 'partition', side = [0, 1], for_ms = 300 }
";
