//! One validator of a trial network: storage, actors on their own thread, and HTTP.

use crate::drain::{Gate, Gated};
use crate::home::NodeHome;
use crate::hub::Links;
use crate::operations::{Linked, Watched, follow};
use crate::trial;
use actix_rt::Arbiter;
use actors::{MailboxBounds, NodeHandle, NodeKeys, NodePorts, assemble};
use adapters_fjall::{FjallNode, JournalHealth, OpenError, Opened, Options};
use adapters_http::{Beside, Console, Operations};
use bus::ports::{BodyStore, Clock, EventSink, Store};
use ledger::engine::EngineTimeouts;
use ledger::pool::PoolLimits;
use ledger::storage::Storage;
use messages::consensus::EquivocationProof;
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, Name, TimeMs};
use messages::ports::{SignatureChecker, StrictVerifier};
use observability_metrics::{NodeMetrics, disk_room};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// This machine's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> TimeMs {
        trial::now()
    }
}

/// Told once when a node must stop by itself: which one and why.
pub(crate) type OnHalt = Arc<dyn Fn(usize, String) + Send + Sync>;

/// What a validator shares with its network.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// Carries frames.
    pub(crate) links: Arc<dyn Links>,
    /// Runs HTTP.
    pub(crate) runtime: Handle,
    /// Observers that its validators serve.
    pub(crate) observers: Vec<Name>,
    /// Takes events, if any are wanted.
    pub(crate) events: Option<Arc<dyn EventSink>>,
    /// Served beside the node.
    pub(crate) console: Console,
    /// Told when a node stops by itself.
    pub(crate) on_halt: OnHalt,
    /// Judges depositors' signatures.
    pub(crate) statements: Arc<dyn SignatureChecker>,
    /// Watched beside the node.
    pub(crate) linked: Linked,
}

/// What a node holds on the disk.
#[derive(Clone)]
pub(crate) struct Ledger {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bodies: Arc<dyn BodyStore>,
}

/// A running validator.
pub(crate) struct Validator {
    name: Name,
    links: Arc<dyn Links>,
    arbiter: Option<Arbiter>,
    handle: NodeHandle,
    gate: Arc<Gate>,
    ledger: Ledger,
    http: Option<(oneshot::Sender<()>, tokio::task::JoinHandle<()>)>,
    runtime: Handle,
}

impl Validator {
    /// Starts a validator; HTTP answers on `listener`.
    pub(crate) fn start(
        home: &NodeHome,
        listener: Option<TcpListener>,
        around: &Surroundings,
    ) -> Result<Self, String> {
        let name = home.name();
        let metrics = Arc::new(NodeMetrics::new(&home.genesis.network, &name)?);
        let ports = ports(home, around, metrics.clone())?;
        let ledger = Ledger {
            store: ports.store.clone(),
            bodies: ports.bodies.clone(),
        };
        let arbiter = Arbiter::new();
        let (started, starts) = mpsc::channel();
        arbiter.spawn_fn(move || {
            // The receiver waits below; when it is gone nobody needs the handle.
            let _ = started.send(assemble(ports));
        });
        let handle = starts
            .recv()
            .map_err(|_| format!("{name}: its actors did not start"))?;
        around.links.join(&name, handle.clone());
        let gate = Arc::new(Gate::default());
        let watched = Watched::new(home, handle.clone(), around.linked.clone(), metrics.clone());
        let operations = Operations::around(Arc::new(watched));
        let gated = Gated {
            node: handle.clone(),
            gate: gate.clone(),
        };
        let served = |listener| serve(listener, (gated, metrics), operations, around);
        let http = listener.map(served);
        let runtime = around.runtime.clone();
        let links = around.links.clone();
        Ok(Self {
            name,
            links,
            arbiter: Some(arbiter),
            handle,
            gate,
            ledger,
            http,
            runtime,
        })
    }

    /// What surfaces hold through which statements are submitted.
    pub(crate) fn gated(&self) -> Gated<NodeHandle> {
        Gated {
            node: self.handle.clone(),
            gate: self.gate.clone(),
        }
    }

