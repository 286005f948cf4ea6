//! The gateway actor's machine: clients' submissions and those who wait for receipts.
//!
//! A statement's id is told once it passed all checks and is durable here; "committed" is said
//! only with the receipt. Its state is soft: a restart loses waiters, never statements.

use crate::machine::{At, Keep, Machine};
use bytes::Bytes;
use messages::api::{Answer, Committed, Problem, ProblemKind, Query, SubmitAnswer};
use messages::ids::{Name, StatementId, TimeMs};
use messages::statement::ENTRY_BYTES_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Waiters are looked through for ended waits this often.
pub const TICK_MS: u64 = 50;

/// What the machine receives.
#[derive(Clone, Debug)]
pub enum GatewayInput {
    /// A client submits a statement.
    Submit {
        /// Names the client.
        token: u64,
        /// The statement.
        entry: Bytes,
        /// How long the client waits for the receipt, in milliseconds; none: until admitted.
        wait_ms: Option<u64>,
    },
    /// A client asks a question.
    Ask {
        /// Names the client.
        token: u64,
        /// The question.
        query: Query,
    },
    /// The client's statement passed all checks.
    Passed {
        /// The client.
        token: u64,
        /// The statement.
        id: StatementId,
    },
    /// The client's statement is refused.
    Refused {
        /// The client.
        token: u64,
        /// Why.
        problem: Problem,
    },
    /// These statements are durable here and wait for a block.
    Accepted(Vec<StatementId>),
    /// These statements are committed already.
    Already(Vec<StatementId>),
    /// There was no room for these.
    Busy(Vec<StatementId>),
    /// Blocks with these statements have receipts now.
    Published(Vec<Arc<Vec<StatementId>>>),
    /// Receipts that were fetched.
    Receipts {
        /// Those there are.
        ready: Vec<Committed>,
        /// Statements that have none yet.
        not_yet: Vec<StatementId>,
    },
    /// Who is missing changed.
    Presence {
        /// Validators that are missing.
        missing: Vec<Name>,
        /// Whether the present ones can decide.
        quorum: bool,
    },
    /// Time to look for ended waits.
    Tick,
}

/// What the machine asks for.
#[derive(Clone, Debug)]
pub enum GatewayEffect {
    /// Have a statement judged.
    Judge {
        /// The client.
        token: u64,
        /// The statement.
        entry: Bytes,
    },
    /// Answer a submission.
    Answer {
        /// The client.
        token: u64,
        /// The answer.
        answer: SubmitAnswer,
    },
    /// Answer a question.
    Reply {
        /// The client.
        token: u64,
        /// The answer.
        answer: Answer,
    },
    /// Have a question answered by those who know.
    Forward {
        /// The client.
        token: u64,
        /// The question.
        query: Query,
    },
    /// Fetch receipts for the waiting.
    Fetch(Vec<StatementId>),
    /// Send [`GatewayInput::Tick`] after [`TICK_MS`].
    TickAgain,
}

/// A client that waits.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    /// Known once the statement passed all checks.
    id: Option<StatementId>,
    /// When the wait ends; none for those who wait only until it is admitted.
    deadline: Option<TimeMs>,
    /// Durable here.
    accepted: bool,
}

/// The machine.
#[derive(Debug)]
pub struct Gateway {
    quorum_size: usize,
    waiters: BTreeMap<u64, Waiter>,
    by_id: BTreeMap<StatementId, BTreeSet<u64>>,
    /// Durable here and not yet published.
    pending: BTreeSet<StatementId>,
    missing: Vec<Name>,
    quorum: bool,
    ticking: bool,
}

impl Gateway {
    /// A gateway without clients.
    pub fn new(quorum_size: usize) -> Self {
        Self {
            quorum_size,
            waiters: BTreeMap::new(),
            by_id: BTreeMap::new(),
            pending: BTreeSet::new(),
            missing: Vec::new(),
            quorum: true,
            ticking: false,
        }
    }

