//! What the commands print.

#![allow(clippy::print_stderr, reason = "this is where the commands print")]

use crate::meets::Counts;
use crate::outcome::{Outcome, Verdict};
use crate::plan::Plan;
use crate::scenario::{Expected, Scenario};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Prints an error.
pub(super) fn complain(error: &str) {
    eprintln!("error: {error}");
}

/// Prints a line of progress over the one before, on a terminal.
pub(super) fn progress(line: &str) {
    eprint!("\r\x1b[K{line}");
}

/// Prints a line.
pub(super) fn line(line: &str) {
    // Whoever reads may have had enough, as `head` does.
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Lists the scenarios.
pub(super) fn scenarios(json: bool) -> Result<ExitCode, String> {
    for (name, scenario) in Scenario::known() {
        let fails = scenario.expect != Expected::Held;
        if json {
            let object = serde_json::json!({
                "name": name,
                "about": scenario.about,
                "expect": if fails { "violation" } else { "held" },
                "plan": scenario.plan,
            });
            line(&object.to_string());
        } else {
            let mark = if fails { " (must fail)" } else { "" };
            line(&format!("{name:<18}{}{mark}", scenario.about));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One world as text.
pub(super) fn outcome_as_text(outcome: &Outcome) -> String {
    let Outcome { net, .. } = outcome;
    format!(
        "{} | height {} round_max {} acknowledged {} restarts {} lost_writes {} simulated_ms {} \
         sent {} lost {} repeated {} replayed {} late {} parted {} held {} hash {}",
        outcome.verdict,
        outcome.height,
        outcome.rounds_max,
        outcome.acknowledged,
        outcome.restarts,
        outcome.lost_writes,
        outcome.simulated_ms,
        net.sent,
        net.lost,
        net.repeated,
        net.replayed,
        net.late,
        net.parted,
        net.held,
        outcome.hash.short(),
    )
}

/// One world as an object; its fields are documented in docs/simulation.md.
pub(super) fn outcome_as_json(plan: &Plan, outcome: &Outcome) -> serde_json::Value {
    let (verdict, reason) = match &outcome.verdict {
        Verdict::Held => ("held", None),
        Verdict::Stalled(reason) => ("stalled", Some(reason)),
        Verdict::Diverged(reason) => ("diverged", Some(reason)),
    };
    serde_json::json!({
        "seed": plan.seed,
        "plan": plan,
        "verdict": verdict,
        "reason": reason,
        "height": outcome.height,
        "round_max": outcome.rounds_max,
        "acknowledged": outcome.acknowledged,
        "restarts": outcome.restarts,
        "lost_writes": outcome.lost_writes,
        "simulated_ms": outcome.simulated_ms,
        "frames_sent": outcome.net.sent,
        "guilty": outcome.guilty,
        "events": outcome.events,
        "hash": outcome.hash.to_string(),
    })
}

/// What a whole run came to.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) seeds: u64,
    pub(super) failed: Vec<u64>,
    /// A checker found what the scenario is about, in some world.
    pub(super) found: bool,
    heights: u64,
    heights_min: Option<u64>,
    simulated_ms: u64,
    acknowledged: u64,
    restarts: u64,
    meets: Counts,
}

impl Totals {
    /// Counts a world in.
    pub(super) fn add(&mut self, seed: u64, outcome: &Outcome, as_expected: bool) {
        self.seeds += 1;
        if !as_expected {
            self.failed.push(seed);
        }
        self.heights += outcome.height;
        let least = self.heights_min.unwrap_or(u64::MAX).min(outcome.height);
        self.heights_min = Some(least);
        self.simulated_ms += outcome.simulated_ms;
        self.acknowledged += outcome.acknowledged as u64;
        self.restarts += outcome.restarts;
        for (place, count) in &outcome.meets {
            *self.meets.entry(*place).or_default() += count;
        }
    }

    fn per_minute(&self, wall: Duration) -> u64 {
        (self.seeds as f64 * 60.0 / wall.as_secs_f64().max(1e-9)) as u64
    }

    /// The summary as one object; what the clock on the wall says is in `wall_` fields.
    pub(super) fn as_json(&self, wall: Duration, threads: usize) -> serde_json::Value {
        let mut meets: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
        for ((fault, step), count) in &self.meets {
            meets.entry(fault).or_default().insert(step, *count);
        }
        serde_json::json!({
            "seeds": self.seeds,
            "failed": self.failed,
            "heights": self.heights,
            "heights_min": self.heights_min,
            "simulated_ms": self.simulated_ms,
            "acknowledged": self.acknowledged,
            "restarts": self.restarts,
            "faults_met": meets,
            "wall_ms": wall.as_millis() as u64,
            "wall_threads": threads,
            "wall_seeds_per_minute": self.per_minute(wall),
        })
    }

    /// Prints the summary.
    pub(super) fn print(&self, wall: Duration, threads: usize) {
        let seconds = wall.as_secs_f64().max(1e-9);
        line(&format!(
            "{} seeds in {seconds:.1} s on {threads} threads: {} seeds/min, {:.0} simulated s per \
             wall s; {} heights (least {}), {} deposits acknowledged, {} restarts; {} failed",
            self.seeds,
            self.per_minute(wall),
            self.simulated_ms as f64 / 1_000.0 / seconds,
            self.heights,
            self.heights_min.unwrap_or(0),
            self.acknowledged,
            self.restarts,
            self.failed.len(),
        ));
        if !self.meets.is_empty() {
            line("How often each fault met each step:");
            self.print_meets();
        }
    }

    fn print_meets(&self) {
        let column = |place: &(&'static str, &'static str)| place.1;
        let mut steps: Vec<&str> = self.meets.keys().map(column).collect();
        steps.sort_unstable();
        steps.dedup();
        let head: String = steps.iter().map(|s| format!("{s:>14}")).collect();
        line(&format!("{:<13}{head}", ""));
        let mut faults: Vec<&str> = self.meets.keys().map(|place| place.0).collect();
        faults.dedup();
        for fault in faults {
            let cell = |step: &&str| {
                let count = self.meets.get(&(fault, *step)).copied().unwrap_or(0);
                if count == 0 {
                    format!("{:>14}", "-")
                } else {
                    format!("{count:>14}")
                }
            };
            let row: String = steps.iter().map(cell).collect();
            line(&format!("{fault:<13}{row}"));
        }
    }
}
