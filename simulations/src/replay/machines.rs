//! The journaled machines of one node, on a disk in memory.

use super::{
    Stepped, describe_checkpoint, describe_replica, stepped, told_checkpoint, told_replica,
};
use crate::disk::{Disk, Honesty, SimDisk};
use crate::life::Life;
use crate::plan::Driver;
use crate::schedule::Schedule;
use bus::ports::{Commit, LedgerReader, Record, Store, Stream};
use bytes::Bytes;
use ledger::checkpointing::{CheckpointInput, CheckpointKeys, Checkpointing};
use ledger::engine::EngineTimeouts;
use ledger::execution::Chain;
use ledger::machine::{At, Machine};
use ledger::pool::PoolLimits;
use ledger::replica::{Decided, Replica, ReplicaConfig, ReplicaEffect, ReplicaInput};
use ledger::storage::{Storage, StorageEffect, StorageInput};
use messages::consensus::{Proposal, Vote};
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, Name, TimeMs};
use messages::keys::{PublicKey, Signature};
use messages::ports::{ConsensusSigner, ConsensusVerifier, MessageSigner};
use messages::wire::{self, CertifiedBlock};
use std::sync::Arc;

/// Signs nothing: what is compared are the things signed, without their signatures.
#[derive(Debug)]
struct Mute(PublicKey);

/// What stands where a signature was.
const NO_SIGNATURE: Signature = Signature([0; 64]);

impl ConsensusSigner for Mute {
    fn sign_vote(&self, _: &Vote) -> Signature {
        NO_SIGNATURE
    }

    fn sign_proposal(&self, _: &Proposal) -> Signature {
        NO_SIGNATURE
    }
}

impl MessageSigner for Mute {
    fn public(&self) -> PublicKey {
        self.0
    }

    fn sign(&self, _: &[u8]) -> Signature {
        NO_SIGNATURE
    }
}

/// A network, one of its validators, and the rule for signatures.
#[derive(Clone)]
pub struct NetworkOf {
    genesis: Arc<Genesis>,
    policy: String,
    node: Name,
    place: usize,
    verifier: Arc<dyn ConsensusVerifier>,
}

impl NetworkOf {
    /// The network of a genesis, from the side of one validator.
    ///
    /// # Errors
    /// When the genesis gives no policy or does not know the validator.
    pub fn new(
        genesis: Genesis,
        node: Name,
        verifier: Arc<dyn ConsensusVerifier>,
    ) -> Result<Self, String> {
        let place = genesis.validators.iter().position(|v| v.name == node);
        let place = place.ok_or_else(|| {
            let network = &genesis.network;
            format!("{node} is no validator of network {network}")
        })?;
        Ok(Self {
            policy: genesis.policy()?.text(),
            genesis: Arc::new(genesis),
            node,
            place,
            verifier,
        })
    }
}

pub(super) struct Machines {
    replica: Replica,
    checkpoint: Checkpointing,
    storage: Storage,
    disk: Disk,
    ports: Arc<SimDisk>,
    /// All commits so far, genesis first.
    commits: Vec<Arc<Commit>>,
    schedule: Schedule,
    lives: u64,
}

impl Machines {
    /// Machines that stand at genesis.
    pub(super) fn new(network: &NetworkOf, floor: Option<Height>) -> Self {
        let genesis = Storage::genesis_commit(&network.genesis, &network.policy);
        let schedule = Schedule::new(0, Driver::Stepped);
        Self::on(network, floor, vec![Arc::new(genesis)], schedule, 1)
    }

    /// Machines that stand behind the last of `commits`.
    fn on(
        network: &NetworkOf,
        floor: Option<Height>,
        commits: Vec<Arc<Commit>>,
        schedule: Schedule,
        lives: u64,
    ) -> Self {
        let disk = Disk::new(0, 0, None, Honesty::Honest);
        commits.iter().for_each(|commit| disk.found(commit));
        let ports = disk.open(Arc::new(Life::new(0, lives, schedule.clone())));
        let validator = &network.genesis.validators[network.place];
        let config = ReplicaConfig {
            own: Some(validator.consensus),
            signer: Some(Arc::new(Mute(validator.consensus))),
            verifier: network.verifier.clone(),
            reader: ports.clone(),
            timeouts: EngineTimeouts::default(),
            pool: PoolLimits::default(),
            floor,
        };
        let keys = CheckpointKeys {
            log: Arc::new(Mute(validator.log)),
            cosigner: Arc::new(Mute(validator.cosigner)),
            receipt: Arc::new(Mute(validator.receipt)),
        };
        let chain = Chain::restore(&network.genesis, &network.policy, &*ports);
        let (genesis, verifier) = (network.genesis.clone(), network.verifier.clone());
        let reader: Arc<dyn LedgerReader> = ports.clone();
        Self {
            replica: Replica::new(config, chain, &mut Vec::new()),
            checkpoint: Checkpointing::new(&genesis, &network.node, keys, verifier, floor),
            storage: Storage::new(reader, ports.clone(), genesis, network.policy.clone()),
            disk,
            ports,
            commits,
            schedule,
            lives,
        }
    }

