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
mod held;
mod outputs;
mod proposals;
mod vocabulary;

pub use vocabulary::{
    Decided, JournaledInput, JudgedBlock, ReplicaEffect, ReplicaInput, ReplicaTimer,
};

use crate::engine::{Engine, EngineConfig, EngineInput, EngineTimeouts};
use crate::execution::{Chain, Committed, Entry, Executed};
use crate::machine::{At, Keep, Machine};
use crate::pool::{Admission, Pool, PoolLimits};
use bytes::Bytes;
use messages::block::BlockBytes;
use messages::cbor::Canonical;
use messages::consensus::{BlockId, ConsensusMessage};
use messages::ids::{Height, Round, StatementId, TreeSize};
use messages::keys::PublicKey;
use messages::mutant;
use messages::ports::{ConsensusSigner, ConsensusVerifier};
use messages::stored::LedgerReader;
use messages::wire::PeerMessage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Blocks of heights further ahead than this are not kept.
const HEIGHTS_AHEAD_MAX: u64 = 8;
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
    pub signer: Option<Arc<dyn ConsensusSigner>>,
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
    /// A block that is not valid here, or has no room.
    pub invalid_blocks: u64,
    /// An input of a height to come with a bad signature, or for which there is no room.
    pub not_held: u64,
    /// A synced block that does not follow, or whose certificate does not hold.
    pub bad_sync: u64,
}

/// A block that is valid on the chain as it stands, for the height being decided.
struct Body {
    /// Round in which it was first proposed.
    round: Round,
    parts: BlockBytes,
    executed: Arc<Executed>,
    /// It passed the clock in a fresh proposal.
    timely: bool,
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
    /// Inputs of heights to come, as they arrived; stepped when their height starts.
    held: BTreeMap<Height, Vec<(At, ReplicaInput)>>,
    /// For each height to come, the first journal record that belongs to it.
    earliest: BTreeMap<Height, u64>,
    /// Journal record of the floor.
    floor_seq: Option<u64>,
    /// Rounds for which a block of ours was made.
    proposed: BTreeSet<(Height, Round)>,
    /// Ids committed in blocks that are not yet durable.
    recent: BTreeMap<Height, Vec<StatementId>>,
    recent_ids: BTreeSet<StatementId>,
    /// First height this validator may sign; none while an amnesiac does not know it.
    floor: Option<Height>,
    regossip_armed: bool,
    /// Statements admitted here before this journal seq were told at least a turn ago.
    regossip_before: u64,
    dropped: Dropped,
}

/// Ids of durable blocks (by the reader) and of those on their way to the disk.
///
/// What waits in the pool was looked up when it came and leaves when it is committed, so it need
/// not be looked up again: a point read is among the dearest things done for a deposit.
struct CommittedIds<'a> {
    pool: &'a Pool,
    reader: &'a dyn LedgerReader,
    recent: &'a BTreeSet<StatementId>,
    /// The store may be ahead of a chain that is being folded again: what it holds beyond this
    /// is not committed yet.
    size: TreeSize,
}

impl Committed for CommittedIds<'_> {
    fn contains(&self, id: &StatementId) -> bool {
        let on_disk = || {
            self.reader
                .position(id)
                .is_some_and(|at| at.0 < self.size.0)
        };
        !self.pool.contains(id) && (self.recent.contains(id) || on_disk())
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
            held: BTreeMap::new(),
            earliest: BTreeMap::new(),
            floor_seq: None,
            proposed: BTreeSet::new(),
            recent: BTreeMap::new(),
            recent_ids: BTreeSet::new(),
            floor,
            regossip_armed: false,
            regossip_before: 0,
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
            config.signer.clone(),
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
            pool: &self.pool,
            reader: &*self.config.reader,
            recent: &self.recent_ids,
            size: self.chain.log.size(),
        }
    }

    /// Whether `height` is the next one or near enough after it.
    fn in_range(&self, height: Height) -> bool {
        let next = self.chain.next_height();
        height >= next && height.0 <= next.0 + HEIGHTS_AHEAD_MAX
    }

    fn on_message(&mut self, at: At, bytes: &Bytes, out: &mut Vec<ReplicaEffect>) -> Keep {
        let Ok(message) = ConsensusMessage::from_bytes(bytes) else {
            self.dropped.malformed += 1;
            return Keep::No;
        };
        if matches!(message, ConsensusMessage::Proposal(_)) || !self.in_range(message.height()) {
            self.dropped.out_of_range += 1;
            return Keep::No;
        }
        let height = message.height();
        if height > self.chain.next_height() {
            return self.hold_message(at, &message, bytes);
        }
        let refused = self.refused();
        let was_started = self.started;
        self.start(at, out);
        if height == self.chain.next_height() {
            self.drive(at, EngineInput::Message(message), out);
        }
        // What the engine refused changed nothing.
        let changed = self.refused() == refused || self.started != was_started;
        if changed { Keep::Yes } else { Keep::No }
    }

    /// Inputs the engine refused so far.
    fn refused(&self) -> u64 {
        self.engine.dropped().values().sum()
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
                if height != self.chain.next_height() && !mutant!(AcceptsStaleTimers) {
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
                    .local_before(self.regossip_before)
                    .take(REGOSSIP_MAX)
                    .map(|e| e.bytes.clone())
                    .collect();
                self.regossip_before = at.seq;
                if !again.is_empty() {
                    out.push(ReplicaEffect::Broadcast(PeerMessage::Statements(again)));
                }
                self.arm_regossip(out);
                Keep::No
            }
        }
    }

    fn on_floor(&mut self, at: At, floor: Height) -> Keep {
        if self.floor.is_some_and(|known| known >= floor) {
            return Keep::No;
        }
        self.floor = Some(floor);
        self.floor_seq = Some(at.seq);
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

    /// Starts deciding the next height, if it is not being decided already, and steps what was
    /// held for it: in order of arrival and with the time of arrival, as a replay does.
    fn start(&mut self, at: At, out: &mut Vec<ReplicaEffect>) {
        if self.started {
            return;
        }
        self.started = true;
        let height = self.chain.next_height();
        self.earliest.entry(height).or_insert(at.seq);
        self.drive(at, EngineInput::StartHeight(height), out);
        for (at, input) in self.held.remove(&height).unwrap_or_default() {
            if self.chain.next_height() == height {
                self.handle(at, &input, out);
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

    /// Reacts to one input.
    fn handle(&mut self, at: At, input: &ReplicaInput, out: &mut Vec<ReplicaEffect>) -> Keep {
        match input {
            ReplicaInput::Message(bytes) => self.on_message(at, bytes, out),
            ReplicaInput::Proposal { message, block } => {
                self.on_proposal(at, message, block, input, out)
            }
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
            ReplicaInput::Floor(height) => self.on_floor(at, *height),
        }
    }
}

impl Machine for Replica {
    type Input = ReplicaInput;
    type Effect = ReplicaEffect;

    fn imprint(effect: &ReplicaEffect, out: &mut Vec<u8>) {
        effect.imprint(out);
    }

    fn kept(&self) -> usize {
        let held: usize = self.held.values().map(Vec::len).sum();
        self.pool.len() + self.bodies.len() + held + self.recent_ids.len()
    }

    fn step(&mut self, at: At, input: &ReplicaInput, out: &mut Vec<ReplicaEffect>) -> Keep {
        let before = out.len();
        let keep = self.handle(at, input, out);
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
