//! `wutong-sim`: runs worlds by seed and says what came of them.

use clap::{Parser, Subcommand};
use simulations::{Honesty, Options, Outcome, Plan, Verdict, run_plan};
use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;

/// Simulates whole networks of four validators, one world per seed.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a range of seeds.
    Run {
        /// Seeds, as `first..end`; the end is not run.
        #[arg(long, value_parser = seeds)]
        seeds: Range<u64>,
        /// Prints one JSON object per seed.
        #[arg(long)]
        json: bool,
        /// Longest write of every disk, in microseconds, in place of what the seed draws.
        #[arg(long)]
        disk_us: Option<u64>,
        /// Prints the newest lines of each world's event log.
        #[arg(long)]
        trace: bool,
    },
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (first, end) = text.split_once("..").ok_or("expected first..end")?;
    let number = |text: &str| text.parse::<u64>().map_err(|e| e.to_string());
    Ok(number(first)?..number(end)?)
}

fn main() -> io::Result<ExitCode> {
    let Command::Run {
        seeds,
        json,
        disk_us,
        trace,
    } = Arguments::parse().command;
    let mut out = io::stdout().lock();
    let options = Options {
        keeps_lines: trace,
        prints_logs: std::env::var_os("RUST_LOG").is_some(),
    };
    let mut failed = Vec::new();
    for seed in seeds {
        let mut plan = Plan::draw(seed);
        plan.disk_us_max = disk_us.unwrap_or(plan.disk_us_max);
        if !json {
            writeln!(out, "seed {seed}: {plan}")?;
        }
        let outcome = run_plan(plan.clone(), Honesty::Honest, options);
        for line in &outcome.lines {
            writeln!(out, "  {line}")?;
        }
        if json {
            writeln!(out, "{}", as_json(seed, &plan, &outcome))?;
        } else {
            writeln!(out, "  {}", as_text(&outcome))?;
        }
        if outcome.verdict != Verdict::Held {
            failed.push(seed);
        }
    }
    if let Some(seed) = failed.first() {
        let end = seed + 1;
        let option = disk_us.map_or(String::new(), |us| format!(" --disk-us {us}"));
        writeln!(
            out,
            "{} seeds failed: {failed:?}; the first again:",
            failed.len()
        )?;
        writeln!(
            out,
            "cargo run --release -p simulations --bin wutong-sim -- run --seeds {seed}..{end}{option}"
        )?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn as_text(outcome: &Outcome) -> String {
    let Outcome { net, .. } = outcome;
    format!(
        "{} | height {} round_max {} acknowledged {} restarts {} lost_writes {} simulated_ms {} \
         sent {} lost {} repeated {} late {} parted {} hash {}",
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
        net.late,
        net.parted,
        outcome.hash.short(),
    )
}

fn as_json(seed: u64, plan: &Plan, outcome: &Outcome) -> serde_json::Value {
    let (verdict, reason) = match &outcome.verdict {
        Verdict::Held => ("held", None),
        Verdict::Stalled(reason) => ("stalled", Some(reason)),
        Verdict::Diverged(reason) => ("diverged", Some(reason)),
    };
    serde_json::json!({
        "seed": seed,
        "plan": plan.to_string(),
        "verdict": verdict,
        "reason": reason,
        "height": outcome.height,
        "round_max": outcome.rounds_max,
        "acknowledged": outcome.acknowledged,
        "restarts": outcome.restarts,
        "lost_writes": outcome.lost_writes,
        "simulated_ms": outcome.simulated_ms,
        "frames_sent": outcome.net.sent,
        "events": outcome.events,
        "hash": outcome.hash.to_string(),
    })
}
