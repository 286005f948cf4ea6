//! The consensus actor's machine: engine, pool and execution as one pure step.
//!
//! Invariants:
//! - a vote leaves only after the input that caused it is durable (the shell), and the block it
//!   is for is in the journal beside it;
//! - whatever decides a vote is in a journaled input: the verdict on signatures travels with the
//!   proposal, a block this node makes comes back as an input;
//! - any journaled input of a height starts that height, so a replay from a height boundary
//!   steps the engine through the same inputs in the same order;
//! - below the amnesia floor nothing is signed (DESIGN section 7).

mod decide;
mod vocabulary;

pub use vocabulary::{
    Decided, JournaledInput, JudgedBlock, ReplicaEffect, ReplicaInput, ReplicaTimer,
};

use crate::engine::{Engine, EngineConfig, EngineInput, EngineOutput, EngineTimeouts};
use crate::execution::{Chain, Committed, Entry, Executed};
use crate::machine::{At, Keep, Machine};
use crate::pool::{Admission, Pool, PoolLimits};
use messages::cbor::Canonical;
use messages::consensus::{BlockId, ConsensusMessage, Proposal};
use messages::ids::{Height, Round, StatementId, TimeMs};
use messages::keys::PublicKey;
use messages::ports::{ConsensusSigner, ConsensusVerifier};
use messages::stored::LedgerReader;
use messages::wire::PeerMessage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Blocks of heights further ahead than this are not kept.
const HEIGHTS_AHEAD_MAX: u64 = 8;
/// Different blocks kept per height: hostile proposers cannot fill the memory.
const BODIES_PER_HEIGHT_MAX: usize = 64;
/// Statements waiting here are told again after this long.
const REGOSSIP_MS: u64 = 1_000;
/// Statements told again at once.
const REGOSSIP_MAX: usize = 512;

/// What a replica is made of.
#[derive(Clone)]
pub struct ReplicaConfig {
    /// This validator's consensus key; none for an observer.
    pub own: Option<PublicKey>,
    /// Signs votes and proposals.
    pub signer: Arc<dyn ConsensusSigner>,
    /// Judges them.
    pub verifier: Arc<dyn ConsensusVerifier>,
    /// Committed data.
    pub reader: Arc<dyn LedgerReader>,
    /// Timeouts of the rounds.
    pub timeouts: EngineTimeouts,
    /// Bounds of the pool.
    pub pool: PoolLimits,
    /// First height this validator may sign; none when its journal was found short of the
    /// watermark and the floor is not known yet.
    pub floor: Option<Height>,
}

/// Inputs that were dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Not in canonical form.
    pub malformed: u64,
    /// Of a height already decided, or too far ahead.
    pub out_of_range: u64,
    /// A block that is not valid here.
    pub invalid_blocks: u64,
    /// A synced block that does not follow, or whose certificate does not hold.
    pub bad_sync: u64,
}

/// A block this node holds for a height not yet decided.
struct Body {
    judged: JudgedBlock,
    /// Executed on the chain of the height before, once that is known.
    verdict: Option<Result<Arc<Executed>, String>>,
}

/// The machine.
pub struct Replica {
    config: ReplicaConfig,
    chain: Chain,
    engine: Engine,
    /// The engine runs the height after the chain's.
    started: bool,
    pool: Pool,
    bodies: BTreeMap<(Height, BlockId), Body>,
    /// Proposals of heights to come, whose blocks are judged when their height starts.
    proposals: BTreeMap<Height, Vec<Proposal>>,
    /// Rounds for which a block of ours was made.
    proposed: BTreeSet<(Height, Round)>,
    /// Ids committed in blocks that are not yet durable.
    recent: BTreeMap<Height, Vec<StatementId>>,
    recent_ids: BTreeSet<StatementId>,
    /// Journal seq at which each of the last heights was started.
    started_at: BTreeMap<Height, u64>,
    /// First height this validator may sign; none while an amnesiac does not know it.
    floor: Option<Height>,
    regossip_armed: bool,
    dropped: Dropped,
}

/// Ids of durable blocks (by the reader) and of those on their way to the disk.
struct CommittedIds<'a> {
    reader: &'a dyn LedgerReader,
    recent: &'a BTreeSet<StatementId>,
}

impl Committed for CommittedIds<'_> {
    fn contains(&self, id: &StatementId) -> bool {
        self.recent.contains(id) || self.reader.position(id).is_some()
    }
}

