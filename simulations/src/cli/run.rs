//! `wutong-sim run`: a swarm of worlds.

use super::report;
use super::slices::Slices;
use super::swarm::Swarm;
use crate::export::JournalExporter;
use crate::outcome::{Outcome, Verdict};
use crate::plan::{Driver, Plan};
use crate::scenario::{Expected, Scenario, merge_into};
use crate::tester::MakeTester;
use crate::{Dice, Honesty, Options};
use clap::{Args, ValueEnum};
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Sizes of networks that a seed draws from: four more often than others.
const SIZES: [usize; 14] = [4, 4, 4, 4, 4, 4, 4, 4, 1, 2, 3, 5, 6, 7];

/// Options of `run`.
#[derive(Args)]
pub(super) struct RunArgs {
    /// Seeds, as `first..end`; the end is not run.
    #[arg(long, value_parser = seeds)]
    pub(super) seeds: Range<u64>,
    #[command(flatten)]
    pub(super) choice: Choice,
    /// Writes the journal of each validator into this folder, as replayable files.
    #[arg(long, value_name = "FOLDER")]
    journals: Option<PathBuf>,
    /// Prints one JSON object per seed and one for the run.
    #[arg(long)]
    pub(super) json: bool,
    /// Prints the newest lines of each world's event log.
    #[arg(long)]
    trace: bool,
    /// Worlds that run at once; 0 for one per core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Remembers in this file how far it came, and goes on from there the next time.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Prints nothing about worlds that end as expected.
    #[arg(long)]
    pub(super) quiet: bool,
}

/// Which worlds: what seeds draw, and what is set.
#[derive(Args)]
pub(super) struct Choice {
    /// A scenario by name (see `scenarios`) or file; without one the seed draws everything.
    #[arg(long)]
    scenario: Option<String>,
    /// Validators, in place of what the seed draws.
    #[arg(long)]
    nodes: Option<usize>,
    /// Who gives actors their turns: actix as in production, or the simulator (faster).
    #[arg(long, value_enum, default_value_t = DriverArg::Actors)]
    driver: DriverArg,
    /// Sets a part of the plan, as in `--set network.loss_ppm=0`; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl RunArgs {
    /// What is run, for the file that a run in slices leaves.
    fn describe(&self) -> String {
        let Range { start, end } = self.seeds;
        format!("--seeds {start}..{end}{}", self.choice.arguments())
    }
}

impl Choice {
    /// The choice as it was made, each argument with a blank before it.
    pub(super) fn arguments(&self) -> String {
        let mut line = String::new();
        if let Some(scenario) = &self.scenario {
            line += &format!(" --scenario {scenario}");
        }
        if let Some(nodes) = self.nodes {
            line += &format!(" --nodes {nodes}");
        }
        if matches!(self.driver, DriverArg::Stepped) {
            line += " --driver stepped";
        }
        for set in &self.set {
            line += &format!(" --set '{set}'");
        }
        line
    }

    /// The driver's name on the command line.
    pub(super) fn driver_name(&self) -> &'static str {
        match self.driver {
            DriverArg::Actors => "actors",
            DriverArg::Stepped => "stepped",
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DriverArg {
    Actors,
    Stepped,
}

/// The clock on the wall: for what people wait for, never for what a world does.
#[allow(clippy::disallowed_methods, reason = "no world sees it")]
pub(super) fn wall_clock() -> Instant {
    Instant::now()
}

/// Reads `first..end`.
pub(super) fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (first, end) = text.split_once("..").ok_or("expected first..end")?;
    let number = |text: &str| text.parse::<u64>().map_err(|e| format!("{text}: {e}"));
    let seeds = number(first)?..number(end)?;
    if seeds.is_empty() {
        return Err("the range is empty: the end is not run".into());
    }
    Ok(seeds)
}

/// Everything that makes the plan of a seed.
pub(super) struct Source {
    scenario: Option<Scenario>,
    nodes: Option<usize>,
    driver: Driver,
    changes: toml::Table,
}

impl Source {
    pub(super) fn new(args: &Choice) -> Result<Self, String> {
        let mut changes = toml::Table::new();
        for set in &args.set {
            let line = toml::from_str::<toml::Table>(set).map_err(|e| {
                format!(
                    "--set {set}: expected KEY=VALUE as in TOML: {}",
                    e.message()
                )
            })?;
            crate::scenario::merge(&mut changes, &line);
        }
        if args.nodes.is_some_and(|n| !(1..=16).contains(&n)) {
            return Err("--nodes: expected 1 to 16".into());
        }
        let driver = match args.driver {
            DriverArg::Actors => Driver::Actors,
            DriverArg::Stepped => Driver::Stepped,
        };
        Ok(Self {
            scenario: args.scenario.as_deref().map(Scenario::find).transpose()?,
            nodes: args.nodes,
            driver,
            changes,
        })
    }

