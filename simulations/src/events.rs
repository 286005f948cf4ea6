//! Where events for integrators go: each once and in order, or it is a violation.

use crate::check::Violations;
use crate::dice::Dice;
use crate::life::Life;
use crate::schedule::{Event as Happening, Schedule};
use bus::ports::{Completion, Event, EventSink};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Longest time until events are durable in the sink, in microseconds.
const PUBLISH_US_MAX: u64 = 20_000;

struct State {
    events: Vec<Event>,
    /// Batches on their way, by number.
    under_way: BTreeMap<u64, (Arc<Life>, Completion)>,
    next: u64,
    dice: Dice,
}

/// The stream of one world.
pub struct SimSink {
    state: Mutex<State>,
    schedule: Schedule,
    violations: Violations,
}

impl SimSink {
    /// An empty stream.
    pub fn new(seed: u64, schedule: Schedule, violations: Violations) -> Self {
        let state = State {
            events: Vec::new(),
            under_way: BTreeMap::new(),
            next: 0,
            dice: Dice::new(seed, "events"),
        };
        Self {
            state: Mutex::new(state),
            schedule,
            violations,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the stream")
    }

    /// The stream as one life of its publisher sees it.
    pub fn for_life(self: &Arc<Self>, life: Arc<Life>) -> Arc<SinkOfLife> {
        Arc::new(SinkOfLife {
            sink: self.clone(),
            life,
        })
    }

    /// A batch is durable: its publisher is told, when it still lives.
    pub fn published(&self, batch: u64) {
        let told = self.state().under_way.remove(&batch);
        if let Some((life, done)) = told
            && !life.is_dead()
        {
            done();
        }
    }

    /// What was published, in order.
    pub fn events(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    /// Takes a batch: what is known already falls out, and a gap is a violation.
    fn take(&self, life: &Arc<Life>, events: Vec<Event>, done: Completion) {
        let mut state = self.state();
        for event in events {
            let expected = state.events.len() as u64 + 1;
            if event.ordinal > expected {
                let found = event.ordinal;
                self.violations
                    .add(format!("events: {found} came where {expected} was due"));
            } else if event.ordinal == expected {
                state.events.push(event);
            } else if state.events[event.ordinal as usize - 1].hash != event.hash {
                let which = event.ordinal;
                self.violations
                    .add(format!("events: {which} came again and is another"));
            }
        }
        let batch = state.next;
        state.next += 1;
        state.under_way.insert(batch, (life.clone(), done));
        let delay_us = state.dice.within(100..PUBLISH_US_MAX);
        drop(state);
        self.schedule.after(delay_us, Happening::Published(batch));
    }
}

/// The stream as one life of its publisher sees it.
pub struct SinkOfLife {
    sink: Arc<SimSink>,
    life: Arc<Life>,
}

impl EventSink for SinkOfLife {
    fn publish(&self, events: Vec<Event>, done: Completion) {
        if self.life.calls() {
            self.sink.take(&self.life, events, done);
        }
    }

    fn next_ordinal(&self) -> Option<u64> {
        Some(self.sink.state().events.len() as u64 + 1)
    }
}
