//! One world: nodes, network, disks and clients of a seed, from the beginning to the verdict.

use crate::check::Violations;
use crate::check::agreement::Agreement;
use crate::check::answers::Answers;
use crate::check::ledger::{self, Summary};
use crate::check::receipts;
use crate::check::spoken::Spoken;
use crate::clients::{Clients, Reachable};
use crate::dice::Dice;
use crate::disk::{Disk, Honesty};
use crate::founders::Founders;
use crate::net::Network;
use crate::node::{SimNode, Surroundings};
use crate::outcome::{Outcome, Verdict};
use crate::plan::{NODES, Plan};
use crate::schedule::{Event, Schedule};
use crate::trace::Trace;
use ::ledger::storage::Storage;
use bus::ports::Commit;
use messages::checkpoint::verify_cosignature;
use messages::hash::Hash;
use messages::note::{NoteSignature, VerifierKey, VerifierKeyType};
use std::sync::Arc;

/// Interval at which the world looks whether it is done, in microseconds.
const LOOK_US: u64 = 50_000;
/// A crash that was armed happens after this long at the latest, in microseconds.
const ARMED_US_MAX: u64 = 150_000;
/// The healed network must finish within this, in milliseconds.
pub const HEALED_MS_MAX: u64 = 60_000;

/// A world that runs.
pub struct World {
    plan: Plan,
    around: Surroundings,
    nodes: Vec<SimNode>,
    genesis: Commit,
    clients: Clients,
    agreement: Agreement,
    trace: Trace,
    healed: bool,
    lost_writes: u64,
    verdict: Option<Verdict>,
}

impl World {
    /// Founds the world of a plan. Must be called within the runtime that runs it.
    pub fn new(plan: Plan, honesty: Honesty, trace: Trace, violations: Violations) -> Self {
        let schedule = Schedule::new(plan.seed);
        let founders = Arc::new(Founders::new(&plan));
        let genesis = Storage::genesis_commit(&founders.genesis, &founders.policy.text());
        let mut dice = Dice::new(plan.seed, "clocks");
        let mut node = |node| {
            let pace = Some((schedule.clone(), plan.disk_us_max));
            let disk = Disk::new(plan.seed, node, pace, honesty);
            disk.found(&genesis);
            SimNode::new(node, disk, dice.within(0..plan.skew_ms_max + 1))
        };
        let nodes = (0..NODES).map(&mut node).collect();
        let network = Network::new(&plan, schedule.clone());
        let name = founders.genesis.network.clone();
        let spoken = Spoken::new(name, founders.verifier.clone(), violations.clone());
        let answers = Answers::new(founders.policy.clone(), violations.clone());
        let clients = Clients::new(&plan, schedule.clone(), answers, violations.clone());
        Self {
            agreement: Agreement::new(violations.clone()),
            around: Surroundings {
                founders,
                schedule,
                network,
                spoken,
                violations,
            },
            plan,
            nodes,
            genesis,
            clients,
            trace,
            healed: false,
            lost_writes: 0,
            verdict: None,
        }
    }

    /// Runs the world to its end.
    pub async fn run(mut self) -> Outcome {
        self.plan_faults();
        for node in 0..NODES {
            self.start(node);
        }
        let verdict = loop {
            while let Some((at_us, event)) = self.around.schedule.pop_due() {
                self.on(at_us, event).await;
            }
            if let Some(violation) = self.around.violations.first() {
                break Verdict::Diverged(violation);
            }
            if let Some(verdict) = self.verdict.take() {
                break verdict;
            }
            self.around.schedule.wait().await;
        };
        for node in &mut self.nodes {
            node.kill().await;
        }
        self.outcome(verdict)
    }

    fn plan_faults(&self) {
        let schedule = &self.around.schedule;
        for crash in &self.plan.crashes {
            let (node, calls, down_ms) = (crash.node, crash.calls, crash.down_ms);
            schedule.at(
                crash.at_ms * 1_000,
                Event::Arm {
                    node,
                    calls,
                    down_ms,
                },
            );
        }
        for partition in &self.plan.partitions {
            schedule.at(partition.at_ms * 1_000, Event::Part(partition.side.clone()));
            schedule.at((partition.at_ms + partition.for_ms) * 1_000, Event::Join);
        }
        if let Some(forgets) = self.plan.forgets {
            let (node, down_ms) = (forgets.node, forgets.down_ms);
            schedule.at(forgets.at_ms * 1_000, Event::Forget { node, down_ms });
        }
        schedule.at(self.plan.faults_ms * 1_000, Event::Heal);
        schedule.at(self.plan.faults_ms * 1_000 + LOOK_US, Event::Look);
    }

