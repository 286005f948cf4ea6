//! Index rows that are not in the database yet.
//!
//! Ids and values are random, and rows in random order are the dearest thing that a block writes.
//! So a block leaves its rows here, and a thread of its own writes a whole run at once, sorted,
//! as a table of its own. Nothing is lost by a stop: rows follow from the entries, and the
//! database remembers how far they were written ([`Keyspaces::indexed`]).

use crate::failure::FailureHook;
use crate::index::statement;
use crate::keyspaces::{
    ID_BYTES, Keyspaces, PLACE_BYTES, ReadError, TRUNCATED_BYTES, id_key, number, place,
    read_number,
};
use bus::ports::Commit;
use messages::hash::Hash;
use messages::ids::{LeafIndex, StatementId};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

/// Rows of the entries before `end`, unsorted.
#[derive(Default)]
struct Rows {
    ids: HashMap<[u8; ID_BYTES], LeafIndex>,
    values: Vec<[u8; PLACE_BYTES]>,
    end: LeafIndex,
}

impl Rows {
    fn add(&mut self, id: &Hash, value: &Hash, at: LeafIndex) {
        self.ids.insert(id_key(id), at);
        self.values.push(place(value, at));
    }

    fn write(&self, rows: &Keyspaces) -> Result<(), ReadError> {
        let mut ids: Vec<_> = self.ids.iter().collect();
        ids.sort_unstable();
        let mut run = rows.ids.start_ingestion()?;
        for (key, at) in ids {
            run.write(&key[..], &number(at.0)[..])?;
        }
        run.finish()?;
        let mut values = self.values.clone();
        values.sort_unstable();
        let mut run = rows.values.start_ingestion()?;
        for key in values {
            run.write(&key[..], &[][..])?;
        }
        run.finish()?;
        // Both tables are on disk: only now may the entries count as indexed.
        Ok(rows.set_indexed(self.end)?)
    }
}

#[derive(Default)]
struct State {
    /// Rows that still gather.
    fresh: Rows,
    /// A run that is being written; it is found here until it is found in the database.
    leaving: Option<Arc<Rows>>,
}

/// The newest rows of both indexes. One writer adds; anybody reads.
pub(crate) struct Tail {
    state: Arc<RwLock<State>>,
    /// Rows of which a run is made.
    run_rows: usize,
    to_writer: Mutex<Option<Sender<Arc<Rows>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Tail {
    /// The rows of all entries that the database has not indexed, and a thread that writes runs.
    pub(crate) fn open(
        rows: &Keyspaces,
        run_rows: usize,
        failure: FailureHook,
    ) -> Result<Self, ReadError> {
        let mut from = rows.indexed()?;
        let end = rows.end()?;
        if from > end {
            // The database lost blocks, and the rows of those to come are not written yet.
            from = end;
            rows.set_indexed(from)?;
        }
        if !newest_is_indexed(rows, from)? {
            tracing::error!(%from, "the database lost rows of the index; all are written again");
            from = LeafIndex(0);
            rows.set_indexed(from)?;
        }
        let mut fresh = Rows {
            end: from,
            ..Rows::default()
        };
        for guard in rows.entries.range(number(from.0)..) {
            let (key, entry) = guard.into_inner()?;
            let at = LeafIndex(read_number(&key)?);
            if let Some(statement) = statement(&entry) {
                fresh.add(&Hash::leaf(&entry), &statement.deposit.lodged.value(), at);
            }
            fresh.end = LeafIndex(at.0 + 1);
            if fresh.values.len() >= run_rows {
                fresh.write(rows)?;
                fresh = Rows {
                    end: fresh.end,
                    ..Rows::default()
                };
            }
        }
        let state = Arc::new(RwLock::new(State {
            fresh,
            leaving: None,
        }));
        let (sender, receiver) = channel::<Arc<Rows>>();
        let (shared, rows) = (state.clone(), rows.clone());
        let work = move || {
            while let Ok(run) = receiver.recv() {
                if let Err(error) = run.write(&rows) {
                    return failure.call(&format!("write a run of the index: {error}"));
                }
                write(&shared).leaving = None;
            }
        };
        let thread = std::thread::Builder::new()
            .name("index-writer".into())
            .spawn(move || {
                if catch_unwind(AssertUnwindSafe(work)).is_err() {
                    tracing::error!("the index writer panicked; rows gather in memory");
                }
            })
            .map_err(|e| ReadError::row("index writer", e))?;
        Ok(Self {
            state,
            run_rows,
            to_writer: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(thread)),
        })
    }