impl Replica {
    /// A replica that stands at `chain`; the first effects arm its heartbeat.
    pub fn new(config: ReplicaConfig, chain: Chain, out: &mut Vec<ReplicaEffect>) -> Self {
        let floor = config.floor;
        let engine = Self::engine(&config, &chain, floor);
        let pool = Pool::new(config.pool);
        let heartbeat_ms = u64::from(chain.rules.parameters.heartbeat_ms);
        let next = chain.next_height();
        out.push(ReplicaEffect::StartTimer {
            timer: ReplicaTimer::Heartbeat(next),
            after_ms: heartbeat_ms,
        });
        Self {
            config,
            chain,
            engine,
            started: false,
            pool,
            bodies: BTreeMap::new(),
            proposals: BTreeMap::new(),
            proposed: BTreeSet::new(),
            recent: BTreeMap::new(),
            recent_ids: BTreeSet::new(),
            started_at: BTreeMap::new(),
            floor,
            regossip_armed: false,
            dropped: Dropped::default(),
        }
    }

    /// An engine that waits for the height after the chain's and signs from `floor` on.
    fn engine(config: &ReplicaConfig, chain: &Chain, floor: Option<Height>) -> Engine {
        let engine_config = EngineConfig {
            network: chain.rules.network.clone(),
            validators: chain.rules.validators.clone(),
            own: config.own,
            timeouts: config.timeouts,
            decided: chain.height,
            signs_from: floor.unwrap_or(Height(u64::MAX)),
        };
        Engine::new(
            engine_config,
            Some(config.signer.clone()),
            config.verifier.clone(),
        )
    }

    /// The chain after the last decided block.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Statements waiting.
    pub fn pool_len(&self) -> usize {
        self.pool.len()
    }

