//! Depositors: they sign, submit to any node, and resend the same statement elsewhere when a node
//! fails. Some trust an acknowledgement and only ask for the receipt from then on: a statement
//! that a node acknowledged and forgot stays missing.

mod hostile;

use crate::check::Violations;
use crate::check::answers::Answers;
use crate::dice::Dice;
use crate::life::Life;
use crate::plan::Plan;
use crate::schedule::{Event, NodeIndex, Schedule};
use crate::statements::{DEPOSITORS, Signed, statement};
use actors::NodeHandle;
use bus::api::{Answer, NodeApi, ProblemKind, Query, SubmitAnswer};
use bytes::Bytes;
use hostile::Hostile;
use messages::api::{Committed, Problem};
use messages::hash::Hash;
use messages::ids::StatementId;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A client gives up on a node this long after its wait should have ended, in milliseconds.
const PATIENCE_MS: u64 = 1_500;
/// Submissions to two nodes at once, in parts of a million.
const TWINS_PPM: u32 = 150_000;

/// Something happens to the client of a deposit.
#[derive(Debug)]
pub enum ClientEvent {
    /// It submits, or asks again.
    Next(usize),
    /// A node answered its submission.
    Answered {
        /// The node.
        node: NodeIndex,
        /// The deposit.
        deposit: usize,
        /// Which attempt.
        attempt: u32,
        /// The answer.
        answer: SubmitAnswer,
    },
    /// A node answered its question.
    Told {
        /// The deposit.
        deposit: usize,
        /// Which attempt.
        attempt: u32,
        /// The answer.
        answer: Answer,
    },
    /// A hostile client submits something.
    Hostile(usize),
    /// No answer came for too long.
    GiveUp {
        /// The deposit.
        deposit: usize,
        /// Which attempt.
        attempt: u32,
    },
}

impl ClientEvent {
    /// The event for the log: one short line, and the bytes that the line leaves out.
    pub(crate) fn told(&self) -> (String, Bytes) {
        let receipt = |c: &Committed| {
            let (id, height, index) = (c.id.0.short(), c.height, c.index);
            let line = format!("the receipt of {id} at height {height}, index {index}");
            (line, Bytes::from(c.receipt.clone()))
        };
        let problem = |p: &Problem| (format!("{}: {}", p.code, p.detail), Bytes::new());
        let (who, (what, data)) = match self {
            Self::Next(deposit) => (*deposit, ("goes on".into(), Bytes::new())),
            Self::Hostile(which) => {
                return (format!("hostile client {which} submits"), Bytes::new());
            }
            Self::GiveUp { deposit, .. } => (*deposit, ("waits no longer".into(), Bytes::new())),
            Self::Answered {
                node,
                deposit,
                answer,
                ..
            } => {
                let (what, data) = match answer {
                    SubmitAnswer::Committed(committed) => receipt(committed),
                    SubmitAnswer::Refused(refused) => problem(refused),
                    other => (format!("{other:?}"), Bytes::new()),
                };
                (*deposit, (format!("hears from {node}: {what}"), data))
            }
            Self::Told {
                deposit, answer, ..
            } => {
                let (what, data) = match answer {
                    Answer::Receipt(committed) => receipt(committed),
                    Answer::Problem(refused) => problem(refused),
                    other => (format!("{other:?}"), Bytes::new()),
                };
                (*deposit, (format!("is told: {what}"), data))
            }
        };
        (format!("client {who} {what}"), data)
    }
}

/// Statements that a world draws from.
const NUMBERS: u64 = 300;

struct Client {
    statement: Signed,
    /// Does not resend what a node acknowledged.
    trusts: bool,
    acknowledged: bool,
    done: bool,
    attempt: u32,
}

/// A node as clients see it.
pub type Reachable<'a> = Option<(&'a NodeHandle, &'a Arc<Life>)>;

/// The clients of a world.
pub struct Clients {
    clients: Vec<Client>,
    dice: Dice,
    schedule: Schedule,
    violations: Violations,
    /// Nodes whose word counts: honest ones that keep their disk.
    reliable: Vec<bool>,
    hostile: Hostile,
    /// What they were told.
    pub answers: Answers,
}

impl Clients {
    /// The clients of a plan; each begins at its own time.
    pub fn new(plan: &Plan, schedule: Schedule, answers: Answers, violations: Violations) -> Self {
        let mut dice = Dice::new(plan.seed, "clients");
        let work = plan.workload;
        let first = dice.within(0..NUMBERS) as usize;
        let client = |deposit: usize| {
            // Some bodies are of one part, some of several.
            let body_bytes = match dice.happens(work.bodies_ppm) {
                true => dice.within(1..work.body_bytes_max),
                false => 0,
            };
            let number = (first + deposit) % NUMBERS as usize;
            let statement = statement(dice.index(DEPOSITORS), number, body_bytes);
            let at_us = match work.burst_ms {
                0 => dice.within(10..plan.faults_ms) * 1_000,
                burst_ms => 1_000_000 + dice.within(0..burst_ms * 1_000),
            };
            schedule.at(at_us, Event::Client(ClientEvent::Next(deposit)));
            Client {
                statement,
                trusts: dice.within(0..2) == 0,
                acknowledged: false,
                done: false,
                attempt: 0,
            }
        };
        let clients = (0..work.deposits).map(client).collect();
        let reliable = |node| plan.is_honest(node) && !plan.loses_data(node);
        Self {
            clients,
            hostile: Hostile::new(plan, &schedule, violations.clone()),
            dice,
            schedule,
            violations,
            reliable: (0..plan.nodes).map(reliable).collect(),
            answers,
        }
    }