    /// Takes no new submissions, and waits until those who wait have their answer,
    /// `bound` at most. Gives the number of those who have none.
    pub(crate) fn drain(&self, bound: Duration) -> usize {
        self.gate.close(bound)
    }

    /// What its surfaces hold.
    pub(crate) fn handle(&self) -> &NodeHandle {
        &self.handle
    }

    /// What it holds on the disk.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl Drop for Validator {
    fn drop(&mut self) {
        self.links.leave(&self.name);
        if let Some((stop, served)) = self.http.take() {
            let _ = stop.send(());
            if Handle::try_current().is_err() {
                let _ = self.runtime.block_on(served);
            }
        }
        if let Some(arbiter) = self.arbiter.take() {
            arbiter.stop();
            let _ = arbiter.join();
        }
    }
}

fn serve(
    listener: TcpListener,
    (node, metrics): (Gated<NodeHandle>, Arc<NodeMetrics>),
    operations: Operations,
    around: &Surroundings,
) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let beside = Beside {
        console: around.console.clone(),
        operations,
    };
    let served = around.runtime.spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        let (handle, node) = (node.node.clone(), Arc::new(node));
        let following = async {
            follow(handle, metrics).await;
            std::future::pending().await
        };
        let ended = tokio::select! {
            biased;
            ended = adapters_http::serve(listener, node, beside, shutdown) => ended,
            () = following => Ok(()),
        };
        if let Err(error) = ended {
            tracing::error!(%error, "HTTP ended");
        }
    });
    (stop, served)
}

/// Opens the storage of a validator and puts its ports together.
fn ports(
    home: &NodeHome,
    around: &Surroundings,
    metrics: Arc<NodeMetrics>,
) -> Result<NodePorts, String> {
    let (name, i) = (home.name(), home.place().unwrap_or_default());
    let (keys, folder) = (home.keys()?, home.dir.clone());
    let opened = open(home)?;
    let amnesiac = match opened.health {
        JournalHealth::Intact => None,
        // An observer signed nothing that it could have forgotten.
        JournalHealth::Amnesiac { .. } if keys.signing.is_none() => None,
        JournalHealth::Amnesiac { reason } => {
            tracing::error!(node = %name, reason, "it forgot what it signed and refuses to vote");
            Some(reason)
        }
    };
    let node = Arc::new(opened.node);
    let on_halt = around.on_halt.clone();
    Ok(NodePorts {
        genesis: home.genesis.clone(),
        keys: keys.signing.map(|keys| NodeKeys {
            consensus: keys.consensus.public(),
            signer: Arc::new(keys.consensus),
            checkpoint: keys.checkpoint,
        }),
        observers: match home.validator() {
            Some(_) => around.observers.clone(),
            None => vec![name.clone()],
        },
        disk_free: Arc::new(move || disk_room(&folder).map(|room| room.free)),
        verifier: Arc::new(StrictVerifier),
        statements: around.statements.clone(),
        clock: Arc::new(SystemClock),
        transport: around.links.link(&name),
        journal: opened.journal,
        store: opened.store,
        bodies: opened.bodies,
        events: around.events.clone(),
        amnesiac,
        floor: opened.floor.unwrap_or(Height(0)),
        on_floor: Arc::new(move |floor| node.set_amnesia_floor(floor, Box::new(|| {}))),
        timeouts: EngineTimeouts::default(),
        pool: PoolLimits::default(),
        mailboxes: MailboxBounds::default(),
        on_misbehavior: keeper_of_proofs(home, metrics),
        version: env!("CARGO_PKG_VERSION"),
        on_halt: Arc::new(move |reason| on_halt(i, reason)),
        name,
    })
}