    pub(super) fn plan(&self, seed: u64) -> Result<Plan, String> {
        let drawn = || SIZES[Dice::new(seed, "size").index(SIZES.len())];
        let plan = match &self.scenario {
            None => Plan::draw_for(seed, self.driver, self.nodes.unwrap_or_else(drawn)),
            Some(scenario) => scenario.plan(seed, self.driver, self.nodes.unwrap_or(4))?,
        };
        merge_into(plan, &self.changes)
    }

    /// How disks keep their word.
    pub(super) fn honesty(&self) -> Honesty {
        let scenario = self.scenario.as_ref();
        scenario.map_or_else(Default::default, |scenario| scenario.honesty)
    }

    /// Whether a world ended as it may.
    pub(super) fn allows(&self, verdict: &Verdict) -> bool {
        match self.expected() {
            Expected::Held => *verdict == Verdict::Held,
            Expected::Violation => self.is_found(verdict),
            Expected::SomeViolation => true,
        }
    }

    fn expected(&self) -> Expected {
        let scenario = self.scenario.as_ref();
        scenario.map_or(Expected::Held, |scenario| scenario.expect)
    }

    /// Whether a checker found what the scenario is about.
    pub(super) fn is_found(&self, verdict: &Verdict) -> bool {
        let text = self.scenario.as_ref().map_or("", |s| &s.expect_text);
        matches!(verdict, Verdict::Diverged(reason) if reason.contains(text))
    }
}

/// Runs the seeds.
pub(super) fn run(args: &RunArgs, mut testers: Vec<MakeTester>) -> Result<ExitCode, String> {
    let source = Source::new(&args.choice)?;
    source.plan(args.seeds.start)?;
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    if !args.json {
        let commit = env!("WUTONG_COMMIT");
        let version = env!("CARGO_PKG_VERSION");
        report::line(&format!(
            "wutong-sim {version} ({commit}), seeds {}..{}",
            args.seeds.start, args.seeds.end
        ));
    }
    if let Some(folder) = args.journals.clone() {
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        testers.push(Arc::new(move || Box::new(JournalExporter(folder.clone()))));
    }
    let began = wall_clock();
    let options = Options {
        honesty: source.honesty(),
        keeps_lines: args.trace,
        prints_logs: std::env::var_os("RUST_LOG").is_some(),
        runs_on: false,
        testers,
    };
    let slices = Slices::new(args.state.as_deref(), args.describe());
    let swarm = Swarm {
        args,
        source: &source,
        options: &options,
        slices: &slices,
        began,
    };
    let totals = swarm.run(threads)?;
    let wall = totals.wall(began.elapsed());
    if args.json {
        report::line(&totals.as_json(wall, threads).to_string());
    } else {
        totals.print(wall, threads);
    }
    let Some(seed) = totals.failed.first() else {
        let asleep = source.expected() == Expected::SomeViolation && !totals.found;
        if asleep && !args.json {
            report::line("NOT AS EXPECTED: no seed failed, and some must");
        }
        return Ok(if asleep {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        });
    };
    if !args.json {
        report::line(&format!(
            "seeds that failed: {:?}; the first again:",
            totals.failed
        ));
        report::line(&again(args, *seed));
    }
    Ok(ExitCode::FAILURE)
}

/// The one command that shows a seed again.
fn again(args: &RunArgs, seed: u64) -> String {
    format!(
        "cargo run --release -p simulations --bin wutong-sim -- run --seeds {seed}..{} --trace{}",
        seed + 1,
        args.choice.arguments()
    )
}

/// Reports a world.
pub(super) fn tell(args: &RunArgs, plan: &Plan, outcome: &Outcome, expected: bool) {
    if args.json {
        report::line(&report::outcome_as_json(plan, outcome).to_string());
        return;
    }
    if args.quiet && expected {
        return;
    }
    report::line(&format!("seed {}: {plan}", plan.seed));
    if !expected {
        report::line(&format!("  plan {}", plan.to_json()));
    }
    for line in &outcome.lines {
        report::line(&format!("  {line}"));
    }
    let mark = if expected { "" } else { "NOT AS EXPECTED: " };
    report::line(&format!("  {mark}{}", report::outcome_as_text(outcome)));
}
