//! One world: nodes, network, disks and clients of a plan, from the beginning to the verdict.

mod fault;
mod judge;

use crate::adversary::Interceptor;
use crate::check::Violations;
use crate::check::agreement::Agreement;
use crate::check::answers::Answers;
use crate::check::misbehavior::Misbehavior;
use crate::check::patience::Patience;
use crate::check::spoken::Spoken;
use crate::clients::{Clients, Reachable};
use crate::dice::Dice;
use crate::disk::{Disk, Honesty};
use crate::events::SimSink;
use crate::founders::Founders;
use crate::life::Setting;
use crate::meets::Meets;
use crate::net::{Network, People};
use crate::node::{SimNode, Surroundings};
use crate::outcome::{Outcome, Verdict};
use crate::plan::{AdversaryKind, Plan};
use crate::schedule::{Event, NodeIndex, Schedule};
use crate::tester::{Tester, View};
use crate::trace::Trace;
use ::ledger::engine::EngineTimeouts;
use ::ledger::storage::Storage;
use bus::ports::Commit;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Interval at which the world looks whether it is done, in microseconds.
const LOOK_US: u64 = 50_000;
/// The healed network must finish within this, in milliseconds.
pub const HEALED_MS_MAX: u64 = 90_000;

/// A world that runs.
pub struct World {
    plan: Arc<Plan>,
    around: Surroundings,
    nodes: Vec<SimNode>,
    genesis: Commit,
    clients: Clients,
    agreement: Agreement,
    trace: Trace,
    testers: Vec<Box<dyn Tester>>,
    runs_on: bool,
    /// Order of nodes and of their parts, where nothing else gives one.
    turns: Dice,
    healed: bool,
    lost_writes: u64,
    pauses: u64,
    /// The height that all must reach, once clients have what they wait for.
    goal: Option<u64>,
    verdict: Option<Verdict>,
}

/// What a world is built with beside its plan.
pub struct Furnishing {
    /// How disks keep their word.
    pub honesty: Honesty,
    /// It goes on after the first thing that is wrong, until it heals.
    pub runs_on: bool,
    /// Where its events are written.
    pub trace: Trace,
    /// Where what is wrong is written.
    pub violations: Violations,
    /// Testers that look on.
    pub testers: Vec<Box<dyn Tester>>,
}

impl World {
    /// Founds the world of a plan. Must be called within the runtime that runs it.
    pub fn new(mut plan: Plan, furnishing: Furnishing) -> Self {
        let Furnishing {
            honesty,
            runs_on,
            trace,
            violations,
            mut testers,
        } = furnishing;
        testers.iter_mut().for_each(|t| t.plan(&mut plan));
        let plan = Arc::new(plan);
        let schedule = Schedule::new(plan.seed, plan.driver);
        let founders = Arc::new(Founders::new(&plan));
        let genesis = Storage::genesis_commit(&founders.genesis, &founders.policy.text());
        let twins: Vec<NodeIndex> = of_kind(&plan, AdversaryKind::Twins);
        let people = Arc::new(People::new(&plan, &twins));
        let meets = Meets::default();
        let network = Network::new(&plan, people.clone(), schedule.clone(), meets.clone());
        let spoken = Spoken::new(
            founders.genesis.network.clone(),
            founders.verifier.clone(),
            dishonest(&plan, &people, &founders),
            Patience::new(
                plan.nodes,
                plan.adversaries.len(),
                EngineTimeouts::default(),
            ),
            violations.clone(),
        );
        let answers = Answers::new(founders.clone(), plan.real_keys, violations.clone());
        let clients = Clients::new(&plan, schedule.clone(), answers, violations.clone());
        let sink = SimSink::new(plan.seed, schedule.clone(), violations.clone());
        let around = Surroundings {
            misbehavior: Misbehavior::new(plan.clone(), founders.clone(), violations.clone()),
            sink: Arc::new(sink),
            plan: plan.clone(),
            founders,
            schedule,
            network,
            spoken,
            meets,
            violations: violations.clone(),
        };
        let nodes = processes(&around, &genesis, honesty);
        Self {
            agreement: Agreement::new(violations),
            turns: Dice::new(plan.seed, "turns"),
            around,
            nodes,
            genesis,
            clients,
            trace,
            testers,
            runs_on,
            healed: false,
            lost_writes: 0,
            pauses: 0,
            goal: None,
            verdict: None,
            plan,
        }
    }