    async fn on(&mut self, at_us: u64, event: Event) {
        let network = self.around.network.clone();
        match event {
            Event::Deliver { from, to, frame } => {
                if let Some((handle, _)) = self.nodes[to].reachable() {
                    self.trace
                        .add(at_us, &frame, || format!("{to} hears {from}"));
                    handle.deliver(frame);
                }
            }
            Event::DiskDone { node, incarnation } => self.on_written(at_us, node, incarnation),
            Event::Arm {
                node,
                calls,
                down_ms,
            } => self.on_arm(node, calls, down_ms),
            Event::Crash {
                node,
                incarnation,
                down_ms,
            } => {
                self.on_crash(at_us, node, incarnation, down_ms).await;
            }
            Event::Forget { node, down_ms } => {
                self.crash(at_us, node, down_ms).await;
                self.nodes[node].disk.forget(&self.genesis);
                self.trace.add(at_us, &[], || format!("{node} forgets"));
            }
            Event::Restart(node) => self.start(node),
            Event::Part(side) => {
                self.trace
                    .add(at_us, &[], || format!("the network parts {side:?}"));
                network.part(side);
            }
            Event::Join => network.join(),
            Event::Client(event) => {
                self.trace.add(at_us, &[], || format!("{event:?}"));
                let nodes: Vec<Reachable<'_>> = self.nodes.iter().map(SimNode::reachable).collect();
                self.clients.on(event, &nodes);
            }
            Event::Heal => self.heal(at_us),
            Event::Look => self.look(at_us),
        }
    }

    fn start(&mut self, node: usize) {
        let at_us = self.around.schedule.now_us();
        self.trace.add(at_us, &[], || format!("{node} starts"));
        self.nodes[node].start(&self.around);
    }

    fn on_written(&mut self, at_us: u64, node: usize, incarnation: u64) {
        for block in self.nodes[node].disk.written(incarnation) {
            let height = block.height;
            self.trace
                .add(at_us, &block.header, || format!("{node} commits {height}"));
            self.agreement.on_durable(node, &block);
        }
    }

    fn on_arm(&mut self, node: usize, calls: u32, down_ms: u64) {
        let Some(life) = self.nodes[node].life().filter(|_| !self.healed) else {
            return;
        };
        life.arm(calls, down_ms);
        let incarnation = life.incarnation;
        let crash = Event::Crash {
            node,
            incarnation,
            down_ms,
        };
        self.around.schedule.after(ARMED_US_MAX, crash);
    }

    async fn on_crash(&mut self, at_us: u64, node: usize, incarnation: u64, down_ms: u64) {
        let life = self.nodes[node].life();
        let is_due = life.is_some_and(|life| {
            life.incarnation == incarnation && (!self.healed || life.is_dead())
        });
        if !is_due {
            return;
        }
        self.crash(at_us, node, down_ms).await;
    }

    async fn crash(&mut self, at_us: u64, node: usize, down_ms: u64) {
        self.nodes[node].kill().await;
        let lost = self.nodes[node].disk.crash();
        self.lost_writes += lost as u64;
        self.trace
            .add(at_us, &[], || format!("{node} crashes, {lost} writes lost"));
        let down_ms = if self.healed { 0 } else { down_ms };
        self.around
            .schedule
            .after(down_ms * 1_000, Event::Restart(node));
    }

    fn heal(&mut self, at_us: u64) {
        self.trace.add(at_us, &[], || "the world heals".into());
        self.healed = true;
        self.around.network.heal();
        for node in 0..NODES {
            match self.nodes[node].life() {
                Some(life) => life.disarm(),
                None => self.start(node),
            }
        }
    }

    /// Whether all nodes hold and published the same height.
    fn is_level(&self) -> bool {
        let mut heights = self.nodes.iter().map(|node| {
            let head = node
                .disk
                .look(|tables| tables.head())
                .map(|block| block.height);
            let note = node.disk.newest_note().map(|(height, _)| height);
            (head, note)
        });
        let first = heights.next();
        first.is_some_and(|(head, note)| head == note) && heights.all(|h| Some(h) == first)
    }

    fn look(&mut self, at_us: u64) {
        if self.clients.all_done() && self.is_level() {
            self.verdict = Some(self.judge());
        } else if at_us > (self.plan.faults_ms + HEALED_MS_MAX) * 1_000 {
            self.verdict = Some(self.judge_late());
        } else {
            self.around.schedule.after(LOOK_US, Event::Look);
        }
    }

