//! The `wutong` binary: client commands from `adapters-cli`, and those that run nodes.

mod backup;
mod bench;
mod board;
mod bridged;
mod cluster;
mod config;
mod control;
mod demo;
mod devnet;
mod drain;
mod genesis;
mod home;
mod hub;
mod init;
mod journal;
mod logs;
mod nats_conf;
mod nats_config;
mod observers;
mod observing_config;
mod operations;
mod service;
mod signals;
mod systemd;
mod trial;
mod validator;

use adapters_cli::{ClientCommand, Output};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Evidence with receipts that a stranger verifies offline.
///
/// Start with `wutong demo`. Then run a network of your own with `wutong devnet`, make a key with
/// `wutong keygen`, lodge a file with `wutong deposit` and check its receipt with `wutong verify`.
#[derive(Parser)]
#[command(name = "wutong", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 refused or failed; 2 wrong use; 3 not receipted \
yet (run the command again).\nLogs go to standard error; RUST_LOG=debug shows more.";

#[derive(Subcommand)]
enum Command {
    /// Four validators in one process: deposit, verify offline, see a changed byte refused.
    Demo(demo::DemoArgs),
    /// A trial network that keeps running; its data survives restarts.
    Devnet(devnet::DevnetArgs),
    /// Found a real network: each organisation makes its own keys, and all sign the same genesis.
    Genesis {
        /// A step of the founding.
        #[command(subcommand)]
        what: genesis::GenesisCommand,
    },
    /// A network for trial, to be run as one process per node.
    Init(init::InitArgs),
    /// One validator as a service, linked to the others over NATS.
    Node(service::NodeArgs),
    /// The ledger of a node as one file, while the node runs.
    Backup(backup::BackupArgs),
    /// A node's ledger built again from a backup, every block of it verified.
    Restore(backup::RestoreArgs),
    /// A node's journal as one file, to be replayed elsewhere.
    Journal {
        /// What to do.
        #[command(subcommand)]
        what: journal::JournalCommand,
    },
    /// Measure this machine.
    Bench {
        /// What to measure.
        #[command(subcommand)]
        what: bench::BenchCommand,
    },
    #[command(flatten)]
    Client(ClientCommand),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        // It knows how to speak once it has read its configuration.
        Command::Node(_) => {}
        Command::Devnet(_) => logs::of_command("warn,wutong=info"),
        _ => logs::of_command("error"),
    }
    let mut output = Output::terminal();
    match cli.command {
        Command::Demo(args) => exit(demo::run(&args, &mut output), &mut output),
        Command::Devnet(args) => exit(devnet::run(args, &mut output), &mut output),
        Command::Genesis { what } => exit(genesis::run(&what, &mut output), &mut output),
        Command::Init(args) => exit(init::run(&args, &mut output), &mut output),
        Command::Node(args) => exit(service::run(&args, &mut output), &mut output),
        Command::Backup(args) => exit(backup::run(&args, &mut output), &mut output),
        Command::Restore(args) => exit(backup::restore(&args, &mut output), &mut output),
        Command::Journal { what } => exit(journal::run(&what, &mut output), &mut output),
        Command::Bench { what } => exit(bench::run(&what, &mut output), &mut output),
        Command::Client(command) => adapters_cli::run(command, &mut output),
    }
}

/// Turns a failure into the error people read and exit code 1.
fn exit(result: Result<(), String>, output: &mut Output<'_>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match error.rsplit_once("\nnext:  ") {
                Some((what, step)) => output.failure(what, Some(step)),
                None => output.failure(&error, None),
            }
            ExitCode::FAILURE
        }
    }
}
