//! One life of a node, between a start and a crash.

use crate::schedule::{Event, NodeIndex, Schedule};
use bus::ports::Clock;
use messages::ids::TimeMs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Time at which every world begins, in milliseconds since the Unix epoch.
pub const BEGINNING_MS: u64 = 1_800_000_000_000;

/// No crash is armed.
const NEVER: u64 = u64::MAX;

/// One incarnation of a node. Its ports do nothing once it is dead: what still runs while the
/// node's tasks are dropped cannot be heard.
pub struct Life {
    /// The node.
    pub node: NodeIndex,
    /// Counts the lives of the node, from 1.
    pub incarnation: u64,
    schedule: Schedule,
    dead: AtomicBool,
    calls_left: AtomicU64,
    down_ms: AtomicU64,
}

impl Life {
    /// A life that begins.
    pub fn new(node: NodeIndex, incarnation: u64, schedule: Schedule) -> Self {
        Self {
            node,
            incarnation,
            schedule,
            dead: AtomicBool::new(false),
            calls_left: AtomicU64::new(NEVER),
            down_ms: AtomicU64::new(0),
        }
    }

    /// Whether it has ended.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub fn end(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    /// Lets it end after this many more calls of its ports.
    pub fn arm(&self, calls: u32, down_ms: u64) {
        self.calls_left.store(u64::from(calls), Ordering::Relaxed);
        self.down_ms.store(down_ms, Ordering::Relaxed);
    }

    /// Takes an armed end back, unless it came already.
    pub fn disarm(&self) {
        self.calls_left.store(NEVER, Ordering::Relaxed);
    }

    /// Counts a call of a port; gives whether the node is still alive to make it.
    pub fn calls(&self) -> bool {
        if self.is_dead() {
            return false;
        }
        match self.calls_left.load(Ordering::Relaxed) {
            NEVER => true,
            0 => {
                self.end();
                let (node, incarnation) = (self.node, self.incarnation);
                let down_ms = self.down_ms.load(Ordering::Relaxed);
                self.schedule.after(
                    0,
                    Event::Crash {
                        node,
                        incarnation,
                        down_ms,
                    },
                );
                false
            }
            left => {
                self.calls_left.store(left - 1, Ordering::Relaxed);
                true
            }
        }
    }
}

/// The clock of one node.
pub struct SimClock {
    schedule: Schedule,
    ahead_ms: u64,
}

impl SimClock {
    /// A clock that runs ahead of the world's beginning by `ahead_ms`.
    pub fn new(schedule: Schedule, ahead_ms: u64) -> Self {
        Self { schedule, ahead_ms }
    }
}

impl Clock for SimClock {
    fn now(&self) -> TimeMs {
        TimeMs(BEGINNING_MS + self.ahead_ms + self.schedule.now_us() / 1_000)
    }
}
