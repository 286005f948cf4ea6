//! Reads the events of a network, or of one of its namespaces, through a durable consumer: each
//! once, in order, none missing, none changed, across restarts of reader and server.
//!
//! An event is given out until it is [taken](EventReader::taken); only then is it acknowledged, and
//! what the caller saves with it is where to go on. When an event is missing, the consumer is made
//! again from the message behind the last one taken, then from the first message, for the stream may
//! have been made anew; the gap is told only when it is still there.
//! One reader at a time uses a durable name: two would each see gaps.

mod position;

pub use position::ReaderPosition;

use crate::server::Server;
use crate::stream::stream_name;
use async_nats::jetstream::consumer::pull::{Config, Stream};
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy};
use async_nats::jetstream::{Context, Message};
use futures::StreamExt;
use messages::event_chain::{Accepted, Broken, ChainEvent};
use messages::policy::Policy;
use std::time::Duration;

/// Most events that the server hands out ahead of what was taken.
const AHEAD_MAX: usize = 64;
/// After so long the server hands an event out again that was not taken.
const ACK_WAIT: Duration = Duration::from_secs(60);
/// How long the server may take to answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// What a reader needs to know.
pub struct ReaderOptions {
    /// The server; its identity must be allowed to use the consumer (docs/nats.md).
    pub server: Server,
    /// Name of the durable consumer. A trial network's users may use their own name only.
    pub durable: String,
    /// Where to go on: [`ReaderPosition::new`] for the beginning, else what was saved.
    pub from: ReaderPosition,
    /// Verifies the receipt in each event; without it none is looked at.
    pub policy: Option<Policy>,
}

/// Why there is no event.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Events are missing, also when asked for again: the stream lacks them.
    #[error("events {expected} to {} are missing in the stream; ask a node: GET /v1/events?after={}", .found - 1, .expected - 1)]
    Gap {
        /// Ordinal of the event to come.
        expected: u64,
        /// Ordinal of the event that came.
        found: u64,
    },
    /// An event is not what it says, or does not follow.
    #[error("message {sequence} of the stream: {broken}")]
    Broken {
        /// The message's sequence in the stream.
        sequence: u64,
        /// What is wrong.
        broken: Broken,
    },
    /// The server does not do what it is asked; ask again later.
    #[error("server: {0}")]
    Server(String),
}

/// Reads events. Each method can be called again after an error.
pub struct EventReader {
    options: ReaderOptions,
    context: Context,
    at: ReaderPosition,
    messages: Option<Stream>,
    /// The consumer must be made anew, for it stands elsewhere.
    rewind: Option<Rewind>,
    /// Ordinal that was missing, and from where it was asked for again.
    missed: Option<(u64, Rewind)>,
    /// Given out and not taken yet.
    held: Option<Held>,
}

/// From where messages are asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rewind {
    /// From the one behind the last one taken.
    Behind,
    /// From the first.
    Whole,
}

struct Held {
    event: ChainEvent,
    message: Message,
    /// Where the reader stands once it is taken.
    after: ReaderPosition,
}