    /// Every statement that a client may have submitted in good faith.
    pub fn submitted(&self) -> BTreeSet<StatementId> {
        self.clients.iter().map(|c| c.statement.id).collect()
    }

    /// Whether every client has its receipt.
    pub fn all_done(&self) -> bool {
        self.clients.iter().all(|client| client.done)
    }

    /// Statements without a receipt.
    pub fn waiting(&self) -> Vec<StatementId> {
        self.clients
            .iter()
            .filter(|c| !c.done)
            .map(|c| c.statement.id)
            .collect()
    }

    /// Reacts to an event.
    pub fn on(&mut self, event: ClientEvent, nodes: &[Reachable<'_>]) {
        match event {
            ClientEvent::Next(deposit) => self.on_next(deposit, nodes),
            ClientEvent::Answered {
                node,
                deposit,
                attempt,
                answer,
            } => {
                self.on_answered(node, deposit, &answer);
                self.again(deposit, attempt);
            }
            ClientEvent::Told {
                deposit,
                attempt,
                answer,
            } => {
                if let Answer::Receipt(committed) = &answer {
                    let Signed { id, entry, .. } = self.clients[deposit].statement.clone();
                    self.answers.on_receipt(id, &entry, committed);
                    self.clients[deposit].done = true;
                }
                self.again(deposit, attempt);
            }
            ClientEvent::GiveUp { deposit, attempt } => self.again(deposit, attempt),
            ClientEvent::Hostile(which) => self.hostile.on(which, nodes),
        }
    }

    fn plan(&self, after_ms: u64, event: ClientEvent) {
        self.schedule.after(after_ms * 1_000, Event::Client(event));
    }

    fn on_next(&mut self, deposit: usize, nodes: &[Reachable<'_>]) {
        if self.clients[deposit].done {
            return;
        }
        let first = self.dice.index(nodes.len());
        let wait_ms = (self.dice.within(0..4) > 0).then(|| self.dice.within(100..3_000));
        let twin = self
            .dice
            .happens(TWINS_PPM)
            .then_some((first + 1) % nodes.len());
        let client = &mut self.clients[deposit];
        client.attempt += 1;
        let asks = client.acknowledged && client.trusts;
        let attempt = client.attempt;
        let mut reached = false;
        for node in [Some(first), twin].into_iter().flatten() {
            if let Some((handle, life)) = nodes[node] {
                reached = true;
                self.send(deposit, wait_ms, asks, handle, life);
            }
        }
        let patience_ms = if reached {
            wait_ms.unwrap_or(0) + PATIENCE_MS
        } else {
            200
        };
        self.plan(patience_ms, ClientEvent::GiveUp { deposit, attempt });
    }

    fn send(
        &self,
        deposit: usize,
        wait_ms: Option<u64>,
        asks: bool,
        handle: &NodeHandle,
        life: &Arc<Life>,
    ) {
        let Client {
            statement: Signed { id, entry, body },
            attempt,
            ..
        } = &self.clients[deposit];
        let node = life.node;
        let (attempt, schedule, life) = (*attempt, self.schedule.clone(), life.clone());
        let tell = move |event| {
            // What a dead node says is not heard.
            if !life.is_dead() {
                schedule.after(0, Event::Client(event));
            }
        };
        if asks {
            let reply = move |answer| {
                tell(ClientEvent::Told {
                    deposit,
                    attempt,
                    answer,
                })
            };
            handle.query(Query::Receipt(*id), Box::new(reply));
        } else {
            let reply = move |answer| {
                tell(ClientEvent::Answered {
                    node,
                    deposit,
                    attempt,
                    answer,
                })
            };
            if let Some(bytes) = body.clone() {
                let digest = Hash::of(&bytes);
                // The answer to the statement says whether the body was taken.
                handle.query(Query::PutBody { digest, bytes }, Box::new(drop));
            }
            handle.submit(entry.clone(), wait_ms, Box::new(reply));
        }
    }

    fn on_answered(&mut self, node: NodeIndex, deposit: usize, answer: &SubmitAnswer) {
        let counts = self.reliable[node];
        let client = &mut self.clients[deposit];
        match answer {
            SubmitAnswer::Committed(committed) => {
                client.done = true;
                let Signed { id, entry, .. } = &client.statement;
                self.answers.on_receipt(*id, entry, committed);
            }
            SubmitAnswer::Pending(id) | SubmitAnswer::NoQuorum { id, .. } => {
                if *id != client.statement.id {
                    let expected = client.statement.id;
                    self.violations
                        .add(format!("submitted {expected}, acknowledged {id}"));
                }
                // One disk holds it: a disk that is lost may take it along.
                if counts {
                    client.acknowledged = true;
                    self.answers.on_acknowledged(client.statement.id);
                }
            }
            SubmitAnswer::Refused(problem) => {
                let later = matches!(problem.kind, ProblemKind::Busy | ProblemKind::Unavailable);
                // The body was handed over at the same time, and may come later or be shed.
                let body = problem.code == "body-missing" && client.statement.body.is_some();
                if !later && !body {
                    let (code, detail) = (problem.code, &problem.detail);
                    self.violations
                        .add(format!("a good statement is refused: {code}: {detail}"));
                }
            }
        }
    }

    /// Goes on after an attempt, unless a later one is under way.
    fn again(&mut self, deposit: usize, attempt: u32) {
        let client = &mut self.clients[deposit];
        if client.done || client.attempt != attempt {
            return;
        }
        client.attempt += 1; // No other answer to this attempt goes on.
        let after_ms = self.dice.within(50..700);
        self.plan(after_ms, ClientEvent::Next(deposit));
    }
}
