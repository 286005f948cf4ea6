//! Whole nodes under a seeded scheduler.
//!
//! The real actors, built by [`actors::assemble`], run on a paused clock with a simulated network
//! and simulated disks. Everything a world does follows from its seed: the same seed gives the
//! same bytes, and a failing seed is a bug report.
//!
//! Invariants of this crate: no wall clock, no thread within a world, no order that a seed does
//! not give; one world is one actix system on one thread, and shares nothing with another.

pub mod adversary;
pub mod check;
pub mod cli;
pub mod clients;
pub mod dice;
pub mod disk;
pub mod errors;
pub mod events;
pub mod export;
pub mod founders;
pub mod life;
pub mod meets;
pub mod net;
pub mod node;
pub mod outcome;
pub mod plan;
pub mod replay;
pub mod scenario;
pub mod schedule;
pub mod statements;
pub mod tester;
pub mod trace;
pub mod world;

pub use clients::ClientEvent;
pub use dice::Dice;
pub use disk::{Disk, Honesty, SimDisk, Tables};
pub use life::{Life, SimClock};
pub use net::NetCounters;
pub use outcome::{Outcome, Verdict};
pub use plan::{AdversaryKind, AdversaryPlan, Driver, Fault, Plan, Planned};
pub use scenario::Scenario;
pub use schedule::{Event, NodeIndex, Schedule};
pub use tester::{MakeTester, Tester, View};
pub use world::HEALED_MS_MAX;

use check::Violations;
use errors::ErrorWatch;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use trace::Trace;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use world::{Furnishing, World};

/// What a run is asked for beside its plan.
#[derive(Clone, Default)]
pub struct Options {
    /// Whether disks keep their word.
    pub honesty: Honesty,
    /// Keep the newest lines of the event log.
    pub keeps_lines: bool,
    /// Print the nodes' own logs to standard error, as `RUST_LOG` says.
    pub prints_logs: bool,
    /// The world goes on after the first thing that is wrong, until it would have healed.
    pub runs_on: bool,
    /// Testers that look on.
    pub testers: Vec<MakeTester>,
}

/// Runs the world of a seed, with four validators.
pub fn run(seed: u64, driver: Driver) -> Outcome {
    run_plan(Plan::draw(seed, driver), &Options::default())
}

/// Runs the world of a plan.
///
/// # Panics
/// When the runtime cannot be built.
pub fn run_plan(plan: Plan, options: &Options) -> Outcome {
    let violations = Violations::default();
    let trace = Trace::new(options.keeps_lines);
    let watch = ErrorWatch(violations.clone()).with_filter(LevelFilter::ERROR);
    let logs = options.prints_logs.then(|| {
        let logs = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .without_time();
        logs.with_filter(EnvFilter::from_default_env())
    });
    let subscriber = tracing_subscriber::registry().with(watch).with(logs);
    let furnishing = Furnishing {
        honesty: options.honesty,
        runs_on: options.runs_on,
        trace: trace.clone(),
        violations,
        testers: options.testers.iter().map(|make| make()).collect(),
    };
    let run = || match plan.driver {
        Driver::Actors => on_paused_clock(plan, furnishing),
        Driver::Stepped => at_once(World::new(plan, furnishing).run()),
    };
    // A panic that no node catches is a bug as well, and its seed must not be lost.
    let ran = catch_unwind(AssertUnwindSafe(|| {
        tracing::subscriber::with_default(subscriber, run)
    }));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).into()));
        let reason = text.unwrap_or_else(|| "no message".into());
        Outcome::of_panic(format!("a panic: {reason}"), trace.lines())
    })
}

fn on_paused_clock(plan: Plan, furnishing: Furnishing) -> Outcome {
    let system = actix::System::with_tokio_rt(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build();
        runtime.expect("a runtime without input and output can always be built")
    });
    system.block_on(async move { World::new(plan, furnishing).run().await })
}

/// A stepped world waits for nothing but itself.
fn at_once<T>(world: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(world).poll(&mut context) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("a stepped world has no runtime to wait for"),
    }
}
