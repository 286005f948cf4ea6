//! An observer's machine in the place of the checkpoint actor: it signs nothing and takes the
//! checkpoints that validators published.
//!
//! Invariants:
//! - a checkpoint is taken only for a head that is durable here, with the size and root that this
//!   node computed itself;
//! - and only with a log line of the policy and cosignatures that meet it: a validator that lies
//!   costs a counter.

use crate::machine::{At, Keep, Machine};
use messages::checkpoint::{Checkpoint, cosignature_time, verify_log_with};
use messages::cose_receipt::HeadSignature;
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, Name, TreeSize};
use messages::keys::PublicKey;
use messages::note::Note;
use messages::policy::Policy;
use messages::ports::ConsensusVerifier;
use messages::statement::cose_key_id;
use messages::stored::HeadSignatures;
use messages::wire::PeerMessage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Durable heads without a checkpoint that are remembered.
const HEADS_KEPT: usize = 64;
/// Checkpoints of heads that are not durable here are kept this many heights ahead.
const HEIGHTS_AHEAD_MAX: u64 = 64;
/// Most bytes of a note: a log line and a cosignature of each validator.
const NOTE_BYTES_MAX: usize = 64 << 10;
/// A head without a checkpoint is asked for after this long.
const RETRY_MS: u64 = 500;

/// What the machine receives.
#[derive(Clone, Debug)]
pub enum FollowingInput {
    /// A block became durable.
    Head {
        /// Its height.
        height: Height,
        /// Size of the log after it.
        size: TreeSize,
        /// Root of the log after it.
        root: Hash,
    },
    /// A published checkpoint of a validator.
    Checkpoint {
        /// The validator.
        from: Name,
        /// The signed note.
        note: String,
        /// The head's height, and the receipt signatures that came with it.
        signatures: HeadSignatures,
    },
    /// Time to ask for what is missing.
    Retry,
}

/// What the machine asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowingEffect {
    /// Ask every validator.
    Broadcast(PeerMessage),
    /// A checkpoint of a head that is durable here.
    Formed {
        /// The signed note.
        note: String,
        /// The head's height and the valid receipt signatures.
        signatures: HeadSignatures,
    },
    /// Send [`FollowingInput::Retry`] after this long.
    RetryAfter {
        /// Delay in milliseconds.
        ms: u64,
    },
}

/// A checkpoint that came before its head was durable here, by the validator that sent it.
type Early = BTreeMap<Name, (String, HeadSignatures)>;

/// The machine. Its state is soft: what is missing after a restart is asked for.
pub struct Following {
    policy: Policy,
    origin: String,
    receipt_keys: Vec<PublicKey>,
    names: BTreeSet<Name>,
    verifier: Arc<dyn ConsensusVerifier>,
    heads: BTreeMap<Height, (TreeSize, Hash)>,
    early: BTreeMap<Height, Early>,
    last_head: Height,
    published: Height,
    retry_armed: bool,
    refused: u64,
}

impl Following {
    /// A machine that has checkpoints up to `published`.
    pub fn new(
        genesis: &Genesis,
        policy: Policy,
        published: Height,
        verifier: Arc<dyn ConsensusVerifier>,
    ) -> Self {
        Self {
            policy,
            origin: genesis.origin.clone(),
            receipt_keys: genesis.validators.iter().map(|v| v.receipt).collect(),
            names: genesis.validators.iter().map(|v| v.name.clone()).collect(),
            verifier,
            heads: BTreeMap::new(),
            early: BTreeMap::new(),
            last_head: Height(0),
            published,
            retry_armed: false,
            refused: 0,
        }
    }

