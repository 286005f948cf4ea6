//! `wutong-sim run`: a swarm of worlds.

use super::report::{self, Totals};
use crate::export::JournalExporter;
use crate::outcome::{Outcome, Verdict};
use crate::plan::{Driver, Plan};
use crate::scenario::{Expected, Scenario, merge_into};
use crate::tester::MakeTester;
use crate::{Dice, Honesty, Options, run_plan};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How often progress is shown.
const PROGRESS_MIN: Duration = Duration::from_millis(200);
/// Sizes of networks that a seed draws from: four more often than others.
const SIZES: [usize; 14] = [4, 4, 4, 4, 4, 4, 4, 4, 1, 2, 3, 5, 6, 7];

/// Options of `run`.
#[derive(Args)]
pub(super) struct RunArgs {
    /// Seeds, as `first..end`; the end is not run.
    #[arg(long, value_parser = seeds)]
    seeds: Range<u64>,
    #[command(flatten)]
    choice: Choice,
    /// Writes the journal of each validator into this folder, as replayable files.
    #[arg(long, value_name = "FOLDER")]
    journals: Option<PathBuf>,
    /// Prints one JSON object per seed and one for the run.
    #[arg(long)]
    json: bool,
    /// Prints the newest lines of each world's event log.
    #[arg(long)]
    trace: bool,
    /// Worlds that run at once; 0 for one per core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Prints nothing about worlds that end as expected.
    #[arg(long)]
    quiet: bool,
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

impl Choice {
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
    fn allows(&self, verdict: &Verdict) -> bool {
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
    fn is_found(&self, verdict: &Verdict) -> bool {
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
        let commit = option_env!("WUTONG_COMMIT").unwrap_or("unknown commit");
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
    let began = Instant::now();
    let options = Options {
        honesty: source.honesty(),
        keeps_lines: args.trace,
        prints_logs: std::env::var_os("RUST_LOG").is_some(),
        runs_on: false,
        testers,
    };
    let totals = swarm(args, &source, &options, threads)?;
    if args.json {
        report::line(&totals.as_json(began.elapsed(), threads).to_string());
    } else {
        totals.print(began.elapsed(), threads);
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
    let mut line = format!(
        "cargo run --release -p simulations --bin wutong-sim -- run --seeds {seed}..{} --trace",
        seed + 1
    );
    let choice = &args.choice;
    if let Some(scenario) = &choice.scenario {
        line += &format!(" --scenario {scenario}");
    }
    if let Some(nodes) = choice.nodes {
        line += &format!(" --nodes {nodes}");
    }
    if matches!(choice.driver, DriverArg::Stepped) {
        line += " --driver stepped";
    }
    for set in &choice.set {
        line += &format!(" --set '{set}'");
    }
    line
}

/// Runs worlds on several threads and reports them in the order of their seeds.
fn swarm(
    args: &RunArgs,
    source: &Source,
    options: &Options,
    threads: usize,
) -> Result<Totals, String> {
    let next = AtomicU64::new(args.seeds.start);
    let (done, outcomes) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (done, next, options) = (done.clone(), &next, options.clone());
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !args.seeds.contains(&seed) {
                        return;
                    }
                    let ran = source.plan(seed).map(|plan| {
                        let outcome = run_plan(plan.clone(), &options);
                        (plan, outcome)
                    });
                    if done.send((seed, ran)).is_err() {
                        return; // Nobody listens any more.
                    }
                }
            });
        }
        drop(done);
        collect(args, source, outcomes)
    })
}

type Ran = Result<(Plan, Outcome), String>;

fn collect(
    args: &RunArgs,
    source: &Source,
    outcomes: mpsc::Receiver<(u64, Ran)>,
) -> Result<Totals, String> {
    let (mut totals, mut waiting) = (Totals::default(), BTreeMap::new());
    let mut next = args.seeds.start;
    let many = args.seeds.end - args.seeds.start;
    let shows = std::io::stderr().is_terminal() && many > 1;
    let (began, mut shown) = (Instant::now(), None::<Instant>);
    for (seed, ran) in outcomes {
        waiting.insert(seed, ran);
        while let Some(ran) = waiting.remove(&next) {
            let (plan, outcome) = ran?;
            let expected = source.allows(&outcome.verdict);
            totals.found |= source.is_found(&outcome.verdict);
            totals.add(next, &outcome, expected);
            tell(args, &plan, &outcome, expected);
            next += 1;
        }
        if shows && shown.is_none_or(|at| at.elapsed() > PROGRESS_MIN) {
            shown = Some(Instant::now());
            let seconds = began.elapsed().as_secs();
            let failed = totals.failed.len();
            report::progress(&format!(
                "{}/{many} seeds, {failed} failed, {seconds} s",
                totals.seeds
            ));
        }
    }
    if shows {
        report::progress("");
    }
    Ok(totals)
}

fn tell(args: &RunArgs, plan: &Plan, outcome: &Outcome, expected: bool) {
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
