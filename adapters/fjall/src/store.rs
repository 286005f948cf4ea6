//! The store port.

use crate::events;
use crate::failure::FailureHook;
use crate::index::{self, Tail};
use crate::keyspaces::{Keyspaces, ReadError, number, read_number, tile};
use crate::writer::{Shared, Work, WriterHandle};
use bus::ports::{
    BodyReader, BodyStore, Commit, Completion, HeadSignatures, LedgerReader, Store, StoredBlock,
};
use bytes::Bytes;
use messages::event::{BlockEvents, EventTail};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, StatementId};
use std::sync::{Arc, Mutex};

pub(crate) struct FjallStore {
    pub(crate) keyspaces: Keyspaces,
    pub(crate) writer: Arc<WriterHandle>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tail: Arc<Tail>,
    /// What the next block must be; held while work is queued.
    pub(crate) expected: Mutex<Expected>,
    pub(crate) failure: FailureHook,
}

/// Height and first leaf of the block to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    height: Height,
    first_leaf: LeafIndex,
}

impl Expected {
    /// What follows `head`.
    pub(crate) fn after(head: Option<&StoredBlock>) -> Self {
        head.map_or_else(Self::default, |block| Self {
            height: block.height.next(),
            first_leaf: LeafIndex(block.first_leaf.0 + u64::from(block.entry_count)),
        })
    }
}

impl FjallStore {
    fn give<T>(&self, what: &str, read: Result<T, ReadError>) -> T {
        read.unwrap_or_else(|e| self.failure.fatal(what, e))
    }

    fn read_entries(&self, first: LeafIndex, count: usize) -> Result<Vec<Bytes>, ReadError> {
        let mut entries = Vec::new();
        let rows = self.keyspaces.entries.range(number(first.0)..).take(count);
        for (expected, guard) in (first.0..).zip(rows) {
            let (key, value) = guard.into_inner()?;
            let found = read_number(&key)?;
            if found != expected {
                let reason = format!("missing; the next is {found}");
                return Err(ReadError::row(format!("entry {expected}"), reason));
            }
            entries.push(Bytes::copy_from_slice(&value));
        }
        Ok(entries)
    }

    fn read_tiles(&self, level: u8, first: u64, count: usize) -> Result<Vec<Hash>, ReadError> {
        let mut hashes = Vec::new();
        let range = tile(level, first)..=tile(level, u64::MAX);
        for (expected, guard) in (first..).zip(self.keyspaces.tiles.range(range).take(count)) {
            let (key, value) = guard.into_inner()?;
            let what = || format!("tile hash {expected} of level {level}");
            if key[..] != tile(level, expected) {
                return Err(ReadError::row(what(), "missing"));
            }
            let hash = Hash::from_slice(&value);
            hashes.push(hash.ok_or_else(|| ReadError::row(what(), "expected 32 bytes"))?);
        }
        Ok(hashes)
    }

    fn read_note(
        &self,
        guard: Option<fjall::Guard>,
    ) -> Result<Option<(Height, String)>, ReadError> {
        let Some(guard) = guard else {
            return Ok(None);
        };
        let (key, value) = guard.into_inner()?;
        let height = read_number(&key)?;
        let note = String::from_utf8(value.to_vec())
            .map_err(|e| ReadError::row(format!("checkpoint {height}"), e))?;
        Ok(Some((Height(height), note)))
    }

    fn read_state(&self) -> Result<Vec<(Bytes, Bytes)>, ReadError> {
        let copy = |guard: fjall::Guard| {
            let (key, value) = guard.into_inner()?;
            Ok((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value)))
        };
        self.keyspaces.state.iter().map(copy).collect()
    }

    /// The pending note that `pick` chooses.
    fn pending_note(&self, from: Height, newest: bool) -> Option<(Height, String)> {
        let pending = &self.shared.pending_notes;
        let pending = pending
            .lock()
            .expect("no code panics while it holds the notes");
        let mut notes = pending.range(from..);
        let found = if newest {
            notes.next_back()
        } else {
            notes.next()
        };
        found.map(|(height, (note, _))| (*height, note.clone()))
    }
}

impl LedgerReader for FjallStore {
    fn head(&self) -> Option<StoredBlock> {
        let head = self.shared.head.read();
        head.expect("no writer panics in it").clone()
    }

    fn block(&self, height: Height) -> Option<StoredBlock> {
        self.give("read a block", self.keyspaces.block(height))
    }

    fn entry(&self, index: LeafIndex) -> Option<Bytes> {
        self.give("read an entry", index::entry(&self.keyspaces, index))
    }

    fn entries(&self, first: LeafIndex, count: usize) -> Vec<Bytes> {
        self.give("read entries", self.read_entries(first, count))
    }

