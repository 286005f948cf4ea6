//! The bridge: a node's links to all others, over NATS.
//!
//! Each node hears `wutong.<network>.v1.node.<its name>.from.*` and publishes to
//! `wutong.<network>.v1.node.<peer>.from.<its name>`, so that a server can bind both to the node's
//! credentials. The bridge starts whether or not the server is up, survives its restart, and never
//! holds the node up: what cannot be sent now is kept for a while for those who ask again.

use crate::counts::{BridgeCounts, Counters};
use crate::link::{Incoming, LinkKey, Outgoing, Received, Refusal};
use crate::server::Server;
use async_nats::connection::State;
use async_nats::{Client, Message};
use bus::ports::Transport;
use bytes::Bytes;
use futures::StreamExt;
use messages::ids::Name;
use messages::keys::{PrivateKey, PublicKey};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

/// Frames that may wait for the bridge; more are lost, as on any network.
const QUEUE_MAX: usize = 8_192;
/// How often lost packets are looked for.
const TICK: Duration = Duration::from_millis(20);
/// Longest packet, whatever the server takes.
const PACKET_BYTES_MAX: usize = 256 << 10;

/// Another node of the network.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name.
    pub name: Name,
    /// Its transport key.
    pub key: PublicKey,
}

/// What a bridge needs to know.
pub struct BridgeOptions {
    /// The server that carries the links.
    pub server: Server,
    /// The network.
    pub network: Name,
    /// This node.
    pub own: Name,
    /// Its transport key.
    pub key: PrivateKey,
    /// All other nodes.
    pub peers: Vec<Peer>,
    /// Greater than at every start before: the time in milliseconds.
    pub session: u64,
}

/// Takes a genuine frame of a node; gives whether there was room.
pub type Deliver = Box<dyn Fn(&Name, Bytes) -> bool + Send + Sync>;

struct Shared {
    deliver: OnceLock<Deliver>,
    refused: Mutex<BTreeMap<Refusal, u64>>,
    client: OnceLock<Client>,
    counters: Counters,
}

/// Somebody to send to; none for everybody.
type Job = (Option<Name>, Bytes);

/// The links of one node; dropping it cuts them.
pub struct NatsBridge {
    queue: Sender<Job>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl NatsBridge {
    /// Starts the links. Frames are dropped until [`NatsBridge::deliver_to`] is called.
    ///
    /// # Errors
    /// When a peer's transport key is one with which no secret can be shared.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(options: BridgeOptions) -> Result<Self, String> {
        let (queue, jobs) = channel(QUEUE_MAX);
        let shared = Arc::new(Shared {
            deliver: OnceLock::new(),
            refused: Mutex::default(),
            client: OnceLock::new(),
            counters: Counters::default(),
        });
        let links = Links::new(&options, shared.clone())?;
        let task = tokio::spawn(links.run(options, jobs));
        Ok(Self {
            queue,
            shared,
            task,
        })
    }

    /// Says who takes frames; the first call counts.
    pub fn deliver_to(&self, deliver: Deliver) {
        // A bridge belongs to one node.
        let _ = self.shared.deliver.set(deliver);
    }

    /// Whether the server is reached now.
    pub fn is_connected(&self) -> bool {
        let client = self.shared.client.get();
        client.is_some_and(|c| c.connection_state() == State::Connected)
    }

    /// What was counted since the start.
    pub fn counts(&self) -> BridgeCounts {
        self.shared.counters.read()
    }

    /// Packets that were refused, by reason.
    ///
    /// # Panics
    /// Never: nobody panics while counting.
    pub fn refused(&self) -> BTreeMap<Refusal, u64> {
        let refused = self.shared.refused.lock();
        refused.expect("no code panics under this lock").clone()
    }

    fn queue(&self, job: Job) {
        if self.queue.try_send(job).is_err() {
            Counters::add(&self.shared.counters.outbox_full, 1);
            tracing::warn!("the bridge is behind: a frame is lost, as on any network");
        }
    }
}

impl Transport for NatsBridge {
    fn send(&self, to: &Name, frame: Bytes) {
        self.queue((Some(to.clone()), frame));
    }

    fn broadcast(&self, frame: Bytes) {
        self.queue((None, frame));
    }
}

impl Drop for NatsBridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The subject on which `to` hears `from`; `*` hears everybody.
fn subject(network: &Name, to: &Name, from: &str) -> String {
    format!("wutong.{network}.v1.node.{to}.from.{from}")
}

struct Ends {
    out: Outgoing,
    heard: Incoming,
    subject: String,
}

/// The links while they run.
struct Links {
    ends: BTreeMap<Name, Ends>,
    shared: Arc<Shared>,
    began: Instant,
}

