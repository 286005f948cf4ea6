//! All validators of a trial network in one process.

use crate::board::Board;
use crate::bridged::Bridges;
use crate::hub::{Hub, Links};
use crate::operations::Linked;
use crate::trial::TrialNetwork;
use crate::validator::{OnHalt, Surroundings, Validator};
use actix_rt::System;
use actors::NodeHandle;
use adapters_http::{Console, DevnetState};
use adapters_nats::Server;
use bus::ports::EventSink;
use messages::ports::SignatureChecker;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// How a cluster is run.
pub(crate) struct ClusterOptions {
    /// Address of validator 0's HTTP; validator i listens on port + i (port 0: any free ones).
    /// None: no HTTP.
    pub(crate) http: Option<SocketAddr>,
    /// The server that carries the links; none for the in-process bus.
    pub(crate) nats: Option<Server>,
    /// Takes events.
    pub(crate) events: Option<Arc<dyn EventSink>>,
    /// What the consoles of a devnet show and order. None: consoles without buttons.
    pub(crate) board: Option<Arc<Board>>,
    /// Told when a node stops by itself.
    pub(crate) on_halt: OnHalt,
    /// Judges depositors' signatures: the ledger's rule, but in a benchmark of ordering alone.
    pub(crate) statements: Arc<dyn SignatureChecker>,
}

/// The running validators of a network.
pub(crate) struct Cluster {
    network: TrialNetwork,
    hub: Hub,
    around: Surroundings,
    validators: Vec<Option<Validator>>,
    addresses: Vec<Option<SocketAddr>>,
    cut: Vec<bool>,
    board: Option<Arc<Board>>,
    runtime: Option<Runtime>,
    system: System,
}

impl Cluster {
    /// Starts all validators.
    pub(crate) fn start(network: TrialNetwork, options: ClusterOptions) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| format!("cannot start threads: {e}"))?;
        let system = actix_system()?;
        let n = network.genesis.validators.len();
        let addresses = (0..n)
            .map(|i| options.http.map(|base| address(base, i)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let hub = Hub::default();
        let links: Arc<dyn Links> = match &options.nats {
            Some(server) => Arc::new(bridges(&runtime, &network, server)?),
            None => Arc::new(hub.clone()),
        };
        let around = Surroundings {
            links,
            observers: Vec::new(),
            runtime: runtime.handle().clone(),
            events: options.events,
            console: match &options.board {
                Some(board) => Console::of_devnet(board.clone()),
                None => Console::default(),
            },
            on_halt: options.on_halt,
            statements: options.statements,
            linked: Linked::default(),
        };
        let validators = (0..n).map(|_| None).collect();
        let runtime = Some(runtime);
        let mut cluster = Self {
            network,
            hub,
            around,
            validators,
            addresses,
            cut: vec![false; n],
            board: options.board,
            runtime,
            system,
        };
        for i in 0..n {
            cluster.start_validator(i)?;
        }
        Ok(cluster)
    }

    /// The network that runs.
    pub(crate) fn network(&self) -> &TrialNetwork {
        &self.network
    }

    /// Addresses of the validators' HTTP.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.iter().flatten().copied().collect()
    }

    /// Handles of the running validators.
    pub(crate) fn handles(&self) -> Vec<NodeHandle> {
        self.validators
            .iter()
            .flatten()
            .map(|v| v.handle().clone())
            .collect()
    }

    /// Tells the board how validator `i` is now.
    fn show(&self, i: usize) {
        let Some(board) = &self.board else {
            return;
        };
        if let Some(address) = self.addresses[i] {
            board.listens(i, address);
        }
        board.is(
            i,
            match (&self.validators[i], self.cut[i]) {
                (None, _) => DevnetState::Stopped,
                (Some(_), true) => DevnetState::Cut,
                (Some(_), false) => DevnetState::Running,
            },
        );
    }

    /// Cuts validator `i` off, or heals it.
    fn set_cut(&mut self, i: usize, cut: bool) {
        self.hub.set_cut(&self.network.name(i), cut);
        self.cut[i] = cut;
        self.show(i);
    }

    fn check(&self, i: usize) -> Result<(), String> {
        let n = self.validators.len();
        if i < n {
            Ok(())
        } else {
            Err(format!("validator {i}: expected 0 to {}", n - 1))
        }
    }

    /// Starts validator `i`, or heals it when it was cut off.
    pub(crate) fn start_validator(&mut self, i: usize) -> Result<&'static str, String> {
        self.check(i)?;
        self.set_cut(i, false);
        if self.validators[i].is_some() {
            return Ok("is running and connected");
        }
        let listener = match self.addresses[i] {
            None => None,
            Some(address) => {
                let listen = TcpListener::bind(address);
                let listener = self
                    .around
                    .runtime
                    .block_on(listen)
                    .map_err(|e| format!("{address}: {e}\nnext:  choose another --http"))?;
                self.addresses[i] = listener.local_addr().ok();
                Some(listener)
            }
        };
        System::set_current(self.system.clone());
        let around = Surroundings {
            // In one process one publisher is enough: it goes down with the others.
            events: self.around.events.clone().filter(|_| i == 0),
            ..self.around.clone()
        };
        let started = Validator::start(&self.network.home(i), listener, &around)?;
        self.validators[i] = Some(started);
        self.show(i);
        Ok("started")
    }

    /// Stops validator `i`.
    pub(crate) fn stop_validator(&mut self, i: usize) -> Result<&'static str, String> {
        self.check(i)?;
        let was_running = self.validators[i].take().is_some();
        self.show(i);
        Ok(if was_running {
            "stopped"
        } else {
            "was stopped already"
        })
    }

    /// Cuts validator `i` off from the others; `start` heals it.
    pub(crate) fn cut_validator(&mut self, i: usize) -> Result<&'static str, String> {
        self.check(i)?;
        self.set_cut(i, true);
        Ok("cut off from the other validators; `start` heals it")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.validators.clear();
        self.system.stop();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn address(base: SocketAddr, i: usize) -> Result<SocketAddr, String> {
    if base.port() == 0 {
        return Ok(base);
    }
    let port = base.port().checked_add(i as u16);
    let port = port.ok_or(format!("--http {base}: no port is left for validator {i}"))?;
    Ok(SocketAddr::new(base.ip(), port))
}

/// The actix system that arbiters belong to, on a thread of its own.
pub(crate) fn actix_system() -> Result<System, String> {
    let (ready, system) = mpsc::channel();
    std::thread::spawn(move || {
        let runner = System::new();
        if ready.send(System::current()).is_ok() {
            let _ = runner.run();
        }
    });
    system
        .recv()
        .map_err(|_| "the actor system did not start".into())
}

/// How long a server may take to be reached.
const REACHED: Duration = Duration::from_secs(10);

/// Links over a server that is there.
fn bridges(runtime: &Runtime, network: &TrialNetwork, server: &Server) -> Result<Bridges, String> {
    let _inside = runtime.enter();
    let bridges = Bridges::of_trial(network, server)?;
    let reached = async {
        while !bridges.are_connected() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let reached = runtime.block_on(async { tokio::time::timeout(REACHED, reached).await });
    reached.map_err(|_| {
        let shown = server.shown();
        format!("{shown}: no server answers\nnext:  start one: nats-server -a 127.0.0.1")
    })?;
    Ok(bridges)
}
