//! The task that publishes.

use crate::events::Shared;
use crate::stream::{Position, events_subject, position};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bus::ports::{Completion, Event};
use bytes::Bytes;
use messages::ids::Name;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

/// Most messages without an acknowledgement.
const IN_FLIGHT_MAX: usize = 256;

/// How often the stream is looked at when there is nothing to publish.
const IDLE: Duration = Duration::from_secs(2);
/// How often a node that stands by looks whether the others publish.
const STANDBY_POLL: Duration = Duration::from_millis(100);

const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Events to publish, and whom to tell.
pub(crate) struct Batch {
    pub(crate) events: Vec<Event>,
    pub(crate) done: Completion,
}

/// Publishes batches in order.
pub(crate) struct Publisher {
    network: Name,
    /// On how many servers the stream is kept.
    replicas: usize,
    shared: Arc<Shared>,
    batches: UnboundedReceiver<Batch>,
    /// Where the stream stands; none when an answer is missing.
    position: Option<Position>,
    turn: Turn,
    backoff: Duration,
}

/// Whether it is for this node to publish.
struct Turn {
    /// How long the others have.
    standby: Duration,
    /// Where the stream stood when it last moved, and when that was; none while it is our turn.
    watched: Option<(u64, Instant)>,
}

impl Turn {
    fn new(standby: Duration, now: Instant) -> Self {
        let watched = (!standby.is_zero()).then_some((0, now));
        Self { standby, watched }
    }

    /// There are events: from now on the others have their time.
    fn begins(&mut self, now: Instant) {
        if let Some((_, since)) = &mut self.watched {
            *since = now;
        }
    }

    /// Whether the stream, which stands at `at` and lacks events that are here, is left to others.
    fn stands_by(&mut self, at: Position, now: Instant) -> bool {
        let Some((next, since)) = self.watched else {
            return false;
        };
        if next != at.next_ordinal {
            self.watched = Some((at.next_ordinal, now));
            return true;
        }
        let waits = now.duration_since(since) < self.standby;
        if !waits {
            self.watched = None;
        }
        waits
    }

    /// Somebody else publishes.
    fn yields(&mut self, now: Instant) {
        if !self.standby.is_zero() {
            self.watched = Some((0, now));
        }
    }
}

impl Publisher {
    pub(crate) fn new(
        (network, replicas): (Name, usize),
        standby: Duration,
        shared: Arc<Shared>,
        batches: UnboundedReceiver<Batch>,
    ) -> Self {
        Self {
            network,
            replicas,
            shared,
            batches,
            position: None,
            turn: Turn::new(standby, Instant::now()),
            backoff: BACKOFF_MIN,
        }
    }

    /// Publishes what comes until the sink is dropped.
    pub(crate) async fn run(mut self, context: &Context) {
        // Known before the first event, so that the sink can tell where to begin.
        self.position(context).await;
        loop {
            match tokio::time::timeout(IDLE, self.batches.recv()).await {
                Ok(Some(batch)) => {
                    self.deliver(context, &batch.events).await;
                    (batch.done)();
                }
                Ok(None) => return,
                // Somebody may have emptied or deleted the stream, and nothing be published.
                Err(_) => {
                    self.position = None;
                    self.position(context).await;
                }
            }
        }
    }

    /// Returns when the stream holds all of `events`, or wants others before them.
    async fn deliver(&mut self, context: &Context, events: &[Event]) {
        self.turn.begins(Instant::now());
        loop {
            let at = self.position(context).await;
            // What the stream holds already, by us before a stop or by another node, is done.
            let rest = events.iter().filter(|e| e.ordinal >= at.next_ordinal);
            let window: Vec<&Event> = rest.take(IN_FLIGHT_MAX).collect();
            let Some(first) = window.first() else {
                return;
            };
            if first.ordinal > at.next_ordinal {
                return; // Somebody emptied the stream: the ledger's publisher begins again.
            }
            if self.turn.stands_by(at, Instant::now()) {
                self.position = None;
                tokio::time::sleep(STANDBY_POLL).await;
                continue;
            }
            if let Err(error) = self.send(context, at, &window).await {
                if error.kind() == PublishErrorKind::WrongLastSequence {
                    // Another node publishes: where the stream stands is read again.
                    self.turn.yields(Instant::now());
                } else {
                    let ordinal = first.ordinal;
                    tracing::warn!(%error, ordinal, "events are not published yet");
                    self.wait().await;
                }
                self.position = None;
            }
        }
    }

    /// Sends a window of events and waits for its acknowledgements in order.
    ///
    /// Each message names the sequence it must follow. When one is refused or lost, the broker
    /// refuses all behind it: no event overtakes another.
    async fn send(
        &mut self,
        context: &Context,
        mut at: Position,
        window: &[&Event],
    ) -> Result<(), PublishError> {
        let mut acknowledgements = Vec::with_capacity(window.len());
        for (sequence, event) in (at.sequence..).zip(window) {
            let message = PublishMessage::build()
                .payload(Bytes::from(event.json.clone()))
                .message_id(event.ordinal.to_string())
                .expected_last_sequence(sequence);
            let subject = events_subject(&self.network, &event.namespace);
            acknowledgements.push(context.send_publish(subject, message).await?);
        }
        for (acknowledgement, event) in acknowledgements.into_iter().zip(window) {
            let taken = acknowledgement.await?;
            at.sequence = taken.sequence;
            at.next_ordinal = event.ordinal + 1;
            self.stand_at(at);
            if taken.duplicate {
                // Another node was faster: the stream has its event, which is the same.
                self.turn.yields(Instant::now());
            } else {
                self.shared.published.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Where the stream stands; asks until the broker tells.
    async fn position(&mut self, context: &Context) -> Position {
        loop {
            if let Some(position) = self.position {
                return position;
            }
            match position(context, &self.network, self.replicas).await {
                Ok(position) => self.stand_at(position),
                Err(error) => {
                    tracing::warn!(%error, "the event stream does not answer yet");
                    self.wait().await;
                }
            }
        }
    }

    fn stand_at(&mut self, position: Position) {
        self.position = Some(position);
        self.backoff = BACKOFF_MIN;
        self.shared.set_next_ordinal(position.next_ordinal);
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.backoff).await;
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
    }
}
