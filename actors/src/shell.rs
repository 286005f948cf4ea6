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

use crate::supervisor::{Failure, Supervisor};
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use bus::mailbox::Mailbox;
use bus::ports::{Clock, Journal, Stream};
use bus::supervision::{ActorName, RestartBudget, Verdict};
use bytes::Bytes;
use ledger::machine::{At, Keep, Machine};
use messages::hash::Hash;
use messages::ids::TimeMs;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
}

impl<I> Timers<I> {
    /// Hands `input` to the machine after `after_ms`.
    pub(crate) fn start(&mut self, after_ms: u64, input: I) {
        self.next += 1;
        self.due.insert(
            (Instant::now() + Duration::from_millis(after_ms), self.next),
            input,
        );
    }

    /// Forgets the timers whose input matches.
    pub(crate) fn cancel(&mut self, matches: impl Fn(&I) -> bool) {
        self.due.retain(|_, input| !matches(input));
    }

    fn take_due(&mut self, now: Instant) -> Vec<I> {
        let later = self.due.split_off(&(now, u64::MAX));
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
    pub(crate) supervisor: Addr<Supervisor>,
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
    armed: Option<Instant>,
    /// Inputs of outsiders that panicked the core twice.
    banned: BTreeSet<Hash>,
    halted: bool,
}

/// Something waits: mail, a durable write or a timer.
#[derive(Message)]
#[rtype(result = "()")]
struct Wake;

/// What a turn gathers for the journal.
struct Turn {
    records: Vec<(TimeMs, Bytes)>,
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
            },
            held: VecDeque::new(),
            appended: 0,
            durable: Arc::new(AtomicU64::new(0)),
            first: VecDeque::new(),
            panics: 0,
            budget: RestartBudget::default(),
            armed: None,
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
        self.parts.supervisor.do_send(Failure {
            actor: M::NAME,
            reason,
        });
    }

    fn turn(&mut self, ctx: &mut Context<Self>) {
        if self.halted {
            return;
        }
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
        inputs.extend(self.timers.take_due(Instant::now()));
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
        self.append(ctx, turn);
        self.release();
        self.arm(ctx);
        let more = !self.parts.mailbox.is_empty() || !self.first.is_empty();
        if more && !self.halted {
            ctx.notify(Wake);
        }
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
            turn.records.push((now, M::to_journal(&input)));
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

    fn append(&mut self, ctx: &mut Context<Self>, turn: Turn) {
        if turn.records.is_empty() {
            return;
        }
        let stream = M::STREAM.expect("only journaled machines keep inputs");
        let count = turn.records.len() as u64;
        let expected = self.parts.journal.next_seq();
        let (durable, address) = (self.durable.clone(), ctx.address());
        let last = expected + count - 1;
        let done = Box::new(move || {
            durable.fetch_max(last, Ordering::AcqRel);
            address.do_send(Wake);
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
            .is_some_and(|(needs, _)| *needs <= durable)
        {
            let (_, effects) = self.held.pop_front().expect("it was just seen");
            for effect in effects {
                (self.parts.interpret)(effect, &mut self.timers);
            }
        }
    }

    /// Wakes at the next timer. Generations are not needed: an early wake finds nothing due.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        let Some((at, _)) = self.timers.due.keys().next().copied() else {
            return;
        };
        let now = Instant::now();
        if self.armed.is_some_and(|armed| armed <= at && armed > now) {
            return;
        }
        self.armed = Some(at);
        ctx.run_later(at.saturating_duration_since(now), |shell, ctx| {
            shell.armed = None;
            shell.turn(ctx);
        });
    }
}

/// What a panic said.
fn told(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}

impl<M: Core> Actor for Shell<M> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let address = ctx.address();
        self.parts.mailbox.on_wake(move || address.do_send(Wake));
        ctx.notify(Wake);
    }
}

impl<M: Core> Handler<Wake> for Shell<M> {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        self.turn(ctx);
    }
}
