//! Everything that will happen in a world, in order of time.
//!
//! One heap for frames, disk writes, clients and faults: ordered by time, a seeded tie-break and
//! the order of planning. Only the world takes events out.

use crate::clients::ClientEvent;
use crate::dice::Dice;
use crate::plan::{Driver, Fault};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

/// Place of a process in the world: validators by their place in genesis, then twins.
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
    /// A fault begins.
    Fault(Fault),
    /// The node dies now, unless it did already.
    Crash {
        /// The node.
        node: NodeIndex,
        /// The incarnation that dies.
        incarnation: u64,
        /// How long it stays down, in milliseconds.
        down_ms: u64,
        /// Its disk is restored from nothing.
        wiped: bool,
    },
    /// The node starts again.
    Restart(NodeIndex),
    /// A cut of the network ends.
    Rejoin(u64),
    /// The node goes on.
    Resume {
        /// The node.
        node: NodeIndex,
        /// The pause that ends.
        pause: u64,
    },
    /// The disk has room again.
    Freed(NodeIndex),
    /// The events handed to the sink are durable there.
    Published(u64),
    /// An adversary acts of itself.
    Mischief(NodeIndex),
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
    /// Boxed: the map moves its values about.
    events: BTreeMap<Place, Box<Event>>,
    dice: Dice,
    planned: u64,
}

/// Where time comes from.
enum Time {
    /// The runtime's paused clock, which jumps when all tasks wait.
    Paused(Notify),
    /// The world moves it.
    Stepped(AtomicU64),
}

/// The schedule of one world; clones share it.
#[derive(Clone)]
pub struct Schedule {
    state: Arc<Mutex<State>>,
    time: Arc<Time>,
    started: Instant,
}

impl Schedule {
    /// An empty schedule that starts now.
    pub fn new(seed: u64, driver: Driver) -> Self {
        let state = State {
            events: BTreeMap::new(),
            dice: Dice::new(seed, "ties"),
            planned: 0,
        };
        let time = match driver {
            Driver::Actors => Time::Paused(Notify::new()),
            Driver::Stepped => Time::Stepped(AtomicU64::new(0)),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            time: Arc::new(time),
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
        match &*self.time {
            Time::Paused(_) => Instant::now().duration_since(self.started).as_micros() as u64,
            Time::Stepped(now) => now.load(Ordering::Relaxed),
        }
    }

    /// Now, as timers count it.
    pub fn instant(&self) -> Instant {
        self.started + Duration::from_micros(self.now_us())
    }

    /// Plans an event at a time, in microseconds since the world began.
    pub fn at(&self, at_us: u64, event: Event) {
        let mut state = self.state();
        let place = (at_us, state.dice.number(), state.planned);
        state.planned += 1;
        state.events.insert(place, Box::new(event));
        drop(state);
        if let Time::Paused(changed) = &*self.time {
            changed.notify_one();
        }
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
        (at <= now).then(|| (at, *first.remove()))
    }

    /// Lets time pass until the next event is due, `timer` is, or something else was planned.
    pub async fn pass(&self, timer: Option<Instant>) {
        let next = self
            .state()
            .events
            .first_key_value()
            .map(|(place, _)| place.0);
        match &*self.time {
            Time::Paused(changed) => {
                let next = self.started + Duration::from_micros(next.unwrap_or(u64::MAX >> 20));
                // A new event and the end of the wait lead to the same: the schedule is looked at
                // again.
                let _ = tokio::time::timeout_at(next, changed.notified()).await;
            }
            Time::Stepped(now) => {
                let timer = timer.map(|at| {
                    let wait = at.saturating_duration_since(self.started);
                    u64::try_from(wait.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
                });
                let next = [next, timer].into_iter().flatten().min();
                let next = next.expect("a world looks at itself until it ends");
                now.fetch_max(next, Ordering::Relaxed);
            }
        }
    }
}
