//! Consensus: our seam around the Tendermint core (DESIGN.md section 7).
//!
//! The engine is pure: one input in, outputs in order, no clock, no I/O and no randomness. The
//! same inputs give the same outputs, byte for byte. It decides one height at a time and then
//! waits for [`EngineInput::StartHeight`]; it never moves on by itself, and a node that missed a
//! decision is started at a higher height by sync.
//!
//! The core's state cannot be stored. A restarted node restores the [`EngineSnapshot`] taken at
//! the last height boundary and steps the journaled inputs since then. The snapshot carries the
//! messages of future heights that arrived before the boundary: without them the replay could
//! differ from what the node did, and it would sign twice.
//!
//! A panic in the core leaves the engine unusable and is not caught here: the shell halts the
//! node or replays, it never skips the input. A trace filter above `info` keeps the core silent.

mod admission;
mod config;
mod context;
mod convert;
mod effects;
mod future;
mod handlers;
mod io;
#[cfg(feature = "mutants")]
mod mutated;
mod timers;
mod verified;

pub use config::{EngineConfig, EngineSnapshot};
pub use future::FUTURE_HEIGHTS_MAX;
pub use io::{DropReason, EngineError, EngineInput, EngineOutput};
pub use timers::{EngineTimeouts, EngineTimer, TimerKind};

use context::{CoreContext, CoreValidatorSet};
use effects::Seam;
use future::Future;
use malachite::State;
use messages::consensus::{BlockId, ValidatorSet};
use messages::ids::{Height, Name, Round};
use messages::keys::PublicKey;
use messages::ports::{ConsensusSigner, ConsensusVerifier};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timers::Timers;
use verified::Verified;

/// The consensus engine of one node.
pub struct Engine {
    own: Option<PublicKey>,
    signs_from: Height,
    validators: CoreValidatorSet,
    next_validators: ValidatorSet,
    core: Option<State<CoreContext>>,
    seam: Seam,
    future: Future,
    proposed: BTreeMap<Round, BlockId>,
    dropped: BTreeMap<DropReason, u64>,
}

impl Engine {
    /// An engine that waits for its first height.
    ///
    /// # Panics
    /// When `config` names an own key and there is no signer for it.
    pub fn new(
        config: EngineConfig,
        signer: Option<Arc<dyn ConsensusSigner>>,
        verifier: Arc<dyn ConsensusVerifier>,
    ) -> Self {
        assert!(
            config.own.is_none() || signer.is_some(),
            "a validator needs its signer"
        );
        Self {
            own: config.own,
            signs_from: config.signs_from,
            validators: CoreValidatorSet::new(&config.validators),
            next_validators: config.validators,
            core: None,
            seam: Seam {
                network: config.network,
                height: config.decided,
                signer: signer.filter(|_| config.own.is_some()),
                verified: Verified::new(verifier),
                timeouts: config.timeouts,
                timers: Timers::default(),
                decided: false,
                signed_votes: BTreeMap::new(),
                signed_proposals: BTreeMap::new(),
                reported: BTreeSet::new(),
                #[cfg(feature = "mutants")]
                offered: BTreeMap::new(),
            },
            future: Future::default(),
            proposed: BTreeMap::new(),
            dropped: BTreeMap::new(),
        }
    }

    /// An engine at the height boundary of `snapshot`, whose height and validators replace those
    /// of `config`.
    ///
    /// # Panics
    /// As [`Engine::new`].
    pub fn restore(
        config: EngineConfig,
        snapshot: EngineSnapshot,
        signer: Option<Arc<dyn ConsensusSigner>>,
        verifier: Arc<dyn ConsensusVerifier>,
    ) -> Self {
        let EngineSnapshot {
            height,
            validators,
            carried,
        } = snapshot;
        let config = EngineConfig {
            validators,
            decided: height,
            ..config
        };
        let mut engine = Self::new(config, signer, verifier);
        for input in carried {
            if let Some(height) = height_of(&input) {
                engine.future.push(height, input);
            }
        }
        engine
    }

    /// What to keep when the journal is cut, taken just before the next `StartHeight`.
    pub fn snapshot(&self) -> EngineSnapshot {
        EngineSnapshot {
            height: self.height(),
            validators: self.next_validators.clone(),
            carried: self.future.inputs().cloned().collect(),
        }
    }

    /// Takes one input and appends what follows from it to `out`.
    ///
    /// # Errors
    /// When a height is started that is not above the current one, or the core fails. The engine
    /// must not be used afterwards.
    ///
    /// # Panics
    /// When the core panics or would sign two different things for one step.
    pub fn step(
        &mut self,
        input: EngineInput,
        out: &mut Vec<EngineOutput>,
    ) -> Result<(), EngineError> {
        match input {
            EngineInput::StartHeight(height) => self.on_start_height(height, out),
            EngineInput::SetValidators(set) => {
                self.next_validators = set;
                Ok(())
            }
            EngineInput::Message(message) => self.on_message(message, out),
            input @ EngineInput::BlockChecked { .. } => self.on_block_checked(input, out),
            EngineInput::Propose {
                height,
                round,
                block,
            } => self.on_propose(height, round, block, out),
            EngineInput::TimerFired {
                height,
                timer,
                generation,
            } => self.on_timer(height, timer, generation, out),
        }
    }

    /// The height being decided, or the last one when the engine waits.
    pub fn height(&self) -> Height {
        self.seam.height
    }

    /// The round of the height; 0 before the first.
    pub fn round(&self) -> Round {
        self.core
            .as_ref()
            .map_or(Round(0), |core| context::from_core_round(core.round()))
    }

    /// Whether a height is being decided; otherwise the engine waits for `StartHeight`.
    pub fn is_deciding(&self) -> bool {
        self.core.is_some() && !self.seam.decided
    }

    /// The validators of the current height.
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators.set
    }

    /// The network whose messages count.
    pub fn network(&self) -> &Name {
        &self.seam.network
    }

    /// Whether this node votes at the current height.
    pub fn is_voting(&self) -> bool {
        self.height() >= self.signs_from
            && self.own.is_some_and(|own| self.validators().contains(&own))
    }

    /// Inputs dropped so far, by reason.
    pub fn dropped(&self) -> &BTreeMap<DropReason, u64> {
        &self.dropped
    }

    /// The timers that run, as the outputs that start them: a shell arms them after a replay.
    pub fn running_timers(&self) -> Vec<EngineOutput> {
        let (height, timeouts) = (self.height(), self.seam.timeouts);
        let start = |(timer, generation)| {
            let duration_ms = timeouts.duration_ms(timer);
            EngineOutput::StartTimer {
                timer,
                height,
                generation,
                duration_ms,
            }
        };
        self.seam.timers.running().map(start).collect()
    }
}

/// The height an input waits for, when it can wait.
fn height_of(input: &EngineInput) -> Option<Height> {
    match input {
        EngineInput::Message(message) => Some(message.height()),
        EngineInput::BlockChecked { height, .. } => Some(*height),
        _ => None,
    }
}