    pub(super) fn chain(&self) -> &Chain {
        self.replica.chain()
    }

    pub(super) fn waiting(&self) -> usize {
        self.replica.pool_len()
    }

    /// The record from which a fold after the head begins.
    pub(super) fn replay_from(&self) -> u64 {
        self.ports.head().map_or(1, |head| head.replay_from)
    }

    /// Builds the machines anew at a height that was reached before.
    pub(super) fn reopen(
        &mut self,
        network: &NetworkOf,
        head: Height,
        floor: Option<Height>,
    ) -> Result<(), String> {
        let reached = self.commits.len() as u64 - 1;
        if head.0 > reached {
            return Err(format!(
                "the node opens at height {head}, the replay is at {reached} only"
            ));
        }
        let mut commits = std::mem::take(&mut self.commits);
        commits.truncate(head.0 as usize + 1);
        *self = Self::on(
            network,
            floor,
            commits,
            self.schedule.clone(),
            self.lives + 1,
        );
        Ok(())
    }

    /// Applies a block from before the journal's beginning.
    pub(super) fn prepend(&mut self, block: CertifiedBlock) -> Result<(), String> {
        let before = self.chain().height;
        let at = At {
            now: TimeMs(0),
            seq: 0,
        };
        let mut effects = Vec::new();
        let input = ReplicaInput::Synced(block);
        self.replica.step(at, &input, &mut effects);
        self.write(&effects);
        if self.chain().height == before {
            return Err(format!("block {} of the file does not hold", before.next()));
        }
        Ok(())
    }

    /// Steps one record.
    pub(super) fn step(&mut self, record: &Record) -> Result<Stepped, String> {
        match record.stream {
            Stream::Consensus => {
                let input = ReplicaInput::from_journal(&record.input).map_err(|e| e.to_string())?;
                let told = told_replica(&input);
                let (found, effects) =
                    stepped(&mut self.replica, record, &input, describe_replica, told);
                self.write(&effects);
                Ok(found)
            }
            Stream::Checkpoint => {
                let input: CheckpointInput =
                    wire::decode(&record.input).map_err(|e| e.to_string())?;
                let told = told_checkpoint(&input);
                let (found, _) = stepped(
                    &mut self.checkpoint,
                    record,
                    &input,
                    describe_checkpoint,
                    told,
                );
                Ok(found)
            }
            Stream::Node => Err("an opening is no input of a machine".into()),
        }
    }

    /// Writes decided blocks, at once.
    fn write(&mut self, effects: &[ReplicaEffect]) {
        for effect in effects {
            if let ReplicaEffect::Commit(decided) = effect {
                self.commit(decided);
            }
        }
    }

    fn commit(&mut self, decided: &Arc<Decided>) {
        let at = At {
            now: TimeMs(0),
            seq: 0,
        };
        let height = decided.executed.block.header.height;
        let mut effects = Vec::new();
        let commit = StorageInput::Commit(decided.clone());
        self.storage.step(at, &commit, &mut effects);
        for effect in effects {
            if let StorageEffect::Write(commit) = effect {
                self.ports.commit(commit.clone(), Box::new(|| ()));
                self.commits.push(commit);
            }
        }
        let written = StorageInput::Written(height);
        self.storage.step(at, &written, &mut Vec::new());
        let durable = ReplicaInput::Durable(height);
        self.replica.step(at, &durable, &mut Vec::new());
    }

    /// The durable content, to be compared.
    pub(super) fn headers(&self) -> Vec<Bytes> {
        let headers = |blocks: &crate::disk::Tables| {
            blocks.blocks.values().map(|b| b.header.clone()).collect()
        };
        self.disk.look(headers)
    }
}

impl super::Replay {
    /// Headers of the blocks that the replay came to, genesis first.
    pub fn headers(&self) -> Vec<Bytes> {
        self.machines.headers()
    }

    /// Hash of the newest header.
    pub fn head(&self) -> Hash {
        self.headers().last().map_or(Hash::ZERO, |h| Hash::of(h))
    }
}
