//! `wutong-sim shrink`: the least that still fails.

use super::report;
use super::run::{Choice, Source};
use crate::outcome::Verdict;
use crate::plan::Plan;
use crate::{Options, run_plan};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `shrink`.
#[derive(Args)]
pub(super) struct ShrinkArgs {
    /// The seed that fails.
    seed: u64,
    #[command(flatten)]
    choice: Choice,
    /// File for the scenario that is left [shrunk-SEED.toml].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Worlds that are tried at most.
    #[arg(long, default_value_t = 400)]
    tries: u32,
}

/// Shrinks the plan of a seed.
pub(super) fn run(args: &ShrinkArgs, options: Options) -> Result<ExitCode, String> {
    let source = Source::new(&args.choice)?;
    let plan = source.plan(args.seed)?;
    let options = Options {
        honesty: source.honesty(),
        ..options
    };
    let mut shrinker = Shrinker {
        options,
        kind: String::new(),
        tries_left: args.tries,
    };
    let Some(kind) = shrinker.fails(&plan) else {
        return Err(format!(
            "seed {}: this world holds; there is nothing to shrink",
            args.seed
        ));
    };
    report::line(&format!("seed {} fails: {kind}", args.seed));
    shrinker.kind = kind;
    let faults = plan.faults.len();
    let plan = shrinker.shrink(plan);
    report::line(&format!(
        "{} of {faults} faults and {} adversaries are left after {} worlds:",
        plan.faults.len(),
        plan.adversaries.len(),
        args.tries - shrinker.tries_left
    ));
    for planned in &plan.faults {
        report::line(&format!("  at {} ms: {:?}", planned.at_ms, planned.fault));
    }
    let path = args.out.clone();
    let path = path.unwrap_or_else(|| format!("shrunk-{}.toml", args.seed).into());
    write(&path, &plan, &shrinker)?;
    report::line(&format!(
        "cargo run --release -p simulations --bin wutong-sim -- run --seeds {}..{} --scenario {} \
         --driver {} --trace",
        args.seed,
        args.seed + 1,
        path.display(),
        args.choice.driver_name(),
    ));
    Ok(ExitCode::SUCCESS)
}

fn write(path: &std::path::Path, plan: &Plan, shrinker: &Shrinker) -> Result<(), String> {
    let mut table = toml::Table::try_from(plan).map_err(|e| e.to_string())?;
    table.remove("seed");
    let mut scenario = toml::Table::new();
    scenario.insert(
        "about".into(),
        format!("What is left of seed {}.", plan.seed).into(),
    );
    let honesty = toml::Value::try_from(shrinker.options.honesty).map_err(|e| e.to_string())?;
    scenario.insert("honesty".into(), honesty);
    scenario.insert("plan".into(), table.into());
    let text = toml::to_string(&scenario).map_err(|e| e.to_string())?;
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

struct Shrinker {
    options: Options,
    /// What the failure is about: shrinking must not change the subject.
    kind: String,
    tries_left: u32,
}

impl Shrinker {
    /// What fails, without numbers; none when the world holds.
    fn fails(&self, plan: &Plan) -> Option<String> {
        let reason = match run_plan(plan.clone(), &self.options).verdict {
            Verdict::Held => return None,
            Verdict::Stalled(_) => return Some("stalled".into()),
            Verdict::Diverged(reason) => reason,
        };
        let words = reason.split_whitespace();
        let plain = words.filter(|w| w.bytes().all(|b| b.is_ascii_alphabetic() || b == b':'));
        Some(plain.take(6).collect::<Vec<_>>().join(" "))
    }

    /// Tries a smaller plan; gives it when it fails in the same way.
    fn keep(&mut self, plan: Plan) -> Option<Plan> {
        self.tries_left = self.tries_left.checked_sub(1)?;
        (self.fails(&plan).as_ref() == Some(&self.kind)).then_some(plan)
    }

    fn shrink(&mut self, plan: Plan) -> Plan {
        let plan = self.drop_faults(plan);
        let plan = self.drop_adversaries(plan);
        self.calm(plan)
    }

    /// Leaves out ever smaller runs of faults, as long as it still fails (delta debugging).
    fn drop_faults(&mut self, mut plan: Plan) -> Plan {
        let mut size = plan.faults.len().div_ceil(2);
        while size > 0 && self.tries_left > 0 {
            let mut at = 0;
            while at < plan.faults.len() {
                let mut smaller = plan.clone();
                let end = (at + size).min(plan.faults.len());
                smaller.faults.drain(at..end);
                match self.keep(smaller) {
                    Some(smaller) => plan = smaller,
                    None => at += size,
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        plan
    }

    fn drop_adversaries(&mut self, mut plan: Plan) -> Plan {
        for at in (0..plan.adversaries.len()).rev() {
            let mut smaller = plan.clone();
            smaller.adversaries.remove(at);
            plan = self.keep(smaller).unwrap_or(plan);
        }
        plan
    }

    /// Sets one rate after the other to nothing.
    fn calm(&mut self, mut plan: Plan) -> Plan {
        let calmer: [fn(&mut Plan); 14] = [
            |p| p.network.loss_ppm = 0,
            |p| p.network.duplicates_ppm = 0,
            |p| p.network.late_ppm = 0,
            |p| p.network.replay_ppm = 0,
            |p| p.network.delay_us_max = 1_000,
            |p| p.disk.slow_ppm = 0,
            |p| p.disk.torn_subsets = false,
            |p| p.clocks.skew_ms_max = 0,
            |p| p.clocks.drift_ppm_max = 0,
            |p| p.tiny_mailboxes = false,
            |p| p.workload.hostile = 0,
            |p| p.workload.bodies_ppm = 0,
            |p| p.workload.deposits /= 2,
            |p| p.workload.deposits /= 4,
        ];
        for calm in calmer {
            let mut smaller = plan.clone();
            calm(&mut smaller);
            if smaller != plan {
                plan = self.keep(smaller).unwrap_or(plan);
            }
        }
        plan
    }
}