    /// Checkpoints that did not hold so far.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn on_head(&mut self, height: Height, head: (TreeSize, Hash), out: &mut Vec<FollowingEffect>) {
        if height <= self.last_head {
            return;
        }
        self.last_head = height;
        self.heads.insert(height, head);
        while self.heads.len() > HEADS_KEPT {
            self.heads.pop_first();
        }
        let later = self.early.split_off(&height.next());
        let due = std::mem::replace(&mut self.early, later).remove(&height);
        for (_, (note, signatures)) in due.into_iter().flatten() {
            self.take(&note, signatures, out);
        }
        self.arm_retry(out);
    }

    fn on_checkpoint(
        &mut self,
        from: &Name,
        note: &str,
        signatures: &HeadSignatures,
        out: &mut Vec<FollowingEffect>,
    ) {
        let height = signatures.height;
        let fits = note.len() <= NOTE_BYTES_MAX
            && signatures.signatures.len() <= self.names.len()
            && height.0 <= self.last_head.0.saturating_add(HEIGHTS_AHEAD_MAX);
        if !fits || !self.names.contains(from) {
            self.refused += 1;
        } else if height > self.last_head {
            let kept = (note.to_owned(), signatures.clone());
            self.early
                .entry(height)
                .or_default()
                .insert(from.clone(), kept);
        } else if height > self.published {
            self.take(note, signatures.clone(), out);
        }
    }

    /// Takes a checkpoint of a durable head, if it holds.
    fn take(&mut self, note: &str, signatures: HeadSignatures, out: &mut Vec<FollowingEffect>) {
        let height = signatures.height;
        let Some(head) = self.heads.get(&height).filter(|_| height > self.published) else {
            return;
        };
        let Some(checkpoint) = self.judge(note, *head) else {
            self.refused += 1;
            tracing::warn!(%height, "a checkpoint of a validator does not hold");
            return;
        };
        let signatures = self.valid_receipts(&checkpoint, signatures);
        self.published = height;
        self.heads = self.heads.split_off(&height.next());
        let note = note.to_owned();
        out.push(FollowingEffect::Formed { note, signatures });
    }

    /// The checkpoint of a note that says what is durable here and meets the policy.
    fn judge(&self, text: &str, (size, root): (TreeSize, Hash)) -> Option<Checkpoint> {
        let note = Note::parse(text).ok()?;
        let checkpoint = Checkpoint::parse(&note.text).ok()?;
        let expected = Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
        };
        if checkpoint != expected || note.text != expected.text() {
            return None;
        }
        let (mut logs, mut cosigned) = (0, BTreeSet::new());
        for signature in &note.signatures {
            if let Some(key) = self.policy.log_of(signature) {
                let holds = verify_log_with(&*self.verifier, key, &note.text, signature);
                logs += usize::from(holds);
            } else {
                let place = self.policy.witness_of(signature)?;
                let key = &self.policy.witnesses()[place].key;
                cosignature_time(&*self.verifier, key, &note.text, signature)?;
                cosigned.insert(place);
            }
        }
        (logs == 1 && self.policy.is_met_by(&cosigned)).then_some(checkpoint)
    }

    /// Those receipt signatures that hold: a receipt without them is worth less, not nothing.
    fn valid_receipts(&self, head: &Checkpoint, mut told: HeadSignatures) -> HeadSignatures {
        told.signatures.retain(|made| {
            let key = self
                .receipt_keys
                .iter()
                .find(|key| cose_key_id(key) == made.key_id);
            key.is_some_and(|key| {
                HeadSignature::claimed(key, head, made.signature).verify_with(
                    &*self.verifier,
                    key,
                    &head.root,
                )
            })
        });
        told
    }

    fn arm_retry(&mut self, out: &mut Vec<FollowingEffect>) {
        if self.last_head > self.published && !self.retry_armed {
            self.retry_armed = true;
            out.push(FollowingEffect::RetryAfter { ms: RETRY_MS });
        }
    }

    fn on_retry(&mut self, out: &mut Vec<FollowingEffect>) {
        self.retry_armed = false;
        if self.last_head > self.published {
            out.push(FollowingEffect::Broadcast(PeerMessage::CheckpointRequest {
                above: self.published,
            }));
        }
        self.arm_retry(out);
    }
}

impl Machine for Following {
    type Input = FollowingInput;
    type Effect = FollowingEffect;

    fn kept(&self) -> usize {
        self.heads.len() + self.early.values().map(BTreeMap::len).sum::<usize>()
    }

    fn step(&mut self, _at: At, input: &FollowingInput, out: &mut Vec<FollowingEffect>) -> Keep {
        match input {
            FollowingInput::Head { height, size, root } => {
                self.on_head(*height, (*size, *root), out);
            }
            FollowingInput::Checkpoint {
                from,
                note,
                signatures,
            } => self.on_checkpoint(from, note, signatures, out),
            FollowingInput::Retry => self.on_retry(out),
        }
        Keep::No
    }
}
