//! The one generic shell: step speculatively, journal, release.
//!
//! - An input is stepped with panics caught; nothing it leads to leaves the shell.
//! - Inputs that count are appended to the journal, all of a turn in one call; one fsync serves
//!   whatever arrived while the last one ran.
//! - Effects wait until everything stepped before them is durable, and leave in order.
//! - A panic drops the core. It is refolded from the store and the journal, the mailbox kept; an
//!   input that panics the core twice is rejected when it came from outside, and halts the node
//!   when it is a fact.
//!
//! After a refold all effects since the boundary are released again: they are idempotent.

use crate::counts::Counts;
use crate::host::{Halt, Runnable, Turned, Wake};
use bus::mailbox::Mailbox;
use bus::ports::{Clock, Journal, NewRecord, Stream};
use bus::supervision::{ActorName, RestartBudget, Verdict};
use bytes::Bytes;
use ledger::machine::{At, Keep, Machine, effects_digest};
use messages::hash::Hash;
use messages::mutant;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Inputs stepped in one turn at most; the rest waits for the next turn.
const TURN_INPUTS_MAX: usize = 4096;

/// Who answers for an input that panics the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A client or a peer: reject the input.
    Outsider,
    /// A decided fact or our own doing: halt.
    Fact,
}

/// A machine the shell can run.
pub(crate) trait Core: Machine<Input: Unpin, Effect: Unpin> + Unpin + 'static {
    /// Which actor it is.
    const NAME: ActorName;
    /// Its stream in the journal; none for soft state.
    const STREAM: Option<Stream>;

    /// The journal form of an input that is kept.
    fn to_journal(input: &Self::Input) -> Bytes;

    /// Reads a journaled input.
    fn from_journal(bytes: &[u8]) -> Result<Self::Input, String>;

    /// Takes out the input of an effect that asks to be stepped next.
    fn again(effect: Self::Effect) -> Result<Self::Input, Self::Effect> {
        Err(effect)
    }

    /// Who answers for the input.
    fn origin(input: &Self::Input) -> Origin;

    /// What an input of an outsider is banned by; none for inputs that have no bytes of their own.
    fn fingerprint(_input: &Self::Input) -> Option<Hash> {
        None
    }
}

/// Timers an effect may set or forget.
pub(crate) struct Timers<I> {
    due: BTreeMap<(Instant, u64), I>,
    next: u64,
    /// When the turn began.
    now: Instant,
}

impl<I> Timers<I> {
    /// Hands `input` to the machine after `after_ms`.
    pub(crate) fn start(&mut self, after_ms: u64, input: I) {
        self.next += 1;
        let at = self.now + Duration::from_millis(after_ms);
        self.due.insert((at, self.next), input);
    }

    /// Forgets the timers whose input matches.
    pub(crate) fn cancel(&mut self, matches: impl Fn(&I) -> bool) {
        self.due.retain(|_, input| !matches(input));
    }

    fn take_due(&mut self) -> Vec<I> {
        let later = self.due.split_off(&(self.now, u64::MAX));
        std::mem::replace(&mut self.due, later)
            .into_values()
            .collect()
    }
}

/// Carries out an effect.
pub(crate) type Interpret<M> =
    Box<dyn FnMut(<M as Machine>::Effect, &mut Timers<<M as Machine>::Input>)>;

/// Builds a core at the last height boundary; gives the journal seq to replay from.
pub(crate) type Build<M> = Box<dyn Fn(&mut Vec<<M as Machine>::Effect>) -> (M, u64)>;

/// What a shell is made of.
pub(crate) struct Parts<M: Core> {
    pub(crate) build: Build<M>,
    pub(crate) interpret: Interpret<M>,
    pub(crate) mailbox: Mailbox<M::Input>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) journal: Arc<dyn Journal>,
    /// Called when a write is durable: the shell has a turn to make.
    pub(crate) wake: Wake,
    /// Stops the node.
    pub(crate) halt: Halt,
    /// How much the machine keeps in memory.
    pub(crate) kept: Arc<AtomicUsize>,
    /// What the shells of the node count.
    pub(crate) counts: Arc<Counts>,
}

