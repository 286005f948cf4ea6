//! What the consensus actor's machine receives and asks for.

use crate::engine::EngineTimer;
use crate::execution::{Entry, Executed};
use bytes::Bytes;
use messages::block::BlockBytes;
use messages::cbor::Canonical;
use messages::consensus::{CommitCertificate, ConsensusMessage, EquivocationProof};
use messages::ids::{Height, Round, StatementId};
use messages::wire::{CertifiedBlock, FrameError, Framed, PeerMessage};
use std::sync::Arc;

/// A block whose statements were read and whose signatures were judged by the permissions actor.
#[derive(Clone, Debug)]
pub struct JudgedBlock {
    /// The block as it travelled.
    pub parts: BlockBytes,
    /// Its statements; none when one could not be read or has a bad signature.
    pub entries: Option<Vec<Entry>>,
}

/// What the machine receives.
#[derive(Clone, Debug)]
pub enum ReplicaInput {
    /// A canonical consensus message of a peer.
    Message(Bytes),
    /// A proposal of a peer, with the block it proposes.
    Proposal {
        /// Canonical consensus message.
        message: Bytes,
        /// The block.
        block: JudgedBlock,
    },
    /// Statements that passed all checks of admission.
    Admit {
        /// The statements.
        entries: Vec<Entry>,
        /// Admitted by this node's gateway: durable before it is acknowledged.
        local: bool,
    },
    /// The block this node made for a round in which it proposes.
    Propose {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// The block.
        block: JudgedBlock,
    },
    /// There is something to decide at this height.
    Start(Height),
    /// A timer fired.
    Timer(ReplicaTimer),
    /// The next block in order, from a peer, with the certificate that decides it.
    Synced(CertifiedBlock),
    /// The block at this height is durable.
    Durable(Height),
    /// An amnesiac validator may sign from this height on.
    Floor(Height),
}

/// Timers of the machine.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub enum ReplicaTimer {
    /// A timer of the engine.
    Engine {
        /// Height it belongs to.
        height: Height,
        /// Kind and round.
        timer: EngineTimer,
        /// Distinguishes it from earlier ones of the same kind.
        generation: u64,
    },
    /// Make an empty block if nothing came.
    Heartbeat(Height),
    /// Tell the others again what waits here.
    Regossip,
}

/// What the machine asks for.
#[derive(Clone, Debug)]
pub enum ReplicaEffect {
    /// Tell every other node.
    Broadcast(PeerMessage),
    /// Step this input next.
    Again(ReplicaInput),
    /// Write the decided block.
    Commit(Arc<Decided>),
    /// These statements, admitted here, are durable and wait for a block.
    Accepted(Vec<StatementId>),
    /// These statements are committed already: a resubmission gets the first outcome.
    Already(Vec<StatementId>),
    /// There was no room for these.
    Busy(Vec<StatementId>),
    /// Fire `timer` after `after_ms`.
    StartTimer {
        /// The timer.
        timer: ReplicaTimer,
        /// Delay in milliseconds.
        after_ms: u64,
    },
    /// Forget this timer.
    CancelTimer(ReplicaTimer),
    /// Forget all timers of the engine.
    CancelEngineTimers,
    /// Where consensus stands.
    Progress {
        /// Height being decided.
        height: Height,
        /// Its round.
        round: Round,
        /// Statements waiting for a block.
        waiting: usize,
    },
    /// A peer signed two different things: proof.
    Misbehavior(EquivocationProof),
}

impl ReplicaEffect {
    /// What a replay must lead to again: votes and proposals as signed, and decided blocks.
    pub(super) fn imprint(&self, out: &mut Vec<u8>) {
        let signed = match self {
            Self::Broadcast(PeerMessage::Consensus(message))
            | Self::Broadcast(PeerMessage::Proposal { message, .. }) => message,
            Self::Commit(decided) => {
                out.push(3);
                out.extend(decided.executed.id.0.0);
                return;
            }
            _ => return,
        };
        match ConsensusMessage::from_bytes(signed) {
            Ok(ConsensusMessage::Vote(signed)) => {
                out.push(1);
                out.extend(signed.vote.signing_hash().0);
            }
            Ok(ConsensusMessage::Proposal(signed)) => {
                out.push(2);
                out.extend(signed.proposal.signing_hash().0);
            }
            // Certificates repeat what others signed.
            Ok(ConsensusMessage::Polka(_) | ConsensusMessage::RoundCertificate(_)) | Err(_) => {}
        }
    }
}

