//! `wutong genesis`: how organisations found a real network together (docs/ceremony.md).
//!
//! Each makes its own keys on its own machine and hands out public keys with proofs; one proposes the
//! genesis; all review and sign the same bytes; whoever collects the signatures puts them together.

mod files;
mod join;
mod nats;
mod network_file;
mod review;
pub(crate) mod signatures;
mod signing;

use adapters_cli::Output;
use clap::Subcommand;
use messages::founding::FoundingError;

/// Steps of a founding, in their order.
#[derive(Subcommand)]
pub(crate) enum GenesisCommand {
    /// Write a commented network file, to be filled in by the organisation that proposes.
    Template(network_file::TemplateArgs),
    /// Make a validator's keys here, and the member file to hand out: public keys and proofs.
    Join(join::JoinArgs),
    /// Put the network file and all member files together into a proposal for review.
    Propose(join::ProposeArgs),
    /// Show a proposal or a genesis: organisations first, then everything that will hold.
    Show(review::ShowArgs),
    /// Sign a proposal that was reviewed, with the consensus key of this organisation's validator.
    Sign(signing::SignArgs),
    /// Put proposal and signatures together: genesis.cbor, genesis.signatures and policy.
    Assemble(signing::AssembleArgs),
    /// Check that all founders signed a genesis, and that a node's folder holds keys of it.
    Check(review::CheckArgs),
    /// Write nats.conf and a node.toml for each validator, with passwords.
    Nats(nats::NatsArgs),
}

/// Runs a step.
pub(crate) fn run(what: &GenesisCommand, output: &mut Output<'_>) -> Result<(), String> {
    match what {
        GenesisCommand::Template(args) => network_file::run(args, output),
        GenesisCommand::Join(args) => join::join(args, output),
        GenesisCommand::Propose(args) => join::propose(args, output),
        GenesisCommand::Show(args) => review::show(args, output),
        GenesisCommand::Sign(args) => signing::sign(args, output),
        GenesisCommand::Assemble(args) => signing::assemble(args, output),
        GenesisCommand::Check(args) => review::check(args, output),
        GenesisCommand::Nats(args) => nats::run(args, output),
    }
}

/// A founding that does not hold, as people read it.
fn refusal(error: &FoundingError) -> String {
    format!("{error}\nnext:  {}", error.next_step())
}
