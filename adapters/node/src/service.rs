//! `wutong node`: one validator as a service, linked to the others over NATS.

use crate::config::Config;
use crate::hub::Links;
use crate::signals::StopSignals;
use crate::systemd::Manager;
use crate::trial::{self, NodeHome};
use crate::validator::{Surroundings, Validator};
use actors::NodeHandle;
use adapters_cli::Output;
use adapters_http::Console;
use adapters_nats::{
    BridgeOptions, NatsBridge, NatsEvents, NatsService, Peer, Server, ServiceOptions,
};
use bus::api::{NodeApi, Query};
use bus::ports::{EventSink, Transport};
use clap::Args;
use messages::ids::Name;
use messages::ports::BatchedZip215;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Run one validator as a service, until SIGINT or SIGTERM.
///
/// `wutong init` makes the file for a trial. Logs go to standard error; RUST_LOG=debug shows more.
/// Example: `wutong node --config ./net/node-0/node.toml`
#[derive(Args)]
pub(crate) struct NodeArgs {
    /// The node's configuration (TOML); every key may come from the environment instead.
    #[arg(long)]
    config: PathBuf,
    /// Read and check configuration, genesis and keys, and stop.
    #[arg(long)]
    check: bool,
}

/// How long each validator that publishes events leaves them to the one before it.
const STANDBY: Duration = Duration::from_millis(500);
/// So many times at most.
const STANDBY_MAX: u32 = 20;

/// Links over NATS; one node is on them.
struct Bridged(Arc<NatsBridge>);

impl Links for Bridged {
    fn link(&self, _: &Name) -> Arc<dyn Transport> {
        self.0.clone()
    }

    fn join(&self, _: &Name, node: NodeHandle) {
        self.0
            .deliver_to(Box::new(move |from, frame| node.deliver_from(from, frame)));
    }

    fn leave(&self, _: &Name) {}
}

/// Runs the command.
pub(crate) fn run(args: &NodeArgs, output: &mut Output<'_>) -> Result<(), String> {
    let config = Config::read(&args.config)?;
    let home = config.home(&args.config)?;
    let keys = home.keys()?;
    let server = config.server(&args.config)?;
    let api_server = config.api_server(&args.config)?;
    if args.check {
        let genesis = &home.genesis;
        let count = genesis.validators.len();
        output.line(&format!(
            "{}: {} of {count} validators of network {}; keys are those of genesis, others cannot \
             read them",
            args.config.display(),
            home.name(),
            genesis.network
        ));
        if !genesis.demonstration {
            output.say(
                "the genesis is signed by all {count} validators",
                &[("count", &count)],
            );
        }
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start threads: {e}"))?;
    let inside = runtime.enter();
    // actix runs the node on a thread of its own; its system must live as long.
    let system = crate::cluster::actix_system()?;
    actix_rt::System::set_current(system.clone());
    let bridge = NatsBridge::start(bridge_options(
        server.clone(),
        &home,
        keys.transport.clone(),
    ))?;
    let listener = runtime
        .block_on(TcpListener::bind(config.http.listen))
        .map_err(|e| format!("http.listen: {}: {e}", config.http.listen))?;
    let events = config.nats.events.then(|| {
        let events = NatsEvents::connect_replicated(
            &server,
            &home.genesis.network,
            standby(home.place),
            config.nats.event_replicas,
        );
        Arc::new(events) as Arc<dyn EventSink>
    });
    let (wake, woken) = mpsc::channel();
    let halted = wake.clone();
    let around = Surroundings {
        links: Arc::new(Bridged(Arc::new(bridge))),
        runtime: runtime.handle().clone(),
        events,
        console: Console::default(),
        on_halt: Arc::new(move |_, reason| {
            let _ = halted.send(Some(reason));
        }),
        statements: Arc::new(BatchedZip215),
    };
    let validator = Validator::start(&home, Some(listener), &around)?;
    let api = api_server.map(|server| {
        let options = ServiceOptions {
            server,
            network: home.genesis.network.clone(),
            node: home.name(),
            version: env!("CARGO_PKG_VERSION"),
        };
        NatsService::start(options, Arc::new(validator.gated()))
    });
    let (name, network) = (home.name(), &home.genesis.network);
    output.say(
        "{node} of network {network}  {http}  {nats}",
        &[
            ("node", &name),
            ("network", network),
            ("http", &format!("http://{}", config.http.listen)),
            ("nats", &config.nats.url),
        ],
    );
    output.say("ready; stop with Ctrl-C or SIGTERM", &[]);
    let manager = Arc::new(Manager::of_environment());
    manager.tell("READY=1");
    watch(&runtime, &validator, &manager);
    let mut signals = StopSignals::listen();
    runtime.spawn(async move {
        signals.next().await;
        let _ = wake.send(None);
        signals.next().await;
        // Nothing that was acknowledged is lost, as with SIGKILL.
        std::process::exit(1);
    });
    let stopped = woken.recv().ok().flatten();
    manager.tell("STOPPING=1");
    if stopped.is_none() {
        drain(&validator, config.node.drain_seconds, output);
    }
    output.say_note(
        "stopping: the node finishes what is on its way to the disk",
        &[],
    );
    // Outside the runtime, so that this thread may wait until answers are written.
    drop(inside);
    drop(validator);
    drop(api);
    match stopped {
        None => Ok(()),
        Some(reason) => Err(format!("the node stopped by itself: {reason}")),
    }
}

/// Lets those who wait for a receipt have it.
fn drain(validator: &Validator, seconds: u64, output: &mut Output<'_>) {
    output.say_note(
        "stopping: no new statements; those who wait for a receipt have {seconds} s; a second signal \
         stops at once",
        &[("seconds", &seconds)],
    );
    let unanswered = validator.drain(Duration::from_secs(seconds));
    if unanswered > 0 {
        output.note(&format!(
            "{unanswered} submissions got no receipt in time; what was admitted commits once the \
             node is back, or by the others"
        ));
    }
}

/// Tells the manager that the node is alive, as often as it wants to hear and the node answers.
fn watch(runtime: &Runtime, validator: &Validator, manager: &Arc<Manager>) {
    let Some(every) = manager.watchdog() else {
        return;
    };
    let (node, manager) = (validator.handle().clone(), manager.clone());
    runtime.spawn(async move {
        let mut ticks = tokio::time::interval(every);
        loop {
            ticks.tick().await;
            let manager = manager.clone();
            // Through the gateway and back: a node that hangs does not answer.
            let alive = move |_| manager.tell("WATCHDOG=1");
            node.query(Query::Health, Box::new(alive));
        }
    });
}

/// How long a validator leaves events to those before it in genesis.
fn standby(place: usize) -> Duration {
    STANDBY * u32::try_from(place).unwrap_or(u32::MAX).min(STANDBY_MAX)
}

fn bridge_options(
    server: Server,
    home: &NodeHome,
    key: messages::keys::PrivateKey,
) -> BridgeOptions {
    let own = home.name();
    let others = home.genesis.validators.iter().filter(|v| v.name != own);
    BridgeOptions {
        server,
        network: home.genesis.network.clone(),
        peers: others
            .map(|v| Peer {
                name: v.name.clone(),
                key: v.transport,
            })
            .collect(),
        own: own.clone(),
        key,
        session: trial::now().0,
    }
}
