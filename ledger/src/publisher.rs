//! The publisher actor's machine: committed statements as events, in order, each once.
//!
//! It owns no memory of what was sent: the sink tells the next ordinal, and events are made anew
//! from the ledger, so a restart or a deleted stream costs a replay and nothing else.

use crate::machine::{At, Keep, Machine};
use messages::api::Event;
use messages::block::Header;
use messages::cbor::Canonical;
use messages::ids::{Height, LeafIndex, Name};
use messages::statement::Statement;
use messages::stored::LedgerReader;
use std::sync::Arc;

/// Events handed to the sink at once.
const EVENTS_MAX: usize = 256;
/// How often a sink that does not know its tail yet is asked again.
pub const ASK_MS: u64 = 500;

/// What the machine receives.
#[derive(Clone, Debug)]
pub enum PublisherInput {
    /// Blocks up to this height have receipts.
    Published(Height),
    /// The sink's next ordinal; none when it cannot tell yet.
    SinkAt(Option<u64>),
    /// The events handed over last are durable in the sink.
    Sent,
}

/// What the machine asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublisherEffect {
    /// Ask the sink for its next ordinal, now or after [`ASK_MS`].
    AskSink {
        /// Wait first.
        later: bool,
    },
    /// Hand these to the sink.
    Publish(Vec<Event>),
}

/// The machine.
pub struct Publisher {
    reader: Arc<dyn LedgerReader>,
    network: Name,
    published: Height,
    next: Option<u64>,
    in_flight: Option<u64>,
}

impl Publisher {
    /// A publisher that asks its sink first.
    pub fn new(
        reader: Arc<dyn LedgerReader>,
        network: Name,
        published: Height,
        out: &mut Vec<PublisherEffect>,
    ) -> Self {
        out.push(PublisherEffect::AskSink { later: false });
        Self {
            reader,
            network,
            published,
            next: None,
            in_flight: None,
        }
    }

    fn go_on(&mut self, out: &mut Vec<PublisherEffect>) {
        let (Some(next), None) = (self.next, self.in_flight) else {
            return;
        };
        let events = self.events_from(next);
        if let Some(last) = events.last() {
            self.in_flight = Some(last.ordinal + 1);
            out.push(PublisherEffect::Publish(events));
        }
    }

    fn events_from(&self, next: u64) -> Vec<Event> {
        let source = EventSource {
            reader: &*self.reader,
            network: &self.network,
            published: self.published,
            first_number: 0,
        };
        source.events_from(next, EVENTS_MAX)
    }
}

/// Events of published statements, made from the ledger.
pub(crate) struct EventSource<'r> {
    /// Where blocks and entries lie.
    pub(crate) reader: &'r dyn LedgerReader,
    /// The network.
    pub(crate) network: &'r Name,
    /// Newest published height.
    pub(crate) published: Height,
    /// What the first statement's event is numbered as: 0 in the sinks, 1 over HTTP.
    pub(crate) first_number: u64,
}

impl EventSource<'_> {
    /// The height whose block holds statement `ordinal`, among the published ones.
    pub(crate) fn height_of(&self, ordinal: u64) -> Option<Height> {
        let (mut low, mut high) = (1, self.published.0);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.reader.block(Height(middle))?.first_ordinal <= ordinal {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        (high > 0).then_some(Height(low))
    }

    /// Events from statement `next` (counted from 0) on, at most `max`.
    pub(crate) fn events_from(&self, next: u64, max: usize) -> Vec<Event> {
        let mut events = Vec::new();
        let Some(mut height) = self.height_of(next) else {
            return events;
        };
        while height <= self.published && events.len() < max {
            let Some(block) = self.reader.block(height) else {
                break;
            };
            let Ok(header) = Header::from_bytes(&block.header) else {
                break;
            };
            let statements = u64::from(block.entry_count) - 1;
            let skipped = next.saturating_sub(block.first_ordinal).min(statements);
            let count = ((statements - skipped) as usize).min(max - events.len());
            let first = LeafIndex(block.first_leaf.0 + skipped);
            let entries = self.reader.entries(first, count);
            for (i, entry) in (skipped..).zip(&entries) {
                if let Ok(statement) = Statement::parse(entry) {
                    let number = block.first_ordinal + i + self.first_number;
                    let index = block.first_leaf.0 + i;
                    events.push(self.event(number, &header, index, &statement));
                }
            }
            height = height.next();
        }
        events
    }

    fn event(&self, ordinal: u64, header: &Header, index: u64, s: &Statement) -> Event {
        let deposit = &s.deposit;
        let mode = deposit.lodged.mode().name();
        // Every value is a number, a name or hexadecimal: nothing needs escaping.
        let json = format!(
            "{{\"version\":1,\"type\":\"deposited\",\"network\":\"{}\",\"namespace\":\"{}\",\
             \"ordinal\":{ordinal},\"height\":{},\"index\":{index},\"block_time_ms\":{},\
             \"id\":\"{}\",\"mode\":\"{mode}\",\"value\":\"{}\",\"key\":\"{}\"}}",
            self.network,
            deposit.namespace,
            header.height,
            header.time.0,
            s.id(),
            deposit.lodged.value(),
            s.key,
        );
        Event {
            ordinal,
            namespace: deposit.namespace.clone(),
            json,
        }
    }
}

impl Machine for Publisher {
    type Input = PublisherInput;
    type Effect = PublisherEffect;

    fn step(&mut self, _at: At, input: &PublisherInput, out: &mut Vec<PublisherEffect>) -> Keep {
        match input {
            PublisherInput::Published(height) => self.published = self.published.max(*height),
            PublisherInput::SinkAt(None) => out.push(PublisherEffect::AskSink { later: true }),
            PublisherInput::SinkAt(Some(next)) => self.next = Some(*next),
            PublisherInput::Sent => self.next = self.in_flight.take().or(self.next),
        }
        self.go_on(out);
        Keep::No
    }
}