    /// Whether a process runs an honest validator.
    fn is_honest(&self, process: NodeIndex) -> bool {
        self.plan.is_honest(self.nodes[process].validator)
    }

    /// Runs the world to its end.
    pub async fn run(mut self) -> Outcome {
        self.begin();
        let verdict = loop {
            self.settle();
            while let Some((at_us, event)) = self.around.schedule.pop_due() {
                self.on(at_us, event).await;
                self.settle();
                if self.violation().is_some() {
                    break;
                }
                self.ask_testers(|tester, view| tester.on_event(view));
            }
            if let Some(violation) = self.violation() {
                break Verdict::Diverged(violation);
            }
            if let Some(verdict) = self.verdict.take() {
                break verdict;
            }
            let timer = self.nodes.iter().filter_map(SimNode::due).min();
            self.around.schedule.pass(timer).await;
        };
        for node in &mut self.nodes {
            node.kill().await;
        }
        self.ask_testers(|tester, view| tester.at_close(view));
        self.outcome(verdict)
    }

    /// What ends the world, if it is time.
    fn violation(&self) -> Option<String> {
        let first = self.around.violations.first();
        first.filter(|_| self.healed || !self.runs_on)
    }

    fn begin(&mut self) {
        let schedule = &self.around.schedule;
        for planned in &self.plan.faults {
            schedule.at(planned.at_ms * 1_000, Event::Fault(planned.fault.clone()));
        }
        for node in &self.nodes {
            if let Some(interceptor) = node.interceptor() {
                interceptor.begin(schedule);
            }
        }
        schedule.at(self.plan.faults_ms * 1_000, Event::Heal);
        schedule.at(LOOK_US, Event::Look);
        for node in 0..self.nodes.len() {
            self.start(node);
        }
    }

    /// Lets stepped nodes do what waits, in an order that the seed draws.
    fn settle(&mut self) {
        let now = self.around.schedule.instant();
        let turns = &mut self.turns;
        loop {
            let first = turns.index(self.nodes.len());
            let (before, after) = self.nodes.split_at_mut(first);
            let mut busy = false;
            for node in after.iter_mut().chain(before) {
                match node.settle(now, &mut |many| turns.index(many)) {
                    Ok(did) => busy |= did,
                    Err(actor) => {
                        let node = node.node;
                        self.around
                            .violations
                            .add(format!("node {node} does not come to rest: {actor}"));
                        return;
                    }
                }
            }
            if !busy {
                return;
            }
        }
    }

