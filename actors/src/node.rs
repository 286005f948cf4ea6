//! [`assemble`]: one node from its ports, the same in production and in the simulator.

use crate::counts::{Counts, MailboxUse, NodeUse};
use crate::host::{ActixHost, Host};
use crate::link::{Arrival, Link, Outbox};
use crate::listeners::Listeners;
use crate::ports::{NodeKeys, NodePorts};
use crate::routes;
use crate::shell::{Build, Core, Interpret, Parts, Shell};
use crate::stepped::{SteppedHost, SteppedParts};
use crate::traced::Traces;
use crate::wiring::{Kept, Replies, Wiring};
use bus::api::{Listener, NodeApi, Query, Reply, SubmitAnswer};
use bus::journal_file::Opening;
use bus::mailbox::{Mailbox, Overflow};
use bus::ports::{NewRecord, Stream};
use bus::supervision::ActorName;
use bytes::Bytes;
use ledger::admission::{Admission, BodyDuty};
use ledger::bodies::Bodies;
use ledger::checkpointing::Checkpointing;
use ledger::execution::{Chain, Rules};
use ledger::following::Following;
use ledger::gateway::{Gateway, GatewayInput, busy};
use ledger::presence::{Nodes, Presence, Standing};
use ledger::publisher::Publisher;
use ledger::replica::{Replica, ReplicaConfig};
use ledger::storage::Storage;
use messages::api::Answer;
use messages::ids::{Height, Name, Ordinal};
use messages::stored::{BodyReader, LedgerReader, StoredBlock};
use messages::wire;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A running node: what its surfaces and its links hold. It works from any thread.
#[derive(Clone)]
pub struct NodeHandle {
    wiring: Arc<Wiring>,
    frames: Mailbox<Arrival>,
}

impl NodeHandle {
    /// Things that clients and peers make the machines of the node keep in memory.
    pub fn kept(&self) -> usize {
        self.wiring.kept.sum()
    }

    /// Messages that wait at the actors of the node.
    pub fn waiting(&self) -> usize {
        self.mailboxes().iter().map(|mailbox| mailbox.waiting).sum()
    }

    /// How the node works, for whoever watches it.
    pub fn usage(&self) -> NodeUse {
        let counts = &self.wiring.counts;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NodeUse {
            mailboxes: self.mailboxes(),
            kept: self.kept(),
            restarts: read(&counts.restarts),
            poison_inputs: read(&counts.poison_inputs),
            frames_refused: read(&counts.frames_refused),
        }
    }

    fn mailboxes(&self) -> Vec<MailboxUse> {
        let w = &self.wiring;
        let following = w.following.as_ref();
        let checkpoint = match following {
            Some(following) => MailboxUse::of(ActorName::Checkpoint.as_str(), following),
            None => MailboxUse::of(ActorName::Checkpoint.as_str(), &w.checkpoint),
        };
        vec![
            MailboxUse::of(ActorName::Gateway.as_str(), &w.gateway),
            MailboxUse::of(ActorName::Permissions.as_str(), &w.permissions),
            MailboxUse::of(ActorName::Consensus.as_str(), &w.consensus),
            MailboxUse::of(ActorName::Storage.as_str(), &w.storage),
            checkpoint,
            MailboxUse::of(ActorName::Publisher.as_str(), &w.publisher),
            MailboxUse::of(ActorName::Sync.as_str(), &w.sync),
            MailboxUse::of(ActorName::Bodies.as_str(), &w.bodies),
            MailboxUse::of("link", &self.frames),
        ]
    }

    /// Hands the node a frame from another node, by a link that does not know which. Returns
    /// whether there was room for it.
    pub fn deliver(&self, frame: Bytes) -> bool {
        let from = None;
        self.frames.send(Arrival { from, frame }).is_ok()
    }

    /// Hands the node a frame that is known to come from `from`: one that says otherwise is
    /// refused. Returns whether there was room for it.
    pub fn deliver_from(&self, from: &Name, frame: Bytes) -> bool {
        let from = Some(from.clone());
        self.frames.send(Arrival { from, frame }).is_ok()
    }
}