    /// Inputs dropped so far.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    fn committed(&self) -> CommittedIds<'_> {
        CommittedIds {
            reader: &*self.config.reader,
            recent: &self.recent_ids,
        }
    }

    /// Whether `height` is the next one or near enough after it.
    fn in_range(&self, height: Height) -> bool {
        let next = self.chain.next_height();
        height >= next && height.0 <= next.0 + HEIGHTS_AHEAD_MAX
    }

    fn on_message(&mut self, at: At, bytes: &[u8], out: &mut Vec<ReplicaEffect>) -> Keep {
        let Ok(message) = ConsensusMessage::from_bytes(bytes) else {
            self.dropped.malformed += 1;
            return Keep::No;
        };
        if matches!(message, ConsensusMessage::Proposal(_)) || !self.in_range(message.height()) {
            self.dropped.out_of_range += 1;
            return Keep::No;
        }
        let height = message.height();
        let refused = self.refused();
        let was_started = self.started;
        self.wake_for(at, height, out);
        self.drive(at, EngineInput::Message(message), out);
        // What the engine refused changed nothing, and would not be refused again by a replay
        // that starts nearer to its height.
        let changed = self.refused() == refused || self.started != was_started;
        if changed { Keep::Yes } else { Keep::No }
    }

    /// Inputs the engine refused so far.
    fn refused(&self) -> u64 {
        self.engine.dropped().values().sum()
    }

    fn on_proposal(
        &mut self,
        at: At,
        bytes: &[u8],
        block: &JudgedBlock,
        out: &mut Vec<ReplicaEffect>,
    ) -> Keep {
        let Ok(ConsensusMessage::Proposal(signed)) = ConsensusMessage::from_bytes(bytes) else {
            self.dropped.malformed += 1;
            return Keep::No;
        };
        let proposal = signed.proposal.clone();
        let claimed = messages::block::Header::from_bytes(&block.parts.header);
        let describes = claimed.is_ok_and(|header| header.id() == proposal.block);
        let rules = &self.chain.rules;
        let proposer = rules.validators.proposer(proposal.height, proposal.round);
        if !describes || !self.in_range(proposal.height) || proposer != proposal.proposer {
            self.dropped.out_of_range += 1;
            return Keep::No;
        }
        if !self.keep_body(proposal.height, proposal.block, block) {
            self.dropped.out_of_range += 1;
            return Keep::No;
        }
        self.wake_for(at, proposal.height, out);
        let height = proposal.height;
        self.drive(
            at,
            EngineInput::Message(ConsensusMessage::Proposal(signed)),
            out,
        );
        if height == self.chain.next_height() && self.started {
            self.judge(at, &proposal, out);
        } else if self.in_range(height) {
            self.proposals.entry(height).or_default().push(proposal);
        }
        Keep::Yes
    }

    fn keep_body(&mut self, height: Height, id: BlockId, judged: &JudgedBlock) -> bool {
        if self.bodies.contains_key(&(height, id)) {
            return true;
        }
        let of_height = (height, BlockId(messages::hash::Hash([0; 32])))
            ..=(height, BlockId(messages::hash::Hash([0xff; 32])));
        if self.bodies.range(of_height).count() >= BODIES_PER_HEIGHT_MAX {
            return false;
        }
        self.bodies.insert(
            (height, id),
            Body {
                judged: judged.clone(),
                verdict: None,
            },
        );
        true
    }

    /// Tells the engine whether a proposed block is valid here.
    fn judge(&mut self, at: At, proposal: &Proposal, out: &mut Vec<ReplicaEffect>) {
        let fresh = proposal.valid_round.is_none();
        let verdict = self.execute(proposal.height, proposal.block);
        let Some(verdict) = verdict else { return };
        let valid = verdict.is_ok_and(|executed| {
            let header = &executed.block.header;
            let is_own_and_timely =
                || header.proposer == proposal.proposer && self.is_timely(header.time, at.now);
            !fresh || is_own_and_timely()
        });
        if !valid {
            self.dropped.invalid_blocks += 1;
        }
        let input = EngineInput::BlockChecked {
            height: proposal.height,
            round: proposal.round,
            block: proposal.block,
            proposer: proposal.proposer,
            valid_round: proposal.valid_round,
            valid,
        };
        self.drive(at, input, out);
    }

    /// A fresh proposal's time may not lie far from this validator's own clock.
    fn is_timely(&self, time: TimeMs, now: TimeMs) -> bool {
        let drift = u64::from(self.chain.rules.parameters.clock_drift_ms_max);
        // A chain that ran ahead of the clocks moves by a millisecond a block.
        time.0 <= (now.0 + drift).max(self.chain.time.0 + 1) && time.0 + drift >= now.0
    }

    /// Executes a kept block on the chain, once.
    fn execute(&mut self, height: Height, id: BlockId) -> Option<Result<Arc<Executed>, String>> {
        let body = self.bodies.get(&(height, id))?;
        if let Some(verdict) = &body.verdict {
            return Some(verdict.clone());
        }
        let verdict = self.run(&body.judged).map(Arc::new);
        if let Err(reason) = &verdict {
            tracing::warn!(%height, reason, "a proposed block is not valid");
        }
        let body = self.bodies.get_mut(&(height, id)).expect("it was there");
        body.verdict = Some(verdict.clone());
        Some(verdict)
    }

    fn run(&self, judged: &JudgedBlock) -> Result<Executed, String> {
        let block = messages::block::Block::from_parts(&judged.parts).map_err(|e| e.to_string())?;
        let entries = judged
            .entries
            .clone()
            .ok_or("a statement has a bad form or a bad signature")?;
        self.chain
            .execute(block, entries, &self.committed(), &*self.config.verifier)
            .map_err(|e| e.to_string())
    }

    fn on_admit(
        &mut self,
        at: At,
        entries: &[Entry],
        local: bool,
        out: &mut Vec<ReplicaEffect>,
    ) -> Keep {
        let (mut accepted, mut already) = (Vec::new(), Vec::new());
        let (mut busy, mut tell) = (Vec::new(), Vec::new());
        for entry in entries {
            if self.committed().contains(&entry.id) {
                already.push(entry.id);
                continue;
            }
            match self.pool.offer(entry.clone(), local.then_some(at.seq)) {
                Admission::Added => {
                    accepted.push(entry.id);
                    tell.push(entry.bytes.clone());
                }
                Admission::Known => accepted.push(entry.id),
                Admission::Full => busy.push(entry.id),
            }
        }
        if local {
            let (height, round) = (self.chain.next_height(), self.engine.round());
            let waiting = self.pool.len();
            out.push(ReplicaEffect::Progress {
                height,
                round,
                waiting,
            });
            if !already.is_empty() {
                out.push(ReplicaEffect::Already(already));
            }
            if !busy.is_empty() {
                out.push(ReplicaEffect::Busy(busy));
            }
            if !tell.is_empty() {
                out.push(ReplicaEffect::Broadcast(PeerMessage::Statements(tell)));
            }
            if !accepted.is_empty() {
                out.push(ReplicaEffect::Accepted(accepted));
            }
            self.arm_regossip(out);
        }
        if !self.pool.is_empty() && !self.started {
            // An input of its own, for what a start leads to must be in the journal.
            out.push(ReplicaEffect::Again(ReplicaInput::Start(
                self.chain.next_height(),
            )));
        }
        if local { Keep::Yes } else { Keep::No }
    }

    fn arm_regossip(&mut self, out: &mut Vec<ReplicaEffect>) {
        if !self.regossip_armed && self.pool.oldest_local_seq().is_some() {
            self.regossip_armed = true;
            out.push(ReplicaEffect::StartTimer {
                timer: ReplicaTimer::Regossip,
                after_ms: REGOSSIP_MS,
            });
        }
    }

    fn on_timer(&mut self, at: At, timer: ReplicaTimer, out: &mut Vec<ReplicaEffect>) -> Keep {
        match timer {
            ReplicaTimer::Engine {
                height,
                timer,
                generation,
            } => {
                if height != self.chain.next_height() {
                    return Keep::No;
                }
                self.start(at, out);
                self.drive(
                    at,
                    EngineInput::TimerFired {
                        height,
                        timer,
                        generation,
                    },
                    out,
                );
                Keep::Yes
            }
            ReplicaTimer::Heartbeat(height) => {
                if height != self.chain.next_height() || self.started {
                    return Keep::No;
                }
                self.start(at, out);
                Keep::Yes
            }
            ReplicaTimer::Regossip => {
                self.regossip_armed = false;
                let again: Vec<_> = self
                    .pool
                    .local()
                    .take(REGOSSIP_MAX)
                    .map(|e| e.bytes.clone())
                    .collect();
                if !again.is_empty() {
                    out.push(ReplicaEffect::Broadcast(PeerMessage::Statements(again)));
                }
                self.arm_regossip(out);
                Keep::No
            }
        }
    }

    fn on_propose(
        &mut self,
        at: At,
        height: Height,
        round: Round,
        block: &JudgedBlock,
        out: &mut Vec<ReplicaEffect>,
    ) -> Keep {
        if height != self.chain.next_height() || !self.proposed.insert((height, round)) {
            return Keep::No;
        }
        self.start(at, out);
        let Ok(header) = messages::block::Header::from_bytes(&block.parts.header) else {
            return Keep::No;
        };
        let id = header.id();
        self.keep_body(height, id, block);
        self.drive(
            at,
            EngineInput::Propose {
                height,
                round,
                block: id,
            },
            out,
        );
        Keep::Yes
    }

    fn on_floor(&mut self, floor: Height) -> Keep {
        if self.floor.is_some_and(|known| known >= floor) {
            return Keep::No;
        }
        self.floor = Some(floor);
        self.engine = Self::engine(&self.config, &self.chain, self.floor);
        self.started = false;
        Keep::Yes
    }

    fn on_durable(&mut self, height: Height) -> Keep {
        let kept = self.recent.split_off(&height.next());
        for id in std::mem::replace(&mut self.recent, kept)
            .into_values()
            .flatten()
        {
            self.recent_ids.remove(&id);
        }
        Keep::No
    }

    /// Starts the next height when `height` is it.
    fn wake_for(&mut self, at: At, height: Height, out: &mut Vec<ReplicaEffect>) {
        if height == self.chain.next_height() {
            self.start(at, out);
        }
    }

    /// Starts deciding the next height, if it is not being decided already.
    fn start(&mut self, at: At, out: &mut Vec<ReplicaEffect>) {
        if self.started {
            return;
        }
        self.started = true;
        let height = self.chain.next_height();
        self.started_at.insert(height, at.seq);
        self.drive(at, EngineInput::StartHeight(height), out);
        for proposal in self.proposals.remove(&height).unwrap_or_default() {
            if self.chain.next_height() == height {
                self.judge(at, &proposal, out);
            }
        }
    }

    /// Steps the engine and carries out what it asks for.
    fn drive(&mut self, at: At, input: EngineInput, out: &mut Vec<ReplicaEffect>) {
        let mut outputs = Vec::new();
        self.engine
            .step(input, &mut outputs)
            .expect("the engine fails only on a programmer's error");
        for output in outputs {
            self.on_output(at, output, out);
        }
    }

    fn on_output(&mut self, at: At, output: EngineOutput, out: &mut Vec<ReplicaEffect>) {
        match output {
            EngineOutput::Broadcast(message) => self.broadcast(message, out),
            EngineOutput::StartTimer {
                timer,
                height,
                generation,
                duration_ms,
            } => {
                let timer = ReplicaTimer::Engine {
                    height,
                    timer,
                    generation,
                };
                out.push(ReplicaEffect::StartTimer {
                    timer,
                    after_ms: duration_ms,
                });
            }
            EngineOutput::CancelTimer {
                timer,
                height,
                generation,
            } => {
                let timer = ReplicaTimer::Engine {
                    height,
                    timer,
                    generation,
                };
                out.push(ReplicaEffect::CancelTimer(timer));
            }
            EngineOutput::CancelAllTimers => out.push(ReplicaEffect::CancelEngineTimers),
            EngineOutput::RequestBlock { height, round } => self.make(at, height, round, out),
            EngineOutput::RestreamBlock { .. } => {
                // Every proposal of ours travels with its block: there is nothing to repeat.
            }
            EngineOutput::RoundStarted { height, round, .. } => {
                let waiting = self.pool.len();
                out.push(ReplicaEffect::Progress {
                    height,
                    round,
                    waiting,
                });
            }
            EngineOutput::Decided { certificate } => self.on_decided(at, certificate, out),
            EngineOutput::Misbehavior(proof) => out.push(ReplicaEffect::Misbehavior(proof)),
        }
    }

    /// Sends a consensus message; a proposal takes its block along.
    fn broadcast(&mut self, message: ConsensusMessage, out: &mut Vec<ReplicaEffect>) {
        let bytes = message.to_bytes().into();
        let sent = match &message {
            ConsensusMessage::Proposal(signed) => {
                let key = (signed.proposal.height, signed.proposal.block);
                match self.bodies.get(&key) {
                    Some(body) => PeerMessage::Proposal {
                        message: bytes,
                        block: body.judged.parts.clone(),
                    },
                    None => PeerMessage::Consensus(bytes),
                }
            }
            _ => PeerMessage::Consensus(bytes),
        };
        out.push(ReplicaEffect::Broadcast(sent));
    }

    /// Makes a block of what waits and hands it back as an input.
    fn make(&mut self, at: At, height: Height, round: Round, out: &mut Vec<ReplicaEffect>) {
        if height != self.chain.next_height() || self.proposed.contains(&(height, round)) {
            return;
        }
        let own = self
            .config
            .own
            .expect("only a validator is asked to propose");
        let candidates = self.pool.iter().cloned();
        let executed = self.chain.build(at.now, own, candidates, &self.committed());
        let block = JudgedBlock {
            parts: executed.block.to_parts(),
            entries: Some(executed.entries.clone()),
        };
        let id = executed.id;
        self.bodies.insert(
            (height, id),
            Body {
                judged: block.clone(),
                verdict: Some(Ok(Arc::new(executed))),
            },
        );
        out.push(ReplicaEffect::Again(ReplicaInput::Propose {
            height,
            round,
            block,
        }));
    }
}

