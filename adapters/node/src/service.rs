//! `wutong node`: one node as a service, linked to the others over NATS.

use crate::backup::Door;
use crate::bridged::{self, Bridges};
use crate::config::Config;
use crate::home::{HomeKeys, NodeHome};
use crate::logs::{self, LogFormat, Speaker};
use crate::observers;
use crate::operations::Linked;
use crate::signals::StopSignals;
use crate::systemd::Manager;
use crate::validator::{OnHalt, Surroundings, Validator};
use adapters_cli::Output;
use adapters_http::Console;
use adapters_nats::{NatsBridge, NatsEvents, NatsService, Peer, Server, ServiceOptions};
use bus::api::{NodeApi, Query};
use bus::ports::EventSink;
use clap::Args;
use messages::ports::BatchedZip215;
use observability_traces::{TraceOptions, Traces};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Run one validator or observer as a service, until SIGINT or SIGTERM.
///
/// `wutong init` makes the file for a trial. Logs go to standard error, as `[log]` of the file says; RUST_LOG=debug shows more.
/// Example: `wutong node --config ./net/node-0/node.toml`
#[derive(Args)]
pub(crate) struct NodeArgs {
    /// The node's configuration (TOML); every key may come from the environment instead.
    #[arg(long)]
    config: PathBuf,
    /// Read and check configuration, genesis and keys, and stop.
    #[arg(long)]
    check: bool,
    /// Form of the logs; wins over `log.format` of the file.
    #[arg(long, value_enum)]
    log_format: Option<LogFormat>,
}

/// How long each validator that publishes events leaves them to the one before it.
const STANDBY: Duration = Duration::from_millis(500);
/// So many times at most.
const STANDBY_MAX: u32 = 20;

/// Runs the command.
pub(crate) fn run(args: &NodeArgs, output: &mut Output<'_>) -> Result<(), String> {
    let node = Configured::read(&args.config)?;
    if args.check {
        node.describe(&args.config, output);
        return Ok(());
    }
    let format = args.log_format.unwrap_or(node.config.log.format);
    node.speak(format)?;
    // Beside lines for machines nothing else is said.
    let for_people = format == LogFormat::Text;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start threads: {e}"))?;
    let inside = runtime.enter();
    // actix runs the node on a thread of its own; its system must live as long.
    let system = crate::cluster::actix_system()?;
    actix_rt::System::set_current(system.clone());
    let (wake, woken) = mpsc::channel();
    let halted = wake.clone();
    let on_halt: OnHalt = Arc::new(move |_, reason| {
        let _ = halted.send(Some(reason));
    });
    let (validator, _door, api) = node.start(&runtime, on_halt)?;
    node.greet(output);
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
        let people = for_people.then_some(&mut *output);
        drain(&validator, node.config.node.drain_seconds, people);
    }
    if for_people {
        output.say_note(
            "stopping: the node finishes what is on its way to the disk",
            &[],
        );
    }
    // Outside the runtime, so that this thread may wait until answers are written.
    drop(inside);
    drop(validator);
    drop(api);
    match stopped {
        None => Ok(()),
        Some(reason) => Err(format!("the node stopped by itself: {reason}")),
    }
}

/// A node whose configuration was read and checked.
struct Configured {
    config: Config,
    home: NodeHome,
    keys: HomeKeys,
    server: Server,
    api_server: Option<Server>,
    /// Observers that it serves.
    observers: Vec<Peer>,
}

/// What runs: the node, the door for backups, the API over NATS.
type Running = (Validator, Door, Option<NatsService>);

impl Configured {
    fn read(file: &Path) -> Result<Self, String> {
        let config = Config::read(file)?;
        let home = config.home(file)?;
        if home.validator().is_none() && !config.observers.is_empty() {
            return Err(
                "observers: an observer serves no observers\nnext:  name them in the node.toml of \
                 validators"
                    .into(),
            );
        }
        Ok(Self {
            observers: observers::peers(&config.observers, &home.genesis)?,
            keys: home.keys()?,
            server: config.server(file)?,
            api_server: config.api_server(file)?,
            config,
            home,
        })
    }

    /// What `--check` prints.
    fn describe(&self, file: &Path, output: &mut Output<'_>) {
        let genesis = &self.home.genesis;
        let (file, name, network) = (file.display(), self.home.name(), &genesis.network);
        let count = genesis.validators.len();
        if self.home.validator().is_some() {
            output.line(&format!(
                "{file}: {name} of {count} validators of network {network}; keys are those of \
                 genesis, others cannot read them"
            ));
        } else {
            output.line(&format!(
                "{file}: observer {name} of network {network} with {count} validators; others \
                 cannot read its key"
            ));
            output.line("its key, for the node.toml of validators that shall serve it:");
            output.line("  [[observers]]");
            output.line(&format!("  name = \"{name}\""));
            let key = self.keys.transport.public();
            output.line(&format!("  key = \"{key}\""));
        }
        if !genesis.demonstration {
            output.say(
                "the genesis is signed by all {count} validators",
                &[("count", &count)],
            );
        }
    }

