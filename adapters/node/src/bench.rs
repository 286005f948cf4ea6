//! `wutong bench`: figures as ratios to a bound measured in the same run.

mod calibrate;
mod deposits;
mod machine;

use adapters_cli::Output;
use clap::Subcommand;

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum BenchCommand {
    /// Signed single deposits to final receipt, through the real gateways, on disk with fsync.
    Deposits(deposits::DepositsArgs),
}

/// Runs a benchmark.
pub(crate) fn run(what: &BenchCommand, output: &mut Output<'_>) -> Result<(), String> {
    match what {
        BenchCommand::Deposits(args) => deposits::run(args, output),
    }
}
