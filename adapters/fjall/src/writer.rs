//! The one thread that writes.
//!
//! It takes everything that is queued, writes it in one batch in the order of arrival and syncs
//! once: journal records and blocks that arrived while the last sync ran share the next one. Then
//! it writes the watermark when votes wait for it, and calls the completions.

use crate::failure::FailureHook;
use crate::index::Tail;
use crate::keyspaces::{Keyspaces, ReadError, number, read_number};
use crate::record::JournalRecord;
use crate::vote_state::{Standing, VoteState, VoteStateFile};
use bus::ports::{Commit, Completion, HeadSignatures, NewRecord, StoredBlock, Stream};
use bytes::Bytes;
use fjall::OwnedWriteBatch;
use messages::hash::Hash;
use messages::ids::Height;
use messages::wire;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Most pieces of work in one batch.
const GROUP_MAX: usize = 16_384;

/// Most journal records that one block removes, so that a long backlog is worked off in parts.
const PRUNED_PER_BLOCK_MAX: u64 = 4096;

/// From this duration on a write is worth a warning.
const SLOW_WRITE: Duration = Duration::from_secs(1);

/// Something to write.
pub(crate) enum Work {
    /// Journal records from `first_seq` on.
    Append {
        first_seq: u64,
        stream: Stream,
        inputs: Vec<NewRecord>,
        votes: bool,
        done: Completion,
    },
    /// A block.
    Commit {
        commit: Arc<Commit>,
        done: Completion,
    },
    /// The note of a published checkpoint, which needs no sync of its own.
    Checkpoint {
        note: String,
        signatures: HeadSignatures,
    },
    /// A body.
    Body {
        digest: Hash,
        bytes: Bytes,
        done: Completion,
    },
    /// Another standing in the vote-state file.
    Standing {
        standing: Standing,
        done: Completion,
    },
    /// Nothing; answered when everything before is written.
    Flush { done: Completion },
}

/// What the writer tells the readers.
#[derive(Default)]
pub(crate) struct Shared {
    /// The newest durable block.
    pub(crate) head: RwLock<Option<StoredBlock>>,
    /// Notes and receipt signatures that are not in the database yet.
    pub(crate) pending_notes: Mutex<BTreeMap<Height, (String, HeadSignatures)>>,
}

/// Where the journal's chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainEnd {
    /// Seq of the record to come.
    pub(crate) next_seq: u64,
    /// Hash that it names as the one before.
    pub(crate) hash: Hash,
}

