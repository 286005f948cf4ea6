//! The disk of one node: memory that forgets, at a crash, what was not yet durable.
//!
//! One writer, as in production: what waits when a write begins is written as one group, and
//! becomes durable after a seeded delay. At a crash a seeded prefix of the group under way was
//! durable without anybody being told; everything behind it is lost.

mod tables;

pub use tables::Tables;

use crate::dice::Dice;
use crate::life::Life;
use crate::schedule::{Event, Schedule};
use bus::ports::{
    BodyReader, BodyStore, Commit, Completion, HeadSignatures, Journal, LedgerReader, Record,
    Store, StoredBlock, Stream,
};
use bytes::Bytes;
use ledger::replica::JournaledInput;
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, StatementId, TimeMs};
use messages::wire::decode;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Shortest write, in microseconds.
const WRITE_US_MIN: u64 = 100;

/// Whether a disk keeps its word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Honesty {
    /// Says "durable" when it is.
    #[default]
    Honest,
    /// Says "durable" at once for journal records: the canary that the checkers must catch.
    AcknowledgesEarly,
    /// Keeps everything but the statements that were admitted: a canary too.
    ForgetsStatements,
    /// Does not tell its node that it was lost: a canary too.
    HidesItsLoss,
}

enum Write {
    Append(Vec<Record>, Completion),
    Commit(Arc<Commit>, Completion),
    Note(String, HeadSignatures),
    Body(Hash, Bytes, Completion),
}

struct State {
    tables: Tables,
    /// Written next.
    queue: Vec<Write>,
    /// The group that is being written.
    under_way: Vec<Write>,
    /// Notes of this life that are not durable.
    notes: BTreeMap<Height, (String, HeadSignatures)>,
    next_seq: u64,
    standing: Standing,
    incarnation: u64,
    dice: Dice,
    honesty: Honesty,
}

/// What a disk knows of its own past; durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It was lost, and the node does not know yet from which height on it may sign.
    pub is_amnesiac: bool,
    /// First height the node may sign.
    pub floor: Height,
}

/// A disk, which outlives its node's lives; clones share it.
#[derive(Clone)]
pub struct Disk {
    node: usize,
    state: Arc<Mutex<State>>,
    /// When writes become durable; without a schedule they are so at once.
    pace: Option<(Schedule, u64)>,
}

