//! The network between processes: it loses, delays, repeats, replays and reorders frames, holds
//! them back, and falls apart in one direction or both.

mod cuts;

pub use cuts::{Cut, Treatment};

use crate::adversary::Interceptor;
use crate::check::spoken::{Moment, Spoken};
use crate::dice::Dice;
use crate::disk::Disk;
use crate::life::Life;
use crate::meets::Meets;
use crate::plan::{NetworkRates, Plan};
use crate::schedule::{Event, NodeIndex, Schedule};
use bus::ports::Transport;
use bytes::Bytes;
use cuts::Cuts;
use messages::ids::Name;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// Shortest delay of a frame, in microseconds.
const DELAY_US_MIN: u64 = 500;
/// Old frames that may arrive once more.
const REMEMBERED_MAX: usize = 64;
/// Longest frame that is remembered, in bytes.
const REMEMBERED_BYTES_MAX: usize = 20_000;

/// How often the network did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetCounters {
    /// Frames that nodes sent, per receiver.
    pub sent: u64,
    /// Frames lost by chance.
    pub lost: u64,
    /// Frames that arrive twice.
    pub repeated: u64,
    /// Old frames that arrive once more.
    pub replayed: u64,
    /// Frames that take far longer than others.
    pub late: u64,
    /// Frames that a partition kept from arriving.
    pub parted: u64,
    /// Frames that were held back and came later.
    pub held: u64,
}

/// A frame that was on its way.
type Sent = (NodeIndex, NodeIndex, Bytes);

struct State {
    rates: NetworkRates,
    dice: Dice,
    cuts: Cuts,
    remembered: VecDeque<Sent>,
    healed: bool,
    counters: NetCounters,
}

/// The network of one world; clones share it.
#[derive(Clone)]
pub struct Network {
    state: Arc<Mutex<State>>,
    schedule: Schedule,
    people: Arc<People>,
    meets: Meets,
}

/// Who answers to which name, and who hears whom.
#[derive(Clone, Debug)]
pub struct People {
    /// Validator that each process runs as.
    pub validators: Vec<NodeIndex>,
    /// Names of the validators.
    names: Vec<Name>,
    /// `hears[to][from]`.
    hears: Vec<Vec<bool>>,
}

impl People {
    /// The validators of a plan, the twins of some, and observers: `twins` are the validators that
    /// run twice, observers have the numbers after those of the validators.
    pub fn new(plan: &Plan, twins: &[NodeIndex]) -> Self {
        let mut dice = Dice::new(plan.seed, "camps");
        let mut validators: Vec<NodeIndex> = (0..plan.nodes).collect();
        validators.extend(twins);
        let observers = plan.nodes..plan.nodes + plan.observers;
        validators.extend(observers.clone());
        // 0 hears the originals, 1 their twins, 2 both. More twins than may fail split the others.
        let beyond = twins.len() > crate::plan::faulty_max(plan.nodes);
        let mut others = 0;
        let camp_of = |process: usize| {
            if observers.contains(&validators[process]) {
                return 2;
            }
            if process >= plan.nodes {
                return 1;
            }
            if twins.contains(&process) {
                return 0;
            }
            others += 1;
            if beyond {
                others % 2
            } else {
                dice.within(0..3)
            }
        };
        let camps: Vec<u64> = (0..validators.len()).map(camp_of).collect();
        let doubled = |p: usize| twins.contains(&validators[p]);
        let hears = |to: usize, from: usize| {
            let same = validators[to] == validators[from];
            let agree = camps[to] == camps[from] || camps[to] == 2 || camps[from] == 2;
            to != from && !same && (agree || !(doubled(to) || doubled(from)))
        };
        let all = 0..validators.len();
        Self {
            hears: all
                .clone()
                .map(|to| all.clone().map(|from| hears(to, from)).collect())
                .collect(),
            names: (0..observers.end).map(crate::founders::node_name).collect(),
            validators,
        }
    }

    /// Processes, twins included.
    pub fn count(&self) -> usize {
        self.validators.len()
    }

    /// The validator of a name.
    pub fn validator(&self, name: &Name) -> Option<NodeIndex> {
        self.names.iter().position(|known| known == name)
    }

    /// Those who hear `from`: all, or those that run as one validator.
    pub fn listeners(&self, from: NodeIndex, as_validator: Option<NodeIndex>) -> Vec<NodeIndex> {
        let wanted = |to: &usize| as_validator.is_none_or(|v| self.validators[*to] == v);
        (0..self.count())
            .filter(|to| self.hears[*to][from])
            .filter(wanted)
            .collect()
    }
}

