//! `wutong init`: a network for trial, ready to be run as one process per node.

use crate::config::{TrialUsers, trial_file};
use crate::nats_conf;
use crate::trial::{Founding, TrialNetwork, validators, write_secret};
use adapters_cli::Output;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Make a network for trial: genesis, policy, nats.conf, and a folder with keys and node.toml per
/// node.
///
/// All keys are made on this machine, so nobody needs to trust it for more than a trial. Example:
/// `wutong init --validators 4 --nats nats://127.0.0.1:4222 --http 127.0.0.1:8100 --out ./net`
#[derive(Args)]
pub(crate) struct InitArgs {
    /// How many validators (1 to 64); 4 tolerate one fault.
    #[arg(long, default_value_t = 4, value_parser = validators())]
    validators: usize,
    /// NATS servers that carry the links, with commas between.
    #[arg(long, default_value = "nats://127.0.0.1:4222")]
    nats: String,
    /// HTTP address of validator 0; validator i listens on port + i.
    #[arg(long, default_value = "127.0.0.1:8100")]
    http: SocketAddr,
    /// Folder to make; it must be new or empty.
    #[arg(long)]
    out: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &InitArgs, output: &mut Output<'_>) -> Result<(), String> {
    let shown = args.out.display();
    if args.out.join("genesis.cbor").exists() {
        return Err(format!(
            "--out {shown}: there is a network already\nnext:  name a new or empty folder"
        ));
    }
    let last = args.http.port().checked_add(args.validators as u16 - 1);
    if args.http.port() == 0 || last.is_none() {
        return Err(format!(
            "--http {}: expected a port with {} more after it",
            args.http,
            args.validators - 1
        ));
    }
    let founding = Founding {
        validators: args.validators,
        listed: Vec::new(),
    };
    let network = TrialNetwork::open_or_found(&args.out, &founding)?;
    let users = nats_conf::users(&network.genesis)?;
    let conf = args.out.join("nats.conf");
    let listen = args.nats.split(',').next().unwrap_or_default();
    let listen = listen.trim_start_matches("nats://");
    write_secret(&conf, &nats_conf::text(listen, &users))?;
    let mut files = Vec::new();
    for i in 0..args.validators {
        let home = network.home(i);
        let mut http = args.http;
        http.set_port(args.http.port() + i as u16);
        let path = home.dir.join("node.toml");
        let name = home.name();
        let known = TrialUsers {
            node: nats_conf::find(&users, name.as_str()),
            api: nats_conf::find(&users, &format!("api-{name}")),
        };
        let text = trial_file(name.as_str(), http, &args.nats, &known);
        // It holds a password.
        write_secret(&path, &text)?;
        files.push(path.display().to_string());
    }
    if args.json {
        output.json(&serde_json::json!({
            "network": network.genesis.network.to_string(),
            "genesis": args.out.join("genesis.cbor").display().to_string(),
            "policy": args.out.join("policy").display().to_string(),
            "nats_config": conf.display().to_string(),
            "nodes": files,
        }));
        return Ok(());
    }
    output.line(&format!(
        "network {} (trial, {} validators) in {shown}",
        network.genesis.network, args.validators
    ));
    output.line(&format!(
        "  nats-server -c {}   (or any other server at {})",
        conf.display(),
        args.nats
    ));
    for file in files {
        output.line(&format!("  wutong node --config {file}"));
    }
    output.line(&format!("policy (the trust anchor)  {shown}/policy"));
    Ok(())
}