/// Keeps each proof of misbehavior as a file that `wutong blame --check` and a stranger can judge.
fn keeper_of_proofs(
    home: &NodeHome,
    metrics: Arc<NodeMetrics>,
) -> Arc<dyn Fn(&EquivocationProof) + Send + Sync> {
    let (genesis, node) = (home.genesis.clone(), home.name());
    let folder = home.dir.join("misbehavior");
    Arc::new(move |proof| {
        let validator = proof.validator();
        let Some(file) = messages::blame::from_equivocation(proof, &genesis) else {
            tracing::warn!(%node, %validator, "a proof of misbehavior does not hold");
            return;
        };
        let named = genesis.validators.iter().find(|v| v.consensus == validator);
        metrics.on_misbehavior(named.map_or("unknown", |v| v.name.as_str()));
        let text = file.encode();
        let path = folder.join(format!("{}.json", Hash::of(text.as_bytes()).short()));
        let kept = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, text));
        let path = path.display();
        match kept {
            Ok(()) => tracing::error!(%node, %validator, %path, "a validator signed two things"),
            Err(error) => tracing::error!(%node, %validator, %path, %error, "proof not kept"),
        }
    })
}

/// Opens the store of a validator, laying down the genesis in a new one.
pub(crate) fn open(home: &NodeHome) -> Result<Opened, String> {
    let dir = home.dir.join("ledger");
    let marker = home.dir.join("initialised");
    let fail = |e: &dyn std::fmt::Display| format!("{}: {e}", dir.display());
    let is_new = !marker.exists() && home.is_new();
    if is_new {
        // A stop in the middle of this leaves a folder and no marker: it is begun again.
        match FjallNode::init(&dir, &home.genesis.network) {
            Ok(()) | Err(OpenError::AlreadyInitialised { .. }) => {}
            Err(error) => return Err(fail(&error)),
        }
    }
    std::fs::write(&marker, "this node has run\n").map_err(|e| fail(&e))?;
    home.has_run().map_err(|e| fail(&e))?;
    let options = Options {
        // Whoever is not known to be new may have signed what it does not remember.
        expect_existing: !is_new,
        ..Options::default()
    };
    let opened = FjallNode::open(&dir, &home.genesis.network, options).map_err(|e| fail(&e))?;
    lay_genesis(&home.genesis, &*opened.store).map_err(|e| fail(&e))?;
    Ok(opened)
}

/// Writes the genesis into a store that has none.
pub(crate) fn lay_genesis(genesis: &Genesis, store: &dyn Store) -> Result<(), String> {
    if store.head().is_some() {
        return Ok(());
    }
    let policy = genesis.policy()?.text();
    let commit = Storage::genesis_commit(genesis, &policy);
    let (done, durable) = mpsc::channel();
    store.commit(
        Arc::new(commit),
        Box::new(move || {
            let _ = done.send(());
        }),
    );
    let durable = durable.recv();
    durable.map_err(|_| "the genesis could not be written".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Founding, TrialNetwork};

    /// A node was stopped while it made its ledger for the first time.
    #[test]
    fn an_interrupted_beginning_is_begun_again() {
        let dir = tempfile::tempdir().unwrap();
        let founding = Founding {
            validators: 2,
            listed: Vec::new(),
        };
        let network = TrialNetwork::open_or_found(&dir.path().join("net"), &founding).unwrap();
        let ledger = |i: usize| network.home(i).dir.join("ledger");
        std::fs::create_dir_all(ledger(0)).unwrap();
        // The folder is there and empty, or whole and without the marker.
        FjallNode::init(&ledger(1), &network.genesis.network).unwrap();
        for i in 0..2 {
            let opened = open(&network.home(i)).unwrap();
            assert_eq!(opened.health, JournalHealth::Intact, "validator {i}");
            let head = opened.store.head().unwrap();
            assert_eq!(head.height, Height(0));
        }
    }

    /// Its whole disk was lost, and all that says that it ran: keys were put back from a backup.
    #[test]
    fn whoever_is_not_known_to_be_new_may_have_signed() {
        let dir = tempfile::tempdir().unwrap();
        let founding = Founding {
            validators: 1,
            listed: Vec::new(),
        };
        let network = TrialNetwork::open_or_found(&dir.path().join("net"), &founding).unwrap();
        let home = network.home(0);
        drop(open(&home).unwrap());
        assert!(!home.is_new());
        std::fs::remove_dir_all(home.dir.join("ledger")).unwrap();
        std::fs::remove_file(home.dir.join("initialised")).unwrap();
        let opened = open(&home).unwrap();
        assert!(matches!(opened.health, JournalHealth::Amnesiac { .. }));
    }
}
