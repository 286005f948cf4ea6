//! A simulated node: the real actors on simulated ports, in a task that can be killed.

use crate::check::Violations;
use crate::check::spoken::Spoken;
use crate::disk::Disk;
use crate::founders::{Founders, node_name};
use crate::life::{Life, SimClock};
use crate::net::{Network, SimNet};
use crate::schedule::{NodeIndex, Schedule};
use actors::{NodeHandle, NodePorts};
use ledger::engine::EngineTimeouts;
use ledger::pool::PoolLimits;
use messages::ids::Height;
use messages::ports::BatchedZip215;
use std::sync::Arc;
use tokio::task::{JoinHandle, LocalSet};

/// What all nodes of a world share.
#[derive(Clone)]
pub struct Surroundings {
    /// Genesis and keys.
    pub founders: Arc<Founders>,
    /// What will happen.
    pub schedule: Schedule,
    /// The network.
    pub network: Network,
    /// Hears every frame.
    pub spoken: Spoken,
    /// Hears of nodes that stop.
    pub violations: Violations,
}

struct Running {
    handle: NodeHandle,
    life: Arc<Life>,
    task: JoinHandle<()>,
}

/// A node of the world, up or down.
pub struct SimNode {
    /// Its place.
    pub node: NodeIndex,
    /// Its disk.
    pub disk: Disk,
    /// Starts so far.
    pub starts: u64,
    ahead_ms: u64,
    running: Option<Running>,
}

impl SimNode {
    /// A node that is down.
    pub fn new(node: NodeIndex, disk: Disk, ahead_ms: u64) -> Self {
        Self {
            node,
            disk,
            starts: 0,
            ahead_ms,
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

    /// Starts the node, if it is down.
    pub fn start(&mut self, around: &Surroundings) {
        if self.running.is_some() {
            return;
        }
        self.starts += 1;
        let life = Arc::new(Life::new(self.node, self.starts, around.schedule.clone()));
        let ports = self.ports(around, &life);
        let set = LocalSet::new();
        let handle = {
            let _entered = set.enter();
            actors::assemble(ports)
        };
        let task = tokio::task::spawn_local(set);
        self.running = Some(Running { handle, life, task });
    }

    /// Kills the node; gives whether it was up.
    pub async fn kill(&mut self) -> bool {
        let Some(running) = self.running.take() else {
            return false;
        };
        running.life.end();
        running.task.abort();
        // The task ends by the abort: there is nothing to learn from its end.
        let _ = running.task.await;
        true
    }

    fn ports(&self, around: &Surroundings, life: &Arc<Life>) -> NodePorts {
        let founders = &around.founders;
        let disk = self.disk.open(life.clone());
        let (node, spoken) = (self.node, around.spoken.clone());
        let (violations, alive) = (around.violations.clone(), life.clone());
        let on_halt = move |reason: String| {
            if !alive.is_dead() {
                violations.add(format!("node {node} stops: {reason}"));
            }
        };
        let (standing, memory, finder) = (self.disk.standing(), self.disk.clone(), life.clone());
        let on_floor = move |floor: Height| {
            if !finder.is_dead() {
                memory.found_floor(floor);
            }
        };
        NodePorts {
            genesis: founders.genesis.clone(),
            name: node_name(node),
            keys: founders.keys[node].clone(),
            verifier: founders.verifier.clone(),
            statements: Arc::new(BatchedZip215),
            clock: Arc::new(SimClock::new(around.schedule.clone(), self.ahead_ms)),
            transport: Arc::new(SimNet::new(life.clone(), around.network.clone(), spoken)),
            journal: disk.clone(),
            bodies: disk.clone(),
            store: disk,
            events: None,
            amnesiac: standing.is_amnesiac.then(|| "the disk was lost".into()),
            floor: standing.floor,
            on_floor: Arc::new(on_floor),
            timeouts: EngineTimeouts::default(),
            pool: PoolLimits::default(),
            version: "simulated",
            on_halt: Arc::new(on_halt),
        }
    }
}
