//! What the commands print.

#![allow(clippy::print_stderr, reason = "this is where the commands print")]

use crate::outcome::{Outcome, Verdict};
use crate::plan::Plan;
use crate::scenario::{Expected, Scenario};
use std::io::Write;
use std::process::ExitCode;

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