impl Disk {
    /// An empty disk whose writes take up to `write_us_max` microseconds.
    pub fn new(seed: u64, node: usize, pace: Option<(Schedule, u64)>, honesty: Honesty) -> Self {
        let state = State {
            tables: Tables::default(),
            queue: Vec::new(),
            under_way: Vec::new(),
            notes: BTreeMap::new(),
            next_seq: 1,
            standing: Standing::default(),
            incarnation: 0,
            dice: Dice::new(seed, &format!("disk-{node}")),
            honesty,
        };
        Self {
            node,
            state: Arc::new(Mutex::new(state)),
            pace,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds a disk")
    }

    /// Writes the first block of an empty disk.
    pub fn found(&self, genesis: &Commit) {
        self.state().tables.commit(genesis);
    }

    /// Opens the disk for a life.
    pub fn open(&self, life: Arc<Life>) -> Arc<SimDisk> {
        let mut state = self.state();
        assert!(
            state.queue.is_empty() && state.under_way.is_empty(),
            "a crash empties the queue"
        );
        state.incarnation = life.incarnation;
        drop(state);
        Arc::new(SimDisk {
            disk: self.clone(),
            life,
        })
    }

    /// Looks at what is durable.
    pub fn look<T>(&self, look: impl FnOnce(&Tables) -> T) -> T {
        look(&self.state().tables)
    }

    /// The newest published checkpoint that this life knows.
    pub fn newest_note(&self) -> Option<(Height, String)> {
        let state = self.state();
        let notes = [&state.tables.notes, &state.notes];
        let newest = notes.into_iter().filter_map(|notes| notes.last_key_value());
        newest
            .max_by_key(|(h, _)| **h)
            .map(|(h, (note, _))| (*h, note.clone()))
    }

    /// The group under way is durable; gives the durable blocks of the group.
    pub fn written(&self, incarnation: u64) -> Vec<StoredBlock> {
        let mut state = self.state();
        if state.incarnation != incarnation {
            return Vec::new();
        }
        let group = std::mem::take(&mut state.under_way);
        let mut completions = Vec::new();
        let mut blocks = Vec::new();
        for write in group {
            if let Some((done, block)) = state.apply(write) {
                completions.push(done);
                blocks.extend(block);
            }
        }
        self.begin(&mut state);
        drop(state);
        completions.into_iter().for_each(|done| done());
        blocks
    }

    /// Loses what is not durable; gives how many writes were lost.
    pub fn crash(&self) -> usize {
        let mut state = self.state();
        let group = std::mem::take(&mut state.under_way);
        let all = group.len() + state.queue.len();
        let kept = state.dice.index(group.len() + 1);
        for write in group.into_iter().take(kept) {
            // The node is dead: nobody is told.
            state.apply(write);
        }
        state.queue.clear();
        state.notes.clear();
        state.incarnation = 0;
        state.next_seq = state.tables.records.len() as u64 + 1;
        all - kept
    }

    /// Loses everything but the genesis and the knowledge that it did.
    pub fn forget(&self, genesis: &Commit) {
        let mut state = self.state();
        state.tables = Tables::default();
        state.tables.commit(genesis);
        state.next_seq = 1;
        state.standing.is_amnesiac = state.honesty != Honesty::HidesItsLoss;
    }

    /// What the disk knows of its past.
    pub fn standing(&self) -> Standing {
        self.state().standing
    }

    /// The node found from which height on it may sign.
    pub fn found_floor(&self, floor: Height) {
        self.state().standing = Standing {
            is_amnesiac: false,
            floor,
        };
    }

    /// Starts writing what waits, when something of it must be durable.
    fn begin(&self, state: &mut State) {
        let waits = state.queue.iter().any(|w| !matches!(w, Write::Note(..)));
        if !waits || !state.under_way.is_empty() {
            return;
        }
        state.under_way = std::mem::take(&mut state.queue);
        if let Some((schedule, write_us_max)) = &self.pace {
            let longest = (*write_us_max).max(WRITE_US_MIN + 1);
            let delay_us = state.dice.within(WRITE_US_MIN..longest);
            let (node, incarnation) = (self.node, state.incarnation);
            schedule.after(delay_us, Event::DiskDone { node, incarnation });
        }
    }

    fn write(&self, mut state: MutexGuard<'_, State>, write: Write) {
        state.queue.push(write);
        self.begin(&mut state);
        let incarnation = state.incarnation;
        drop(state);
        if self.pace.is_none() {
            self.written(incarnation);
        }
    }
}

impl State {
    fn apply(&mut self, write: Write) -> Option<(Completion, Option<StoredBlock>)> {
        match write {
            Write::Append(records, done) => {
                self.tables.records.extend(records);
                Some((done, None))
            }
            Write::Commit(commit, done) => {
                self.tables.commit(&commit);
                Some((done, Some(commit.block.clone())))
            }
            Write::Note(note, signatures) => {
                self.tables
                    .notes
                    .insert(signatures.height, (note, signatures));
                None
            }
            Write::Body(digest, bytes, done) => {
                self.tables.bodies.insert(digest, bytes);
                Some((done, None))
            }
        }
    }

    /// Notes that this life knows, by height.
    fn note_from(&self, height: Height) -> Option<(Height, String)> {
        let durable = self.tables.notes.range(height..).next();
        let fresh = self.notes.range(height..).next();
        let first = [durable, fresh]
            .into_iter()
            .flatten()
            .min_by_key(|(h, _)| **h);
        first.map(|(height, (note, _))| (*height, note.clone()))
    }
}

/// The disk as one life of the node sees it.
pub struct SimDisk {
    disk: Disk,
    life: Arc<Life>,
}

impl SimDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.disk.state()
    }
}

impl Drop for SimDisk {
    /// A disk that is closed, and not left by a crash, writes what waits.
    fn drop(&mut self) {
        if self.life.is_dead() {
            return;
        }
        let mut state = self.state();
        let under_way = std::mem::take(&mut state.under_way);
        let queue = std::mem::take(&mut state.queue);
        for write in under_way.into_iter().chain(queue) {
            state.apply(write);
        }
    }
}