impl Links {
    fn new(options: &BridgeOptions, shared: Arc<Shared>) -> Result<Self, String> {
        let ends = |peer: &Peer| {
            let (own, other) = ((&options.own, &options.key), (&peer.name, &peer.key));
            let pair = LinkKey::pair(&options.network, own, other);
            let (out, heard) = pair.ok_or_else(|| {
                format!(
                    "{}: no secret can be shared with its transport key",
                    peer.name
                )
            })?;
            let ends = Ends {
                out: Outgoing::new(out, options.session),
                heard: Incoming::new(heard),
                subject: subject(&options.network, &peer.name, options.own.as_str()),
            };
            Ok((peer.name.clone(), ends))
        };
        Ok(Self {
            ends: options
                .peers
                .iter()
                .map(ends)
                .collect::<Result<_, String>>()?,
            shared,
            began: Instant::now(),
        })
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    async fn run(mut self, options: BridgeOptions, mut jobs: Receiver<Job>) {
        let server = &options.server;
        let connect = server.options(format!("wutong {}", options.own));
        let client = match connect.connect(server.addresses()).await {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, ?server, "the bridge cannot be built");
                return;
            }
        };
        // Set once: this is the only place.
        let _ = self.shared.client.set(client.clone());
        let own = subject(&options.network, &options.own, "*");
        let mut heard = match client.subscribe(own.clone()).await {
            Ok(heard) => heard,
            Err(error) => {
                tracing::error!(%error, subject = own, "the bridge cannot listen");
                return;
            }
        };
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                message = heard.next() => match message {
                    Some(message) => self.on_message(&client, message).await,
                    None => return,
                },
                job = jobs.recv() => match job {
                    Some((to, frame)) => self.on_job(&client, to.as_ref(), &frame).await,
                    None => return,
                },
                _ = ticks.tick() => self.on_tick(&client).await,
            }
        }
    }

    async fn on_job(&mut self, client: &Client, to: Option<&Name>, frame: &Bytes) {
        let limit = match client.server_info().max_payload {
            0 => PACKET_BYTES_MAX,
            limit => limit.min(PACKET_BYTES_MAX),
        };
        for (name, ends) in &mut self.ends {
            if to.is_none_or(|to| to == name) {
                let packets = ends.out.frame(frame, limit);
                publish(client, &ends.subject, packets, &self.shared.counters).await;
            }
        }
    }

    async fn on_tick(&mut self, client: &Client) {
        let now_ms = self.now_ms();
        for ends in self.ends.values_mut() {
            let mut packets = Vec::new();
            packets.extend(ends.out.tip());
            if let Some((session, seqs)) = ends.heard.to_ask(now_ms) {
                packets.push(ends.out.ask(session, &seqs));
            }
            publish(client, &ends.subject, packets, &self.shared.counters).await;
        }
        let lost = self.ends.values().map(|ends| ends.heard.given_up()).sum();
        let counter = &self.shared.counters.lost;
        counter.store(lost, Ordering::Relaxed);
    }

    async fn on_message(&mut self, client: &Client, message: Message) {
        let shared = self.shared.clone();
        let counters = &shared.counters;
        Counters::add(&counters.received, 1);
        let now_ms = self.now_ms();
        let from = message.subject.rsplit('.').next().unwrap_or_default();
        let known = self.ends.iter_mut().find(|(name, _)| name.as_str() == from);
        let Some((name, ends)) = known else {
            self.refuse(from.to_owned().as_str(), Refusal::Forged);
            return;
        };
        match ends.heard.packet(&message.payload, &ends.out, now_ms) {
            Ok(Received::Frame(frame)) => {
                let deliver = self.shared.deliver.get();
                if deliver.is_some_and(|deliver| !deliver(name, frame)) {
                    Counters::add(&counters.inbox_full, 1);
                    tracing::warn!(from = %name, "the node's inbox is full: a frame is lost");
                }
            }
            Ok(Received::Resend(packets)) => {
                Counters::add(&counters.resent, packets.len() as u64);
                publish(client, &ends.subject, packets, counters).await;
            }
            Ok(Received::Nothing) => {}
            Err(refusal) => {
                let name = name.clone();
                self.refuse(name.as_str(), refusal);
            }
        }
    }

    fn refuse(&self, from: &str, refusal: Refusal) {
        let refused = self.shared.refused.lock();
        let mut refused = refused.expect("no code panics under this lock");
        let count = refused.entry(refusal).or_default();
        *count += 1;
        // Repetition is what brokers do; the rest is worth a line now and then.
        if refusal != Refusal::Repeated && count.is_power_of_two() {
            tracing::warn!(from, %refusal, count = *count, "packets are refused");
        }
    }
}

/// Publishes what can be published now; the rest is asked for again by whoever lacks it.
async fn publish(client: &Client, subject: &str, packets: Vec<Bytes>, counters: &Counters) {
    if client.connection_state() != State::Connected {
        return;
    }
    for packet in packets {
        if let Err(error) = client.publish(subject.to_owned(), packet).await {
            tracing::debug!(%error, subject, "a packet was not published");
            return;
        }
        Counters::add(&counters.sent, 1);
    }
}