/// Runs one machine.
pub(crate) struct Shell<M: Core> {
    parts: Parts<M>,
    core: Option<M>,
    timers: Timers<M::Input>,
    /// Effects by the seq that must be durable first.
    held: VecDeque<(u64, Vec<M::Effect>)>,
    /// Seq of the last record appended by this shell.
    appended: u64,
    durable: Arc<AtomicU64>,
    /// Inputs to step before the mailbox's, the one that panicked among them.
    first: VecDeque<M::Input>,
    /// Panics of the input at the head of `first`.
    panics: u32,
    budget: RestartBudget,
    /// Inputs of outsiders that panicked the core twice.
    banned: BTreeSet<Hash>,
    halted: bool,
}

/// What a turn gathers for the journal.
struct Turn {
    records: Vec<NewRecord>,
    votes: bool,
}

impl<M: Core> Shell<M> {
    pub(crate) fn new(parts: Parts<M>) -> Self {
        Self {
            parts,
            core: None,
            timers: Timers {
                due: BTreeMap::new(),
                next: 0,
                now: Instant::now(),
            },
            held: VecDeque::new(),
            appended: 0,
            durable: Arc::new(AtomicU64::new(0)),
            first: VecDeque::new(),
            panics: 0,
            budget: RestartBudget::default(),
            banned: BTreeSet::new(),
            halted: false,
        }
    }

    /// Builds the core and folds the journal into it.
    fn refold(&mut self) -> Result<(), String> {
        let mut effects = Vec::new();
        self.timers.due.clear();
        let (mut core, from) = (self.parts.build)(&mut effects);
        if let Some(stream) = M::STREAM {
            for record in self.parts.journal.load(stream, from) {
                let input = M::from_journal(&record.input)
                    .map_err(|e| format!("journal record {}: {e}", record.seq))?;
                let at = At {
                    now: record.now,
                    seq: record.seq,
                };
                catch_unwind(AssertUnwindSafe(|| core.step(at, &input, &mut effects)))
                    .map_err(|panic| format!("journal record {}: {}", record.seq, told(&*panic)))?;
            }
        }
        self.core = Some(core);
        for effect in effects {
            match M::again(effect) {
                Ok(input) => self.first.push_back(input),
                Err(effect) => self.held.push_back((0, vec![effect])),
            }
        }
        Ok(())
    }

    fn halt(&mut self, reason: String) {
        self.halted = true;
        (self.parts.halt)(M::NAME, reason);
    }

    /// Steps all that waits; nothing while the journal must catch up first.
    fn step_all(&mut self) {
        self.release();
        if self.core.is_none() {
            if self.durable.load(Ordering::Acquire) < self.appended {
                return; // The journal must hold all that was stepped before it is read again.
            }
            if let Err(reason) = self.refold() {
                self.halt(format!("cannot refold: {reason}"));
                return;
            }
        }
        let mut inputs: VecDeque<M::Input> = std::mem::take(&mut self.first);
        inputs.extend(self.timers.take_due());
        inputs.extend(self.parts.mailbox.drain(TURN_INPUTS_MAX));
        let mut turn = Turn {
            records: Vec::new(),
            votes: false,
        };
        while let Some(input) = inputs.pop_front() {
            if let Err(input) = self.step(input, &mut inputs, &mut turn) {
                inputs.push_front(input);
                self.first = inputs;
                break;
            }
        }
        self.flush();
        self.append(turn);
        self.release();
    }

    /// Steps one input; gives it back when the core panicked and must be refolded first.
    fn step(
        &mut self,
        input: M::Input,
        inputs: &mut VecDeque<M::Input>,
        turn: &mut Turn,
    ) -> Result<(), M::Input> {
        let Some(core) = self.core.as_mut() else {
            return Err(input);
        };
        let is_banned = |f: Hash| self.banned.contains(&f);
        if !self.banned.is_empty() && M::fingerprint(&input).is_some_and(is_banned) {
            return Ok(()); // Counted when it was banned.
        }
        let now = self.parts.clock.now();
        let seq = self.parts.journal.next_seq() + turn.records.len() as u64;
        let at = At { now, seq };
        let mut effects = Vec::new();
        let stepped = catch_unwind(AssertUnwindSafe(|| core.step(at, &input, &mut effects)));
        let keep = match stepped {
            Ok(keep) => keep,
            Err(panic) => return self.on_panic(input, &told(&*panic)),
        };
        self.panics = 0;
        let mut needs = if turn.records.is_empty() {
            self.appended
        } else {
            seq - 1
        };
        if keep != Keep::No {
            turn.records.push(NewRecord {
                now,
                input: M::to_journal(&input),
                effects: effects_digest::<M>(&effects),
            });
            turn.votes |= keep == Keep::Vote;
            needs = seq;
        }
        let (mut leaving, mut again) = (Vec::with_capacity(effects.len()), Vec::new());
        for effect in effects {
            match M::again(effect) {
                Ok(next) => again.push(next),
                Err(effect) => leaving.push(effect),
            }
        }
        for next in again.into_iter().rev() {
            inputs.push_front(next);
        }
        if !leaving.is_empty() {
            self.held.push_back((needs, leaving));
        }
        Ok(())
    }

