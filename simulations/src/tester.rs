//! A tester's own faults and checkers.

use crate::check::Violations;
use crate::disk::Tables;
use crate::founders::Founders;
use crate::net::NetCounters;
use crate::node::SimNode;
use crate::plan::{Fault, Plan};
use crate::schedule::{Event, NodeIndex, Schedule};
use messages::genesis::Genesis;
use messages::hash::Hash;
use std::sync::Arc;

/// Looks at a world after each event, and may do something to it.
///
/// A tester must not draw from anything but the plan's seed ([`crate::Dice`]): the same seed must
/// lead to the same bytes.
pub trait Tester {
    /// Changes the plan before the world begins.
    fn plan(&mut self, _plan: &mut Plan) {}

    /// An event has happened, and all that follows from it at once.
    fn on_event(&mut self, _world: &mut View<'_>) {}

    /// The world has come to its end, and nothing was violated so far.
    fn at_end(&mut self, _world: &mut View<'_>) {}

    /// The world closes, whatever came of it: the time to keep something of it.
    fn at_close(&mut self, _world: &mut View<'_>) {}
}

/// Makes a tester for a world.
pub type MakeTester = Arc<dyn Fn() -> Box<dyn Tester> + Send + Sync>;

/// A world as a tester sees it.
pub struct View<'a> {
    /// What the world is made of.
    pub plan: &'a Plan,
    pub(crate) founders: &'a Founders,
    pub(crate) schedule: &'a Schedule,
    pub(crate) nodes: &'a [SimNode],
    pub(crate) violations: &'a Violations,
    pub(crate) counters: NetCounters,
}

impl View<'_> {
    /// Microseconds since the world began.
    pub fn now_us(&self) -> u64 {
        self.schedule.now_us()
    }

    /// Whether a process is up.
    pub fn is_up(&self, node: NodeIndex) -> bool {
        self.nodes[node].reachable().is_some()
    }

    /// Greatest durable height of a process.
    pub fn height(&self, node: NodeIndex) -> u64 {
        self.look(node, |tables| tables.head().map_or(0, |b| b.height.0))
    }

    /// The genesis document of the world.
    pub fn genesis(&self) -> &Genesis {
        &self.founders.genesis
    }

    /// What keyed hashes are made with; none in a world with real keys.
    pub fn secret(&self) -> Option<Hash> {
        (!self.plan.real_keys).then_some(self.founders.secret)
    }

    /// Looks at what is durable on the disk of a process.
    pub fn look<T>(&self, node: NodeIndex, look: impl FnOnce(&Tables) -> T) -> T {
        self.nodes[node].disk.look(look)
    }

    /// What the network did so far.
    pub fn network(&self) -> NetCounters {
        self.counters
    }

    /// Lets a fault happen now; faults end when the world heals.
    pub fn inject(&mut self, fault: Fault) {
        self.schedule.after(0, Event::Fault(fault));
    }

    /// Says that something which must hold does not; the world ends with the first.
    pub fn violate(&mut self, what: impl Into<String>) {
        self.violations.add(what);
    }
}