#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("database: {0}")]
    Database(#[from] fjall::Error),
    #[error("read: {0}")]
    Read(#[from] ReadError),
    #[error("vote-state file: {0}")]
    VoteState(#[from] std::io::Error),
}

/// State of the writing thread.
pub(crate) struct Writer {
    pub(crate) keyspaces: Keyspaces,
    pub(crate) file: VoteStateFile,
    pub(crate) state: VoteState,
    pub(crate) end: ChainEnd,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tail: Arc<Tail>,
    pub(crate) retain_heights: Option<u64>,
    /// Seq of the oldest journal record, once it was looked up: a lookup walks over everything
    /// removed before.
    pub(crate) oldest_seq: Option<u64>,
    pub(crate) failure: FailureHook,
}

/// What one group of work left to do after its batch.
#[derive(Default)]
struct Group {
    blocks: Vec<Arc<Commit>>,
    notes: Vec<Height>,
    standing: Option<Standing>,
    votes: bool,
    completions: Vec<Completion>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(self) -> std::io::Result<WriterHandle> {
        let (sender, receiver) = channel();
        let failure = self.failure.clone();
        let thread = std::thread::Builder::new()
            .name("storage-writer".into())
            .spawn(move || {
                let failure = self.failure.clone();
                if catch_unwind(AssertUnwindSafe(|| self.run(&receiver))).is_err() {
                    failure.call("the storage writer panicked");
                }
            })?;
        Ok(WriterHandle {
            sender: Some(sender),
            thread: Some(thread),
            failure,
        })
    }

    fn run(mut self, receiver: &Receiver<Work>) {
        while let Ok(first) = receiver.recv() {
            let rest = receiver.try_iter().take(GROUP_MAX - 1);
            match self.write(core::iter::once(first).chain(rest).collect()) {
                Ok(completions) => completions.into_iter().for_each(|done| done()),
                Err(error) => return self.failure.call(&format!("write: {error}")),
            }
        }
    }

    fn write(&mut self, works: Vec<Work>) -> Result<Vec<Completion>, WriteError> {
        let needs_sync = |w: &Work| {
            matches!(
                w,
                Work::Append { .. } | Work::Commit { .. } | Work::Body { .. }
            )
        };
        let mut batch = if works.iter().any(needs_sync) {
            self.keyspaces.durable_batch()
        } else {
            self.keyspaces.lazy_batch()
        };
        let mut group = Group::default();
        for work in works {
            self.add(&mut batch, &mut group, work)?;
        }
        let started = Instant::now();
        let rows = batch.len();
        batch.commit()?;
        // The index first: whoever sees the head finds its statements.
        group.blocks.iter().for_each(|block| self.tail.add(block));
        if let Some(newest) = group.blocks.last() {
            self.publish_head(newest.block.clone());
        }
        self.forget_pending(&group.notes);
        // The watermark comes second: it must never name a record that is not durable.
        self.write_vote_state(group.votes, group.standing)?;
        let elapsed = started.elapsed();
        if elapsed > SLOW_WRITE {
            let elapsed_ms = elapsed.as_millis() as u64;
            tracing::warn!(elapsed_ms, rows, "slow storage write");
        }
        Ok(group.completions)
    }

    fn add(
        &mut self,
        batch: &mut OwnedWriteBatch,
        group: &mut Group,
        work: Work,
    ) -> Result<(), WriteError> {
        match work {
            Work::Append {
                first_seq,
                stream,
                inputs,
                votes,
                done,
            } => {
                assert_eq!(first_seq, self.end.next_seq, "appends arrive in seq order");
                for input in inputs {
                    self.add_record(batch, stream, input);
                }
                group.votes |= votes;
                group.completions.push(done);
            }
            Work::Commit { commit, done } => {
                self.keyspaces.add_commit(batch, &commit);
                self.prune(batch, &commit.block)?;
                group.blocks.push(commit);
                group.completions.push(done);
            }
            Work::Checkpoint { note, signatures } => {
                let height = signatures.height;
                let key = number(height.0);
                batch.insert(&self.keyspaces.checkpoints, key, note.as_bytes());
                let record = wire::encode(&signatures);
                batch.insert(&self.keyspaces.signatures, key, &record[..]);
                group.notes.push(height);
            }
            Work::Body {
                digest,
                bytes,
                done,
            } => {
                batch.insert(&self.keyspaces.bodies, digest.0, &bytes[..]);
                group.completions.push(done);
            }
            Work::Standing { standing, done } => {
                group.standing = Some(standing);
                group.completions.push(done);
            }
            Work::Flush { done } => group.completions.push(done),
        }
        Ok(())
    }

    fn add_record(&mut self, batch: &mut OwnedWriteBatch, stream: Stream, new: NewRecord) {
        let seq = self.end.next_seq;
        let previous = self.end.hash;
        let record = JournalRecord {
            seq,
            stream,
            now: new.now,
            input: new.input,
            effects: new.effects,
            previous,
        };
        let bytes = record.to_bytes();
        batch.insert(&self.keyspaces.journal, number(seq), &bytes[..]);
        self.end = ChainEnd {
            next_seq: seq + 1,
            hash: JournalRecord::chain_hash(&bytes),
        };
    }

    /// Removes the journal records that no retained height needs. The newest record stays, for
    /// the next one names it.
    fn prune(
        &mut self,
        batch: &mut OwnedWriteBatch,
        block: &StoredBlock,
    ) -> Result<(), WriteError> {
        let Some(bound) = self.replay_bound(block)? else {
            return Ok(());
        };
        let Some(first) = self.oldest_seq()? else {
            return Ok(());
        };
        let newest = self.end.next_seq.saturating_sub(1);
        let bound = bound.min(newest).min(first + PRUNED_PER_BLOCK_MAX);
        for seq in first..bound {
            batch.remove(&self.keyspaces.journal, number(seq));
        }
        self.oldest_seq = Some(first.max(bound));
        Ok(())
    }

    /// The first seq that the oldest retained height needs.
    fn replay_bound(&self, block: &StoredBlock) -> Result<Option<u64>, ReadError> {
        let Some(retain) = self.retain_heights else {
            return Ok(None);
        };
        if retain == 0 {
            return Ok(Some(block.replay_from));
        }
        let Some(oldest) = block.height.0.checked_sub(retain) else {
            return Ok(None);
        };
        let oldest = self.keyspaces.block(Height(oldest))?;
        Ok(oldest.map(|b| b.replay_from))
    }

    fn oldest_seq(&self) -> Result<Option<u64>, ReadError> {
        if self.oldest_seq.is_some() {
            return Ok(self.oldest_seq);
        }
        let first = self.keyspaces.journal.first_key_value();
        first.map(|guard| read_number(&guard.key()?)).transpose()
    }

    fn publish_head(&mut self, block: StoredBlock) {
        self.state.head = Some(block.height);
        let mut head = self.shared.head.write().expect("no reader panics in it");
        *head = Some(block);
    }

    fn forget_pending(&self, written: &[Height]) {
        let pending = &self.shared.pending_notes;
        let mut pending = pending
            .lock()
            .expect("no code panics while it holds the notes");
        for height in written {
            pending.remove(height);
        }
    }

    fn write_vote_state(&mut self, votes: bool, standing: Option<Standing>) -> std::io::Result<()> {
        self.state.seq = self.end.next_seq - 1;
        self.state.hash = self.end.hash;
        match standing {
            Some(standing) => {
                self.state.standing = standing;
                self.file.write_both(&mut self.state)
            }
            None if votes => self.file.write(&mut self.state),
            None => Ok(()),
        }
    }
}

/// The way to the writing thread, which ends when the last holder drops this.
pub(crate) struct WriterHandle {
    sender: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    failure: FailureHook,
}

impl WriterHandle {
    /// Queues work. After a failure, which was told already, it is dropped.
    pub(crate) fn send(&self, work: Work) {
        let sender = self.sender.as_ref().expect("taken only when dropped");
        let _ = sender.send(work);
    }

    /// Waits until everything queued so far is written. A completion may call it: what was queued
    /// before the completion's own work is written then.
    pub(crate) fn flush(&self) {
        if self.on_writer_thread() {
            return;
        }
        let (sender, receiver) = channel();
        self.send(Work::Flush {
            done: Box::new(move || {
                let _ = sender.send(());
            }),
        });
        if receiver.recv().is_err() {
            self.failure.fatal("flush", "the storage writer is gone");
        }
    }

    fn on_writer_thread(&self) -> bool {
        let thread = self.thread.as_ref().map(|t| t.thread().id());
        thread == Some(std::thread::current().id())
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        self.sender = None;
        // A completion may hold the last handle; the thread cannot wait for itself.
        if !self.on_writer_thread()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Options;
    use crate::record::anchor;
    use bytes::Bytes;
    use messages::ids::{Name, TimeMs};
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn no_vote_is_released_when_the_watermark_cannot_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let network = Name::try_new("trial").unwrap();
        let hash = anchor(&network, 1);
        let mut state = VoteState {
            network: network.clone(),
            counter: 0,
            seq: 0,
            hash,
            head: None,
            first_seq: 1,
            standing: Standing::Intact,
        };
        VoteStateFile::create(dir.path(), &mut state).unwrap();
        let (failures, failed) = channel();
        let db = dir.path().join("db");
        let keyspaces = Keyspaces::open(&db, &network, &Options::default()).unwrap();
        let tail = Tail::open(&keyspaces, 1, FailureHook::default()).unwrap();
        let writer = Writer {
            keyspaces,
            file: VoteStateFile::unwritable(dir.path()),
            state,
            end: ChainEnd { next_seq: 1, hash },
            shared: Arc::default(),
            tail: Arc::new(tail),
            retain_heights: None,
            oldest_seq: None,
            failure: FailureHook::new(move |what| failures.send(what.to_owned()).unwrap()),
        };
        let handle = writer.start().unwrap();
        let append = |first_seq, votes, done| Work::Append {
            first_seq,
            stream: Stream::Consensus,
            inputs: vec![NewRecord::plain(TimeMs(1), Bytes::from_static(b"input"))],
            votes,
            done,
        };
        handle.send(append(1, false, Box::new(|| ())));
        handle.flush();
        let released = Arc::new(AtomicBool::new(false));
        let release = released.clone();
        let done = Box::new(move || release.store(true, Ordering::SeqCst));
        handle.send(append(2, true, done));
        let told = failed.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(told.contains("vote-state file"), "{told}");
        drop(handle);
        assert!(!released.load(Ordering::SeqCst));
    }
}
