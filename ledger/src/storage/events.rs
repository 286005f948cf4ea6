//! Events of committed statements: linked when their block is written, made when they are asked for.

use super::Storage;
use crate::execution::Executed;
use bytes::Bytes;
use messages::api::{Answer, Event, EventPage, EventsFrom, EventsQuery, PAGE_MAX};
use messages::block::Header;
use messages::cbor::Canonical;
use messages::event::{
    BlockEvents, DEPOSITED, EventChains, EventFacts, EventLink, EventTail, event_json,
};
use messages::ids::{Height, LeafIndex, Name, StatementId, TimeMs};
use messages::statement::Statement;
use messages::stored::{LedgerReader, StoredBlock};
use std::collections::BTreeMap;

/// Most bytes of a page, unless its first event is larger: a request holds up whatever waits behind it.
/// Brokers take messages of up to a mebibyte by default.
const PAGE_BYTES_MAX: usize = 512 << 10;
/// Most blocks that one request looks at: those of a quiet namespace go on where it ended.
const BLOCKS_MAX: usize = 1_024;

/// Where the network's chain of events stands after the newest durable block.
pub(super) fn chains_at_head(reader: &dyn LedgerReader, head: &StoredBlock) -> EventChains {
    let Some(before) = reader.block_events(head.height) else {
        return EventChains::default();
    };
    let mut chains = EventChains::before(&before);
    for of in of_block(reader, head).into_iter().flatten() {
        chains.add(&of.facts());
    }
    // The namespaces' chains are told by the disk, where they stand after the block.
    EventChains::at(chains.network())
}

/// A statement of a block, as its event names it.
struct Of {
    network: Name,
    height: Height,
    time: TimeMs,
    index: LeafIndex,
    id: StatementId,
    statement: Statement,
}

impl Of {
    fn facts(&self) -> EventFacts<'_> {
        EventFacts {
            network: &self.network,
            namespace: &self.statement.deposit.namespace,
            kind: DEPOSITED,
            height: self.height,
            index: self.index,
            block_time: self.time,
            id: self.id,
        }
    }

    fn json(&self, link: &EventLink, receipt: Option<&str>) -> String {
        let lodged = &self.statement.deposit.lodged;
        let key = self.statement.key.to_string();
        let of = (lodged.mode().name(), &lodged.value(), &key[..]);
        event_json(&self.facts(), link, of, receipt)
    }
}

/// The statements of a stored block; none for the genesis.
fn of_block(
    reader: &dyn LedgerReader,
    block: &StoredBlock,
) -> Option<impl Iterator<Item = Of> + use<>> {
    let header = Header::from_bytes(&block.header).ok()?;
    let statements = block.entry_count as usize - 1;
    let entries = reader.entries(block.first_leaf, statements);
    let (first, network) = (block.first_leaf.0, header.network.clone());
    let read = move |(index, entry): (u64, Bytes)| {
        let statement = Statement::parse(&entry).expect("what is committed was read before");
        Of {
            network: network.clone(),
            height: header.height,
            time: header.time,
            index: LeafIndex(index),
            id: statement.id(),
            statement,
        }
    };
    Some((first..).zip(entries).map(read))
}

impl Storage {
    /// Links the events of a block that is about to be written: where the chains stood before it,
    /// and where those of its namespaces stand after it.
    pub(super) fn link_events(
        &mut self,
        executed: &Executed,
    ) -> (BlockEvents, Vec<(Name, EventTail)>) {
        let (reader, chains) = (&self.reader, &mut self.chains);
        let header = &executed.block.header;
        let network = chains.network();
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        for (index, entry) in (executed.first_leaf.0..).zip(&executed.entries) {
            let namespace = &entry.statement.deposit.namespace;
            let tail = chains.namespace(namespace, |name| reader.event_tail(name));
            if !before.contains_key(namespace) {
                before.insert(namespace.clone(), tail);
            }
            let link = chains.add(&EventFacts {
                network: &header.network,
                namespace,
                kind: DEPOSITED,
                height: header.height,
                index: LeafIndex(index),
                block_time: header.time,
                id: entry.id,
            });
            let tail = EventTail {
                count: link.namespace_ordinal,
                hash: link.hash,
            };
            after.insert(namespace.clone(), tail);
        }
        let before = BlockEvents {
            network,
            namespaces: before.into_iter().collect(),
        };
        (before, after.into_iter().collect())
    }