impl Journal for SimDisk {
    fn append(
        &self,
        stream: Stream,
        inputs: Vec<(TimeMs, Bytes)>,
        _votes: bool,
        done: Completion,
    ) -> u64 {
        let alive = self.life.calls();
        let mut state = self.state();
        let first = state.next_seq;
        if !alive {
            return first;
        }
        state.next_seq += inputs.len() as u64;
        let record = |(seq, (now, input))| Record {
            seq,
            stream,
            now,
            input,
        };
        let records = (first..).zip(inputs).map(record).collect();
        if state.honesty == Honesty::AcknowledgesEarly {
            self.disk
                .write(state, Write::Append(records, Box::new(|| ())));
            done();
        } else {
            self.disk.write(state, Write::Append(records, done));
        }
        first
    }

    fn next_seq(&self) -> u64 {
        self.state().next_seq
    }

    fn load(&self, stream: Stream, seq: u64) -> Vec<Record> {
        let state = self.state();
        let mut records = state.tables.records(stream, seq);
        for write in state.under_way.iter().chain(&state.queue) {
            if let Write::Append(appended, _) = write {
                let fits = |r: &&Record| r.stream == stream && r.seq >= seq;
                records.extend(appended.iter().filter(fits).cloned());
            }
        }
        if state.honesty == Honesty::ForgetsStatements && stream == Stream::Consensus {
            let admits = |r: &Record| matches!(decode(&r.input), Ok(JournaledInput::Admit(_)));
            records.retain(|record| !admits(record));
        }
        records
    }
}

impl Store for SimDisk {
    fn commit(&self, commit: Arc<Commit>, done: Completion) {
        if self.life.calls() {
            self.disk.write(self.state(), Write::Commit(commit, done));
        }
    }

    fn put_checkpoint(&self, note: String, signatures: HeadSignatures) {
        if self.life.calls() {
            let mut state = self.state();
            let fresh = (note.clone(), signatures.clone());
            state.notes.insert(signatures.height, fresh);
            state.queue.push(Write::Note(note, signatures));
        }
    }
}

impl BodyReader for SimDisk {
    fn body(&self, digest: &Hash) -> Option<Bytes> {
        self.state().tables.bodies.get(digest).cloned()
    }

    fn holds_body(&self, digest: &Hash) -> bool {
        self.state().tables.bodies.contains_key(digest)
    }
}

impl BodyStore for SimDisk {
    fn put_body(&self, digest: Hash, bytes: Bytes, done: Completion) {
        if self.life.calls() {
            self.disk
                .write(self.state(), Write::Body(digest, bytes, done));
        }
    }
}

impl LedgerReader for SimDisk {
    fn head(&self) -> Option<StoredBlock> {
        self.state().tables.head()
    }

    fn block(&self, height: Height) -> Option<StoredBlock> {
        self.state().tables.blocks.get(&height).cloned()
    }

    fn entry(&self, index: LeafIndex) -> Option<Bytes> {
        self.state().tables.entries(index, 1).pop()
    }

    fn entries(&self, first: LeafIndex, count: usize) -> Vec<Bytes> {
        self.state().tables.entries(first, count)
    }

    fn tile_hashes(&self, level: u8, first: u64, count: usize) -> Vec<Hash> {
        self.state().tables.tile_hashes(level, first, count)
    }

    fn position(&self, id: &StatementId) -> Option<LeafIndex> {
        self.state().tables.positions.get(id).copied()
    }

    fn lookup(&self, value: &Hash, from: LeafIndex, count: usize) -> Vec<LeafIndex> {
        self.state().tables.lookup(value, from, count)
    }

    fn height_of_block(&self, id: &Hash) -> Option<Height> {
        self.state().tables.block_ids.get(id).copied()
    }

    fn checkpoint_from(&self, height: Height) -> Option<(Height, String)> {
        self.state().note_from(height)
    }

    fn newest_checkpoint(&self) -> Option<(Height, String)> {
        self.disk.newest_note()
    }

    fn head_signatures(&self, height: Height) -> Option<HeadSignatures> {
        let state = self.state();
        let notes = [&state.notes, &state.tables.notes];
        let found = notes.into_iter().find_map(|notes| notes.get(&height));
        found.map(|(_, signatures)| signatures.clone())
    }

    fn state_rows(&self) -> Vec<(Bytes, Bytes)> {
        let state = self.state();
        state
            .tables
            .rows
            .iter()
            .map(|(key, row)| (key.clone(), row.clone()))
            .collect()
    }
}
