//! Whole nodes under a seeded scheduler.
//!
//! The real actors, built by [`actors::assemble`], run on a paused clock with a simulated network
//! and simulated disks. Everything a world does follows from its seed: the same seed gives the
//! same bytes, and a failing seed is a bug report.
//!
//! Invariants of this crate: no wall clock, no thread within a world, no order that a seed does
//! not give; one world is one actix system on one thread, and shares nothing with another.

pub mod check;
pub mod clients;
pub mod dice;
pub mod disk;
pub mod errors;
pub mod founders;
pub mod life;
pub mod net;
pub mod node;
pub mod outcome;
pub mod plan;
pub mod schedule;
pub mod trace;
pub mod world;

pub use clients::ClientEvent;
pub use dice::Dice;
pub use disk::{Disk, Honesty, SimDisk, Tables};
pub use life::{Life, SimClock};
pub use net::NetCounters;
pub use outcome::{Outcome, Verdict};
pub use plan::{CrashPlan, ForgetPlan, NODES, PartitionPlan, Plan};
pub use schedule::{Event, NodeIndex, Schedule};
pub use world::HEALED_MS_MAX;

use check::Violations;
use errors::ErrorWatch;
use trace::Trace;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use world::World;

/// What a run is asked for beside its seed; none of it changes what happens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep the newest lines of the event log.
    pub keeps_lines: bool,
    /// Print the nodes' own logs to standard error, as `RUST_LOG` says.
    pub prints_logs: bool,
}

/// Runs the world of a seed.
pub fn run(seed: u64) -> Outcome {
    run_plan(Plan::draw(seed), Honesty::Honest, Options::default())
}

/// Runs the world of a plan.
///
/// # Panics
/// When the runtime cannot be built.
pub fn run_plan(plan: Plan, honesty: Honesty, options: Options) -> Outcome {
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
    tracing::subscriber::with_default(subscriber, || {
        let system = actix::System::with_tokio_rt(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build();
            runtime.expect("a runtime without input and output can always be built")
        });
        system.block_on(async move { World::new(plan, honesty, trace, violations).run().await })
    })
}
