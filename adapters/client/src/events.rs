//! Following deposits as they commit: server-sent events with resumption.
//!
//! Ordinals are dense: an event that repeats one seen is dropped, one that skips an ordinal is an
//! error that says which are missing. After a lost connection the next node is asked to go on
//! behind the last event.

use crate::http::Client;
use crate::url::NodeUrl;
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
            stream: None,
            buffer: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    /// The next event; waits for it.
    ///
    /// # Errors
    /// [`FollowError`]; the follower can be asked again.
    pub async fn next(&mut self) -> Result<Event, FollowError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                match self.last {
                    Some(last) if event.ordinal <= last => continue,
                    Some(last) if event.ordinal > last + 1 => {
                        let node = self.node().to_string();
                        self.leave();
                        return Err(FollowError::Gap {
                            node,
                            first: last + 1,
                            last: event.ordinal - 1,
                        });
                    }
                    _ => {}
                }
                self.last = Some(event.ordinal);
                return Ok(event);
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

    #[test]
    fn events_are_read_and_comments_passed_over() {
        let event = read_event("id: 7\nevent: deposited\ndata: {\"height\":3}\n\n").unwrap();
        assert_eq!((event.ordinal, &event.json["height"]), (7, &Value::from(3)));
        assert_eq!(read_event(": keep-alive\n\n"), None);
        assert_eq!(read_event("id: x\ndata: {}\n\n"), None);
    }
}
