//! The task that publishes.

use crate::events::Shared;
use crate::stream::{Position, events_subject, position};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::message::PublishMessage;
use bus::ports::{Completion, Event};
use bytes::Bytes;
use messages::ids::Name;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Most messages without an acknowledgement.
const IN_FLIGHT_MAX: usize = 256;

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
    replicas: usize,
    shared: Arc<Shared>,
    batches: UnboundedReceiver<Batch>,
    /// Where the stream stands; none when an answer is missing.
    position: Option<Position>,
    backoff: Duration,
}

impl Publisher {
    pub(crate) fn new(
        network: Name,
        replicas: usize,
        shared: Arc<Shared>,
        batches: UnboundedReceiver<Batch>,
    ) -> Self {
        Self {
            network,
            replicas,
            shared,
            batches,
            position: None,
            backoff: BACKOFF_MIN,
        }
    }

    /// Publishes what comes until the sink is dropped.
    pub(crate) async fn run(mut self, context: &Context) {
        // Known before the first event, so that the sink can tell where to begin.
        self.position(context).await;
        while let Some(batch) = self.batches.recv().await {
            self.deliver(context, &batch.events).await;
            (batch.done)();
        }
    }

    /// Returns when the stream holds all of `events`.
    async fn deliver(&mut self, context: &Context, events: &[Event]) {
        loop {
            let at = self.position(context).await;
            // What the stream holds already, by us before a stop or by another node, is done.
            let rest = events.iter().filter(|e| e.ordinal >= at.next_ordinal);
            let window: Vec<&Event> = rest.take(IN_FLIGHT_MAX).collect();
            if window.is_empty() {
                return;
            }
            if let Err(error) = self.send(context, at, &window).await {
                tracing::warn!(%error, ordinal = window[0].ordinal, "events are not published yet");
                self.position = None;
                self.wait().await;
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
                .message_id(format!("{}-{}", self.network, event.ordinal))
                .expected_last_sequence(sequence);
            let subject = events_subject(&self.network, &event.namespace);
            acknowledgements.push(context.send_publish(subject, message).await?);
        }
        for (acknowledgement, event) in acknowledgements.into_iter().zip(window) {
            at.sequence = acknowledgement.await?.sequence;
            at.next_ordinal = event.ordinal + 1;
            self.stand_at(at);
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