impl NodeApi for NodeHandle {
    fn submit(&self, entry: Bytes, wait_ms: Option<u64>, reply: Reply<SubmitAnswer>) {
        let replies = &self.wiring.replies;
        let token = replies.token();
        let mut submits = replies
            .submits
            .lock()
            .expect("no reply panics under the lock");
        if submits.len() >= self.wiring.clients_max {
            drop(submits);
            return reply(SubmitAnswer::Refused(busy()));
        }
        submits.insert(token, reply);
        drop(submits);
        self.wiring.traces.on_submit(&entry);
        if self
            .wiring
            .gateway
            .send(GatewayInput::Submit {
                token,
                entry,
                wait_ms,
            })
            .is_err()
        {
            replies.submitted(token, SubmitAnswer::Refused(busy()));
        }
    }

    fn query(&self, query: Query, reply: Reply<Answer>) {
        let replies = &self.wiring.replies;
        let token = replies.token();
        replies
            .queries
            .lock()
            .expect("no reply panics under the lock")
            .insert(token, reply);
        if self
            .wiring
            .gateway
            .send(GatewayInput::Ask { token, query })
            .is_err()
        {
            replies.answered(token, Answer::Problem(busy()));
        }
    }

    fn subscribe(&self, listener: Listener) {
        self.wiring.listeners.add(listener);
    }
}

/// Builds a node on the current actix arbiter and starts it.
///
/// Must be called within a [`tokio::task::LocalSet`] that an actix system runs. The node stops
/// when the set is dropped or its arbiter stops.
///
/// # Panics
/// When the genesis gives no policy, or the store was opened without its genesis.
pub fn assemble(ports: NodePorts) -> NodeHandle {
    let host = ActixHost::new(ports.name.to_string(), ports.on_halt.clone());
    assemble_on(ports, &host)
}

/// Builds the same node without a runtime: its parts get their turns from the caller.
///
/// # Panics
/// As [`assemble`].
pub fn assemble_stepped(ports: NodePorts) -> (NodeHandle, SteppedParts) {
    let host = SteppedHost::new(ports.on_halt.clone());
    let handle = assemble_on(ports, &host);
    (handle, host.into_parts())
}

fn assemble_on<H: Host>(ports: NodePorts, host: &H) -> NodeHandle {
    tell_opening(&ports);
    let bounds = ports.mailboxes;
    let policy = ports
        .genesis
        .policy()
        .expect("a genesis is checked when it is read")
        .text();
    let follows = ports.keys.is_none();
    let wiring = Arc::new(Wiring {
        gateway: Mailbox::new(bounds.clients, Overflow::Shed),
        permissions: Mailbox::new(bounds.clients, Overflow::Shed),
        consensus: Mailbox::new(bounds.facts, Overflow::Keep),
        storage: Mailbox::new(bounds.facts, Overflow::Keep),
        checkpoint: Mailbox::new(bounds.facts, Overflow::Keep),
        following: follows.then(|| Mailbox::new(bounds.facts, Overflow::Keep)),
        observers: match follows {
            true => Vec::new(),
            false => ports.observers.clone(),
        },
        disk_free: ports.disk_free.clone(),
        publisher: Mailbox::new(bounds.facts, Overflow::Keep),
        sync: Mailbox::new(bounds.facts, Overflow::Keep),
        bodies: Mailbox::new(bounds.bodies, Overflow::Shed),
        outbox: Outbox {
            network: ports.genesis.network.clone(),
            own: ports.name.clone(),
            transport: ports.transport.clone(),
        },
        store: ports.store.clone(),
        body_store: ports.bodies.clone(),
        replies: Replies::default(),
        listeners: Listeners::default(),
        publishes: ports.events.is_some(),
        clients_max: bounds.clients,
        kept: Kept::default(),
        counts: Arc::<Counts>::default(),
        traces: Traces::new(ports.name.to_string()),
        on_misbehavior: ports.on_misbehavior.clone(),
        on_floor: ports.on_floor.clone(),
        floor: Mutex::new(ports.amnesiac.is_none().then_some(ports.floor)),
    });
    let frames = Mailbox::new(bounds.frames, Overflow::Shed);
    let node = Assembly {
        ports,
        policy,
        wiring: wiring.clone(),
        host,
    };
    node.storage();
    match node.ports.keys.clone() {
        Some(keys) => node.checkpoint(keys),
        None => node.following(),
    }
    node.permissions();
    node.consensus();
    node.gateway();
    node.publisher();
    node.sync();
    node.bodies();
    let link = Link {
        wiring: wiring.clone(),
        frames: frames.clone(),
    };
    host.run(ActorName::Sync, |_, _| link);
    NodeHandle { wiring, frames }
}

