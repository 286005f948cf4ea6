//! A simulated node: the real actors on simulated ports, in a process that can be killed, paused
//! and given its turns.

use crate::adversary::Interceptor;
use crate::check::Violations;
use crate::check::misbehavior::Misbehavior;
use crate::check::spoken::Spoken;
use crate::disk::Disk;
use crate::events::SimSink;
use crate::founders::{Founders, node_name};
use crate::life::{INJECTED, Life, Setting, SimClock};
use crate::meets::Meets;
use crate::net::{Network, SimNet};
use crate::plan::{Driver, Plan};
use crate::schedule::{NodeIndex, Schedule};
use crate::statements::RememberingChecker;
use actors::{MailboxBounds, NodeHandle, NodePorts, SteppedParts};
use bus::ports::EventSink;
use ledger::engine::EngineTimeouts;
use ledger::pool::PoolLimits;
use messages::consensus::EquivocationProof;
use messages::ids::Height;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::Instant;

/// Turns of one node without a break after which it is taken to turn in a circle.
const TURNS_MAX: usize = 100_000;

/// What all processes of a world share.
#[derive(Clone)]
pub struct Surroundings {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Genesis and keys.
    pub founders: Arc<Founders>,
    /// What will happen.
    pub schedule: Schedule,
    /// The network.
    pub network: Network,
    /// Hears every frame.
    pub spoken: Spoken,
    /// Takes events, for the first node.
    pub sink: Arc<SimSink>,
    /// Hears of proofs of misbehavior.
    pub misbehavior: Misbehavior,
    /// Counts what met what.
    pub meets: Meets,
    /// Hears of nodes that stop.
    pub violations: Violations,
}

/// Whether a task may go on.
#[derive(Default)]
struct Gate {
    closed: bool,
    waker: Option<Waker>,
}

/// The actors of a node; they stand still while the gate is closed.
struct Gated {
    set: LocalSet,
    gate: Rc<RefCell<Gate>>,
}

impl Future for Gated {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut gate = self.gate.borrow_mut();
        if gate.closed {
            gate.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        drop(gate);
        Pin::new(&mut self.set).poll(context)
    }
}

/// Who gives turns.
enum Process {
    Actors {
        task: JoinHandle<()>,
        gate: Rc<RefCell<Gate>>,
    },
    Stepped {
        parts: SteppedParts,
        paused: bool,
    },
}

struct Running {
    handle: NodeHandle,
    life: Arc<Life>,
    process: Process,
}

/// A process of the world, up or down.
pub struct SimNode {
    /// Its place among the processes.
    pub node: NodeIndex,
    /// The validator it runs as.
    pub validator: NodeIndex,
    /// Its disk.
    pub disk: Disk,
    /// Its clock.
    pub clock: Arc<Setting>,
    /// Starts so far.
    pub starts: u64,
    /// The pause it is in; 0 for none.
    pub pause: u64,
    interceptor: Option<Interceptor>,
    running: Option<Running>,
}

impl SimNode {
    /// A process that is down.
    pub fn new(
        node: NodeIndex,
        validator: NodeIndex,
        disk: Disk,
        clock: Setting,
        interceptor: Option<Interceptor>,
    ) -> Self {
        Self {
            node,
            validator,
            disk,
            clock: Arc::new(clock),
            starts: 0,
            pause: 0,
            interceptor,
            running: None,
        }
    }

    /// The handle and the life of a node that is up.
    pub fn reachable(&self) -> Option<(&NodeHandle, &Arc<Life>)> {
        let running = self
            .running
            .as_ref()
            .filter(|running| !running.life.is_dead());
        running.map(|running| (&running.handle, &running.life))
    }

    /// The life of a node whose tasks run, dead or not.
    pub fn life(&self) -> Option<&Arc<Life>> {
        self.running.as_ref().map(|running| &running.life)
    }

    /// What makes it an adversary, if it is one.
    pub fn interceptor(&self) -> Option<&Interceptor> {
        self.interceptor.as_ref()
    }

    /// Starts the node, if it is down.
    pub fn start(&mut self, around: &Surroundings) {
        if self.running.is_some() {
            return;
        }
        self.starts += 1;
        self.pause = 0;
        let life = Arc::new(Life::new(self.node, self.starts, around.schedule.clone()));
        let ports = self.ports(around, &life);
        let (handle, process) = match around.plan.driver {
            Driver::Actors => {
                let set = LocalSet::new();
                let handle = {
                    let _entered = set.enter();
                    actors::assemble(ports)
                };
                let gate = Rc::<RefCell<Gate>>::default();
                let gated = Gated {
                    set,
                    gate: gate.clone(),
                };
                let task = tokio::task::spawn_local(gated);
                (handle, Process::Actors { task, gate })
            }
            Driver::Stepped => {
                let (handle, parts) = actors::assemble_stepped(ports);
                let paused = false;
                (handle, Process::Stepped { parts, paused })
            }
        };
        self.running = Some(Running {
            handle,
            life,
            process,
        });
    }

