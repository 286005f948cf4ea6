//! `wutong init`: a network for trial, ready to be run as one process per node.

use crate::config::{NodeFile, NodeUsers};
use crate::home::Role;
use crate::nats_conf;
use crate::trial::{Founding, TrialNetwork, make_observer, validators, write_secret};
use adapters_cli::Output;
use clap::Args;
use messages::ids::Name;
use messages::keys::PublicKey;
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
    /// Make a cluster of so many NATS servers on this machine, at the port of --nats and those after it.
    ///
    /// Several URLs in --nats are a cluster too, one server on each host.
    #[arg(long, value_name = "SERVERS", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=nats_conf::SERVERS_MAX as i64))]
    nats_cluster: u16,
    /// How many observers, which follow and serve reads, besides.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=64))]
    observers: u16,
    /// HTTP address of validator 0; validator i listens on port + i, observers on those after them.
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
    let last = args
        .http
        .port()
        .checked_add(args.validators as u16 - 1 + args.observers);
    if args.http.port() == 0 || last.is_none() {
        return Err(format!(
            "--http {}: expected a port with {} more after it",
            args.http,
            args.validators - 1 + usize::from(args.observers)
        ));
    }
    let founding = Founding {
        validators: args.validators,
        listed: Vec::new(),
    };
    let urls = match args.nats_cluster {
        1 => args.nats.clone(),
        several => nats_conf::beside_one_another(&args.nats, several)
            .map_err(|e| format!("--nats: {e}"))?,
    };
    let servers = nats_conf::servers(&urls).map_err(|e| format!("--nats: {e}"))?;
    let network = TrialNetwork::open_or_found(&args.out, &founding)?;
    let observers = observers(args)?;
    let names: Vec<Name> = observers.iter().map(|o| o.name.clone()).collect();
    let users = nats_conf::users(&network.genesis, &names)?;
    let mut confs = Vec::new();
    for (name, text) in nats_conf::files(&servers, &users, true)? {
        let path = args.out.join(name);
        write_secret(&path, &text)?;
        confs.push(path.display().to_string());
    }
    let served: Vec<(Name, PublicKey)> =
        observers.iter().map(|o| (o.name.clone(), o.key)).collect();
    let validators = (0..args.validators).map(|i| network.home(i));
    let nodes = validators
        .map(|home| (home.name(), home.dir, Role::Validator))
        .chain(
            observers
                .into_iter()
                .map(|o| (o.name, o.dir, Role::Observer)),
        );
    let mut files = Vec::new();
    for (i, (name, dir, role)) in (0..).zip(nodes) {
        let mut http = args.http;
        http.set_port(args.http.port() + i);
        let path = dir.join("node.toml");
        let known = NodeUsers {
            node: nats_conf::find(&users, name.as_str()),
            api: nats_conf::find(&users, &format!("api-{name}")),
        };
        let file = NodeFile {
            about: "A node of a trial network",
            name: name.as_str(),
            genesis: "../genesis.cbor",
            http,
            url: &urls,
            users: &known,
            event_replicas: servers.len().min(3),
            role,
            observers: match role {
                Role::Validator => &served,
                Role::Observer => &[],
            },
        };
        // It holds a password.
        write_secret(&path, &file.text())?;
        files.push(path.display().to_string());
    }
    if args.json {
        output.json(&serde_json::json!({
            "network": network.genesis.network.to_string(),
            "genesis": args.out.join("genesis.cbor").display().to_string(),
            "policy": args.out.join("policy").display().to_string(),
            "nats_config": confs[0],
            "nats_configs": confs,
            "nodes": files,
        }));
        return Ok(());
    }
    output.say(
        "network {network} (trial, {count} validators) in {folder}",
        &[
            ("network", &network.genesis.network),
            ("count", &args.validators),
            ("folder", &shown),
        ],
    );
    for (conf, url) in confs.iter().zip(urls.split(',')) {
        output.say(
            "  nats-server -c {file}   (or any other server at {url})",
            &[("file", conf), ("url", &url)],
        );
    }
    for file in files {
        output.line(&format!("  wutong node --config {file}"));
    }
    let policy = format!("{shown}/policy");
    output.say("policy (the trust anchor)  {file}", &[("file", &policy)]);
    Ok(())
}

/// An observer of a trial network.
struct TrialObserver {
    name: Name,
    dir: PathBuf,
    key: PublicKey,
}

fn observers(args: &InitArgs) -> Result<Vec<TrialObserver>, String> {
    let make = |i: u16| {
        let (dir, key) = make_observer(&args.out, i.into())?;
        let name = format!("observer-{i}");
        let name = Name::try_new(&name).expect("a short name of allowed characters");
        Ok(TrialObserver { name, dir, key })
    };
    (0..args.observers).map(make).collect()
}