    fn on_panic(&mut self, input: M::Input, reason: &str) -> Result<(), M::Input> {
        self.core = None;
        self.panics += 1;
        let name = M::NAME.as_str();
        tracing::error!(actor = name, reason, "the core panicked; it is refolded");
        if self.panics < 2 {
            Counts::add(&self.parts.counts.restarts);
            let now_ms = self.parts.clock.now().0;
            if self.budget.on_failure(M::NAME.policy(), now_ms) == Verdict::StopNode {
                self.halt(format!("restart budget spent; last panic: {reason}"));
            }
            return Err(input);
        }
        self.panics = 0;
        if M::origin(&input) == Origin::Fact {
            self.halt(format!("a fact panics the core: {reason}"));
            return Err(input);
        }
        self.banned.extend(M::fingerprint(&input));
        Counts::add(&self.parts.counts.poison_inputs);
        let metric = observability_names::POISON_INPUTS.name;
        tracing::error!(
            actor = name,
            metric,
            "an input panicked the core twice: rejected"
        );
        Ok(())
    }

    fn flush(&mut self) {
        let Some(core) = self.core.as_mut() else {
            return;
        };
        let mut effects = Vec::new();
        let now = self.parts.clock.now();
        let flushed = catch_unwind(AssertUnwindSafe(|| core.flush(now, &mut effects)));
        if let Err(panic) = flushed {
            self.core = None;
            self.halt(format!("a batch panicked the core: {}", told(&*panic)));
        } else if !effects.is_empty() {
            self.held.push_back((self.appended, effects));
        }
    }

    fn append(&mut self, turn: Turn) {
        if turn.records.is_empty() {
            return;
        }
        let stream = M::STREAM.expect("only journaled machines keep inputs");
        let count = turn.records.len() as u64;
        let expected = self.parts.journal.next_seq();
        let (durable, wake) = (self.durable.clone(), self.parts.wake.clone());
        let last = expected + count - 1;
        let done = Box::new(move || {
            durable.fetch_max(last, Ordering::AcqRel);
            wake();
        });
        let first = self
            .parts
            .journal
            .append(stream, turn.records, turn.votes, done);
        assert_eq!(
            first, expected,
            "a node's actors share one thread and one journal"
        );
        self.appended = last;
    }

    /// Lets effects leave whose inputs are durable.
    fn release(&mut self) {
        let durable = self.durable.load(Ordering::Acquire);
        while self
            .held
            .front()
            .is_some_and(|(needs, _)| *needs <= durable || mutant!(ReleasesEarly))
        {
            let (_, effects) = self.held.pop_front().expect("it was just seen");
            for effect in effects {
                (self.parts.interpret)(effect, &mut self.timers);
            }
        }
    }
}

/// What a panic said.
fn told(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}

impl<M: Core> Runnable for Shell<M> {
    fn turn(&mut self, now: Instant) -> Turned {
        self.timers.now = now;
        if !self.halted {
            self.step_all();
        }
        let kept = self.core.as_ref().map_or(0, Machine::kept);
        self.parts.kept.store(kept, Ordering::Relaxed);
        // A core that is down waits for the journal, which wakes the shell.
        let waits = self.core.is_none() && self.durable.load(Ordering::Acquire) < self.appended;
        if self.halted || waits {
            return Turned::default();
        }
        Turned {
            again: !(self.parts.mailbox.is_empty() && self.first.is_empty()),
            due: self.timers.due.keys().next().map(|(at, _)| *at),
        }
    }

    fn on_wake(&self, wake: Wake) {
        self.parts.mailbox.on_wake(move || wake());
    }
}
