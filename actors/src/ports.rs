//! What a node is made of: production and simulation differ in these and in nothing else.

use bus::ports::{BodyStore, Clock, EventSink, Journal, Store, Transport};
use ledger::checkpointing::CheckpointKeys;
use ledger::engine::EngineTimeouts;
use ledger::pool::PoolLimits;
use messages::consensus::EquivocationProof;
use messages::genesis::Genesis;
use messages::ids::{Height, Name};
use messages::keys::PublicKey;
use messages::ports::{ConsensusSigner, ConsensusVerifier, SignatureChecker};
use std::sync::Arc;

/// Keys a validator process holds. No depositor's key is ever among them.
#[derive(Clone)]
pub struct NodeKeys {
    /// The consensus key's public half.
    pub consensus: PublicKey,
    /// Signs proposals and votes.
    pub signer: Arc<dyn ConsensusSigner>,
    /// Sign tree heads.
    pub checkpoint: CheckpointKeys,
}

/// How much may wait at the actors of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxBounds {
    /// Clients that may wait at the gateway, and statements at the permissions actor.
    pub clients: usize,
    /// Facts of the mailboxes that never drop.
    pub facts: usize,
    /// Bodies and parts of bodies.
    pub bodies: usize,
    /// Frames that wait to be decoded.
    pub frames: usize,
}

impl Default for MailboxBounds {
    fn default() -> Self {
        Self {
            clients: 100_000,
            facts: 65_536,
            bodies: 64,
            frames: 65_536,
        }
    }
}

/// The outside world of one node.
#[derive(Clone)]
pub struct NodePorts {
    /// The network's genesis.
    pub genesis: Arc<Genesis>,
    /// This node's name.
    pub name: Name,
    /// Keys of the validator; none for an observer, which signs nothing.
    pub keys: Option<NodeKeys>,
    /// Observers that this node knows: itself, if it is one, or those that it serves.
    pub observers: Vec<Name>,
    /// Tells the free bytes where the ledger lies, if that can be told.
    pub disk_free: Arc<dyn Fn() -> Option<u64> + Send + Sync>,
    /// Judges votes.
    pub verifier: Arc<dyn ConsensusVerifier>,
    /// Judges depositors' signatures.
    pub statements: Arc<dyn SignatureChecker>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Frames to other nodes.
    pub transport: Arc<dyn Transport>,
    /// Durable inputs.
    pub journal: Arc<dyn Journal>,
    /// Durable ledger; opened with its genesis written.
    pub store: Arc<dyn Store>,
    /// Contents kept beside the log.
    pub bodies: Arc<dyn BodyStore>,
    /// Events to integrators, if any are wanted.
    pub events: Option<Arc<dyn EventSink>>,
    /// Why the node may not sign, when its journal was found short of the watermark.
    pub amnesiac: Option<String>,
    /// A node that forgot once signs nothing below this height; 0 for all others.
    pub floor: Height,
    /// Called once with the floor that an amnesiac found, to make it durable.
    pub on_floor: Arc<dyn Fn(Height) + Send + Sync>,
    /// Timeouts of the rounds.
    pub timeouts: EngineTimeouts,
    /// Bounds of the pool.
    pub pool: PoolLimits,
    /// Bounds of the mailboxes.
    pub mailboxes: MailboxBounds,
    /// Called with each proof that a validator signed two things for one step.
    pub on_misbehavior: Arc<dyn Fn(&EquivocationProof) + Send + Sync>,
    /// Version of the software, for health.
    pub version: &'static str,
    /// Called once when the node must stop; the reason is for the log.
    pub on_halt: Arc<dyn Fn(String) + Send + Sync>,
}
