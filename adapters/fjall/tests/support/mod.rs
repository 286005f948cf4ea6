//! What the tests share.

// Each test file uses a part of this.
#![allow(dead_code, clippy::unwrap_used)]

use adapters_fjall::{FailureHook, FjallNode, JournalHealth, OpenError, Opened, Options};
use bus::conformance::{completion, wait};
use bus::ports::{Journal, NewRecord, Stream};
use bytes::Bytes;
use messages::ids::{Name, TimeMs};
use std::path::Path;

pub(crate) fn network() -> Name {
    Name::try_new("trial").unwrap()
}

/// Options under which a failure panics the test instead of aborting the run.
pub(crate) fn options() -> Options {
    Options {
        failure: FailureHook::new(|what| panic!("{what}")),
        ..Options::default()
    }
}

pub(crate) fn init(dir: &Path) {
    FjallNode::init(dir, &network()).unwrap();
}

pub(crate) fn try_open(dir: &Path) -> Result<Opened, OpenError> {
    FjallNode::open(dir, &network(), options())
}

pub(crate) fn open(dir: &Path) -> Opened {
    try_open(dir).unwrap_or_else(|e| panic!("{e}"))
}

/// Opens with runs of the index this short.
pub(crate) fn open_with_runs_of(dir: &Path, index_run_rows: usize) -> Opened {
    let options = Options {
        index_run_rows,
        ..options()
    };
    FjallNode::open(dir, &network(), options).unwrap_or_else(|e| panic!("{e}"))
}

pub(crate) fn is_amnesiac(opened: &Opened) -> bool {
    matches!(opened.health, JournalHealth::Amnesiac { .. })
}

/// Appends `count` records, each synced by itself, and waits for them.
pub(crate) fn append(journal: &dyn Journal, count: u64, votes: bool) {
    for _ in 0..count {
        let (done, told) = completion();
        let text = format!("input {} {}", journal.next_seq(), "x".repeat(100));
        let input = vec![NewRecord::plain(TimeMs(1), Bytes::from(text))];
        journal.append(Stream::Consensus, input, votes, done);
        wait(&told);
    }
}

/// The journal file of the database with the most bytes written.
pub(crate) fn database_journal(dir: &Path) -> std::path::PathBuf {
    let mut files: Vec<_> = std::fs::read_dir(dir.join("db"))
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "jnl"))
        .collect();
    files.sort_by_key(|p| written(&std::fs::read(p).unwrap()));
    files.pop().expect("the database has a journal file")
}

/// Bytes before the zeros that fill a preallocated file.
pub(crate) fn written(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1)
}
