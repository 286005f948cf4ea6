//! The network between nodes: it loses, delays, repeats and reorders frames, and falls apart.

use crate::check::spoken::Spoken;
use crate::dice::Dice;
use crate::life::Life;
use crate::plan::{NODES, Plan};
use crate::schedule::{Event, NodeIndex, Schedule};
use bus::ports::Transport;
use bytes::Bytes;
use messages::ids::Name;
use std::sync::{Arc, Mutex, MutexGuard};

/// Shortest delay of a frame, in microseconds.
const DELAY_US_MIN: u64 = 500;

/// How often the network did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetCounters {
    /// Frames that nodes sent, per receiver.
    pub sent: u64,
    /// Frames lost by chance.
    pub lost: u64,
    /// Frames that arrive twice.
    pub repeated: u64,
    /// Frames that take far longer than others.
    pub late: u64,
    /// Frames that a partition kept from arriving.
    pub parted: u64,
}

struct State {
    plan: Plan,
    dice: Dice,
    /// The nodes of one side of a partition.
    side: Option<Vec<NodeIndex>>,
    healed: bool,
    counters: NetCounters,
}

/// The network of one world; clones share it.
#[derive(Clone)]
pub struct Network {
    state: Arc<Mutex<State>>,
    schedule: Schedule,
}

impl Network {
    /// A whole network with the rates of a plan.
    pub fn new(plan: &Plan, schedule: Schedule) -> Self {
        let state = State {
            plan: plan.clone(),
            dice: Dice::new(plan.seed, "network"),
            side: None,
            healed: false,
            counters: NetCounters::default(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            schedule,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the network")
    }

    /// Parts the nodes of `side` from the others.
    pub fn part(&self, side: Vec<NodeIndex>) {
        self.state().side = Some(side);
    }

    /// Makes the network whole.
    pub fn join(&self) {
        self.state().side = None;
    }

    /// Ends all faults.
    pub fn heal(&self) {
        let mut state = self.state();
        state.side = None;
        state.healed = true;
    }

    /// What happened so far.
    pub fn counters(&self) -> NetCounters {
        self.state().counters
    }

    /// Sends a frame on its way.
    fn carry(&self, from: NodeIndex, to: NodeIndex, frame: &Bytes) {
        let mut state = self.state();
        state.counters.sent += 1;
        let sides = state
            .side
            .as_ref()
            .map(|s| (s.contains(&from), s.contains(&to)));
        if sides.is_some_and(|(a, b)| a != b) {
            state.counters.parted += 1;
            return;
        }
        let (loss, duplicates) = (state.plan.loss_ppm, state.plan.duplicates_ppm);
        if !state.healed && state.dice.happens(loss) {
            state.counters.lost += 1;
            return;
        }
        let repeated = !state.healed && state.dice.happens(duplicates);
        state.counters.repeated += u64::from(repeated);
        for _ in 0..=u64::from(repeated) {
            let delay_us = state.delay_us();
            let event = Event::Deliver {
                from,
                to,
                frame: frame.clone(),
            };
            self.schedule.after(delay_us, event);
        }
    }
}

impl State {
    fn delay_us(&mut self) -> u64 {
        let (late_ppm, longest) = (self.plan.late_ppm, self.plan.delay_us_max);
        if !self.healed && self.dice.happens(late_ppm) {
            self.counters.late += 1;
            return self
                .dice
                .within(DELAY_US_MIN..self.plan.late_ms_max * 1_000);
        }
        self.dice
            .within(DELAY_US_MIN..longest.max(DELAY_US_MIN + 1))
    }
}

/// One node's end of the network.
pub struct SimNet {
    life: Arc<Life>,
    network: Network,
    names: Vec<Name>,
    spoken: Spoken,
}

impl SimNet {
    /// The end that belongs to a life; whatever leaves is told to `spoken`.
    pub fn new(life: Arc<Life>, network: Network, spoken: Spoken) -> Self {
        let names = (0..NODES).map(crate::founders::node_name).collect();
        Self {
            life,
            network,
            names,
            spoken,
        }
    }

    fn send_to(&self, to: NodeIndex, frame: &Bytes) {
        if self.life.calls() {
            self.network.carry(self.life.node, to, frame);
        }
    }
}

impl Transport for SimNet {
    fn send(&self, to: &Name, frame: Bytes) {
        let place = self.names.iter().position(|name| name == to);
        if let Some(to) = place.filter(|_| !self.life.is_dead()) {
            self.spoken.on_frame(self.life.node, &frame);
            self.send_to(to, &frame);
        }
    }

    fn broadcast(&self, frame: Bytes) {
        if self.life.is_dead() {
            return;
        }
        self.spoken.on_frame(self.life.node, &frame);
        for to in (0..NODES).filter(|to| *to != self.life.node) {
            self.send_to(to, &frame);
        }
    }
}