impl Machine for Replica {
    type Input = ReplicaInput;
    type Effect = ReplicaEffect;

    fn step(&mut self, at: At, input: &ReplicaInput, out: &mut Vec<ReplicaEffect>) -> Keep {
        // A replay gathers the effects of many steps: only this step's count here.
        let before = out.len();
        let keep = match input {
            ReplicaInput::Message(bytes) => self.on_message(at, bytes, out),
            ReplicaInput::Proposal { message, block } => self.on_proposal(at, message, block, out),
            ReplicaInput::Admit { entries, local } => self.on_admit(at, entries, *local, out),
            ReplicaInput::Propose {
                height,
                round,
                block,
            } => self.on_propose(at, *height, *round, block, out),
            ReplicaInput::Start(height) => {
                if *height != self.chain.next_height() || self.started {
                    return Keep::No;
                }
                self.start(at, out);
                Keep::Yes
            }
            ReplicaInput::Timer(timer) => self.on_timer(at, *timer, out),
            ReplicaInput::Synced(block) => self.on_synced(at, block, out),
            ReplicaInput::Durable(height) => self.on_durable(*height),
            ReplicaInput::Floor(height) => self.on_floor(*height),
        };
        let speaks = |e: &ReplicaEffect| {
            matches!(
                e,
                ReplicaEffect::Broadcast(PeerMessage::Consensus(_) | PeerMessage::Proposal { .. })
            )
        };
        match keep {
            Keep::Yes if out[before..].iter().any(speaks) => Keep::Vote,
            Keep::No if out[before..].iter().any(speaks) => {
                unreachable!("a soft input never leads to a signature")
            }
            other => other,
        }
    }
}
