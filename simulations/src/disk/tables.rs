//! What lies on a simulated disk, and the reads of it.

use bus::ports::{Commit, HeadSignatures, Record, StoredBlock, Stream};
use bytes::Bytes;
use messages::block::Header;
use messages::cbor::Canonical;
use messages::event::{BlockEvents, EventTail};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, StatementId};
use std::collections::BTreeMap;

/// The durable content of one disk.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Journal records, without gaps.
    pub records: Vec<Record>,
    /// Seq of the first record.
    pub first_seq: u64,
    /// Blocks by height.
    pub blocks: BTreeMap<Height, StoredBlock>,
    /// Entries in log order.
    pub entries: Vec<Bytes>,
    /// Tile hashes by level and index.
    pub tiles: BTreeMap<(u8, u64), Hash>,
    /// State rows.
    pub rows: BTreeMap<Bytes, Bytes>,
    /// Positions of statements.
    pub positions: BTreeMap<StatementId, LeafIndex>,
    /// Positions of lodged values, oldest first.
    pub values: BTreeMap<Hash, Vec<LeafIndex>>,
    /// Heights by block id.
    pub block_ids: BTreeMap<Hash, Height>,
    /// Notes of published checkpoints, with their receipt signatures.
    pub notes: BTreeMap<Height, (String, HeadSignatures)>,
    /// Bodies by digest.
    pub bodies: BTreeMap<Hash, Bytes>,
    /// Where the chains of events stood before each block.
    pub block_events: BTreeMap<Height, BlockEvents>,
    /// Where those of the namespaces stand.
    pub event_tails: BTreeMap<Name, EventTail>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            first_seq: 1,
            blocks: BTreeMap::new(),
            entries: Vec::new(),
            tiles: BTreeMap::new(),
            rows: BTreeMap::new(),
            positions: BTreeMap::new(),
            values: BTreeMap::new(),
            block_ids: BTreeMap::new(),
            notes: BTreeMap::new(),
            bodies: BTreeMap::new(),
            block_events: BTreeMap::new(),
            event_tails: BTreeMap::new(),
        }
    }
}

impl Tables {
    /// Seq of the last record, or the one before the first.
    pub fn last_seq(&self) -> u64 {
        self.first_seq + self.records.len() as u64 - 1
    }

    /// Adds records to the journal.
    ///
    /// # Panics
    /// When they do not follow: the node is wrong, not the disk.
    pub fn append(&mut self, records: Vec<Record>) {
        for record in records {
            assert_eq!(record.seq, self.last_seq() + 1, "records leave no gap");
            self.records.push(record);
        }
    }

    /// Drops the journal; the next record has this seq.
    pub fn restart_journal(&mut self, first_seq: u64) {
        self.records.clear();
        self.first_seq = first_seq;
    }

    /// Writes a block.
    ///
    /// # Panics
    /// When it does not follow the block before: the node is wrong, not the disk.
    pub fn commit(&mut self, commit: &Commit) {
        let height = commit.block.height;
        let expected = self
            .blocks
            .last_key_value()
            .map_or(Height(0), |(h, _)| h.next());
        assert_eq!(height, expected, "blocks are committed in order");
        assert_eq!(
            commit.first_leaf.0,
            self.entries.len() as u64,
            "entries leave no gap"
        );
        if let Ok(header) = Header::from_bytes(&commit.block.header) {
            self.block_ids.insert(header.id().0, height);
        }
        self.blocks.insert(height, commit.block.clone());
        self.entries.extend(commit.entries.iter().cloned());
        let tiles = commit
            .tile_hashes
            .iter()
            .map(|(level, at, hash)| ((*level, *at), *hash));
        self.tiles.extend(tiles);
        self.rows.extend(commit.state_rows.iter().cloned());
        self.block_events.insert(height, commit.events.clone());
        self.event_tails.extend(commit.event_tails.iter().cloned());
        self.positions.extend(commit.ids.iter().copied());
        for (value, at) in &commit.values {
            self.values.entry(*value).or_default().push(*at);
        }
    }

    /// The newest block.
    pub fn head(&self) -> Option<StoredBlock> {
        self.blocks.last_key_value().map(|(_, block)| block.clone())
    }

    /// Entries from an index on.
    pub fn entries(&self, first: LeafIndex, count: usize) -> Vec<Bytes> {
        let first = usize::try_from(first.0)
            .unwrap_or(usize::MAX)
            .min(self.entries.len());
        self.entries
            .iter()
            .skip(first)
            .take(count)
            .cloned()
            .collect()
    }

    /// Positions of a lodged value, oldest first, from an index on.
    pub fn lookup(&self, value: &Hash, from: LeafIndex, count: usize) -> Vec<LeafIndex> {
        let places = self.values.get(value).into_iter().flatten();
        let from_on = places.filter(|at| **at >= from);
        from_on.take(count).copied().collect()
    }

    /// Hashes of a tile level from an index on.
    pub fn tile_hashes(&self, level: u8, first: u64, count: usize) -> Vec<Hash> {
        let range = (level, first)..=(level, u64::MAX);
        self.tiles
            .range(range)
            .take(count)
            .map(|(_, hash)| *hash)
            .collect()
    }

    /// Journal records of a stream from a seq on.
    pub fn records(&self, stream: Stream, seq: u64) -> Vec<Record> {
        let first = seq.saturating_sub(self.first_seq) as usize;
        let from = self.records.iter().skip(first);
        from.filter(|record| record.stream == stream)
            .cloned()
            .collect()
    }
}
