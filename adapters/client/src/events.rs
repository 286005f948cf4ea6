//! Following deposits as they commit: server-sent events with resumption.
//!
//! Ordinals are dense: an event that repeats one seen is dropped, one that skips an ordinal is an
//! error that says which are missing. After a lost connection the next node is asked to go on
//! behind the last event. Events of version 2 are held against the hash of the one before besides
//! ([`messages::event_chain`]).

use crate::http::Client;
use crate::url::NodeUrl;
use messages::event_chain::{Accepted, Broken, ChainEvent, EventChain};
use serde_json::Value;
use std::collections::VecDeque;

/// Most bytes of an event that we read.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// A committed deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Dense number within the network, from 1.
    pub ordinal: u64,
    /// The event's JSON.
    pub json: Value,
}

/// Why following stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// A node left events out.
    #[error("events {first} to {last} are missing at {node}")]
    Gap {
        /// The node.
        node: String,
        /// First missing ordinal.
        first: u64,
        /// Last missing ordinal.
        last: u64,
    },
    /// A node told an event that is not what it says, or does not follow the one before.
    #[error("{node}: {broken}")]
    Broken {
        /// The node.
        node: String,
        /// What is wrong.
        broken: Broken,
    },
    /// No node gives events now; call again to go on where it stopped.
    #[error("no node gives events: {0}")]
    Unavailable(String),
}

/// Follows the events of a network, at any of its nodes.
pub struct Follower<'c> {
    client: &'c Client,
    nodes: Vec<NodeUrl>,
    at: usize,
    /// Ordinal of the last event given out; none before the first of a stream that begins at the
    /// newest.
    last: Option<u64>,
    /// Where the chain of events stands; none before the first of version 2.
    chain: Option<EventChain>,
    stream: Option<reqwest::Response>,
    buffer: Vec<u8>,
    ready: VecDeque<Event>,
}

impl<'c> Follower<'c> {
    /// Follows from the event after `after` on; 0 for the first. Without one, from now on.
    pub fn new(client: &'c Client, nodes: &[NodeUrl], after: Option<u64>) -> Self {
        Self {
            client,
            nodes: nodes.to_vec(),
            at: 0,
            last: after,
            chain: None,
            stream: None,
            buffer: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    /// Follows from where a saved chain of the whole network stands: the first event is held
    /// against its hash.
    pub fn resume(client: &'c Client, nodes: &[NodeUrl], chain: EventChain) -> Self {
        let after = Some(chain.ordinal());
        Self {
            chain: Some(chain),
            ..Self::new(client, nodes, after)
        }
    }

    /// Where the chain of events stands, to be saved; none before the first event of version 2.
    pub fn chain(&self) -> Option<&EventChain> {
        self.chain.as_ref()
    }

    /// The next event; waits for it.
    ///
    /// # Errors
    /// [`FollowError`]; the follower can be asked again.
    pub async fn next(&mut self) -> Result<Event, FollowError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                match self.judge(&event) {
                    Accepted::New => {
                        self.last = Some(event.ordinal);
                        return Ok(event);
                    }
                    Accepted::Seen => continue,
                    refused => return Err(self.refuse(refused)),
                }
            }
            if self.stream.is_none() {
                self.connect().await?;
            }
            let stream = self.stream.as_mut().expect("connecting gives a stream");
            match stream.chunk().await {
                Ok(Some(chunk)) if self.buffer.len() + chunk.len() <= EVENT_BYTES_MAX => {
                    self.buffer.extend_from_slice(&chunk);
                    self.take_events();
                }
                // The connection ended, broke, or carries no events: the next node goes on.
                _ => self.leave(),
            }
        }
    }

    /// Judges by the chain what has one, and by ordinals alone what is older.
    fn judge(&mut self, event: &Event) -> Accepted {
        if event.json["version"] == 2 {
            let read = ChainEvent::from_value(event.json.clone());
            return match read {
                Ok(read) if read.ordinal == event.ordinal => self.chain_for(&read).accept(&read),
                Ok(read) => Accepted::Broken(Broken {
                    field: "ordinal",
                    expected: event.ordinal.to_string(),
                    found: read.ordinal.to_string(),
                }),
                Err(broken) => Accepted::Broken(broken),
            };
        }
        match self.last {
            Some(last) if event.ordinal <= last => Accepted::Seen,
            Some(last) if event.ordinal > last + 1 => Accepted::Gap {
                expected: last + 1,
                found: event.ordinal,
            },
            _ => Accepted::New,
        }
    }

    /// The chain, begun before this event when there is none yet.
    fn chain_for(&mut self, first: &ChainEvent) -> &mut EventChain {
        let last = self.last.unwrap_or(first.ordinal - 1);
        let chain = &mut self.chain;
        chain.get_or_insert_with(|| EventChain::new(first.network.clone(), None).after(last, None))
    }

    /// Leaves the node; why, for the caller.
    fn refuse(&mut self, refused: Accepted) -> FollowError {
        let node = self.node().to_string();
        self.leave();
        match refused {
            Accepted::Broken(broken) => FollowError::Broken { node, broken },
            Accepted::Gap { expected, found } => FollowError::Gap {
                node,
                first: expected,
                last: found - 1,
            },
            Accepted::New | Accepted::Seen => unreachable!("an event that is taken is not refused"),
        }
    }

    fn node(&self) -> &NodeUrl {
        &self.nodes[self.at % self.nodes.len()]
    }

    fn leave(&mut self) {
        self.stream = None;
        self.buffer.clear();
        self.ready.clear();
        self.at += 1;
    }

    async fn connect(&mut self) -> Result<(), FollowError> {
        let mut reasons = Vec::new();
        for _ in 0..self.nodes.len() {
            let path = match self.last {
                Some(after) => format!("/v1/events?after={after}"),
                None => "/v1/events".into(),
            };
            match self.client.open(self.node(), &path).await {
                Ok(stream) => {
                    self.stream = Some(stream);
                    return Ok(());
                }
                Err(reason) => reasons.push(format!("{}: {reason}", self.node())),
            }
            self.leave();
        }
        Err(FollowError::Unavailable(reasons.join("; ")))
    }

    /// Moves whole events out of the buffer; comments and other fields are passed over.
    fn take_events(&mut self) {
        while let Some(end) = self.buffer.windows(2).position(|w| w == b"\n\n") {
            let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
            if let Some(event) = read_event(&String::from_utf8_lossy(&block)) {
                self.ready.push_back(event);
            }
        }
    }
}

