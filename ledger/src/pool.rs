//! The pool: statements that were admitted and wait for a block.

use crate::execution::Entry;
use messages::ids::StatementId;
use std::collections::{BTreeMap, BTreeSet};

/// What a pool may hold.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Most statements.
    pub statements_max: usize,
    /// Most bytes of statements.
    pub bytes_max: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            statements_max: 200_000,
            bytes_max: 256 << 20,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    entry: Entry,
    /// Journal position, for those admitted here; they are told to the others again.
    local_seq: Option<u64>,
}

/// Admitted statements in order of arrival, each once.
#[derive(Debug, Default)]
pub struct Pool {
    limits: PoolLimits,
    /// Arrival number to statement: the order in which blocks take them.
    order: BTreeMap<u64, Waiting>,
    numbers: BTreeMap<StatementId, u64>,
    /// Journal positions and arrival numbers of the statements admitted here.
    local: BTreeSet<(u64, u64)>,
    next_number: u64,
    bytes: usize,
}

/// What became of a statement offered to the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It waits now.
    Added,
    /// It waited already.
    Known,
    /// There is no room.
    Full,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Offers a statement; `local_seq` is its journal position when it was admitted here.
    pub fn offer(&mut self, entry: Entry, local_seq: Option<u64>) -> Admission {
        if let Some(number) = self.numbers.get(&entry.id) {
            let waiting = self
                .order
                .get_mut(number)
                .expect("every number has its statement");
            if let (None, Some(seq)) = (waiting.local_seq, local_seq) {
                waiting.local_seq = Some(seq);
                self.local.insert((seq, *number));
            }
            return Admission::Known;
        }
        let full = self.order.len() >= self.limits.statements_max
            || self.bytes + entry.bytes.len() > self.limits.bytes_max;
        if full {
            return Admission::Full;
        }
        self.bytes += entry.bytes.len();
        self.numbers.insert(entry.id, self.next_number);
        if let Some(seq) = local_seq {
            self.local.insert((seq, self.next_number));
        }
        self.order
            .insert(self.next_number, Waiting { entry, local_seq });
        self.next_number += 1;
        Admission::Added
    }

    /// Forgets a statement that was committed.
    pub fn remove(&mut self, id: &StatementId) {
        if let Some(number) = self.numbers.remove(id)
            && let Some(waiting) = self.order.remove(&number)
        {
            self.bytes -= waiting.entry.bytes.len();
            if let Some(seq) = waiting.local_seq {
                self.local.remove(&(seq, number));
            }
        }
    }

    /// Whether a statement waits.
    pub fn contains(&self, id: &StatementId) -> bool {
        self.numbers.contains_key(id)
    }

    /// Statements in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.order.values().map(|w| &w.entry)
    }

    /// Statements admitted here before a journal position, in order of arrival.
    pub fn local_before(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        self.local.range(..(seq, 0)).map(|(_, number)| {
            let waiting = self.order.get(number);
            &waiting.expect("a local statement waits in the order").entry
        })
    }

    /// Journal position of the oldest statement admitted here.
    pub fn oldest_local_seq(&self) -> Option<u64> {
        self.local.first().map(|(seq, _)| *seq)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