    /// Adds the rows of a block that is durable.
    pub(crate) fn add(&self, commit: &Commit) {
        let mut state = write(&self.state);
        for ((id, at), (value, place)) in commit.ids.iter().zip(&commit.values) {
            assert_eq!(at, place, "a statement has one id and one value");
            state.fresh.add(&id.0, value, *at);
        }
        state.fresh.end = LeafIndex(commit.first_leaf.0 + commit.entries.len() as u64);
        if state.fresh.values.len() >= self.run_rows && state.leaving.is_none() {
            let next = Rows {
                end: state.fresh.end,
                ..Rows::default()
            };
            let run = Arc::new(std::mem::replace(&mut state.fresh, next));
            state.leaving = Some(run.clone());
            let sender = self.to_writer.lock().expect("no code panics under it");
            if let Some(sender) = sender.as_ref() {
                // A writer that is gone has told why; the rows stay readable here.
                let _ = sender.send(run);
            }
        }
    }

    /// Where a statement may stand: the row holds a part of its id.
    pub(crate) fn position(&self, id: &StatementId) -> Option<LeafIndex> {
        let key = id_key(&id.0);
        let state = read(&self.state);
        let leaving = state.leaving.as_ref();
        let found = state.fresh.ids.get(&key);
        found
            .or_else(|| leaving.and_then(|rows| rows.ids.get(&key)))
            .copied()
    }

    /// Where a digest or commitment may stand, oldest first within a run.
    pub(crate) fn places(&self, value: &Hash) -> Vec<[u8; PLACE_BYTES]> {
        let state = read(&self.state);
        let runs = state.leaving.iter().map(|rows| &rows.values);
        runs.chain([&state.fresh.values])
            .flatten()
            .filter(|row| row[..TRUNCATED_BYTES] == value.0[..TRUNCATED_BYTES])
            .copied()
            .collect()
    }
}

/// Whether the newest statement before `end` has its rows.
///
/// A run is a table of its own and in no journal of the database, which forgets whole tables, the
/// newest first, on a disk that reported syncs and did not do them.
fn newest_is_indexed(rows: &Keyspaces, end: LeafIndex) -> Result<bool, ReadError> {
    for guard in rows.entries.range(..number(end.0)).rev() {
        let (key, entry) = guard.into_inner()?;
        let Some(statement) = statement(&entry) else {
            continue;
        };
        let at = LeafIndex(read_number(&key)?);
        let place = place(&statement.deposit.lodged.value(), at);
        let id = id_key(&Hash::leaf(&entry));
        return Ok(rows.ids.contains_key(id)? && rows.values.contains_key(place)?);
    }
    Ok(true)
}

impl Drop for Tail {
    fn drop(&mut self) {
        if let Ok(mut sender) = self.to_writer.lock() {
            *sender = None;
        }
        if let Ok(mut thread) = self.writer.lock()
            && let Some(thread) = thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn read(state: &RwLock<State>) -> RwLockReadGuard<'_, State> {
    state
        .read()
        .expect("no code panics while it holds the tail")
}

fn write(state: &RwLock<State>) -> RwLockWriteGuard<'_, State> {
    state
        .write()
        .expect("no code panics while it holds the tail")
}