    fn on_submit(
        &mut self,
        now: TimeMs,
        token: u64,
        entry: &Bytes,
        wait_ms: Option<u64>,
        out: &mut Vec<GatewayEffect>,
    ) {
        if let Some(problem) = size_problem(entry.len()) {
            out.push(GatewayEffect::Answer {
                token,
                answer: SubmitAnswer::Refused(problem),
            });
            return;
        }
        let deadline = wait_ms.map(|ms| now.plus_ms(ms));
        self.waiters.insert(
            token,
            Waiter {
                id: None,
                deadline,
                accepted: false,
            },
        );
        out.push(GatewayEffect::Judge {
            token,
            entry: entry.clone(),
        });
        if !self.ticking {
            self.ticking = true;
            out.push(GatewayEffect::TickAgain);
        }
    }

    fn on_passed(&mut self, token: u64, id: StatementId) {
        if let Some(waiter) = self.waiters.get_mut(&token) {
            waiter.id = Some(id);
            self.by_id.entry(id).or_default().insert(token);
        }
    }

    fn answer(&mut self, token: u64, answer: SubmitAnswer, out: &mut Vec<GatewayEffect>) {
        let Some(waiter) = self.waiters.remove(&token) else {
            return;
        };
        if let Some(id) = waiter.id
            && let Some(tokens) = self.by_id.get_mut(&id)
        {
            tokens.remove(&token);
            if tokens.is_empty() {
                self.by_id.remove(&id);
            }
        }
        out.push(GatewayEffect::Answer { token, answer });
    }

    fn tokens(&self, id: &StatementId) -> Vec<u64> {
        self.by_id.get(id).into_iter().flatten().copied().collect()
    }

    fn no_quorum(&self, id: StatementId) -> SubmitAnswer {
        SubmitAnswer::NoQuorum {
            id,
            missing: self.missing.clone(),
            quorum: self.quorum_size,
        }
    }

    fn on_accepted(&mut self, ids: &[StatementId], out: &mut Vec<GatewayEffect>) {
        for id in ids {
            self.pending.insert(*id);
            for token in self.tokens(id) {
                let waiter = self
                    .waiters
                    .get_mut(&token)
                    .expect("a token names a waiter");
                waiter.accepted = true;
                let waits = waiter.deadline.is_some();
                if !self.quorum {
                    let answer = self.no_quorum(*id);
                    self.answer(token, answer, out);
                } else if !waits {
                    self.answer(token, SubmitAnswer::Pending(*id), out);
                }
            }
        }
    }

    /// A resubmission gets the first outcome, now or when its block is published.
    fn on_already(&mut self, ids: &[StatementId], out: &mut Vec<GatewayEffect>) {
        for id in ids {
            for token in self.tokens(id) {
                self.waiters
                    .get_mut(&token)
                    .expect("a token names a waiter")
                    .accepted = true;
            }
        }
        out.push(GatewayEffect::Fetch(ids.to_vec()));
    }

    fn on_busy(&mut self, ids: &[StatementId], out: &mut Vec<GatewayEffect>) {
        for id in ids {
            for token in self.tokens(id) {
                self.answer(token, SubmitAnswer::Refused(busy()), out);
            }
        }
    }

    fn on_published(&mut self, blocks: &[Arc<Vec<StatementId>>], out: &mut Vec<GatewayEffect>) {
        let mut waited = Vec::new();
        for id in blocks.iter().flat_map(|ids| ids.iter()) {
            self.pending.remove(id);
            if self.by_id.contains_key(id) {
                waited.push(*id);
            }
        }
        if !waited.is_empty() {
            out.push(GatewayEffect::Fetch(waited));
        }
    }

    fn on_receipts(&mut self, receipts: &[Committed], out: &mut Vec<GatewayEffect>) {
        for committed in receipts {
            self.pending.remove(&committed.id);
            for token in self.tokens(&committed.id) {
                let answer = SubmitAnswer::Committed(Box::new(committed.clone()));
                self.answer(token, answer, out);
            }
        }
    }

    /// Those who do not wait, or wait for nothing as there is no quorum, are answered now.
    fn on_not_yet(&mut self, ids: &[StatementId], out: &mut Vec<GatewayEffect>) {
        for id in ids {
            for token in self.tokens(id) {
                let waiter = self.waiters.get(&token);
                let waits = waiter.is_some_and(|waiter| waiter.deadline.is_some());
                if !self.quorum {
                    let answer = self.no_quorum(*id);
                    self.answer(token, answer, out);
                } else if !waits {
                    self.answer(token, SubmitAnswer::Pending(*id), out);
                }
            }
        }
    }