impl EventReader {
    /// A reader; the server is asked with the first event.
    ///
    /// # Errors
    /// When the server's address or our identity cannot be used.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn connect(options: ReaderOptions) -> Result<Self, ReadError> {
        let connect = options
            .server
            .options(format!("wutong events reader {}", options.durable))
            .request_timeout(Some(REQUEST_TIMEOUT));
        let client = connect.connect(options.server.addresses()).await;
        let client = client.map_err(|e| server_error(&e))?;
        let context = async_nats::jetstream::ContextBuilder::new()
            .timeout(REQUEST_TIMEOUT)
            .build(client);
        Ok(Self {
            at: options.from.clone(),
            options,
            context,
            messages: None,
            rewind: None,
            missed: None,
            held: None,
        })
    }

    /// The next event; waits for it. Until it is taken, it is the same one.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn next(&mut self) -> Result<&ChainEvent, ReadError> {
        if self.held.is_none() {
            self.held = Some(self.find().await?);
        }
        let held = self.held.as_ref();
        Ok(&held.expect("it was found above").event)
    }

    /// Says that the event was taken, and gives where to go on: save it with what you made of the
    /// event. Without an event given out, nothing changes.
    ///
    /// # Errors
    /// When the acknowledgement cannot be sent; the event counts as taken all the same, for a
    /// repeat of it is dropped.
    pub async fn taken(&mut self) -> Result<&ReaderPosition, ReadError> {
        if let Some(held) = self.held.take() {
            self.at = held.after;
            self.missed = None;
            held.message.ack().await.map_err(|e| server_error(&e))?;
        }
        Ok(&self.at)
    }

    /// Where the reader stands.
    pub fn position(&self) -> &ReaderPosition {
        &self.at
    }

    async fn find(&mut self) -> Result<Held, ReadError> {
        loop {
            if self.messages.is_none() {
                self.messages = Some(self.attach().await?);
            }
            let messages = self.messages.as_mut().expect("attached above");
            let message = match messages.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    // The server went away, or forgot the consumer.
                    self.messages = None;
                    return Err(server_error(&error));
                }
                None => {
                    self.messages = None;
                    continue;
                }
            };
            if let Some(held) = self.judge(message).await? {
                return Ok(held);
            }
        }
    }

    /// None for what was taken before, and for what shows that others must be asked for first.
    async fn judge(&mut self, message: Message) -> Result<Option<Held>, ReadError> {
        let sequence = message.info().map_err(|e| server_error(&e))?;
        let sequence = sequence.stream_sequence;
        let mut after = self.at.clone();
        let read = ChainEvent::parse(&message.payload).and_then(|event| {
            let accepted = after.chain.accept(&event);
            if accepted == Accepted::New
                && let Some(policy) = &self.options.policy
            {
                event.verify_receipt(policy)?;
            }
            Ok((event, accepted))
        });
        match read {
            Ok((event, Accepted::New)) => {
                after.sequence = sequence;
                Ok(Some(Held {
                    event,
                    message,
                    after,
                }))
            }
            Ok((_, Accepted::Seen)) => {
                message.ack().await.map_err(|e| server_error(&e))?;
                Ok(None)
            }
            Ok((_, Accepted::Gap { expected, found })) => {
                let rewind = match self.missed {
                    Some((missed, _)) if missed == expected => Rewind::Whole,
                    _ => Rewind::Behind,
                };
                if self.missed == Some((expected, Rewind::Whole)) {
                    self.leave(Rewind::Behind);
                    return Err(ReadError::Gap { expected, found });
                }
                tracing::info!(
                    expected,
                    found,
                    ?rewind,
                    "events are missing: asked for again"
                );
                self.missed = Some((expected, rewind));
                self.leave(rewind);
                Ok(None)
            }
            Ok((_, Accepted::Broken(broken))) | Err(broken) => {
                self.leave(Rewind::Behind);
                Err(ReadError::Broken { sequence, broken })
            }
        }
    }

    /// What the server handed out ahead is asked for again.
    fn leave(&mut self, rewind: Rewind) {
        self.messages = None;
        self.rewind = Some(rewind);
    }

    async fn attach(&mut self) -> Result<Stream, ReadError> {
        let consumer = self.consumer().await?;
        let stream = consumer
            .stream()
            .max_messages_per_batch(AHEAD_MAX)
            .messages();
        stream.await.map_err(|e| server_error(&e))
    }

    /// The consumer, standing at or before what is to come.
    async fn consumer(&mut self) -> Result<Consumer<Config>, ReadError> {
        let network = self.at.chain.network();
        let (stream, durable) = (stream_name(network), self.options.durable.clone());
        let known = self
            .context
            .get_consumer_from_stream::<Config, _, _>(&durable, &stream)
            .await;
        if let Ok(consumer) = known {
            let info = consumer.cached_info();
            // What an earlier reader was handed and did not take would come late, out of order.
            let is_ahead = info.ack_floor.stream_sequence > self.at.sequence;
            if self.rewind.is_none() && !is_ahead && info.num_ack_pending == 0 {
                return Ok(consumer);
            }
            let deleted = self.context.delete_consumer_from_stream(&durable, &stream);
            deleted.await.map_err(|e| server_error(&e))?;
        }
        let filter = match self.at.chain.namespace() {
            Some(namespace) => format!("wutong.{network}.v1.events.{namespace}.>"),
            None => format!("wutong.{network}.v1.events.>"),
        };
        let config = Config {
            durable_name: Some(durable),
            filter_subject: filter,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: AHEAD_MAX as i64 * 2,
            deliver_policy: match (self.at.sequence, self.rewind) {
                (0, _) | (_, Some(Rewind::Whole)) => DeliverPolicy::All,
                (taken, _) => DeliverPolicy::ByStartSequence {
                    start_sequence: taken + 1,
                },
            },
            ..Config::default()
        };
        let created = self.context.create_consumer_on_stream(config, &stream);
        let consumer = created.await.map_err(|e| server_error(&e))?;
        self.rewind = None;
        Ok(consumer)
    }
}

fn server_error(error: &dyn std::fmt::Display) -> ReadError {
    ReadError::Server(error.to_string())
}