/// A decided block on its way to the disk.
#[derive(Debug)]
pub struct Decided {
    /// The block and what follows from it.
    pub executed: Executed,
    /// The certificate that decided it.
    pub certificate: CommitCertificate,
    /// Journal records from this seq on are needed to replay after this block.
    pub replay_from: u64,
}

/// Journal form of [`ReplicaInput`], version 1. Soft inputs have none.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum JournaledInput {
    /// [`ReplicaInput::Message`].
    Message(Bytes),
    /// [`ReplicaInput::Proposal`].
    Proposal {
        /// Canonical consensus message.
        message: Bytes,
        /// The block.
        block: BlockBytes,
        /// Whether its statements were found good.
        judged_good: bool,
    },
    /// [`ReplicaInput::Admit`], local.
    Admit(Vec<Bytes>),
    /// [`ReplicaInput::Propose`].
    Propose {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// The block.
        block: BlockBytes,
    },
    /// [`ReplicaInput::Start`].
    Start(Height),
    /// [`ReplicaInput::Timer`].
    Timer(ReplicaTimer),
    /// [`ReplicaInput::Synced`].
    Synced(CertifiedBlock),
    /// [`ReplicaInput::Floor`].
    Floor(Height),
}

impl Framed for JournaledInput {
    const SCHEMA: u16 = 20;
    const VERSION: u16 = 1;
}

impl ReplicaInput {
    /// The input's bytes in the journal.
    ///
    /// # Panics
    /// For inputs that are never kept.
    pub fn to_journal(&self) -> Bytes {
        let form = match self {
            Self::Message(message) => JournaledInput::Message(message.clone()),
            Self::Proposal { message, block } => JournaledInput::Proposal {
                message: message.clone(),
                block: block.parts.clone(),
                judged_good: block.entries.is_some(),
            },
            Self::Admit {
                entries,
                local: true,
            } => JournaledInput::Admit(entries.iter().map(|e| e.bytes.clone()).collect()),
            Self::Propose {
                height,
                round,
                block,
            } => JournaledInput::Propose {
                height: *height,
                round: *round,
                block: block.parts.clone(),
            },
            Self::Start(height) => JournaledInput::Start(*height),
            Self::Timer(timer) => JournaledInput::Timer(*timer),
            Self::Synced(block) => JournaledInput::Synced(block.clone()),
            Self::Floor(height) => JournaledInput::Floor(*height),
            Self::Admit { local: false, .. } | Self::Durable(_) => {
                unreachable!("soft inputs are not kept")
            }
        };
        messages::wire::encode(&form)
    }

    /// Reads an input back.
    ///
    /// # Errors
    /// When the bytes are no journaled input of this version.
    pub fn from_journal(bytes: &[u8]) -> Result<Self, FrameError> {
        Ok(match messages::wire::decode::<JournaledInput>(bytes)? {
            JournaledInput::Message(message) => Self::Message(message),
            JournaledInput::Proposal {
                message,
                block,
                judged_good,
            } => {
                let entries = judged_good.then(|| parse(&block.statements));
                let block = JudgedBlock {
                    parts: block,
                    entries,
                };
                Self::Proposal { message, block }
            }
            JournaledInput::Admit(bytes) => Self::Admit {
                entries: parse(&bytes),
                local: true,
            },
            JournaledInput::Propose {
                height,
                round,
                block,
            } => {
                let entries = Some(parse(&block.statements));
                Self::Propose {
                    height,
                    round,
                    block: JudgedBlock {
                        parts: block,
                        entries,
                    },
                }
            }
            JournaledInput::Start(height) => Self::Start(height),
            JournaledInput::Timer(timer) => Self::Timer(timer),
            JournaledInput::Synced(block) => Self::Synced(block),
            JournaledInput::Floor(height) => Self::Floor(height),
        })
    }
}

/// Reads statements that were read before they were journaled.
fn parse(statements: &[Bytes]) -> Vec<Entry> {
    statements
        .iter()
        .map(|bytes| Entry::parse(bytes.clone()).expect("only statements that parse are journaled"))
        .collect()
}
