//! The event sink and its link to the broker.

use crate::publisher::{Batch, Publisher};
use crate::server::Server;
use crate::stream::stream_name;
use async_nats::connection::State;
use bus::ports::{Completion, Event, EventSink};
use messages::ids::Name;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// How long the broker may take to answer a request.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How the link to the broker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// No connection yet, or lost and being made again.
    Connecting,
    /// Connected; where the stream stands is not known yet.
    Connected,
    /// Connected, and the stream took or told its newest event.
    Ready,
}

/// The broker did not answer.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    /// There is no connection.
    #[error("not connected")]
    NotConnected,
    /// The broker does not answer in time, or does not serve the stream.
    #[error("event stream: {0}")]
    Stream(#[from] async_nats::jetstream::context::GetStreamError),
}

/// What the sink and its task share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) context: OnceLock<async_nats::jetstream::Context>,
    next_ordinal: Mutex<Option<u64>>,
    /// Events that the stream took from this sink.
    pub(crate) published: AtomicU64,
}

impl Shared {
    /// Remembers the ordinal of the event to come.
    pub(crate) fn set_next_ordinal(&self, ordinal: u64) {
        *self.held() = Some(ordinal);
    }

    fn next_ordinal(&self) -> Option<u64> {
        *self.held()
    }

    fn held(&self) -> MutexGuard<'_, Option<u64>> {
        self.next_ordinal
            .lock()
            .expect("no code panics while it holds the ordinal")
    }
}

/// Publishes events to a JetStream stream, in order, each once.
///
/// It starts whether or not the broker is up, and goes on trying. Dropping it stops its task;
/// completions of events not yet acknowledged are then never called.
pub struct NatsEvents {
    queue: UnboundedSender<Batch>,
    shared: Arc<Shared>,
    stream: String,
    task: JoinHandle<()>,
}

impl NatsEvents {
    /// A sink for the events of `network` at a server.
    ///
    /// Several nodes may publish: each event is in the stream once. With a `standby` this one
    /// publishes only what nobody else did for so long, and until somebody else does.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(server: &Server, network: &Name, standby: Duration) -> Self {
        Self::connect_replicated(server, network, standby, 1)
    }

    /// The same at a cluster that keeps each event on `replicas` (1 to 5) of its servers. A stream
    /// that is there already stays as it is.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect_replicated(
        server: &Server,
        network: &Name,
        standby: Duration,
        replicas: usize,
    ) -> Self {
        let (queue, batches) = unbounded_channel();
        let shared = Arc::new(Shared::default());
        let publisher = Publisher::new(
            (network.clone(), replicas),
            standby,
            shared.clone(),
            batches,
        );
        let task = tokio::spawn(run(server.clone(), publisher, shared.clone()));
        Self {
            queue,
            shared,
            stream: stream_name(network),
            task,
        }
    }

    /// Events that the stream took from this sink since it was made.
    pub fn published(&self) -> u64 {
        self.shared.published.load(Ordering::Relaxed)
    }

    /// How the link stands, for health reports.
    pub fn state(&self) -> LinkState {
        let context = self.shared.context.get();
        let connected = context.is_some_and(|c| c.client().connection_state() == State::Connected);
        match (connected, self.shared.next_ordinal()) {
            (false, _) => LinkState::Connecting,
            (true, None) => LinkState::Connected,
            (true, Some(_)) => LinkState::Ready,
        }
    }

    /// How long the broker takes now to tell about the stream.
    ///
    /// # Errors
    /// When there is no connection, or no answer within five seconds.
    pub async fn ping(&self) -> Result<Duration, PingError> {
        let context = self.shared.context.get().ok_or(PingError::NotConnected)?;
        let started = Instant::now();
        context.get_stream(&self.stream).await?;
        Ok(started.elapsed())
    }
}

impl EventSink for NatsEvents {
    fn publish(&self, events: Vec<Event>, done: Completion) {
        // The task ends only with this sink.
        let _ = self.queue.send(Batch { events, done });
    }

    fn next_ordinal(&self) -> Option<u64> {
        self.shared.next_ordinal()
    }
}

impl Drop for NatsEvents {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects, then publishes until the sink is dropped.
async fn run(server: Server, publisher: Publisher, shared: Arc<Shared>) {
    let options = server
        .options("wutong events")
        .request_timeout(Some(REQUEST_TIMEOUT));
    let client = match options.connect(server.addresses()).await {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, ?server, "the address of the NATS server cannot be used");
            return;
        }
    };
    let context = async_nats::jetstream::ContextBuilder::new()
        .timeout(REQUEST_TIMEOUT)
        .build(client);
    let context = shared.context.get_or_init(|| context);
    publisher.run(context).await;
}
