//! The journal port.

use crate::failure::FailureHook;
use crate::keyspaces::{Keyspaces, ReadError, number};
use crate::record::JournalRecord;
use crate::writer::{Work, WriterHandle};
use bus::ports::{Completion, Journal, NewRecord, Record, Stream};
use messages::wire::FRAME_BYTES_MAX;
use std::sync::{Arc, Mutex, MutexGuard};

/// Bytes of a record beside its input, at most.
const RECORD_BYTES_MAX: usize = 1024;

pub(crate) struct FjallJournal {
    pub(crate) keyspaces: Keyspaces,
    pub(crate) writer: Arc<WriterHandle>,
    /// Held while work is queued, so that the order of seqs is the order of the queue.
    pub(crate) next_seq: Mutex<u64>,
    pub(crate) failure: FailureHook,
}

impl FjallJournal {
    fn next(&self) -> MutexGuard<'_, u64> {
        self.next_seq
            .lock()
            .expect("no code panics while it holds the seq")
    }

    fn read(&self, stream: Stream, seq: u64) -> Result<Vec<Record>, ReadError> {
        let mut records = Vec::new();
        for guard in self.keyspaces.journal.range(number(seq)..) {
            let value = guard.value()?;
            let record = JournalRecord::from_bytes(&value)
                .map_err(|e| ReadError::row("journal record", e))?;
            if record.stream == stream {
                records.push(record.into_record());
            }
        }
        Ok(records)
    }
}

impl Journal for FjallJournal {
    fn append(&self, stream: Stream, inputs: Vec<NewRecord>, votes: bool, done: Completion) -> u64 {
        let fits = |new: &NewRecord| new.input.len() <= FRAME_BYTES_MAX - RECORD_BYTES_MAX;
        assert!(
            inputs.iter().all(fits),
            "an input is no longer than a frame"
        );
        let mut next = self.next();
        let first_seq = *next;
        *next += inputs.len() as u64;
        self.writer.send(Work::Append {
            first_seq,
            stream,
            inputs,
            votes,
            done,
        });
        first_seq
    }

    fn next_seq(&self) -> u64 {
        *self.next()
    }

    /// Waits for what was appended before.
    fn load(&self, stream: Stream, seq: u64) -> Vec<Record> {
        self.writer.flush();
        self.read(stream, seq)
            .unwrap_or_else(|e| self.failure.fatal("load the journal", e))
    }
}
