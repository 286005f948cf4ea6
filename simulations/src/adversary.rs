//! Validators that are not honest.
//!
//! An adversary is a whole node whose frames pass through an [`Interceptor`] that holds the
//! validator's keys: it may change, drop, double and invent what the node says, and hears what the
//! node hears. With no more of them than the protocol allows, nothing that must hold may break.

mod equivocation;
mod flood;
mod lies;

use crate::dice::Dice;
use crate::founders::{Founders, node_name};
use crate::meets::step_of;
use crate::net::Network;
use crate::plan::AdversaryKind;
use crate::schedule::{Event, NodeIndex, Schedule};
use bytes::Bytes;
use messages::ids::{Height, Name};
use messages::wire::{self, Envelope, PeerMessage};
use std::sync::{Arc, Mutex, MutexGuard};

/// Time between two acts of an adversary's own, in microseconds.
const MISCHIEF_US: u64 = 150_000;

/// What an adversary has.
struct Desk {
    process: NodeIndex,
    validator: NodeIndex,
    founders: Arc<Founders>,
    network: Network,
    dice: Dice,
    /// The greatest height seen in anything heard or said.
    height: Height,
    /// What it heard last.
    heard: Vec<(NodeIndex, Bytes)>,
}

impl Desk {
    fn name(&self) -> Name {
        node_name(self.validator)
    }

    /// A frame in the name of a validator.
    fn frame_as(&self, name: Name, message: PeerMessage) -> Bytes {
        wire::encode(&Envelope {
            network: self.founders.genesis.network.clone(),
            from: name,
            trace: Default::default(),
            message,
        })
    }

    fn frame(&self, message: PeerMessage) -> Bytes {
        self.frame_as(self.name(), message)
    }

    /// Sends a frame to one process.
    fn send(&self, to: NodeIndex, frame: &Bytes, step: &'static str) {
        self.network.carry(self.process, to, frame, step);
    }

    /// Sends a frame to all that hear this process.
    fn spread(&self, frame: &Bytes, step: &'static str) {
        for to in self.network.people().listeners(self.process, None) {
            self.send(to, frame, step);
        }
    }
}

struct State {
    desk: Desk,
    kind: AdversaryKind,
    lies: lies::Mood,
}

/// Stands between an adversary's node and the network; clones share it.
#[derive(Clone)]
pub struct Interceptor(Arc<Mutex<State>>);

impl Interceptor {
    /// The adversary that runs as `validator` in `process`.
    pub fn new(
        seed: u64,
        (process, validator): (NodeIndex, NodeIndex),
        kind: AdversaryKind,
        founders: Arc<Founders>,
        network: Network,
    ) -> Self {
        let mut dice = Dice::new(seed, &format!("adversary-{process}"));
        let lies = lies::Mood::draw(&mut dice, network.people().count());
        Self(Arc::new(Mutex::new(State {
            desk: Desk {
                process,
                validator,
                founders,
                network,
                dice,
                height: Height(0),
                heard: Vec::new(),
            },
            kind,
            lies,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("no code panics while it holds an adversary")
    }

    /// Plans its first act of its own.
    pub fn begin(&self, schedule: &Schedule) {
        let process = self.state().desk.process;
        schedule.after(MISCHIEF_US, Event::Mischief(process));
    }

    /// Its node says something to `listeners`.
    pub fn on_say(&self, listeners: &[NodeIndex], frame: &Bytes) {
        let state = &mut *self.state();
        let Ok(envelope) = wire::decode::<Envelope>(frame) else {
            return;
        };
        state.desk.height = state.desk.height.max(height_of(&envelope.message));
        let step = step_of(&envelope.message);
        let message = envelope.message;
        for to in listeners {
            let changed = match state.kind {
                AdversaryKind::Equivocator => equivocation::second(&mut state.desk, &message),
                AdversaryKind::SplitView => equivocation::second_head(&mut state.desk, &message),
                AdversaryKind::Withholder => state.lies.withhold(*to, step),
                AdversaryKind::Liar => lies::lie(&mut state.desk, &message),
                AdversaryKind::Amnesiac
                | AdversaryKind::Impersonator
                | AdversaryKind::Flooder
                | AdversaryKind::Twins => Said::AsItIs,
            };
            let desk = &mut state.desk;
            match changed {
                Said::AsItIs => desk.send(*to, frame, step),
                Said::Nothing => {}
                Said::Else(other) => desk.send(*to, &other, step),
                Said::Both(other) => {
                    desk.send(*to, frame, step);
                    desk.send(*to, &other, step);
                }
            }
        }
    }

    /// Its node hears something.
    pub fn on_hear(&self, from: NodeIndex, frame: &Bytes) {
        let desk = &mut self.state().desk;
        if frame.len() < 10_000 && desk.dice.within(0..8) == 0 {
            desk.heard.truncate(15);
            desk.heard.insert(0, (from, frame.clone()));
        }
    }

    /// It acts of itself, and plans its next act.
    pub fn on_mischief(&self, schedule: &Schedule) {
        let state = &mut *self.state();
        match state.kind {
            AdversaryKind::Flooder => flood::flood(&mut state.desk),
            AdversaryKind::Impersonator => flood::impersonate(&mut state.desk),
            _ => {}
        }
        let again = Event::Mischief(state.desk.process);
        schedule.after(MISCHIEF_US, again);
    }
}

/// What becomes of something said.
enum Said {
    AsItIs,
    Nothing,
    Else(Bytes),
    Both(Bytes),
}

fn height_of(message: &PeerMessage) -> Height {
    match message {
        PeerMessage::Status { height, .. } | PeerMessage::Cosignature { height, .. } => *height,
        _ => Height(0),
    }
}
