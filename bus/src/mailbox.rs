//! Bounded mailboxes.
//!
//! A mailbox belongs to the bus and not to the actor that reads it: when the actor's core panics
//! and is refolded, what was sent to it still waits here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// What happens to a message that arrives at a full mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Client work: the sender is told to come back later.
    Shed,
    /// Consensus and ledger facts: never dropped; the mailbox grows past its bound and says so.
    Keep,
}

/// The mailbox is full and its policy sheds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("busy: {capacity} messages wait already; retry later")]
pub struct Full {
    /// The bound.
    pub capacity: usize,
}

type Waker = Box<dyn Fn() + Send + Sync>;

struct State<T> {
    queue: VecDeque<T>,
    waker: Option<Waker>,
    /// A wake was sent and the reader has not drained since.
    woken: bool,
    over_capacity: u64,
    shed: u64,
}

struct Shared<T> {
    capacity: usize,
    overflow: Overflow,
    state: Mutex<State<T>>,
}

/// A bounded queue of typed messages to one actor; clones share the queue.
pub struct Mailbox<T>(Arc<Shared<T>>);

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Mailbox<T> {
    /// An empty mailbox with room for `capacity` messages.
    pub fn new(capacity: usize, overflow: Overflow) -> Self {
        let state = State {
            queue: VecDeque::new(),
            waker: None,
            woken: false,
            over_capacity: 0,
            shed: 0,
        };
        Self(Arc::new(Shared {
            capacity,
            overflow,
            state: Mutex::new(state),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0
            .state
            .lock()
            .expect("no code panics while it holds a mailbox")
    }

    /// Sends a message and wakes the reader.
    ///
    /// # Errors
    /// [`Full`] when the mailbox is full and sheds.
    pub fn send(&self, message: T) -> Result<(), Full> {
        let mut state = self.state();
        if state.queue.len() >= self.0.capacity {
            if self.0.overflow == Overflow::Shed {
                state.shed += 1;
                return Err(Full {
                    capacity: self.0.capacity,
                });
            }
            state.over_capacity += 1;
        }
        state.queue.push_back(message);
        Self::wake(&mut state);
        Ok(())
    }

    /// Sends a message past the bound: for facts, timers and answers, which are never shed.
    pub fn post(&self, message: T) {
        let mut state = self.state();
        if state.queue.len() >= self.0.capacity {
            state.over_capacity += 1;
        }
        state.queue.push_back(message);
        Self::wake(&mut state);
    }

    fn wake(state: &mut State<T>) {
        if !state.woken
            && let Some(waker) = &state.waker
        {
            state.woken = true;
            waker();
        }
    }

    /// Sets who is woken; wakes at once when messages wait already.
    pub fn on_wake(&self, waker: impl Fn() + Send + Sync + 'static) {
        let mut state = self.state();
        state.waker = Some(Box::new(waker));
        state.woken = false;
        if !state.queue.is_empty() {
            Self::wake(&mut state);
        }
    }

    /// Forgets the reader; messages wait for the next one.
    pub fn clear_waker(&self) {
        self.state().waker = None;
    }

    /// Takes up to `max` messages. When some remain, the reader must call again by itself.
    pub fn drain(&self, max: usize) -> Vec<T> {
        let mut state = self.state();
        let take = state.queue.len().min(max);
        let taken: Vec<T> = state.queue.drain(..take).collect();
        state.woken = !state.queue.is_empty();
        taken
    }

    /// Messages waiting.
    pub fn len(&self) -> usize {
        self.state().queue.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages were refused since the start.
    pub fn shed(&self) -> u64 {
        self.state().shed
    }

    /// How many messages were taken past the bound since the start.
    pub fn over_capacity(&self) -> u64 {
        self.state().over_capacity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn sheds_or_keeps_as_its_policy_says() {
        let shed = Mailbox::new(1, Overflow::Shed);
        shed.send(1).unwrap();
        assert_eq!(shed.send(2), Err(Full { capacity: 1 }));
        shed.post(3);
        assert_eq!((shed.drain(9), shed.shed()), (vec![1, 3], 1));
        let keep = Mailbox::new(1, Overflow::Keep);
        keep.send(1).unwrap();
        keep.send(2).unwrap();
        assert_eq!((keep.drain(9), keep.over_capacity()), (vec![1, 2], 1));
    }

    #[test]
    fn wakes_once_per_drain_and_survives_its_reader() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let mailbox = Mailbox::new(8, Overflow::Keep);
        mailbox.post(0);
        let count = wakes.clone();
        mailbox.on_wake(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        mailbox.post(1);
        assert_eq!(wakes.load(Ordering::SeqCst), 1, "one wake covers both");
        mailbox.clear_waker();
        assert_eq!(mailbox.drain(9), [0, 1]);
        mailbox.post(2);
        let count = wakes.clone();
        mailbox.on_wake(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        assert_eq!(
            (wakes.load(Ordering::SeqCst), mailbox.drain(9)),
            (2, vec![2])
        );
    }
}
