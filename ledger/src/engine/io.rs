//! What goes into the engine and what comes out.

use super::timers::{EngineTimer, TimerKind};
use messages::cbor::{self, Canonical, CborError, Writer, Written};
use messages::consensus::{
    BlockId, CommitCertificate, ConsensusMessage, EquivocationProof, ValidatorSet,
};
use messages::ids::{Height, Round};
use messages::keys::PublicKey;
use minicbor::Decoder;

/// What the engine receives; the journal keeps each in its canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineInput {
    /// The block before this height is committed: decide this height.
    StartHeight(Height),
    /// The validators from the next started height on.
    SetValidators(ValidatorSet),
    /// A message of a validator, from the network.
    Message(ConsensusMessage),
    /// The body of a proposed block arrived and was checked.
    BlockChecked {
        /// The block's height.
        height: Height,
        /// The round it was proposed in.
        round: Round,
        /// The block.
        block: BlockId,
        /// Who proposed it.
        proposer: PublicKey,
        /// The earlier round in which it had a quorum of prevotes.
        valid_round: Option<Round>,
        /// The verdict on the body.
        valid: bool,
    },
    /// The answer to [`EngineOutput::RequestBlock`].
    Propose {
        /// The requested height.
        height: Height,
        /// The requested round.
        round: Round,
        /// The block built.
        block: BlockId,
    },
    /// A timer ran out.
    TimerFired {
        /// The height it was started at.
        height: Height,
        /// The timer.
        timer: EngineTimer,
        /// Its start, from [`EngineOutput::StartTimer`].
        generation: u64,
    },
}

/// What the engine asks its shell to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineOutput {
    /// Send to every validator and observer.
    Broadcast(ConsensusMessage),
    /// Start a timer, replacing one of the same kind and round.
    StartTimer {
        /// The timer.
        timer: EngineTimer,
        /// The height it belongs to.
        height: Height,
        /// The start it is, counted from 1 at each height.
        generation: u64,
        /// How long it runs.
        duration_ms: u64,
    },
    /// Stop one timer.
    CancelTimer {
        /// The timer.
        timer: EngineTimer,
        /// The height it belongs to.
        height: Height,
        /// Its start.
        generation: u64,
    },
    /// Stop every timer of the engine.
    CancelAllTimers,
    /// It is our turn: build a block and answer with [`EngineInput::Propose`].
    RequestBlock {
        /// The height to build for.
        height: Height,
        /// The round to propose in.
        round: Round,
    },
    /// Send a body that peers may lack once more.
    RestreamBlock {
        /// The block's height.
        height: Height,
        /// The round it is proposed in now.
        round: Round,
        /// The earlier round in which it had a quorum of prevotes.
        valid_round: Option<Round>,
        /// The block.
        block: BlockId,
    },
    /// A round began.
    RoundStarted {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// Whose turn it is.
        proposer: PublicKey,
    },
    /// The height is decided; the engine waits for the next [`EngineInput::StartHeight`].
    Decided {
        /// The quorum of precommits this node holds.
        certificate: CommitCertificate,
    },
    /// A validator signed two different things for one step.
    Misbehavior(EquivocationProof),
}

/// Why the engine must stop. Hostile input is never a reason; the shell halts and replays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// A height was started that is not above the current one.
    #[error("asked to start height {asked}, but the engine is at {current}")]
    HeightNotAfter {
        /// The engine's height.
        current: Height,
        /// The height asked for.
        asked: Height,
    },
    /// The consensus core failed.
    #[error("the consensus core failed at height {height}: {reason}")]
    Core {
        /// The height it worked on.
        height: Height,
        /// What it said.
        reason: String,
    },
}

