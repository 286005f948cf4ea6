//! A ledger built again from its blocks, each verified as if it came from a stranger.
//!
//! Blocks are executed in order under the certificates that decided them, and turned into the rows
//! that the storage machine writes. Checkpoints must meet the policy of genesis and name the root
//! that execution led to.

use crate::admission::lodged_body;
use crate::bodies::LodgedBody;
use crate::execution::{Chain, Committed};
use crate::machine::{At, Machine};
use crate::replica::Decided;
use crate::storage::{Storage, StorageEffect, StorageInput};
use messages::checkpoint::Checkpoint;
use messages::cose_receipt::HeadSignature;
use messages::genesis::Genesis;
use messages::ids::{Height, StatementId, TimeMs};
use messages::note::Note;
use messages::policy::Policy;
use messages::policy_chain::is_met;
use messages::ports::ConsensusVerifier;
use messages::statement::cose_key_id;
use messages::stored::{BodyReader, Commit, HeadSignatures, LedgerReader};
use messages::wire::CertifiedBlock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A ledger under construction, in a store that holds its genesis.
pub struct Rebuilding {
    genesis: Arc<Genesis>,
    policy: Policy,
    verifier: Arc<dyn ConsensusVerifier>,
    reader: Arc<dyn LedgerReader>,
    storage: Storage,
    chain: Chain,
    /// Statements of blocks that are on their way to the disk.
    writing: BTreeMap<Height, Vec<StatementId>>,
    writing_ids: BTreeSet<StatementId>,
}

/// Ids on the disk and on their way there.
struct Known<'a> {
    reader: &'a dyn LedgerReader,
    writing: &'a BTreeSet<StatementId>,
}

impl Committed for Known<'_> {
    fn contains(&self, id: &StatementId) -> bool {
        self.writing.contains(id) || self.reader.position(id).is_some()
    }
}

impl Rebuilding {
    /// Goes on where the store ends.
    ///
    /// # Errors
    /// When the genesis gives no policy.
    ///
    /// # Panics
    /// When the store lacks its genesis or what its head promises.
    pub fn new(
        genesis: Arc<Genesis>,
        reader: Arc<dyn LedgerReader>,
        bodies: Arc<dyn BodyReader>,
        verifier: Arc<dyn ConsensusVerifier>,
    ) -> Result<Self, String> {
        let policy = genesis.policy()?;
        let text = policy.text();
        Ok(Self {
            storage: Storage::new(reader.clone(), bodies, genesis.clone(), text.clone()),
            chain: Chain::restore(&genesis, &text, &*reader),
            writing: BTreeMap::new(),
            writing_ids: BTreeSet::new(),
            genesis,
            policy,
            verifier,
            reader,
        })
    }

    /// The chain after the last block.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Verifies the next block; gives what is to be written and the bodies that it lodges.
    ///
    /// # Errors
    /// Why it cannot be the next block.
    ///
    /// # Panics
    /// When the storage machine does not ask for the block to be written: a programmer's error.
    pub fn block(
        &mut self,
        block: &CertifiedBlock,
    ) -> Result<(Arc<Commit>, Vec<LodgedBody>), String> {
        let known = Known {
            reader: &*self.reader,
            writing: &self.writing_ids,
        };
        let verifier = &*self.verifier;
        let (executed, certificate) = self.chain.execute_certified(block, &known, verifier)?;
        let height = executed.block.header.height;
        let ids: Vec<StatementId> = executed.entries.iter().map(|entry| entry.id).collect();
        self.writing_ids.extend(&ids);
        self.writing.insert(height, ids);
        let bodies = executed.entries.iter().filter_map(lodged_body).collect();
        self.chain = executed.next.clone();
        self.chain.certificate = Some(certificate.clone());
        let decided = Decided {
            executed,
            certificate,
            // There is no journal before it.
            replay_from: 1,
        };
        match self.step(&StorageInput::Commit(decided.into())).pop() {
            Some(StorageEffect::Write(commit)) => Ok((commit, bodies)),
            other => unreachable!("a new block is written: {other:?}"),
        }
    }

    /// Blocks up to this height are durable.
    pub fn written(&mut self, height: Height) {
        let later = self.writing.split_off(&height.next());
        for (height, ids) in std::mem::replace(&mut self.writing, later) {
            self.step(&StorageInput::Written(height));
            for id in ids {
                self.writing_ids.remove(&id);
            }
        }
    }

    /// The lowest block that is on its way to the disk.
    pub fn pending(&self) -> Option<Height> {
        self.writing.keys().next().copied()
    }

    fn step(&mut self, input: &StorageInput) -> Vec<StorageEffect> {
        let at = At {
            now: TimeMs(0),
            seq: 0,
        };
        let mut effects = Vec::new();
        self.storage.step(at, input, &mut effects);
        effects
    }

    /// Verifies the checkpoint of the newest block.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn checkpoint(&self, text: &str, signatures: &HeadSignatures) -> Result<(), String> {
        let note = Note::parse(text).map_err(|e| format!("checkpoint: {e}"))?;
        let head = Checkpoint::parse(&note.text).map_err(|e| format!("checkpoint: {e}"))?;
        let (height, log) = (self.chain.height, &self.chain.log);
        if signatures.height != height || head.size != log.size() || head.root != log.root() {
            return Err(format!(
                "checkpoint: expected the root {} of {} entries at height {height}, found {} of \
                 {} at {}",
                log.root(),
                log.size(),
                head.root,
                head.size,
                signatures.height
            ));
        }
        is_met(&self.policy, &note).map_err(|e| format!("checkpoint {height}: {e}"))?;
        for one in &signatures.signatures {
            let mut keys = self.genesis.validators.iter().map(|v| &v.receipt);
            let key = keys.find(|key| cose_key_id(key) == one.key_id);
            let holds = key.is_some_and(|key| {
                HeadSignature::claimed(key, &head, one.signature).verify(key, &head.root)
            });
            if !holds {
                return Err(format!(
                    "checkpoint {height}: a receipt signature does not hold"
                ));
            }
        }
        Ok(())
    }
}
