//! Depositors: they sign, submit to any node, and resend the same statement elsewhere when a node
//! fails. Some trust an acknowledgement and only ask for the receipt from then on: a statement
//! that a node acknowledged and forgot stays missing.

use crate::check::Violations;
use crate::check::answers::Answers;
use crate::dice::Dice;
use crate::founders::{key, name};
use crate::life::Life;
use crate::plan::{NODES, Plan};
use crate::schedule::{Event, NodeIndex, Schedule};
use actors::NodeHandle;
use bus::api::{Answer, NodeApi, ProblemKind, Query, SubmitAnswer};
use bytes::Bytes;
use messages::hash::Hash;
use messages::ids::StatementId;
use messages::statement::{Deposit, DigestAlgorithm, Lodged, Statement};
use std::sync::Arc;

/// Depositors of a world.
const DEPOSITORS: usize = 4;
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
    /// No answer came for too long.
    GiveUp {
        /// The deposit.
        deposit: usize,
        /// Which attempt.
        attempt: u32,
    },
}

/// How many deposits in a million lodge a body,
const BODIES_PPM: u32 = 150_000;
/// and how large it is at most, in bytes.
const BODY_BYTES_MAX: u64 = 600_000;

struct Client {
    id: StatementId,
    entry: Bytes,
    /// The content it lodges beside the log, if any.
    body: Option<Bytes>,
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
    /// The node that loses its disk, if any.
    forgetful: Option<NodeIndex>,
    /// What they were told.
    pub answers: Answers,
}

impl Clients {
    /// The clients of a plan; each begins at its own time.
    pub fn new(plan: &Plan, schedule: Schedule, answers: Answers, violations: Violations) -> Self {
        let mut dice = Dice::new(plan.seed, "clients");
        let keys: Vec<_> = (0..DEPOSITORS)
            .map(|i| key(plan.seed, &format!("depositor-{i}")))
            .collect();
        let mut client = |deposit: usize| {
            let number = (deposit as u64).to_be_bytes();
            // Some bodies are of one part, some of several.
            let body = dice.happens(BODIES_PPM).then(|| {
                let size = dice.within(1..BODY_BYTES_MAX) as usize;
                Bytes::from([deposit as u8].repeat(size))
            });
            let lodged = match &body {
                Some(body) => Lodged::Body {
                    digest: Hash::of(body),
                    size: body.len() as u64,
                },
                None => Lodged::Digest(Hash::of(&number)),
            };
            let payload = Deposit {
                network: name("sim"),
                namespace: name("public"),
                lodged,
                algorithm: DigestAlgorithm::Sha256,
                declared_time: None,
                not_before: None,
                references: Vec::new(),
            };
            let key = &keys[dice.index(DEPOSITORS)];
            let statement = Statement::sign(key, "a depositor", "a document", payload)
                .expect("the simulation's deposits can be signed");
            let at_ms = dice.within(10..plan.faults_ms);
            schedule.at(at_ms * 1_000, Event::Client(ClientEvent::Next(deposit)));
            Client {
                id: statement.id(),
                entry: statement.entry().into(),
                body,
                trusts: dice.within(0..2) == 0,
                acknowledged: false,
                done: false,
                attempt: 0,
            }
        };
        let clients = (0..plan.deposits).map(&mut client).collect();
        Self {
            clients,
            dice,
            schedule,
            violations,
            forgetful: plan.forgets.map(|f| f.node),
            answers,
        }
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
            .map(|c| c.id)
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
                    self.answers.on_receipt(self.clients[deposit].id, committed);
                    self.clients[deposit].done = true;
                }
                self.again(deposit, attempt);
            }
            ClientEvent::GiveUp { deposit, attempt } => self.again(deposit, attempt),
        }
    }

    fn plan(&self, after_ms: u64, event: ClientEvent) {
        self.schedule.after(after_ms * 1_000, Event::Client(event));
    }

    fn on_next(&mut self, deposit: usize, nodes: &[Reachable<'_>]) {
        if self.clients[deposit].done {
            return;
        }
        let first = self.dice.index(NODES);
        let wait_ms = (self.dice.within(0..4) > 0).then(|| self.dice.within(100..3_000));
        let twin = self.dice.happens(TWINS_PPM).then_some((first + 1) % NODES);
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
            id,
            entry,
            body,
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
        let forgets = self.forgetful == Some(node);
        let client = &mut self.clients[deposit];
        match answer {
            SubmitAnswer::Committed(committed) => {
                client.done = true;
                self.answers.on_receipt(client.id, committed);
            }
            SubmitAnswer::Pending(id) | SubmitAnswer::NoQuorum { id, .. } => {
                if *id != client.id {
                    let expected = client.id;
                    self.violations
                        .add(format!("submitted {expected}, acknowledged {id}"));
                }
                // One disk holds it: a disk that is lost may take it along.
                if !forgets {
                    client.acknowledged = true;
                    self.answers.on_acknowledged(client.id);
                }
            }
            SubmitAnswer::Refused(problem) => {
                if !matches!(problem.kind, ProblemKind::Busy | ProblemKind::Unavailable) {
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
