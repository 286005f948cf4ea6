//! Everything that will happen in a world, in order of time.
//!
//! One heap for frames, disk writes, clients and faults: ordered by time, a seeded tie-break and
//! the order of planning. Only the world takes events out.

use crate::clients::ClientEvent;
use crate::dice::Dice;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

/// Place of a node in the genesis.
pub type NodeIndex = usize;

/// What happens at some time.
#[derive(Debug)]
pub enum Event {
    /// A frame arrives.
    Deliver {
        /// Its sender.
        from: NodeIndex,
        /// Its receiver.
        to: NodeIndex,
        /// The frame.
        frame: Bytes,
    },
    /// The group of writes under way is durable.
    DiskDone {
        /// Whose disk.
        node: NodeIndex,
        /// The incarnation that wrote.
        incarnation: u64,
    },
    /// The node dies within its next few calls of a port.
    Arm {
        /// The node.
        node: NodeIndex,
        /// Calls that still succeed.
        calls: u32,
        /// How long it stays down, in milliseconds.
        down_ms: u64,
    },
    /// The node dies now, unless it did already.
    Crash {
        /// The node.
        node: NodeIndex,
        /// The incarnation that dies.
        incarnation: u64,
        /// How long it stays down, in milliseconds.
        down_ms: u64,
    },
    /// The node loses its disk and goes down.
    Forget {
        /// The node.
        node: NodeIndex,
        /// How long it stays down, in milliseconds.
        down_ms: u64,
    },
    /// The node starts again.
    Restart(NodeIndex),
    /// The network falls apart: nodes of one side do not hear the other.
    Part(Vec<NodeIndex>),
    /// The network is whole again.
    Join,
    /// Something about a client.
    Client(ClientEvent),
    /// Faults end: all nodes are up and the network is whole from here on.
    Heal,
    /// Look whether all is done.
    Look,
}

/// Order of events: time in microseconds, seeded tie-break, order of planning.
type Place = (u64, u64, u64);

struct State {
    events: BTreeMap<Place, Event>,
    dice: Dice,
    planned: u64,
}

/// The schedule of one world; clones share it.
#[derive(Clone)]
pub struct Schedule {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
    started: Instant,
}

impl Schedule {
    /// An empty schedule that starts now.
    pub fn new(seed: u64) -> Self {
        let state = State {
            events: BTreeMap::new(),
            dice: Dice::new(seed, "ties"),
            planned: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            changed: Arc::new(Notify::new()),
            started: Instant::now(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the schedule")
    }

    /// Microseconds since the world began.
    pub fn now_us(&self) -> u64 {
        Instant::now().duration_since(self.started).as_micros() as u64
    }

    /// Plans an event at a time, in microseconds since the world began.
    pub fn at(&self, at_us: u64, event: Event) {
        let mut state = self.state();
        let place = (at_us, state.dice.number(), state.planned);
        state.planned += 1;
        state.events.insert(place, event);
        drop(state);
        self.changed.notify_one();
    }

    /// Plans an event after a delay in microseconds.
    pub fn after(&self, delay_us: u64, event: Event) {
        self.at(self.now_us() + delay_us, event);
    }

    /// Takes out the next event that is due, with its time.
    pub fn pop_due(&self) -> Option<(u64, Event)> {
        let now = self.now_us();
        let mut state = self.state();
        let first = state.events.first_entry()?;
        let at = first.key().0;
        (at <= now).then(|| (at, first.remove()))
    }

    /// Waits until the next event is due, or something else was planned.
    pub async fn wait(&self) {
        let next = self
            .state()
            .events
            .first_key_value()
            .map(|(place, _)| place.0);
        let next = self.started + Duration::from_micros(next.unwrap_or(u64::MAX >> 20));
        // A new event and the end of the wait lead to the same: the schedule is looked at again.
        let _ = tokio::time::timeout_at(next, self.changed.notified()).await;
    }
}
