//! `wutong devnet`: a trial network that keeps running.

use crate::board::Board;
use crate::cluster::{Cluster, ClusterOptions};
use crate::control::{self, Order};
use crate::signals::stop_signal;
use crate::trial::{Founding, TrialNetwork, validators};
use adapters_cli::Output;
use adapters_nats::{NatsEvents, Server};
use bus::ports::EventSink;
use clap::{Args, Subcommand};
use messages::keys::PublicKey;
use messages::ports::BatchedZip215;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// A trial network in one process; its data survives restarts.
///
/// Validator i, counted from 0, serves HTTP at port + i. Example:
/// `wutong devnet --validators 4 --data ./trial --http 127.0.0.1:8100`
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DevnetArgs {
    #[command(subcommand)]
    order: Option<DevnetOrder>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Args)]
struct RunArgs {
    /// How many validators (1 to 64); 4 tolerate one fault.
    #[arg(long, default_value_t = 4, value_parser = validators())]
    validators: usize,
    /// Folder of the network: genesis, policy, keys and ledgers. Founded when it is empty.
    #[arg(long, default_value = "wutong-devnet")]
    data: PathBuf,
    /// HTTP address of validator 0; validator i listens on port + i.
    #[arg(long, default_value = "127.0.0.1:8100")]
    http: SocketAddr,
    /// Send `deposited` events to JetStream at this server, for example nats://127.0.0.1:4222.
    #[arg(long)]
    nats: Option<String>,
    /// Public key (64 hexadecimal characters, from `wutong keygen`) that may deposit in the
    /// closed namespace `members`; repeat for more. Only when the network is founded.
    #[arg(long, value_name = "HEX")]
    list_key: Vec<String>,
}

#[derive(Subcommand)]
enum DevnetOrder {
    /// Stop one validator of a running devnet.
    Stop(OrderArgs),
    /// Start a stopped validator again, or heal one that was cut off.
    Start(OrderArgs),
    /// Cut one validator off from the others; it keeps running.
    Cut(OrderArgs),
}

#[derive(Args)]
struct OrderArgs {
    /// Number of the validator, from 0.
    validator: usize,
    /// Folder of the running devnet.
    #[arg(long, default_value = "wutong-devnet")]
    data: PathBuf,
}

/// Runs the command until it is told to stop.
pub(crate) fn run(args: DevnetArgs, output: &mut Output<'_>) -> Result<(), String> {
    match args.order {
        None => serve(&args.run, output),
        Some(DevnetOrder::Stop(to)) => send(&to, Order::Stop(to.validator), output),
        Some(DevnetOrder::Start(to)) => send(&to, Order::Start(to.validator), output),
        Some(DevnetOrder::Cut(to)) => send(&to, Order::Cut(to.validator), output),
    }
}

fn send(to: &OrderArgs, order: Order, output: &mut Output<'_>) -> Result<(), String> {
    let said = control::send(&to.data, order)?;
    output.line(&format!("validator {} {said}", to.validator));
    Ok(())
}

/// Why the main thread wakes.
enum Event {
    Signal,
    Halted(usize, String),
}

fn serve(args: &RunArgs, output: &mut Output<'_>) -> Result<(), String> {
    let listed = args
        .list_key
        .iter()
        .map(|text| parse_key(text))
        .collect::<Result<_, _>>()?;
    control::must_be_idle(&args.data)?;
    if !args.list_key.is_empty() && args.data.join("genesis.cbor").exists() {
        return Err(format!(
            "--list-key: {} is founded already, and its genesis lists the keys\n\
             next:  found a new network with --data and --list-key",
            args.data.display()
        ));
    }
    let founding = Founding {
        validators: args.validators,
        listed,
    };
    let network = TrialNetwork::open_or_found(&args.data, &founding)?;
    let (wake, events) = mpsc::channel();
    let halted = wake.clone();
    let signals = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start threads: {e}"))?;
    let _inside = signals.enter();
    let sink = args.nats.as_ref().map(|url| {
        Arc::new(NatsEvents::connect(
            &Server::open(url),
            &network.genesis.network,
            Duration::ZERO,
        )) as Arc<dyn EventSink>
    });
    let (board, ordered) = Board::new(&network);
    let options = ClusterOptions {
        nats: None,
        statements: Arc::new(BatchedZip215),
        http: Some(args.http),
        events: sink,
        board: Some(board.clone()),
        on_halt: Arc::new(move |i, reason| {
            let _ = halted.send(Event::Halted(i, reason));
        }),
    };
    let cluster = Arc::new(Mutex::new(Cluster::start(network, options)?));
    take_orders(&args.data, &cluster, board.clone(), ordered)?;
    announce(&cluster, args, output);
    signals.spawn(async move {
        stop_signal().await;
        let _ = wake.send(Event::Signal);
    });
    while let Ok(event) = events.recv() {
        match event {
            Event::Signal => break,
            Event::Halted(i, reason) => {
                output.note(&format!("validator {i} stopped by itself: {reason}"));
                board.halted(i, &reason);
                let _ = lock(&cluster).stop_validator(i);
            }
        }
    }
    output.note("stopping: validators finish what is on its way to the disk");
    let n = args.validators;
    let mut cluster = lock(&cluster);
    for i in 0..n {
        cluster.stop_validator(i)?;
    }
    let _ = std::fs::remove_file(args.data.join("control.sock"));
    output.note("stopped");
    Ok(())
}

/// Obeys the command line and the consoles, each from a thread of its own.
fn take_orders(
    dir: &Path,
    cluster: &Arc<Mutex<Cluster>>,
    board: Arc<Board>,
    ordered: mpsc::Receiver<Order>,
) -> Result<(), String> {
    let obeying = cluster.clone();
    control::listen(dir, move |order| obey(&obeying, order))?;
    let obeying = cluster.clone();
    std::thread::spawn(move || {
        for order in ordered {
            board.carried_out(order, &obey(&obeying, order));
        }
    });
    Ok(())
}

fn lock(cluster: &Mutex<Cluster>) -> std::sync::MutexGuard<'_, Cluster> {
    cluster
        .lock()
        .expect("no code panics while it holds the cluster")
}

fn obey(cluster: &Mutex<Cluster>, order: Order) -> Result<String, String> {
    let mut cluster = lock(cluster);
    let said = match order {
        Order::Stop(i) => cluster.stop_validator(i)?,
        Order::Start(i) => cluster.start_validator(i)?,
        Order::Cut(i) => cluster.cut_validator(i)?,
    };
    Ok(said.to_owned())
}

fn parse_key(text: &str) -> Result<PublicKey, String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|e| format!("--list-key {text}: {e}"))?;
    let key = PublicKey(bytes);
    key.check_registrable()
        .map_err(|e| format!("--list-key {text}: {e}"))?;
    Ok(key)
}

fn announce(cluster: &Mutex<Cluster>, args: &RunArgs, output: &mut Output<'_>) {
    let cluster = lock(cluster);
    let genesis = &cluster.network().genesis;
    output.line(&format!(
        "network {} (trial, {} validators)",
        genesis.network, args.validators
    ));
    for (validator, address) in genesis.validators.iter().zip(cluster.addresses()) {
        let (organisation, name) = (&validator.organisation, &validator.name);
        output.line(&format!("  {organisation} ({name})  http://{address}"));
    }
    let policy = args.data.join("policy");
    if let Some(first) = cluster.addresses().first() {
        output.line(&format!("console  http://{first}/"));
    }
    output.line(&format!("policy (the trust anchor)  {}", policy.display()));
    output.line("ready; stop with Ctrl-C or SIGTERM");
}