/// Writes down which software opens the node where: a replay builds its machines anew there.
fn tell_opening(ports: &NodePorts) {
    let opening = Opening {
        version: ports.version.into(),
        head: head(&*ports.store).height,
        floor: ports.amnesiac.is_none().then_some(ports.floor),
    };
    let record = NewRecord::plain(ports.clock.now(), wire::encode(&opening));
    let journal = &ports.journal;
    journal.append(Stream::Node, vec![record], false, Box::new(|| ()));
}

/// What the parts of a node are built from.
struct Assembly<'a, H> {
    ports: NodePorts,
    policy: String,
    wiring: Arc<Wiring>,
    host: &'a H,
}

/// The store's head; opening a store writes its genesis.
fn head(store: &dyn LedgerReader) -> StoredBlock {
    store
        .head()
        .expect("a store is opened with its genesis written")
}

impl<H: Host> Assembly<'_, H> {
    fn start<M: Core>(
        &self,
        mailbox: &Mailbox<M::Input>,
        build: Build<M>,
        interpret: Interpret<M>,
    ) {
        let kept = Arc::<AtomicUsize>::default();
        self.wiring.kept.add(kept.clone());
        let parts = |wake, halt| Parts {
            build,
            interpret,
            mailbox: mailbox.clone(),
            clock: self.ports.clock.clone(),
            journal: self.ports.journal.clone(),
            wake,
            halt,
            kept,
            counts: self.wiring.counts.clone(),
        };
        self.host
            .run(M::NAME, |wake, halt| Shell::new(parts(wake, halt)));
    }

    fn reader(&self) -> Arc<dyn LedgerReader> {
        self.ports.store.clone()
    }

    fn body_reader(&self) -> Arc<dyn BodyReader> {
        self.ports.bodies.clone()
    }

    fn bodies(&self) {
        let (name, genesis) = (self.ports.name.clone(), self.ports.genesis.clone());
        let (reader, wiring) = (self.body_reader(), self.wiring.clone());
        self.start::<Bodies>(
            &self.wiring.bodies,
            Box::new(move |_| {
                let bodies = Bodies::new(name.clone(), genesis.clone(), reader.clone());
                (bodies, 0)
            }),
            Box::new(move |effect, timers| routes::bodies(&wiring, effect, timers)),
        );
    }

    fn storage(&self) {
        let (reader, genesis) = (self.reader(), self.ports.genesis.clone());
        let (policy, wiring) = (self.policy.clone(), self.wiring.clone());
        let bodies = self.body_reader();
        self.start::<Storage>(
            &self.wiring.storage,
            Box::new(move |_| {
                (
                    Storage::new(
                        reader.clone(),
                        bodies.clone(),
                        genesis.clone(),
                        policy.clone(),
                    ),
                    0,
                )
            }),
            Box::new(move |effect, _| routes::storage(&wiring, effect)),
        );
    }

    /// A block may have become durable just before the node went down: its head is told again.
    fn tell_head(&self) {
        let reader = self.reader();
        let head = head(&*reader);
        if head.height > Height(0) {
            let log = Chain::restore(&self.ports.genesis, &self.policy, &*reader).log;
            self.wiring.head(head.height, log.size(), log.root());
        }
    }

    fn following(&self) {
        let Some(mailbox) = self.wiring.following.clone() else {
            return;
        };
        self.tell_head();
        let (reader, genesis) = (self.reader(), self.ports.genesis.clone());
        let (verifier, wiring) = (self.ports.verifier.clone(), self.wiring.clone());
        self.start::<Following>(
            &mailbox,
            Box::new(move |_| {
                let policy = genesis
                    .policy()
                    .expect("a genesis is checked when it is read");
                let published = reader.newest_checkpoint().map_or(Height(0), |(h, _)| h);
                let following = Following::new(&genesis, policy, published, verifier.clone());
                (following, 0)
            }),
            Box::new(move |effect, timers| routes::following(&wiring, effect, timers)),
        );
    }

    fn checkpoint(&self, keys: NodeKeys) {
        let (reader, genesis) = (self.reader(), self.ports.genesis.clone());
        let (name, keys) = (self.ports.name.clone(), keys.checkpoint);
        let (bus, wiring) = (self.wiring.clone(), self.wiring.clone());
        let verifier = self.ports.verifier.clone();
        self.tell_head();
        self.start::<Checkpointing>(
            &self.wiring.checkpoint,
            Box::new(move |_| {
                let from = self::head(&*reader).replay_from;
                (
                    Checkpointing::new(
                        &genesis,
                        &name,
                        keys.clone(),
                        verifier.clone(),
                        bus.floor(),
                    ),
                    from,
                )
            }),
            Box::new(move |effect, timers| routes::checkpoint(&wiring, effect, timers)),
        );
    }

    fn permissions(&self) {
        let (reader, genesis) = (self.reader(), self.ports.genesis.clone());
        let (policy, wiring) = (self.policy.clone(), self.wiring.clone());
        let checker = self.ports.statements.clone();
        let duty = BodyDuty::new(&genesis, &self.ports.name, self.body_reader());
        self.start::<Admission>(
            &self.wiring.permissions,
            Box::new(move |_| {
                let chain = Chain::restore(&genesis, &policy, &*reader);
                let rules = Rules::new(&genesis).permissions;
                let (checker, duty) = (checker.clone(), duty.clone());
                let admission = Admission::new(rules, chain.state, chain.height, checker, duty);
                (admission, 0)
            }),
            Box::new(move |effect, _| routes::permissions(&wiring, effect)),
        );
    }

    fn consensus(&self) {
        let (reader, genesis) = (self.reader(), self.ports.genesis.clone());
        let (policy, wiring) = (self.policy.clone(), self.wiring.clone());
        let bus = self.wiring.clone();
        let config = ReplicaConfig {
            own: self.ports.keys.as_ref().map(|keys| keys.consensus),
            signer: self.ports.keys.as_ref().map(|keys| keys.signer.clone()),
            verifier: self.ports.verifier.clone(),
            reader: self.reader(),
            timeouts: self.ports.timeouts,
            pool: self.ports.pool,
            floor: None,
        };
        self.start::<Replica>(
            &self.wiring.consensus,
            Box::new(move |effects| {
                let (chain, from) = Chain::restore_with(&genesis, &policy, &*reader);
                let config = ReplicaConfig {
                    floor: bus.floor(),
                    ..config.clone()
                };
                (Replica::new(config, chain, effects), from)
            }),
            Box::new(move |effect, timers| routes::consensus(&wiring, effect, timers)),
        );
    }

    fn gateway(&self) {
        let quorum = self.ports.genesis.validator_set().quorum();
        let wiring = self.wiring.clone();
        self.start::<Gateway>(
            &self.wiring.gateway,
            Box::new(move |_| (Gateway::new(quorum), 0)),
            Box::new(move |effect, timers| routes::gateway(&wiring, effect, timers)),
        );
    }

    fn publisher(&self) {
        let Some(sink) = self.ports.events.clone() else {
            return;
        };
        let wiring = self.wiring.clone();
        self.start::<Publisher>(
            &self.wiring.publisher,
            Box::new(move |effects| (Publisher::new(effects), 0)),
            Box::new(move |effect, timers| {
                routes::publisher(&wiring, &sink, effect, timers);
            }),
        );
    }

    fn sync(&self) {
        let (reader, genesis) = (self.reader(), self.ports.genesis.clone());
        let (policy, wiring) = (self.policy.clone(), self.wiring.clone());
        let (name, version) = (self.ports.name.clone(), self.ports.version);
        let observers = self.ports.observers.clone();
        let bus = self.wiring.clone();
        let amnesiac = self.ports.amnesiac.clone();
        let verifier = self.ports.verifier.clone();
        self.start::<Presence>(
            &self.wiring.sync,
            Box::new(move |effects| {
                let chain = Chain::restore(&genesis, &policy, &*reader);
                let standing = Standing {
                    durable: chain.height,
                    certificate: head(&*reader).certificate,
                    published: reader.newest_checkpoint().map_or(Height(0), |(h, _)| h),
                    log: (chain.log.size(), chain.log.root()),
                    statements: Ordinal(chain.ordinal),
                    amnesiac: amnesiac.clone(),
                    floor: bus.floor(),
                };
                let nodes = Nodes {
                    genesis: genesis.clone(),
                    own: name.clone(),
                    observers: observers.clone(),
                };
                let presence = Presence::new(nodes, version, standing, verifier.clone(), effects);
                (presence, 0)
            }),
            Box::new(move |effect, timers| routes::sync(&wiring, effect, timers)),
        );
    }
}