    /// Height of the block that holds the event `ordinal`, among the published ones; none when
    /// there are no blocks.
    pub(super) fn height_of_event(&self, ordinal: u64) -> Option<Height> {
        let (mut low, mut high) = (1, self.published_height().0);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.reader.block(Height(middle))?.first_ordinal < ordinal {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        (high > 0).then_some(Height(low))
    }

    /// Ordinal of the newest event before a height.
    fn events_before(&self, height: Height) -> u64 {
        let newest = self.published_statements();
        let block = self.reader.block(height).filter(|b| b.height.0 > 0);
        match block {
            Some(block) => block.first_ordinal.min(newest),
            None if height == Height(0) => 0,
            None => newest,
        }
    }

    /// A page of events.
    pub(super) fn events(&self, query: &EventsQuery) -> Answer {
        Answer::Events(self.event_page(query))
    }

    pub(super) fn event_page(&self, query: &EventsQuery) -> EventPage {
        let newest = self.published_statements();
        let after = match query.from {
            EventsFrom::Newest => newest,
            EventsFrom::After(ordinal) => ordinal,
            EventsFrom::Height(height) => self.events_before(height),
        };
        let mut page = EventPage {
            events: Vec::new(),
            seen: after,
            newest,
        };
        let first = (after < newest).then(|| self.height_of_event(after + 1));
        let Some(mut height) = first.flatten() else {
            return page;
        };
        let last = self.published_height();
        let mut room = Room {
            events: query.count.clamp(1, PAGE_MAX),
            bytes: PAGE_BYTES_MAX,
        };
        for _ in 0..BLOCKS_MAX {
            if height > last || !self.add_events_of(height, query, &mut room, &mut page) {
                break;
            }
            height = height.next();
        }
        page
    }

    /// Adds the events of a block to a page; whether there is room for more.
    fn add_events_of(
        &self,
        height: Height,
        query: &EventsQuery,
        room: &mut Room,
        page: &mut EventPage,
    ) -> bool {
        let found = self
            .reader
            .block(height)
            .zip(self.reader.block_events(height));
        let Some((block, before)) = found else {
            return false;
        };
        let wanted = |name: &Name| query.namespace.as_ref().is_none_or(|n| n == name);
        if !before.namespaces.iter().any(|(name, _)| wanted(name)) {
            page.seen = block.first_ordinal + u64::from(block.entry_count) - 1;
            return true;
        }
        let mut chains = EventChains::before(&before);
        for of in of_block(&*self.reader, &block).into_iter().flatten() {
            let link = chains.add(&of.facts());
            if link.ordinal <= page.seen {
                continue;
            }
            if wanted(&of.statement.deposit.namespace) {
                let receipt = query.receipts.then(|| self.receipt(&of.id).ok()).flatten();
                let json = of.json(&link, receipt.as_ref().map(|r| &r.receipt[..]));
                if !room.takes(json.len()) {
                    return false;
                }
                page.events.push(Event {
                    ordinal: link.ordinal,
                    namespace: of.statement.deposit.namespace.clone(),
                    hash: link.hash,
                    json,
                });
            }
            page.seen = link.ordinal;
        }
        true
    }
}

/// What a page may still hold.
struct Room {
    events: usize,
    bytes: usize,
}

impl Room {
    /// Takes an event, if there is room for it; the first always has it.
    fn takes(&mut self, bytes: usize) -> bool {
        if self.events == 0 || (bytes > self.bytes && self.bytes < PAGE_BYTES_MAX) {
            return false;
        }
        self.events -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}