    /// Begins to log.
    fn speak(&self, format: LogFormat) -> Result<(), String> {
        let speaker = Speaker {
            network: self.home.genesis.network.to_string(),
            node: self.home.name().to_string(),
        };
        logs::of_node(format, self.config.log.filter.as_deref(), speaker)
    }

    fn start(&self, runtime: &Runtime, on_halt: OnHalt) -> Result<Running, String> {
        let (home, config) = (&self.home, &self.config);
        let traces = traces(config, home)?;
        let bridge = Arc::new(NatsBridge::start(bridged::options(
            &home.genesis,
            home.name(),
            self.keys.transport.clone(),
            self.server.clone(),
            self.observers.clone(),
        ))?);
        let listener = runtime
            .block_on(TcpListener::bind(config.http.listen))
            .map_err(|e| format!("http.listen: {}: {e}", config.http.listen))?;
        let events = config.nats.events.then(|| {
            Arc::new(NatsEvents::connect_replicated(
                &self.server,
                &home.genesis.network,
                standby(home),
                config.nats.event_replicas,
            ))
        });
        let around = Surroundings {
            links: Arc::new(Bridges::of(home.name(), bridge.clone())),
            runtime: runtime.handle().clone(),
            observers: self
                .observers
                .iter()
                .map(|peer| peer.name.clone())
                .collect(),
            events: events.clone().map(|events| events as Arc<dyn EventSink>),
            console: Console::default(),
            on_halt,
            statements: Arc::new(BatchedZip215),
            linked: Linked {
                bridge: Some((bridge, self.server.shown())),
                events,
                traces,
            },
        };
        let validator = Validator::start(home, Some(listener), &around)?;
        let door = Door::open(home, validator.ledger().clone())?;
        let api = self.api_server.clone().map(|server| {
            let options = ServiceOptions {
                server,
                network: home.genesis.network.clone(),
                node: home.name(),
                version: env!("CARGO_PKG_VERSION"),
            };
            NatsService::start(options, Arc::new(validator.gated()))
        });
        Ok((validator, door, api))
    }

    fn greet(&self, output: &mut Output<'_>) {
        let (name, listen) = (self.home.name(), self.config.http.listen);
        let (network, shown) = (&self.home.genesis.network, self.server.shown());
        output.say(
            "{node} of network {network}  {http}  {nats}",
            &[
                ("node", &name),
                ("network", network),
                ("http", &format!("http://{listen}")),
                ("nats", &shown),
            ],
        );
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(version, http = %listen, nats = shown, "the node runs");
        output.say("ready; stop with Ctrl-C or SIGTERM", &[]);
    }
}

/// Lets those who wait for a receipt have it.
fn drain(validator: &Validator, seconds: u64, mut people: Option<&mut Output<'_>>) {
    tracing::info!(
        seconds,
        "stopping: no new statements; those who wait have their time"
    );
    if let Some(output) = people.as_deref_mut() {
        output.say_note(
            "stopping: no new statements; those who wait for a receipt have {seconds} s; a second signal \
             stops at once",
            &[("seconds", &seconds)],
        );
    }
    let unanswered = validator.drain(Duration::from_secs(seconds));
    if unanswered == 0 {
        return;
    }
    tracing::warn!(unanswered, "submissions got no receipt in time");
    if let Some(output) = people {
        output.note(&format!(
            "{unanswered} submissions got no receipt in time; what was admitted commits once the \
             node is back, or by the others"
        ));
    }
}

/// Begins to export spans, if the file says where to.
fn traces(config: &Config, home: &NodeHome) -> Result<Option<Arc<Traces>>, String> {
    if config.otlp.endpoint.is_empty() {
        return Ok(None);
    }
    let traces = Traces::start(&TraceOptions {
        endpoint: config.otlp.endpoint.clone(),
        sample_ratio: config.otlp.sample_ratio,
        network: home.genesis.network.to_string(),
        node: home.name().to_string(),
    })?;
    Ok(Some(Arc::new(traces)))
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

/// How long a node leaves events to the validators before it in genesis.
fn standby(home: &NodeHome) -> Duration {
    let before = home.place().unwrap_or(home.genesis.validators.len());
    STANDBY * u32::try_from(before).unwrap_or(u32::MAX).min(STANDBY_MAX)
}
