//! The client commands of the `wutong` binary.
//!
//! They run on a depositor's or a verifier's machine: private keys and salts stay here, and
//! verification needs no network. Nothing in this crate knows the node; it speaks HTTP to one.
//!
//! Exit codes: 0 done; 1 refused; 2 wrong use; 3 not receipted yet (run the command again).

mod blame;
mod client;
mod deposit;
mod digest;
mod exit;
mod files;
mod key_file;
mod keygen;
mod language;
mod output;
mod policy;
mod receipt;
mod show;
mod status;
mod time;
mod verify;

pub use adapters_client::NodeUrl;
pub use blame::BlameArgs;
pub use deposit::DepositArgs;
pub use keygen::KeygenArgs;
pub use language::Language;
pub use output::Output;
pub use policy::PolicyArgs;
pub use receipt::{ReceiptArgs, ReceiptFormat};
pub use show::{
    ShowBlockArgs, ShowBodyArgs, ShowCommand, ShowLookupArgs, ShowNodeArgs, ShowReceiptArgs,
    ShowStatementArgs,
};
pub use status::StatusArgs;
pub use verify::VerifyArgs;

use exit::Failure;
use std::process::ExitCode;

/// Commands that need a key, a file or a node's address, and never a node's own data.
#[derive(Debug, clap::Subcommand)]
pub enum ClientCommand {
    /// Make a depositor's key; it never leaves this machine.
    Keygen(KeygenArgs),
    /// Lodge evidence of files: their bytes stay here, a signed commitment goes to the ledger.
    Deposit(DepositArgs),
    /// Verify a file against its receipt and a trust anchor, without network.
    Verify(VerifyArgs),
    /// Write a receipt in another form: tlog-proof, COSE receipts, or JSON.
    Receipt(ReceiptArgs),
    /// Show a receipt, or what a node says: a statement, block, checkpoint, validators, health.
    Show {
        /// What to show.
        #[command(subcommand)]
        what: ShowCommand,
    },
    /// The whole network in one table: who is here, how far, and whether there is a quorum.
    Status(StatusArgs),
    /// Fetch a trust anchor that is pinned by a fingerprint or agreed on by several nodes.
    Policy(PolicyArgs),
    /// Convict validators that signed two conflicting things, in a file that strangers can check.
    Blame(BlameArgs),
}

/// Runs a command; its answer, or the error with the next step, is written to `output`.
pub fn run(command: ClientCommand, output: &mut Output<'_>) -> ExitCode {
    let result = match command {
        ClientCommand::Keygen(args) => keygen::run(&args, output),
        ClientCommand::Deposit(args) => deposit::run(&args, output),
        ClientCommand::Verify(args) => verify::run(&args, output),
        ClientCommand::Receipt(args) => receipt::run(&args, output),
        ClientCommand::Show { what } => show::run(&what, output),
        ClientCommand::Status(args) => status::run(&args, output),
        ClientCommand::Policy(args) => policy::run(&args, output),
        ClientCommand::Blame(args) => blame::run(&args, output),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(Failure {
            exit,
            what,
            next_step,
        }) => {
            output.failure(&what, Some(&next_step));
            exit.into()
        }
    }
}
