//! The disk of one process: memory that forgets, at a crash, what was not yet durable.
//!
//! One writer, as in production: what waits when a write begins is written as one group, and
//! becomes durable after a seeded delay. At a crash a seeded part of the group under way was
//! durable without anybody being told; everything behind it is lost. What the real storage notices
//! when it is opened (a journal shorter than the watermark, a broken chain, a changed entry) this
//! one notices too.

mod faults;
mod ports;
mod tables;

pub use faults::Standing;
pub use ports::SimDisk;
pub use tables::Tables;

use crate::dice::Dice;
use crate::life::Life;
use crate::plan::DiskRates;
use crate::schedule::{Event, Schedule};
use bus::ports::{Commit, Completion, HeadSignatures, Record, StoredBlock};
use bytes::Bytes;
use messages::hash::Hash;
use messages::ids::Height;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Shortest write, in microseconds.
const WRITE_US_MIN: u64 = 100;

/// Whether a disk keeps its word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Honesty {
    /// Says "durable" when it is.
    #[default]
    Honest,
    /// Says "durable" at once for journal records: a canary that the checkers must catch.
    AcknowledgesEarly,
    /// Keeps everything but the statements that were admitted: a canary too.
    ForgetsStatements,
    /// Does not tell its node that it was lost: a canary, and the disk of an amnesiac.
    HidesItsLoss,
}

enum Write {
    Append(Vec<Record>, bool, Completion),
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
    /// The newest acknowledged record that led to a signature: the second watermark.
    watermark: u64,
    incarnation: u64,
    dice: Dice,
    honesty: Honesty,
    trouble: faults::Trouble,
    healed: bool,
}

/// A disk, which outlives its process's lives; clones share it.
#[derive(Clone)]
pub struct Disk {
    node: usize,
    state: Arc<Mutex<State>>,
    /// When writes become durable; without a schedule they are so at once.
    pace: Option<(Schedule, DiskRates)>,
}

impl Disk {
    /// An empty disk.
    pub fn new(
        seed: u64,
        node: usize,
        pace: Option<(Schedule, DiskRates)>,
        honesty: Honesty,
    ) -> Self {
        let state = State {
            tables: Tables::default(),
            queue: Vec::new(),
            under_way: Vec::new(),
            notes: BTreeMap::new(),
            next_seq: 1,
            standing: Standing::default(),
            watermark: 0,
            incarnation: 0,
            dice: Dice::new(seed, &format!("disk-{node}")),
            honesty,
            trouble: faults::Trouble::default(),
            healed: false,
        };
        Self {
            node,
            state: Arc::new(Mutex::new(state)),
            pace,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A read that a fault lets fail unwinds with the lock held, and changes nothing.
        let state = self.state.lock();
        state.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Writes the first block of an empty disk.
    pub fn found(&self, genesis: &Commit) {
        self.state().tables.commit(genesis);
    }

    /// Opens the disk for a life.
    ///
    /// # Panics
    /// When the life before did not end.
    pub fn open(&self, life: Arc<Life>) -> Arc<SimDisk> {
        let mut state = self.state();
        assert!(
            state.queue.is_empty() && state.under_way.is_empty(),
            "a crash empties the queue"
        );
        state.incarnation = life.incarnation;
        drop(state);
        Arc::new(SimDisk::new(self.clone(), life))
    }

    /// Looks at what is durable.
    pub fn look<T>(&self, look: impl FnOnce(&Tables) -> T) -> T {
        look(&self.state().tables)
    }

    /// Height of the newest durable block.
    pub fn height(&self) -> Height {
        let newest = |t: &Tables| t.blocks.last_key_value().map(|(height, _)| *height);
        self.look(newest).unwrap_or_default()
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
        let kept = self.keep_some(&mut state, group);
        state.queue.clear();
        state.notes.clear();
        state.incarnation = 0;
        state.after_power_cut();
        all - kept
    }

    /// Writes a part of the group that a crash met: a prefix, or any subset that is still a chain.
    fn keep_some(&self, state: &mut State, group: Vec<Write>) -> usize {
        let subset = self.pace.as_ref().is_some_and(|(_, r)| r.torn_subsets);
        let prefix = state.dice.index(group.len() + 1);
        let (mut kept, mut whole) = (0, true);
        for (place, write) in group.into_iter().enumerate() {
            let stays = match subset {
                false => place < prefix,
                true => state.dice.within(0..2) == 0,
            };
            // What follows a lost record of the chain is as good as lost.
            let chained = matches!(write, Write::Append(..) | Write::Commit(..));
            if stays && (whole || !chained) {
                // The node is dead: nobody is told.
                state.apply(write);
                kept += 1;
            } else if chained {
                whole = false;
            }
        }
        kept
    }

    /// Starts writing what waits, when something of it must be durable.
    fn begin(&self, state: &mut State) {
        let waits = state.queue.iter().any(|w| !matches!(w, Write::Note(..)));
        if !waits || !state.under_way.is_empty() {
            return;
        }
        state.under_way = std::mem::take(&mut state.queue);
        if let Some((schedule, rates)) = &self.pace {
            let slow = !state.healed && state.dice.happens(rates.slow_ppm);
            let longest = match slow {
                true => rates.slow_ms_max * 1_000,
                false => rates.write_us_max,
            };
            let delay_us = state
                .dice
                .within(WRITE_US_MIN..longest.max(WRITE_US_MIN + 1));
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
            Write::Append(records, votes, done) => {
                if let Some(last) = records.last().filter(|_| votes) {
                    self.watermark = last.seq;
                }
                self.tables.append(records);
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
}