    /// Lets the node stand still, or go on.
    pub fn set_paused(&mut self, is_paused: bool) {
        match self.running.as_mut().map(|running| &mut running.process) {
            Some(Process::Actors { gate, .. }) => {
                let mut gate = gate.borrow_mut();
                gate.closed = is_paused;
                // A second pause within the first must not forget who is to be woken.
                if !is_paused && let Some(waker) = gate.waker.take() {
                    waker.wake();
                }
            }
            Some(Process::Stepped { paused, .. }) => *paused = is_paused,
            None => {}
        }
    }

    /// Gives the parts of a stepped node their turns until nothing waits; actors take theirs when
    /// the runtime is let go on. Gives whether anything was done.
    ///
    /// # Errors
    /// The name of an actor of a node that never comes to rest.
    pub fn settle(
        &mut self,
        now: Instant,
        pick: &mut dyn FnMut(usize) -> usize,
    ) -> Result<bool, &'static str> {
        let Some(running) = &mut self.running else {
            return Ok(false);
        };
        let Process::Stepped {
            parts,
            paused: false,
        } = &mut running.process
        else {
            return Ok(false);
        };
        let mut last = "";
        for turns in 0..TURNS_MAX {
            if running.life.is_dead() {
                return Ok(turns > 0);
            }
            match parts.turn(now, pick) {
                None => return Ok(turns > 0),
                Some(name) => last = name.as_str(),
            }
        }
        Err(last)
    }

    /// When the next timer of a stepped node that goes on is due.
    pub fn due(&self) -> Option<Instant> {
        match self.running.as_ref().map(|running| &running.process) {
            Some(Process::Stepped {
                parts,
                paused: false,
            }) => parts.due(),
            _ => None,
        }
    }

    /// Kills the node; gives whether it was up.
    pub async fn kill(&mut self) -> bool {
        let Some(running) = self.running.take() else {
            return false;
        };
        running.life.end();
        if let Process::Actors { task, .. } = running.process {
            task.abort();
            // The task ends by the abort: there is nothing to learn from its end.
            let _ = task.await;
        }
        true
    }

    fn ports(&self, around: &Surroundings, life: &Arc<Life>) -> NodePorts {
        let (founders, validator) = (&around.founders, self.validator);
        let disk = self.disk.open(life.clone());
        let standing = self.disk.standing();
        let transport = SimNet::new(
            (life.clone(), self.disk.clone()),
            around.network.clone(),
            around.spoken.clone(),
            self.interceptor.clone(),
            around.meets.clone(),
        );
        let publishes = self.node == 0;
        let sink = around.sink.for_life(life.clone());
        NodePorts {
            genesis: founders.genesis.clone(),
            name: node_name(validator),
            keys: founders.keys.get(validator).cloned(),
            observers: founders.observers.clone(),
            disk_free: Arc::new(|| None),
            verifier: founders.verifier.clone(),
            statements: Arc::new(RememberingChecker::default()),
            clock: Arc::new(SimClock::new(around.schedule.clone(), self.clock.clone())),
            transport: Arc::new(transport),
            journal: disk.clone(),
            bodies: disk.clone(),
            store: disk,
            events: publishes.then_some(sink as Arc<dyn EventSink>),
            // An observer signed nothing that it could have forgotten.
            amnesiac: (standing.is_amnesiac && validator < founders.keys.len())
                .then(|| "the disk was lost".into()),
            floor: standing.floor,
            on_floor: self.on_floor(life),
            timeouts: EngineTimeouts::default(),
            pool: PoolLimits::default(),
            mailboxes: mailboxes(&around.plan),
            on_misbehavior: self.on_misbehavior(around),
            version: "simulated",
            on_halt: self.on_halt(around, life),
        }
    }

    fn on_floor(&self, life: &Arc<Life>) -> Arc<dyn Fn(Height) + Send + Sync> {
        let (memory, finder) = (self.disk.clone(), life.clone());
        Arc::new(move |floor: Height| {
            if !finder.is_dead() {
                memory.found_floor(floor);
            }
        })
    }

    fn on_misbehavior(
        &self,
        around: &Surroundings,
    ) -> Arc<dyn Fn(&EquivocationProof) + Send + Sync> {
        let (heard, by) = (around.misbehavior.clone(), self.node);
        Arc::new(move |proof| heard.on_proof(by, proof))
    }

    /// A node that stops because of a fault is started again by its supervisor; one that stops by
    /// itself is a bug.
    fn on_halt(
        &self,
        around: &Surroundings,
        life: &Arc<Life>,
    ) -> Arc<dyn Fn(String) + Send + Sync> {
        let (node, violations, alive) = (self.node, around.violations.clone(), life.clone());
        Arc::new(move |reason| {
            if reason.contains(INJECTED) {
                alive.abort(10, false);
            } else if !alive.is_dead() {
                violations.add(format!("node {node} stops: {reason}"));
            }
        })
    }
}

fn mailboxes(plan: &Plan) -> MailboxBounds {
    if !plan.tiny_mailboxes {
        return MailboxBounds::default();
    }
    MailboxBounds {
        clients: 3,
        facts: 4,
        bodies: 2,
        frames: 16,
    }
}
