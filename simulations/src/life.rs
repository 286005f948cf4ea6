//! One life of a process, between a start and a crash.

use crate::schedule::{Event, NodeIndex, Schedule};
use bus::ports::Clock;
use messages::ids::TimeMs;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Time at which every world begins, in milliseconds since the Unix epoch.
pub const BEGINNING_MS: u64 = 1_800_000_000_000;

/// What panics say that a fault causes.
pub const INJECTED: &str = "injected by the simulator";

/// Nothing is armed.
const NEVER: u64 = u64::MAX;

/// What a read that fails does to its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRead {
    /// The core of the actor that reads panics.
    Panics,
    /// The process ends.
    Ends,
}

/// One incarnation of a process. Its ports do nothing once it is dead: what still runs while the
/// node's tasks are dropped cannot be heard.
pub struct Life {
    /// The process.
    pub node: NodeIndex,
    /// Counts the lives of the process, from 1.
    pub incarnation: u64,
    schedule: Schedule,
    dead: AtomicBool,
    calls_left: AtomicU64,
    reads_left: AtomicU64,
    read_ends: AtomicBool,
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
            reads_left: AtomicU64::new(NEVER),
            read_ends: AtomicBool::new(false),
            down_ms: AtomicU64::new(0),
        }
    }

    /// Whether it has ended.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Microseconds since the world began.
    pub fn now_us(&self) -> u64 {
        self.schedule.now_us()
    }

    /// Ends it.
    pub fn end(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    /// Ends it and has the process started again after a while.
    pub fn abort(&self, down_ms: u64, wiped: bool) {
        if self.dead.swap(true, Ordering::Relaxed) {
            return;
        }
        let (node, incarnation) = (self.node, self.incarnation);
        let crash = Event::Crash {
            node,
            incarnation,
            down_ms,
            wiped,
        };
        self.schedule.after(0, crash);
    }

    /// Lets it end after this many more calls of its ports.
    pub fn arm(&self, calls: u32, down_ms: u64) {
        self.calls_left.store(u64::from(calls), Ordering::Relaxed);
        self.down_ms.store(down_ms, Ordering::Relaxed);
    }

    /// Lets a read fail after this many more.
    pub fn arm_read(&self, reads: u32, bad: BadRead, down_ms: u64) {
        self.reads_left.store(u64::from(reads), Ordering::Relaxed);
        self.read_ends
            .store(bad == BadRead::Ends, Ordering::Relaxed);
        self.down_ms.store(down_ms, Ordering::Relaxed);
    }

    /// Takes back what was armed, unless it came already.
    pub fn disarm(&self) {
        self.calls_left.store(NEVER, Ordering::Relaxed);
        self.reads_left.store(NEVER, Ordering::Relaxed);
    }

    /// Counts a call of a port; gives whether the node is still alive to make it.
    pub fn calls(&self) -> bool {
        if self.is_dead() {
            return false;
        }
        match self.calls_left.load(Ordering::Relaxed) {
            NEVER => true,
            0 => {
                self.abort(self.down_ms.load(Ordering::Relaxed), false);
                false
            }
            left => {
                self.calls_left.store(left - 1, Ordering::Relaxed);
                true
            }
        }
    }

    /// Counts a read within a step. Panics when it was armed to; the message is [`INJECTED`].
    pub fn reads(&self) {
        match self.reads_left.load(Ordering::Relaxed) {
            NEVER => {}
            0 => {
                self.reads_left.store(NEVER, Ordering::Relaxed);
                if self.read_ends.load(Ordering::Relaxed) {
                    self.abort(self.down_ms.load(Ordering::Relaxed), false);
                }
                // Without the panic hook: nobody wants to read of it.
                resume_unwind(Box::new(INJECTED));
            }
            left => self.reads_left.store(left - 1, Ordering::Relaxed),
        }
    }
}

/// A clock as it is set, which may be wrong; it outlives the lives of its process.
#[derive(Debug, Default)]
pub struct Setting {
    /// Milliseconds that it is ahead.
    pub ahead_ms: AtomicI64,
    /// How much too fast it is, in parts of a million.
    pub drift_ppm: AtomicI64,
}

impl Setting {
    /// A clock with an error.
    pub fn new(ahead_ms: i64, drift_ppm: i64) -> Self {
        Self {
            ahead_ms: AtomicI64::new(ahead_ms),
            drift_ppm: AtomicI64::new(drift_ppm),
        }
    }

    /// Sets it right.
    pub fn correct(&self) {
        self.ahead_ms.store(0, Ordering::Relaxed);
        self.drift_ppm.store(0, Ordering::Relaxed);
    }

    /// Moves it.
    pub fn step(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

/// The clock of one process.
pub struct SimClock {
    schedule: Schedule,
    setting: Arc<Setting>,
}

impl SimClock {
    /// A clock with a setting.
    pub fn new(schedule: Schedule, setting: Arc<Setting>) -> Self {
        Self { schedule, setting }
    }
}

impl Clock for SimClock {
    fn now(&self) -> TimeMs {
        let passed_ms = (self.schedule.now_us() / 1_000) as i64;
        let drift = passed_ms * self.setting.drift_ppm.load(Ordering::Relaxed) / 1_000_000;
        let ahead = self.setting.ahead_ms.load(Ordering::Relaxed);
        let now = BEGINNING_MS as i64 + passed_ms + drift + ahead;
        TimeMs(now as u64)
    }
}
