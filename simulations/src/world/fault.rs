//! Faults, and what they do to nodes and links.

use super::World;
use crate::life::BadRead;
use crate::net::{Cut, Treatment};
use crate::plan::Fault;
use crate::schedule::{Event, NodeIndex};

/// A crash that was armed happens after this long at the latest, in microseconds.
const ARMED_US_MAX: u64 = 150_000;

impl World {
    /// A fault begins, unless the world has healed or the node is down anyway.
    pub(super) async fn on_fault(&mut self, at_us: u64, fault: Fault) {
        if self.healed || fault.greatest_node().is_some_and(|n| n >= self.nodes.len()) {
            return;
        }
        self.trace.add(at_us, &[], || format!("{fault:?}"));
        if let Some(node) = fault.node() {
            self.around.meets.met_process(fault.name(), node);
        }
        match fault {
            Fault::Crash {
                node,
                down_ms,
                calls,
            } => self.arm(node, calls, down_ms),
            Fault::Wipe { node, down_ms } => {
                self.crash(at_us, node, down_ms, true).await;
            }
            Fault::Pause { node, for_ms } => self.pause(node, for_ms),
            Fault::Panic { node, reads } => {
                if let Some(life) = self.nodes[node].life() {
                    life.arm_read(reads, BadRead::Panics, 0);
                }
            }
            Fault::ReadError { node, down_ms } => {
                if let Some(life) = self.nodes[node].life() {
                    life.arm_read(0, BadRead::Ends, down_ms);
                }
            }
            Fault::WriteError { node, down_ms } => self.nodes[node].disk.fail_write(down_ms),
            Fault::DiskFull { node, for_ms } => {
                self.nodes[node].disk.set_full(true);
                self.around
                    .schedule
                    .after(for_ms * 1_000, Event::Freed(node));
            }
            Fault::ClockStep { node, by_ms } => self.nodes[node].clock.step(by_ms),
            Fault::LyingFsync { node, for_ms } => self.lie(at_us, node, for_ms),
            Fault::JournalRot { node, down_ms } => {
                if self.nodes[node].disk.rot_record() {
                    self.crash(at_us, node, down_ms, false).await;
                }
            }
            Fault::LedgerRot { node } => {
                self.nodes[node].disk.rot_entry();
            }
            Fault::Partition { .. }
            | Fault::OneWay { .. }
            | Fault::Clog { .. }
            | Fault::Disconnect { .. } => self.cut(fault),
        }
    }

    fn cut(&self, fault: Fault) {
        let others = |side: &[NodeIndex]| -> Vec<NodeIndex> {
            (0..self.nodes.len())
                .filter(|n| !side.contains(n))
                .collect()
        };
        let (from, to, both, treatment, for_ms) = match fault {
            Fault::Partition { side, for_ms } => {
                let rest = others(&side);
                (side, rest, true, Treatment::Drop, for_ms)
            }
            Fault::OneWay { from, to, for_ms } => (from, to, false, Treatment::Drop, for_ms),
            Fault::Clog { from, to, for_ms } => {
                (vec![from], vec![to], false, Treatment::Hold, for_ms)
            }
            Fault::Disconnect { node, for_ms } => {
                let rest = others(&[node]);
                (vec![node], rest, true, Treatment::Bridge, for_ms)
            }
            _ => return,
        };
        let cut = self.around.network.cut(Cut {
            from,
            to,
            both,
            treatment,
        });
        self.around
            .schedule
            .after(for_ms * 1_000, Event::Rejoin(cut));
    }

    fn pause(&mut self, node: NodeIndex, for_ms: u64) {
        self.pauses += 1;
        let pause = self.pauses;
        self.nodes[node].pause = pause;
        self.nodes[node].set_paused(true);
        self.around
            .schedule
            .after(for_ms * 1_000, Event::Resume { node, pause });
    }

    /// From now on nothing becomes durable, until the power goes.
    fn lie(&mut self, at_us: u64, node: NodeIndex, for_ms: u64) {
        let Some(life) = self.nodes[node].life().cloned() else {
            return;
        };
        self.nodes[node].disk.begin_lie();
        let crash = Event::Crash {
            node,
            incarnation: life.incarnation,
            down_ms: 10,
            wiped: false,
        };
        // A lie ends before the world heals.
        let latest_us = (self.plan.faults_ms * 1_000).saturating_sub(1).max(at_us);
        let end_us = (at_us + for_ms * 1_000).min(latest_us);
        self.around.schedule.at(end_us, crash);
    }

    fn arm(&mut self, node: NodeIndex, calls: u32, down_ms: u64) {
        let Some(life) = self.nodes[node].life() else {
            return;
        };
        life.arm(calls, down_ms);
        let incarnation = life.incarnation;
        let crash = Event::Crash {
            node,
            incarnation,
            down_ms,
            wiped: false,
        };
        self.around.schedule.after(ARMED_US_MAX, crash);
    }

    pub(super) async fn on_crash(
        &mut self,
        at_us: u64,
        (node, incarnation): (NodeIndex, u64),
        down_ms: u64,
        wiped: bool,
    ) {
        let life = self.nodes[node].life();
        let is_due = life.is_some_and(|life| {
            life.incarnation == incarnation && (!self.healed || life.is_dead())
        });
        if is_due {
            self.crash(at_us, node, down_ms, wiped).await;
        }
    }

    async fn crash(&mut self, at_us: u64, node: NodeIndex, down_ms: u64, wiped: bool) {
        self.nodes[node].kill().await;
        let lost = self.nodes[node].disk.crash();
        self.lost_writes += lost as u64;
        self.trace
            .add(at_us, &[], || format!("{node} crashes, {lost} writes lost"));
        if wiped {
            self.nodes[node].disk.forget(&self.genesis);
            self.trace.add(at_us, &[], || format!("{node} forgets"));
        }
        let down_ms = if self.healed { 0 } else { down_ms };
        self.around
            .schedule
            .after(down_ms * 1_000, Event::Restart(node));
    }
}
