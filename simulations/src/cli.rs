//! The commands of `wutong-sim`. A tester's own binary calls [`main`] with its testers and has
//! them all.

mod diff;
mod replay;
mod report;
mod run;
mod shrink;
mod slices;
mod swarm;
mod totals;

use crate::Options;
use crate::tester::MakeTester;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Runs whole networks on a virtual clock, network and disk, one world per seed.
///
/// A seed draws a network, its faults, its adversaries and its clients; the same seed gives the
/// same bytes. A failure ends with the one command that shows it again.
#[derive(Parser)]
#[command(name = "wutong-sim", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Exit codes: 0 all as expected; 1 a world failed, or a comparison found a \
difference; 2 wrong use.\nScenarios and their keys: docs/simulation.md.";

#[derive(Subcommand)]
enum Command {
    /// Runs a range of seeds.
    Run(run::RunArgs),
    /// Steps a journal again, of a real node or of a run, and proves that it leads to the same.
    Replay(replay::ReplayArgs),
    /// Finds the least faults with which a seed still fails, as a scenario file.
    Shrink(shrink::ShrinkArgs),
    /// Shows the first difference of two traces.
    Diff(diff::DiffArgs),
    /// Lists the scenarios that come along.
    Scenarios {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command line, with testers that look on in every world.
pub fn main(testers: Vec<MakeTester>) -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(args) => run::run(&args, testers),
        Command::Replay(args) => replay::run(&args),
        Command::Shrink(args) => {
            let options = Options {
                testers,
                ..Options::default()
            };
            shrink::run(&args, options)
        }
        Command::Diff(args) => diff::run(&args),
        Command::Scenarios { json } => report::scenarios(json),
    };
    done.unwrap_or_else(|error| {
        report::complain(&error);
        ExitCode::from(2)
    })
}
