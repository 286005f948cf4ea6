//! The disk as the ports of one life.

use super::{Disk, Honesty, State, Write};
use crate::life::Life;
use bus::ports::{
    BodyReader, BodyStore, Commit, Completion, HeadSignatures, Journal, LedgerReader, NewRecord,
    Record, Store, StoredBlock, Stream,
};
use bytes::Bytes;
use ledger::replica::JournaledInput;
use messages::event::{BlockEvents, EventTail};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, StatementId};
use messages::wire::decode;
use std::sync::{Arc, MutexGuard};

/// The disk as one life of the node sees it.
pub struct SimDisk {
    disk: Disk,
    life: Arc<Life>,
}

impl SimDisk {
    pub(super) fn new(disk: Disk, life: Arc<Life>) -> Self {
        Self { disk, life }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.disk.state()
    }

    /// Counts a write; gives whether it takes place. One that fails ends the process.
    fn writes(&self) -> bool {
        if !self.life.calls() {
            return false;
        }
        let mut state = self.state();
        let fails = state.trouble.write_fails.take();
        let full = state.trouble.full;
        drop(state);
        if let Some(down_ms) = fails.or(full.then_some(0)) {
            self.life.abort(down_ms, false);
            return false;
        }
        true
    }

    /// Counts a read within a step.
    fn reads(&self) -> MutexGuard<'_, State> {
        self.life.reads();
        self.state()
    }

    /// Ends the process, to be restored from nothing, when the entries read are not what was
    /// written.
    fn check_rot(&self, state: &State, first: LeafIndex, count: usize) {
        let rotten = state.trouble.rotten_entry;
        if rotten.is_some_and(|at| at >= first && at.0 - first.0 < count as u64) {
            self.life.abort(0, true);
        }
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
    fn append(&self, stream: Stream, inputs: Vec<NewRecord>, votes: bool, done: Completion) -> u64 {
        let alive = self.writes();
        let mut state = self.state();
        let first = state.next_seq;
        if !alive {
            return first;
        }
        state.next_seq += inputs.len() as u64;
        let record = |(seq, new): (u64, NewRecord)| Record {
            seq,
            stream,
            now: new.now,
            input: new.input,
            effects: new.effects,
        };
        let records = (first..).zip(inputs).map(record).collect();
        if state.honesty == Honesty::AcknowledgesEarly {
            self.disk
                .write(state, Write::Append(records, votes, Box::new(|| ())));
            done();
        } else {
            self.disk.write(state, Write::Append(records, votes, done));
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
            if let Write::Append(appended, ..) = write {
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
        if self.writes() {
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
        self.reads().tables.bodies.contains_key(digest)
    }
}

impl BodyStore for SimDisk {
    fn put_body(&self, digest: Hash, bytes: Bytes, done: Completion) {
        if self.writes() {
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
        self.entries(index, 1).pop()
    }

    fn entries(&self, first: LeafIndex, count: usize) -> Vec<Bytes> {
        let state = self.state();
        self.check_rot(&state, first, count);
        state.tables.entries(first, count)
    }

    fn tile_hashes(&self, level: u8, first: u64, count: usize) -> Vec<Hash> {
        self.state().tables.tile_hashes(level, first, count)
    }

    fn position(&self, id: &StatementId) -> Option<LeafIndex> {
        self.reads().tables.positions.get(id).copied()
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

    fn block_events(&self, height: Height) -> Option<BlockEvents> {
        self.state().tables.block_events.get(&height).cloned()
    }

    fn event_tail(&self, namespace: &Name) -> Option<EventTail> {
        self.state().tables.event_tails.get(namespace).copied()
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

impl State {
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
