//! What a run came to, added up over worlds and slices.

use super::report;
use crate::outcome::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a whole run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// How often each fault met each step of the protocol.
    meets: BTreeMap<String, BTreeMap<String, u64>>,
    /// Time that earlier slices took, in milliseconds.
    wall_ms: u64,
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
        for ((fault, step), count) in &outcome.meets {
            let steps = self.meets.entry((*fault).into()).or_default();
            *steps.entry((*step).into()).or_default() += count;
        }
    }

    fn per_minute(&self, wall: Duration) -> u64 {
        (self.seeds as f64 * 60.0 / wall.as_secs_f64().max(1e-9)) as u64
    }

    /// The summary as one object; what the clock on the wall says is in `wall_` fields.
    pub(super) fn as_json(&self, wall: Duration, threads: usize) -> serde_json::Value {
        serde_json::json!({
            "seeds": self.seeds,
            "failed": self.failed,
            "heights": self.heights,
            "heights_min": self.heights_min,
            "simulated_ms": self.simulated_ms,
            "acknowledged": self.acknowledged,
            "restarts": self.restarts,
            "faults_met": self.meets,
            "wall_ms": wall.as_millis() as u64,
            "wall_threads": threads,
            "wall_seeds_per_minute": self.per_minute(wall),
        })
    }

    /// Prints the summary.
    pub(super) fn print(&self, wall: Duration, threads: usize) {
        let seconds = wall.as_secs_f64().max(1e-9);
        report::line(&format!(
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
            report::line("How often each fault met each step:");
            self.print_meets();
        }
    }

    fn print_meets(&self) {
        let steps: BTreeSet<&String> = self.meets.values().flat_map(BTreeMap::keys).collect();
        let head: String = steps.iter().map(|s| format!("{s:>14}")).collect();
        report::line(&format!("{:<13}{head}", ""));
        for (fault, counts) in &self.meets {
            let cell = |step: &&String| match counts.get(*step) {
                None => format!("{:>14}", "-"),
                Some(count) => format!("{count:>14}"),
            };
            let row: String = steps.iter().map(cell).collect();
            report::line(&format!("{fault:<13}{row}"));
        }
    }

    /// Adds the time of a slice that ends here.
    pub(super) fn add_wall(&mut self, wall: Duration) {
        self.wall_ms += wall.as_millis() as u64;
    }

    /// The time of all slices, this one included.
    pub(super) fn wall(&self, slice: Duration) -> Duration {
        Duration::from_millis(self.wall_ms) + slice
    }
}