    fn on_presence(&mut self, missing: &[Name], quorum: bool, out: &mut Vec<GatewayEffect>) {
        self.missing = missing.to_vec();
        self.quorum = quorum;
        if quorum {
            return;
        }
        let accepted: Vec<_> = self
            .waiters
            .iter()
            .filter_map(|(token, w)| w.id.filter(|_| w.accepted).map(|id| (*token, id)))
            .collect();
        for (token, id) in accepted {
            let answer = self.no_quorum(id);
            self.answer(token, answer, out);
        }
    }

    fn on_tick(&mut self, now: TimeMs, out: &mut Vec<GatewayEffect>) {
        let ended: Vec<_> = self
            .waiters
            .iter()
            .filter(|(_, w)| w.accepted && w.deadline.is_some_and(|deadline| deadline <= now))
            .filter_map(|(token, w)| w.id.map(|id| (*token, id)))
            .collect();
        for (token, id) in ended {
            self.answer(token, SubmitAnswer::Pending(id), out);
        }
        self.ticking = !self.waiters.is_empty();
        if self.ticking {
            out.push(GatewayEffect::TickAgain);
        }
    }

    fn on_ask(&self, token: u64, query: &Query, out: &mut Vec<GatewayEffect>) {
        out.push(match query {
            Query::Receipt(id)
            | Query::Statement(id)
            | Query::Outcome(id)
            | Query::CoseReceipt(id)
                if self.pending.contains(id) =>
            {
                GatewayEffect::Reply {
                    token,
                    answer: Answer::Waiting(*id),
                }
            }
            _ => GatewayEffect::Forward {
                token,
                query: query.clone(),
            },
        });
    }
}

fn size_problem(len: usize) -> Option<Problem> {
    let (kind, code, detail) = match len {
        0 => (
            ProblemKind::Malformed,
            "empty-body",
            "expected a statement, found 0 bytes".into(),
        ),
        _ if len > ENTRY_BYTES_MAX => (
            ProblemKind::TooLarge,
            "entry-too-large",
            format!("expected at most {ENTRY_BYTES_MAX} bytes, found {len}"),
        ),
        _ => return None,
    };
    let next_step = "send one COSE_Sign1 statement; of a large file deposit the hash".into();
    Some(Problem {
        kind,
        code,
        detail,
        field: Some("body".into()),
        next_step,
    })
}

/// The answer of a node that has too much to do.
pub fn busy() -> Problem {
    Problem {
        kind: ProblemKind::Busy,
        code: "busy",
        detail: "this node has no room for more statements now".into(),
        field: None,
        next_step: "send the same statement again in a second, here or to another node".into(),
    }
}

impl Machine for Gateway {
    type Input = GatewayInput;
    type Effect = GatewayEffect;

    fn kept(&self) -> usize {
        self.waiters.len() + self.pending.len()
    }

    fn step(&mut self, at: At, input: &GatewayInput, out: &mut Vec<GatewayEffect>) -> Keep {
        match input {
            GatewayInput::Submit {
                token,
                entry,
                wait_ms,
            } => {
                self.on_submit(at.now, *token, entry, *wait_ms, out);
            }
            GatewayInput::Ask { token, query } => self.on_ask(*token, query, out),
            GatewayInput::Passed { token, id } => self.on_passed(*token, *id),
            GatewayInput::Refused { token, problem } => {
                self.answer(*token, SubmitAnswer::Refused(problem.clone()), out);
            }
            GatewayInput::Accepted(ids) => self.on_accepted(ids, out),
            GatewayInput::Already(ids) => self.on_already(ids, out),
            GatewayInput::Busy(ids) => self.on_busy(ids, out),
            GatewayInput::Published(blocks) => self.on_published(blocks, out),
            GatewayInput::Receipts { ready, not_yet } => {
                self.on_receipts(ready, out);
                self.on_not_yet(not_yet, out);
            }
            GatewayInput::Presence { missing, quorum } => self.on_presence(missing, *quorum, out),
            GatewayInput::Tick => self.on_tick(at.now, out),
        }
        Keep::No
    }
}
