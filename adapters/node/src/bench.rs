//! `wutong bench`: figures as ratios to a bound measured in the same run.

mod batch;
mod calibrate;
mod catch_up;
mod deposits;
mod load;
mod machine;
mod ordering;
mod verify;

use adapters_cli::Output;
use clap::Subcommand;

/// What can be measured.
#[derive(Subcommand)]
pub(crate) enum BenchCommand {
    /// Signed single deposits to final receipt, through the real gateways, on disk with fsync.
    Deposits(deposits::DepositsArgs),
    /// An empty node that catches up with the others.
    CatchUp(catch_up::CatchUpArgs),
    /// Ordering of opaque payloads: everything real but depositors' signatures, which nobody
    /// checks. To stand beside consensus protocols that check none either.
    Ordering(ordering::OrderingArgs),
    /// Offline verification of one receipt.
    Verify(verify::VerifyArgs),
}

/// Runs a benchmark.
pub(crate) fn run(what: &BenchCommand, output: &mut Output<'_>) -> Result<(), String> {
    match what {
        BenchCommand::Deposits(args) => deposits::run(args, output),
        BenchCommand::CatchUp(args) => catch_up::run(args, output),
        BenchCommand::Ordering(args) => ordering::run(args, output),
        BenchCommand::Verify(args) => verify::run(args, output),
    }
}
