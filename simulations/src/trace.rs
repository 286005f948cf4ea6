//! What happened, as a running hash and, when asked for, as lines.

use messages::hash::Hash;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// Lines kept at most: the newest.
const LINES_MAX: usize = 40_000;

struct State {
    hash: Sha256,
    events: u64,
    lines: Option<VecDeque<String>>,
}

/// The event log of a world; clones share it.
#[derive(Clone)]
pub struct Trace(Arc<Mutex<State>>);

impl Trace {
    /// An empty log that keeps its newest lines when `keeps_lines` is set.
    pub fn new(keeps_lines: bool) -> Self {
        let lines = keeps_lines.then(VecDeque::new);
        Self(Arc::new(Mutex::new(State {
            hash: Sha256::new(),
            events: 0,
            lines,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("no code panics while it holds the trace")
    }

    /// Adds an event: its time in microseconds, what it is, and the data it is about.
    pub fn add(&self, at_us: u64, data: &[u8], line: impl FnOnce() -> String) {
        let line = line();
        let mut state = self.state();
        state.events += 1;
        state.hash.update(at_us.to_be_bytes());
        state.hash.update((line.len() as u64).to_be_bytes());
        state.hash.update(line.as_bytes());
        state.hash.update((data.len() as u64).to_be_bytes());
        state.hash.update(data);
        if let Some(lines) = &mut state.lines {
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(format!("{:>12} {line}", at_us));
        }
    }

    /// Hash over all events so far.
    pub fn hash(&self) -> Hash {
        Hash(self.state().hash.clone().finalize().into())
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.state().events
    }

    /// The lines that were kept.
    pub fn lines(&self) -> Vec<String> {
        self.state().lines.iter().flatten().cloned().collect()
    }
}