    fn ask_testers(&mut self, ask: impl Fn(&mut dyn Tester, &mut View<'_>)) {
        let mut view = View {
            plan: &self.plan,
            founders: &self.around.founders,
            schedule: &self.around.schedule,
            nodes: &self.nodes,
            violations: &self.around.violations,
            counters: self.around.network.counters(),
        };
        for tester in &mut self.testers {
            ask(&mut **tester, &mut view);
        }
    }

    async fn on(&mut self, at_us: u64, event: Event) {
        match event {
            Event::Deliver { from, to, frame } => {
                if let Some((handle, _)) = self.nodes[to].reachable() {
                    self.trace
                        .add(at_us, &frame, || format!("{to} hears {from}"));
                    if let Some(interceptor) = self.nodes[to].interceptor() {
                        interceptor.on_hear(from, &frame);
                    }
                    handle.deliver(frame);
                }
            }
            Event::DiskDone { node, incarnation } => self.on_written(at_us, node, incarnation),
            Event::Fault(fault) => self.on_fault(at_us, fault).await,
            Event::Crash {
                node,
                incarnation,
                down_ms,
                wiped,
            } => {
                self.on_crash(at_us, (node, incarnation), down_ms, wiped)
                    .await;
            }
            Event::Restart(node) => self.start(node),
            Event::Rejoin(cut) => self.around.network.rejoin(cut),
            Event::Resume { node, pause } => {
                if self.nodes[node].pause == pause {
                    self.nodes[node].set_paused(false);
                }
            }
            Event::Freed(node) => self.nodes[node].disk.set_full(false),
            Event::Published(batch) => self.around.sink.published(batch),
            Event::Mischief(node) => {
                if let Some(interceptor) = self.nodes[node].interceptor().cloned() {
                    interceptor.on_mischief(&self.around.schedule);
                }
            }
            Event::Client(event) => {
                let (line, data) = event.told();
                self.trace.add(at_us, &data, || line);
                let validators = &self.nodes[..self.plan.nodes];
                let nodes: Vec<Reachable<'_>> = validators.iter().map(SimNode::reachable).collect();
                self.clients.on(event, &nodes);
            }
            Event::Heal => self.heal(at_us),
            Event::Look => self.look(at_us),
        }
    }

    fn start(&mut self, node: usize) {
        let at_us = self.around.schedule.now_us();
        let disk = &self.nodes[node].disk;
        if disk.is_full() {
            self.around.schedule.after(100_000, Event::Restart(node));
            return;
        }
        let head = disk.look(|tables| tables.head().map(|b| b.height));
        self.trace.add(at_us, &[], || format!("{node} starts"));
        if self.is_honest(node) {
            // A disk that hides its loss is to be found out by what its node says.
            let lost = disk.standing().is_amnesiac || disk.hides_its_loss();
            self.agreement
                .on_start(node, head.unwrap_or_default(), lost);
        }
        self.nodes[node].start(&self.around);
    }

    fn on_written(&mut self, at_us: u64, node: usize, incarnation: u64) {
        for block in self.nodes[node].disk.written(incarnation) {
            let height = block.height;
            self.trace
                .add(at_us, &block.header, || format!("{node} commits {height}"));
            self.around.meets.said(node, "commit");
            if self.is_honest(node) {
                self.agreement.on_durable(node, &block);
            }
        }
    }

    fn heal(&mut self, at_us: u64) {
        self.trace.add(at_us, &[], || "the world heals".into());
        self.healed = true;
        self.around.network.heal();
        for node in 0..self.nodes.len() {
            self.nodes[node].disk.heal();
            self.nodes[node].clock.correct();
            self.nodes[node].set_paused(false);
            match self.nodes[node].life() {
                Some(life) => life.disarm(),
                None => self.start(node),
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
            hash: self.trace.hash(),
            events: self.trace.events(),
            lines: self.trace.lines(),
            verdict,
            height: self.agreement.height().0,
            rounds_max: self.around.spoken.rounds_max(),
            acknowledged: self.clients.answers.acknowledged(),
            restarts: starts - self.nodes.len() as u64,
            lost_writes: self.lost_writes,
            simulated_ms: now_us / 1_000,
            net: self.around.network.counters(),
            meets: self.around.meets.counts(),
            guilty: self.around.misbehavior.guilty(),
        }
    }
}

fn of_kind(plan: &Plan, kind: AdversaryKind) -> Vec<NodeIndex> {
    let those = plan.adversaries.iter().filter(|a| a.kind == kind);
    those.map(|a| a.node).collect()
}

/// Keys of validators that are not honest, and processes that run as one.
fn dishonest(
    plan: &Plan,
    people: &People,
    founders: &Founders,
) -> (BTreeSet<messages::keys::PublicKey>, BTreeSet<usize>) {
    let keys = plan.adversaries.iter();
    let keys = keys.map(|a| founders.keys[a.node].consensus).collect();
    let lies = |p: &usize| !plan.is_honest(people.validators[*p]);
    (keys, (0..people.count()).filter(lies).collect())
}

fn processes(around: &Surroundings, genesis: &Commit, honesty: Honesty) -> Vec<SimNode> {
    let (plan, people) = (&around.plan, around.network.people());
    let mut dice = Dice::new(plan.seed, "clocks");
    let process = |process: usize| {
        let validator = people.validators[process];
        let kind = plan.adversaries.iter().find(|a| a.node == validator);
        let interceptor = kind.map(|adversary| {
            let (founders, network) = (around.founders.clone(), around.network.clone());
            let who = (process, validator);
            Interceptor::new(plan.seed, who, adversary.kind, founders, network)
        });
        let honesty = match kind {
            Some(a) if a.kind == AdversaryKind::Amnesiac => Honesty::HidesItsLoss,
            _ => honesty,
        };
        let pace = Some((around.schedule.clone(), plan.disk));
        let disk = Disk::new(plan.seed, process, pace, honesty);
        disk.found(genesis);
        let ahead = dice.within(0..plan.clocks.skew_ms_max + 1) as i64;
        let most = plan.clocks.drift_ppm_max;
        let drift = dice.within(0..2 * most + 1) as i64 - most as i64;
        SimNode::new(
            process,
            validator,
            disk,
            Setting::new(ahead, drift),
            interceptor,
        )
    };
    (0..people.count()).map(process).collect()
}