impl Network {
    /// A whole network with the rates of a plan.
    pub fn new(plan: &Plan, people: Arc<People>, schedule: Schedule, meets: Meets) -> Self {
        let state = State {
            rates: plan.network,
            dice: Dice::new(plan.seed, "network"),
            cuts: Cuts::default(),
            remembered: VecDeque::new(),
            healed: false,
            counters: NetCounters::default(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            schedule,
            people,
            meets,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the network")
    }

    /// Who is who.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// Begins a cut; gives the number by which it ends.
    pub fn cut(&self, cut: Cut) -> u64 {
        self.state().cuts.begin(cut)
    }

    /// Ends a cut: what it held goes on its way.
    pub fn rejoin(&self, number: u64) {
        let mut state = self.state();
        let held = state.cuts.end(number);
        state.counters.held += held.len() as u64;
        for frame in held {
            self.forward(&mut state, frame);
        }
    }

    /// Ends all faults.
    pub fn heal(&self) {
        let mut state = self.state();
        state.healed = true;
        for number in state.cuts.numbers() {
            let held = state.cuts.end(number);
            held.into_iter().for_each(|f| self.forward(&mut state, f));
        }
    }

    /// What happened so far.
    pub fn counters(&self) -> NetCounters {
        self.state().counters
    }

    /// Sends a frame of a step on its way, unless a fault meets it.
    pub fn carry(&self, from: NodeIndex, to: NodeIndex, frame: &Bytes, step: &'static str) {
        let mut state = self.state();
        state.counters.sent += 1;
        let sent = (from, to, frame.clone());
        match state.cuts.meet(&sent) {
            Some(Treatment::Drop) => {
                state.counters.parted += 1;
                self.meets.met("parted", step);
                return;
            }
            Some(Treatment::Hold | Treatment::Bridge) => {
                self.meets.met("held", step);
                return;
            }
            None => {}
        }
        let rates = state.rates;
        if !state.healed && state.dice.happens(rates.loss_ppm) {
            state.counters.lost += 1;
            self.meets.met("lost", step);
            return;
        }
        if !state.healed && state.dice.happens(rates.duplicates_ppm) {
            state.counters.repeated += 1;
            self.meets.met("twice", step);
            self.forward(&mut state, sent.clone());
        }
        if !state.healed && rates.replay_ppm > 0 {
            self.remember(&mut state, &sent);
        }
        if !state.healed && state.dice.happens(rates.late_ppm) {
            state.counters.late += 1;
            self.meets.met("late", step);
            let delay_us = state
                .dice
                .within(DELAY_US_MIN..rates.late_ms_max.max(1) * 1_000);
            self.arrive(delay_us, sent);
            return;
        }
        self.forward(&mut state, sent);
    }

    /// Keeps some frames, and lets some of those arrive once more.
    fn remember(&self, state: &mut State, sent: &Sent) {
        if sent.2.len() <= REMEMBERED_BYTES_MAX && state.dice.within(0..4) == 0 {
            if state.remembered.len() == REMEMBERED_MAX {
                state.remembered.pop_front();
            }
            state.remembered.push_back(sent.clone());
        }
        let ppm = state.rates.replay_ppm;
        if state.dice.happens(ppm) && !state.remembered.is_empty() {
            let many = state.remembered.len();
            let old = state.remembered[state.dice.index(many)].clone();
            state.counters.replayed += 1;
            self.meets.met("replayed", "any");
            self.forward(state, old);
        }
    }

    fn forward(&self, state: &mut State, sent: Sent) {
        let longest = state.rates.delay_us_max.max(DELAY_US_MIN + 1);
        let delay_us = state.dice.within(DELAY_US_MIN..longest);
        state.cuts.delivered(&sent);
        self.arrive(delay_us, sent);
    }

    fn arrive(&self, delay_us: u64, (from, to, frame): Sent) {
        self.schedule
            .after(delay_us, Event::Deliver { from, to, frame });
    }
}

/// One process's end of the network.
pub struct SimNet {
    life: Arc<Life>,
    disk: Disk,
    network: Network,
    spoken: Spoken,
    /// Changes what an adversary says.
    interceptor: Option<Interceptor>,
    meets: Meets,
}

impl SimNet {
    /// The end that belongs to a life on a disk; whatever leaves is told to `spoken`.
    pub fn new(
        (life, disk): (Arc<Life>, Disk),
        network: Network,
        spoken: Spoken,
        interceptor: Option<Interceptor>,
        meets: Meets,
    ) -> Self {
        Self {
            life,
            disk,
            network,
            spoken,
            interceptor,
            meets,
        }
    }

    fn say(&self, to: Option<NodeIndex>, frame: &Bytes) {
        if self.life.is_dead() {
            return;
        }
        let process = self.life.node;
        let people = self.network.people();
        let listeners = people.listeners(process, to);
        let moment = Moment {
            at_us: self.life.now_us(),
            durable: self.disk.height(),
        };
        let step = self.spoken.on_frame(process, frame, moment);
        self.meets.said(process, step);
        if let Some(interceptor) = &self.interceptor {
            if self.life.calls() {
                interceptor.on_say(&listeners, frame);
            }
            return;
        }
        for to in listeners {
            if self.life.calls() {
                self.network.carry(process, to, frame, step);
            }
        }
    }
}

impl Transport for SimNet {
    fn send(&self, to: &Name, frame: Bytes) {
        if let Some(to) = self.network.people().validator(to) {
            self.say(Some(to), &frame);
        }
    }

    fn broadcast(&self, frame: Bytes) {
        self.say(None, &frame);
    }
}
