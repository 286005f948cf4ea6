//! What may go wrong with a disk, and what is noticed of it when it is opened.

use super::{Disk, Honesty, State, Tables};
use bus::ports::Commit;
use messages::ids::{Height, LeafIndex};

/// What a disk knows of its own past; durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// It was lost, and the node does not know yet from which height on it may sign.
    pub is_amnesiac: bool,
    /// First height the node may sign.
    pub floor: Height,
}

/// What is wrong with a disk right now.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// The next write fails, and the process stays down for so many milliseconds.
    pub(super) write_fails: Option<u64>,
    /// There is no room.
    pub(super) full: bool,
    /// What a lie about durability began with.
    pub(super) lie: Option<Box<Tables>>,
    /// A journal record that is not what was written.
    pub(super) rotten_record: Option<u64>,
    /// An entry that is not what was written.
    pub(super) rotten_entry: Option<LeafIndex>,
}

impl Disk {
    /// Lets the next write fail.
    pub fn fail_write(&self, down_ms: u64) {
        self.state().trouble.write_fails = Some(down_ms);
    }

    /// Fills the disk, or makes room.
    pub fn set_full(&self, full: bool) {
        self.state().trouble.full = full;
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        self.state().trouble.full
    }

    /// From now on "durable" is a lie, until the next crash.
    pub fn begin_lie(&self) {
        let mut state = self.state();
        let tables = state.tables.clone();
        state.trouble.lie.get_or_insert_with(|| Box::new(tables));
    }

    /// Changes a journal record; gives whether there is one.
    pub fn rot_record(&self) -> bool {
        let mut state = self.state();
        let (first, count) = (state.tables.first_seq, state.tables.records.len() as u64);
        if count == 0 {
            return false;
        }
        let seq = first + state.dice.within(0..count);
        state.trouble.rotten_record = Some(seq);
        true
    }

    /// Changes an entry of the ledger; gives whether there is one.
    pub fn rot_entry(&self) -> bool {
        let mut state = self.state();
        let count = state.tables.entries.len() as u64;
        if count < 3 {
            return false;
        }
        // The two of genesis are read from the document.
        let index = LeafIndex(state.dice.within(2..count));
        state.trouble.rotten_entry = Some(index);
        true
    }

    /// Whether the ledger on it is damaged.
    pub fn is_damaged(&self) -> bool {
        self.state().trouble.rotten_entry.is_some()
    }

    /// Ends all that is wrong, but for what is lost already.
    pub fn heal(&self) {
        let mut state = self.state();
        state.healed = true;
        state.trouble.write_fails = None;
        state.trouble.full = false;
    }

    /// Loses everything but the genesis and the knowledge that it did.
    pub fn forget(&self, genesis: &Commit) {
        let mut state = self.state();
        state.tables = Tables::default();
        state.tables.commit(genesis);
        state.trouble.lie = None;
        state.trouble.rotten_record = None;
        state.trouble.rotten_entry = None;
        state.lose_journal();
    }

    /// What the disk knows of its past.
    pub fn standing(&self) -> Standing {
        self.state().standing
    }

    /// Whether it says nothing of a loss.
    pub fn hides_its_loss(&self) -> bool {
        self.state().honesty == Honesty::HidesItsLoss
    }

    /// The node found from which height on it may sign.
    pub fn found_floor(&self, floor: Height) {
        self.state().standing = Standing {
            is_amnesiac: false,
            floor,
        };
    }
}

impl State {
    /// What is there after a loss of power, and what the next opening notices.
    pub(super) fn after_power_cut(&mut self) {
        if let Some(tables) = self.trouble.lie.take() {
            self.tables = *tables;
        }
        let last = self.tables.last_seq();
        let replay_from = self.tables.head().map_or(1, |b| b.replay_from);
        let rotten = self.trouble.rotten_record.take();
        let broken = last < self.watermark
            || last + 1 < replay_from
            || rotten.is_some_and(|seq| seq >= replay_from && seq <= last);
        self.next_seq = last + 1;
        if broken {
            self.lose_journal();
        }
    }

    /// Begins a new chain behind everything that was.
    fn lose_journal(&mut self) {
        let replay_from = self.tables.head().map_or(1, |b| b.replay_from);
        let first = match self.honesty {
            // As if nothing had been.
            Honesty::HidesItsLoss if self.tables.blocks.len() <= 1 => 1,
            _ => {
                self.watermark
                    .max(self.tables.last_seq())
                    .max(replay_from - 1)
                    + 1
            }
        };
        self.tables.restart_journal(first);
        self.next_seq = first;
        self.watermark = first - 1;
        self.standing.is_amnesiac = self.honesty != Honesty::HidesItsLoss;
    }
}