fn read_event(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let ordinal = field("id")?.trim().parse().ok()?;
    let json = serde_json::from_str(field("data")?.trim()).ok()?;
    Some(Event { ordinal, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(place: usize) -> Event {
        let all: Value = serde_json::from_str(include_str!("../tests/event_chain.json")).unwrap();
        let json = all["cases"][0]["steps"][place]["event"].clone();
        Event {
            ordinal: json["ordinal"].as_u64().unwrap(),
            json,
        }
    }

    /// Whether it takes the event, or what it says of it.
    fn show(follower: &mut Follower<'_>, event: Event) -> Result<u64, FollowError> {
        let accepted = follower.judge(&event);
        match accepted {
            Accepted::New => follower.last = Some(event.ordinal),
            Accepted::Seen => return Ok(0),
            refused => return Err(follower.refuse(refused)),
        }
        Ok(event.ordinal)
    }

    #[test]
    fn events_of_version_2_are_held_against_their_chain() {
        let (client, node) = (Client::try_new().unwrap(), "127.0.0.1:1".parse().unwrap());
        let mut follower = Follower::new(&client, &[node], Some(0));
        assert_eq!(show(&mut follower, vector(0)), Ok(1));
        assert_eq!(show(&mut follower, vector(0)), Ok(0));
        let gap = show(&mut follower, vector(3)).unwrap_err();
        assert!(
            matches!(
                gap,
                FollowError::Gap {
                    first: 2,
                    last: 3,
                    ..
                }
            ),
            "{gap}"
        );
        let mut changed = vector(1);
        changed.json["height"] = 99.into();
        let broken = show(&mut follower, changed).unwrap_err().to_string();
        assert!(broken.contains("event hash"), "{broken}");
        assert_eq!(show(&mut follower, vector(1)), Ok(2));
        // Another history that agrees in ordinals.
        let saved = follower
            .chain()
            .unwrap()
            .clone()
            .after(2, Some(messages::hash::Hash::ZERO));
        let node = "127.0.0.1:1".parse().unwrap();
        let mut resumed = Follower::resume(&client, &[node], saved);
        let broken = show(&mut resumed, vector(2)).unwrap_err().to_string();
        assert!(broken.contains("event previous"), "{broken}");
    }

    #[test]
    fn events_are_read_and_comments_passed_over() {
        let event = read_event("id: 7\nevent: deposited\ndata: {\"height\":3}\n\n").unwrap();
        assert_eq!((event.ordinal, &event.json["height"]), (7, &Value::from(3)));
        assert_eq!(read_event(": keep-alive\n\n"), None);
        assert_eq!(read_event("id: x\ndata: {}\n\n"), None);
    }
}