/// Why an input was dropped; each reason is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// Signed for another network.
    WrongNetwork,
    /// Of a height before the current one.
    PastHeight,
    /// Of the current height, which is decided or not started.
    NotDeciding,
    /// Too many heights ahead.
    FarHeight,
    /// Too many rounds ahead.
    FarRound,
    /// From a key outside the validator set.
    UnknownValidator,
    /// Proposed out of turn.
    WrongProposer,
    /// Names a valid round that is not before its round.
    BadValidRound,
    /// The signature does not verify.
    BadSignature,
    /// The certificate does not prove what it says.
    BadCertificate,
    /// The same future message waits already.
    Duplicate,
    /// The sender's account at that future height is full.
    AccountFull,
    /// A timer that was stopped or replaced.
    StaleTimer,
    /// A proposal of ours for a round that is not ours or not now.
    NotOurTurn,
    /// A second proposal of ours for one round.
    ProposedBefore,
}

impl Canonical for EngineInput {
    const NAME: &'static str = "engine input";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        match self {
            Self::StartHeight(height) => {
                w.array(2)?.u8(1)?.u64(height.0)?;
            }
            Self::SetValidators(set) => set.write(w.array(2)?.u8(2)?)?,
            Self::Message(message) => message.write(w.array(2)?.u8(3)?)?,
            Self::BlockChecked {
                height,
                round,
                block,
                proposer,
                valid_round,
                valid,
            } => {
                w.array(7)?
                    .u8(4)?
                    .u64(height.0)?
                    .u32(round.0)?
                    .bytes(&block.0.0)?;
                w.bytes(&proposer.0)?;
                match valid_round {
                    Some(round) => w.u32(round.0)?,
                    None => w.null()?,
                };
                w.bool(*valid)?;
            }
            Self::Propose {
                height,
                round,
                block,
            } => {
                w.array(4)?
                    .u8(5)?
                    .u64(height.0)?
                    .u32(round.0)?
                    .bytes(&block.0.0)?;
            }
            Self::TimerFired {
                height,
                timer,
                generation,
            } => {
                w.array(5)?.u8(6)?.u64(height.0)?.u8(timer.kind as u8)?;
                w.u32(timer.round.0)?.u64(*generation)?;
            }
        }
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        let len = cbor::array_len(d, 7, Self::NAME)?;
        let tag = d.u8().map_err(CborError::at("input tag"))?;
        match (tag, len) {
            (1, 2) => height(d).map(Self::StartHeight),
            (2, 2) => ValidatorSet::read(d).map(Self::SetValidators),
            (3, 2) => ConsensusMessage::read(d).map(Self::Message),
            (4, 7) => Ok(Self::BlockChecked {
                height: height(d)?,
                round: round(d)?,
                block: cbor::hash(d, "block").map(BlockId)?,
                proposer: cbor::fixed(d, "proposer").map(PublicKey)?,
                valid_round: cbor::nullable(d, "valid round", round)?,
                valid: d.bool().map_err(CborError::at("verdict"))?,
            }),
            (5, 4) => Ok(Self::Propose {
                height: height(d)?,
                round: round(d)?,
                block: cbor::hash(d, "block").map(BlockId)?,
            }),
            (6, 5) => Ok(Self::TimerFired {
                height: height(d)?,
                timer: EngineTimer {
                    kind: timer_kind(d)?,
                    round: round(d)?,
                },
                generation: d.u64().map_err(CborError::at("generation"))?,
            }),
            _ => Err(CborError::bad(
                "input tag",
                format!("no input {tag} of {len} items"),
            )),
        }
    }
}

fn height(d: &mut Decoder<'_>) -> Result<Height, CborError> {
    d.u64().map(Height).map_err(CborError::at("height"))
}

fn round(d: &mut Decoder<'_>) -> Result<Round, CborError> {
    d.u32().map(Round).map_err(CborError::at("round"))
}

fn timer_kind(d: &mut Decoder<'_>) -> Result<TimerKind, CborError> {
    let code = d.u8().map_err(CborError::at("timer kind"))?;
    [
        TimerKind::Propose,
        TimerKind::Prevote,
        TimerKind::Precommit,
        TimerKind::Rebroadcast,
    ]
    .into_iter()
    .find(|kind| *kind as u8 == code)
    .ok_or_else(|| CborError::bad("timer kind", format!("{code} is none of 0 to 3")))
}
