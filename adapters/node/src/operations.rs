//! What surrounds a running node, as its operator watches it: links, event sink, disk, metrics.

use crate::home::NodeHome;
use crate::trial;
use actors::NodeHandle;
use adapters_http::{Answered, Hindrance, Surroundings};
use adapters_nats::{LinkState, NatsBridge, NatsEvents};
use bus::api::{Answer, Health, NodeApi, PAGE_MAX, Page, Query, Start, ValidatorStatus};
use bus::ports::EventSink;
use messages::ids::Height;
use observability_metrics::{HttpAnswer, NodeMetrics, Readings, disk_room};
use observability_names as names;
use observability_traces::Traces;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// What a node is linked with, as far as it runs by itself.
#[derive(Clone, Default)]
pub(crate) struct Linked {
    /// Links over NATS, and the server for people.
    pub(crate) bridge: Option<(Arc<NatsBridge>, String)>,
    /// Events to JetStream.
    pub(crate) events: Option<Arc<NatsEvents>>,
    /// Spans to a collector.
    pub(crate) traces: Option<Arc<Traces>>,
}

/// A running node under watch.
pub(crate) struct Watched {
    node: NodeHandle,
    linked: Linked,
    folder: PathBuf,
    metrics: Arc<NodeMetrics>,
}

impl Watched {
    pub(crate) fn new(
        home: &NodeHome,
        node: NodeHandle,
        linked: Linked,
        metrics: Arc<NodeMetrics>,
    ) -> Self {
        Self {
            node,
            linked,
            folder: home.dir.clone(),
            metrics,
        }
    }

    fn read_shells(&self, readings: &mut Readings) {
        let used = self.node.usage();
        for mailbox in &used.mailboxes {
            let label = [mailbox.actor];
            readings.set(&names::MAILBOX_MESSAGES, &label, mailbox.waiting as f64);
            readings.set(&names::MAILBOX_SHED, &label, mailbox.shed as f64);
            readings.set(
                &names::MAILBOX_OVER_BOUND,
                &label,
                mailbox.over_bound as f64,
            );
        }
        readings.count(&names::KEPT, used.kept as u64);
        readings.count(&names::ACTOR_RESTARTS, used.restarts);
        readings.count(&names::POISON_INPUTS, used.poison_inputs);
        readings.count(&names::FRAMES_REFUSED, used.frames_refused);
    }

    fn read_links(&self, readings: &mut Readings) {
        if let Some((bridge, _)) = &self.linked.bridge {
            let counts = bridge.counts();
            readings.flag(&names::NATS_CONNECTED, bridge.is_connected());
            readings.count(&names::PACKETS_SENT, counts.sent);
            readings.count(&names::PACKETS_RECEIVED, counts.received);
            readings.count(&names::PACKETS_RESENT, counts.resent);
            readings.count(&names::PACKETS_LOST, counts.lost);
            readings.set(&names::FRAMES_LOST, &["out"], counts.outbox_full as f64);
            readings.set(&names::FRAMES_LOST, &["in"], counts.inbox_full as f64);
            for (refusal, count) in bridge.refused() {
                let label = [&*refusal.to_string()];
                readings.set(&names::PACKETS_REFUSED, &label, count as f64);
            }
        }
        if let Some(traces) = &self.linked.traces {
            let counts = traces.counts();
            readings.count(&names::SPANS_ENDED, counts.ended);
            readings.count(&names::SPANS_EXPORTED, counts.exported);
            readings.count(&names::SPANS_FAILED, counts.failed);
        }
        if let Some(events) = &self.linked.events {
            readings.flag(&names::EVENTS_READY, events.state() == LinkState::Ready);
            if let Some(next) = events.next_ordinal() {
                readings.count(&names::EVENTS_NEXT, next);
            }
        }
    }
}

impl Surroundings for Watched {
    fn hindrances(&self) -> Vec<Hindrance> {
        let bridge = self.linked.bridge.iter();
        let down = bridge.filter(|(bridge, _)| !bridge.is_connected());
        down.map(|(_, server)| Hindrance::no_links(server))
            .collect()
    }

    fn metrics(&self, health: Option<&Health>, validators: &[ValidatorStatus]) -> Option<String> {
        let mut readings = Readings::default();
        readings.health(health);
        readings.validators(validators);
        self.read_shells(&mut readings);
        self.read_links(&mut readings);
        if let Some(room) = disk_room(&self.folder) {
            readings.count(&names::DISK_FREE, room.free);
            readings.count(&names::DISK_SIZE, room.size);
        }
        let text = self.metrics.expose(readings);
        text.inspect_err(|error| tracing::error!(error)).ok()
    }

    fn on_answer(&self, answered: &Answered<'_>) {
        self.metrics.on_http(&HttpAnswer {
            method: answered.method,
            route: answered.route,
            status: answered.status,
            took: answered.took,
        });
    }
}

/// Records each block as it is published; ends with the node.
pub(crate) async fn follow(node: NodeHandle, metrics: Arc<NodeMetrics>) {
    let (told, mut hears) = watch::channel(Height(0));
    node.subscribe(Box::new(move |height| told.send(height).is_ok()));
    let mut next = None;
    while hears.changed().await.is_ok() {
        let published = *hears.borrow_and_update();
        // What was published before this began is nobody's lag.
        let mut from = next.unwrap_or(published);
        while from <= published {
            let Some(newest) = record(&node, &metrics, from, published).await else {
                break;
            };
            from = newest.next();
        }
        next = Some(published.next());
    }
}

/// Records a page of blocks; gives the newest of it.
async fn record(
    node: &NodeHandle,
    metrics: &NodeMetrics,
    from: Height,
    published: Height,
) -> Option<Height> {
    let page = Page {
        start: Start::From(from),
        count: PAGE_MAX,
    };
    let (reply, answer) = oneshot::channel();
    let query = Query::Blocks(page);
    node.query(query, Box::new(move |answer| drop(reply.send(answer))));
    let Ok(Answer::Blocks(blocks)) = answer.await else {
        return None;
    };
    let now = trial::now();
    let blocks = blocks.items.iter();
    let published = blocks.filter(|summary| summary.block.height <= published);
    let heights = published.map(|summary| {
        metrics.on_published(summary, now);
        summary.block.height
    });
    heights.max()
}
