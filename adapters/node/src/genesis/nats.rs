//! What carries the links of a founded network: server files, and a node.toml for each validator.

use super::files::Document;
use super::{refusal, signatures};
use crate::config::{NodeFile, NodeUsers};
use crate::home::Role;
use crate::nats_conf;
use crate::trial::write_secret;
use adapters_cli::Output;
use clap::Args;
use messages::founding::check_genesis;
use messages::ids::Name;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Write nats.conf and a node.toml for each validator, with passwords.
///
/// Whoever runs the servers runs this, and gives each organisation its node.toml over a channel that
/// others do not read. Several URLs make a cluster, one server on each host.
#[derive(Args)]
pub(crate) struct NatsArgs {
    /// genesis.cbor; genesis.signatures is looked for beside it.
    #[arg(value_name = "GENESIS")]
    genesis: PathBuf,
    /// Servers as the nodes see them, with commas between.
    #[arg(long, value_name = "URLS")]
    url: String,
    /// Name of an observer, which gets users too; may be given several times.
    #[arg(long, value_name = "NAME")]
    observer: Vec<String>,
    /// Address of each node's HTTP; its organisation may change it.
    #[arg(long, default_value = "127.0.0.1:8100")]
    http: SocketAddr,
    /// Folder to make; it must be new or empty.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Writes the files.
pub(super) fn run(args: &NatsArgs, output: &mut Output<'_>) -> Result<(), String> {
    let document = Document::read(&args.genesis)?;
    let genesis = document.genesis();
    if genesis.demonstration {
        check_genesis(genesis).map_err(|e| refusal(&e))?;
    } else {
        signatures::check_beside(&args.genesis, genesis)?;
    }
    let occupied = fs::read_dir(&args.out).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(format!(
            "--out {}: the folder is not empty\nnext:  name a new folder",
            args.out.display()
        ));
    }
    let servers = nats_conf::servers(&args.url).map_err(|e| format!("--url: {e}"))?;
    let observers = args.observer.iter().map(|text| Name::try_new(text));
    let observers: Vec<Name> = observers
        .collect::<Result<_, _>>()
        .map_err(|e| format!("--observer: {e}"))?;
    if let Some(taken) = observers
        .iter()
        .find(|name| genesis.validator_by_name(name).is_some())
    {
        return Err(format!(
            "--observer {taken}: a validator has this name\nnext:  give the observer another"
        ));
    }
    let users = nats_conf::users(genesis, &observers)?;
    fs::create_dir_all(&args.out).map_err(|e| format!("{}: {e}", args.out.display()))?;
    let (mut confs, mut nodes) = (Vec::new(), Vec::new());
    for (name, text) in nats_conf::files(&servers, &users, genesis.demonstration)? {
        let path = args.out.join(name);
        write_secret(&path, &text)?;
        confs.push(path.display().to_string());
    }
    for validator in &genesis.validators {
        let name = validator.name.as_str();
        let known = NodeUsers {
            node: nats_conf::find(&users, name),
            api: nats_conf::find(&users, &format!("api-{name}")),
        };
        let file = NodeFile {
            about: &format!(
                "A node of network {}, run by {}",
                genesis.network, validator.organisation
            ),
            name,
            genesis: "genesis.cbor",
            http: args.http,
            url: &args.url,
            users: &known,
            event_replicas: servers.len().min(3),
            role: Role::Validator,
            observers: &[],
        };
        let folder = args.out.join(name);
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let path = folder.join("node.toml");
        write_secret(&path, &file.text())?;
        nodes.push(path.display().to_string());
    }
    if args.json {
        output.json(&serde_json::json!({ "nats_configs": confs, "nodes": nodes }));
        return Ok(());
    }
    for conf in confs {
        output.line(&format!("  nats-server -c {conf}"));
    }
    for (node, validator) in nodes.iter().zip(&genesis.validators) {
        output.line(&format!("  {node}   (for {})", validator.organisation));
    }
    output.line(
        "next:  give each organisation its node.toml, to be put beside its keys/, genesis.cbor and",
    );
    output.line("       genesis.signatures; then `wutong node --config node.toml --check`");
    Ok(())
}