    fn tile_hashes(&self, level: u8, first: u64, count: usize) -> Vec<Hash> {
        self.give("read tile hashes", self.read_tiles(level, first, count))
    }

    fn position(&self, id: &StatementId) -> Option<LeafIndex> {
        self.give(
            "read the id index",
            index::position(&self.keyspaces, &self.tail, id),
        )
    }

    fn lookup(&self, value: &Hash, from: LeafIndex, count: usize) -> Vec<LeafIndex> {
        self.give(
            "read the value index",
            index::lookup(&self.keyspaces, &self.tail, value, from, count),
        )
    }

    fn height_of_block(&self, id: &Hash) -> Option<Height> {
        let found = index::block_ids::height_of(&self.keyspaces, id);
        self.give("read the block ids", found)
    }

    fn checkpoint_from(&self, height: Height) -> Option<(Height, String)> {
        // Pending first: a note that moves to the database meanwhile is found twice, not never.
        let pending = self.pending_note(height, false);
        let rows = &self.keyspaces.checkpoints;
        let stored = self.read_note(rows.range(number(height.0)..).next());
        let stored = self.give("read a checkpoint", stored);
        let both = pending.into_iter().chain(stored);
        both.min_by_key(|(height, _)| *height)
    }

    fn newest_checkpoint(&self) -> Option<(Height, String)> {
        let pending = self.pending_note(Height(0), true);
        let stored = self.read_note(self.keyspaces.checkpoints.last_key_value());
        let stored = self.give("read a checkpoint", stored);
        // Of equals the last counts, and a pending note is newer than a stored one.
        let both = stored.into_iter().chain(pending);
        both.max_by_key(|(height, _)| *height)
    }

    fn head_signatures(&self, height: Height) -> Option<HeadSignatures> {
        let pending = &self.shared.pending_notes;
        let pending = pending
            .lock()
            .expect("no code panics while it holds the notes")
            .get(&height)
            .map(|(_, signatures)| signatures.clone());
        pending.or_else(|| {
            let stored = self.keyspaces.head_signatures(height);
            self.give("read receipt signatures", stored)
        })
    }

    fn block_events(&self, height: Height) -> Option<BlockEvents> {
        self.give("read events", events::of_block(&self.keyspaces, height))
    }

    fn event_tail(&self, namespace: &Name) -> Option<EventTail> {
        self.give("read events", events::tail(&self.keyspaces, namespace))
    }

    fn state_rows(&self) -> Vec<(Bytes, Bytes)> {
        self.give("read the state", self.read_state())
    }
}

impl BodyReader for FjallStore {
    fn body(&self, digest: &Hash) -> Option<Bytes> {
        let found = self.keyspaces.bodies.get(digest.0).map_err(ReadError::from);
        let bytes = self.give("read a body", found)?;
        let bytes = Bytes::copy_from_slice(&bytes);
        // Never serve what is damaged: a holder elsewhere has the body too.
        if Hash::of(&bytes) == *digest {
            return Some(bytes);
        }
        tracing::error!(%digest, "a body on the disk is damaged");
        None
    }

    fn holds_body(&self, digest: &Hash) -> bool {
        let found = self.keyspaces.bodies.contains_key(digest.0);
        self.give("look a body up", found.map_err(ReadError::from))
    }
}

impl BodyStore for FjallStore {
    fn put_body(&self, digest: Hash, bytes: Bytes, done: Completion) {
        if self.holds_body(&digest) {
            return self.writer.send(Work::Flush { done });
        }
        self.writer.send(Work::Body {
            digest,
            bytes,
            done,
        });
    }
}

impl Store for FjallStore {
    /// A block that was committed before is answered and not written again: a refolded machine
    /// may say it twice.
    fn commit(&self, commit: Arc<Commit>, done: Completion) {
        let expected = self.expected.lock();
        let mut expected = expected.unwrap_or_else(std::sync::PoisonError::into_inner);
        let block = &commit.block;
        if block.height < expected.height {
            return self.writer.send(Work::Flush { done });
        }
        let found = Expected {
            height: block.height,
            first_leaf: commit.first_leaf,
        };
        assert_eq!(found, *expected, "blocks are committed in order");
        assert_eq!(block.first_leaf, commit.first_leaf, "one first leaf");
        assert_eq!(
            block.entry_count as usize,
            commit.entries.len(),
            "all entries"
        );
        *expected = Expected::after(Some(block));
        self.writer.send(Work::Commit { commit, done });
    }

    fn put_checkpoint(&self, note: String, signatures: HeadSignatures) {
        let pending = &self.shared.pending_notes;
        let mut pending = pending
            .lock()
            .expect("no code panics while it holds the notes");
        pending.insert(signatures.height, (note.clone(), signatures.clone()));
        self.writer.send(Work::Checkpoint { note, signatures });
    }
}