    /// A world that is level and lacks what was acknowledged has lost it; others are stalled.
    fn judge_late(&self) -> Verdict {
        let late = if self.is_level() {
            self.judge()
        } else {
            Verdict::Held
        };
        match late {
            Verdict::Held => Verdict::Stalled(self.describe()),
            failed => failed,
        }
    }

    fn describe(&self) -> String {
        let heights = self.nodes.iter().map(|node| {
            let head = node
                .disk
                .look(|tables| tables.head())
                .map_or(0, |b| b.height.0);
            let note = node.disk.newest_note().map_or(0, |(height, _)| height.0);
            format!("{head}/{note}")
        });
        let heights: Vec<_> = heights.collect();
        let waiting = self.clients.waiting().len();
        let rounds = self.around.spoken.rounds_max();
        format!("heads/notes {heights:?}, {waiting} deposits without receipt, round {rounds}")
    }

    /// Judges ledgers, answers and cosignatures of a world that is level.
    fn judge(&self) -> Verdict {
        let (founders, violations) = (&self.around.founders, &self.around.violations);
        let mut ledgers: Vec<Summary> = Vec::new();
        for node in &self.nodes {
            let checked = node
                .disk
                .look(|tables| ledger::check(tables, &founders.genesis, &*founders.verifier));
            match checked {
                Ok(summary) => ledgers.push(summary),
                Err(reason) => violations.add(format!("ledger of node {}: {reason}", node.node)),
            }
        }
        for (node, summary) in ledgers.iter().enumerate() {
            if *summary != ledgers[0] {
                violations.add(format!(
                    "agreement: the ledgers of nodes 0 and {node} differ"
                ));
            }
            self.clients.answers.check(node, summary);
        }
        self.check_published();
        if let Some(summary) = ledgers.first() {
            self.check_cosignatures(summary);
        }
        violations.first().map_or(Verdict::Held, Verdict::Diverged)
    }

    /// Every published checkpoint came with receipt signatures of a quorum.
    fn check_published(&self) {
        let (genesis, violations) = (&self.around.founders.genesis, &self.around.violations);
        for node in &self.nodes {
            node.disk.look(|tables| {
                for (height, (note, signatures)) in &tables.notes {
                    if let Some(found) = receipts::complaint(genesis, note, signatures) {
                        let place = node.node;
                        violations.add(format!("node {place}, checkpoint {height}: {found}"));
                    }
                }
            });
        }
    }

    /// Every cosignature sent is of the one head of its height.
    fn check_cosignatures(&self, ledger: &Summary) {
        let (genesis, violations) = (&self.around.founders.genesis, &self.around.violations);
        for (node, sent) in self.around.spoken.cosigned() {
            let validator = &genesis.validators[node];
            let name = format!("{}/{}", genesis.origin, validator.name);
            let key = VerifierKey::try_new(&name, VerifierKeyType::Cosigner, validator.cosigner)
                .expect("the genesis names its cosigners well");
            for cosignature in sent {
                let height = cosignature.height;
                let mut bytes = cosignature.time_s.to_be_bytes().to_vec();
                bytes.extend(cosignature.signature);
                let line = NoteSignature {
                    name: name.clone(),
                    key_id: key.key_id(),
                    bytes,
                };
                let head = ledger.heads.get(&height);
                if head.is_none_or(|text| verify_cosignature(&key, text, &line).is_none()) {
                    violations.add(format!("node {node} cosigned another head at {height}"));
                }
                let receipt = &cosignature.receipt;
                if head.is_none_or(|text| !receipts::is_signed(genesis, node, text, receipt)) {
                    violations.add(format!("node {node} signed no receipts of head {height}"));
                }
            }
        }
    }

    fn outcome(self, verdict: Verdict) -> Outcome {
        let now_us = self.around.schedule.now_us();
        for node in &self.nodes {
            let head = node.disk.look(|tables| tables.head());
            let header = head.map(|block| block.header).unwrap_or_default();
            self.trace
                .add(now_us, &header, || format!("{} ends", node.node));
        }
        let starts: u64 = self.nodes.iter().map(|node| node.starts).sum();
        Outcome {
            hash: Hash(self.trace.hash().0),
            events: self.trace.events(),
            lines: self.trace.lines(),
            verdict,
            height: self.agreement.height().0,
            rounds_max: self.around.spoken.rounds_max(),
            acknowledged: self.clients.answers.acknowledged(),
            restarts: starts - NODES as u64,
            lost_writes: self.lost_writes,
            simulated_ms: now_us / 1_000,
            net: self.around.network.counters(),
        }
    }
}
