//! The checkpoint actor's machine: signing tree heads and collecting a quorum.
//!
//! A validator signs each head twice: a cosignature (C2SP tlog-cosignature) for the checkpoint, and
//! one signature for all COSE receipts under it (RFC 9942). Both travel together.
//!
//! Invariants:
//! - a head is cosigned only after its block is durable, in order, and never one older than, or
//!   another of the same size as, one cosigned before (C2SP tlog-cosignature);
//! - a note is formed from exactly one log line and exactly a quorum of valid cosignatures, and
//!   comes with the valid receipt signatures of the same validators;
//! - a receipt signature that is missing or invalid is counted and delays a note by
//!   half a second at most;
//! - below the amnesia floor nothing is cosigned.

// rkyv's derive leaves fields of the archived counterparts undocumented.
#![allow(missing_docs)]

mod collecting;

use crate::machine::{At, Keep, Machine};
use bytes::Bytes;
use collecting::{Collecting, HeadKeys, Said, Taken};
use messages::checkpoint::{Checkpoint, cosign, sign_log};
use messages::cose_receipt::HeadSignature;
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, Name, TreeSize};
use messages::note::{VerifierKey, VerifierKeyType};
use messages::ports::{ConsensusVerifier, MessageSigner};
use messages::stored::HeadSignatures;
use messages::wire::{Framed, PeerMessage};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Heads that are kept for peers that still collect.
const HEADS_KEPT: usize = 64;
/// Cosignatures for heads not yet durable here are kept this many heights ahead.
const HEIGHTS_AHEAD_MAX: u64 = 64;
/// A cosignature: eight bytes of time and the Ed25519 signature.
const COSIGNATURE_BYTES: usize = 72;
/// Most bytes of a receipt signature: an Ed25519 signature.
const RECEIPT_BYTES_MAX: usize = 64;
/// A head without a quorum is asked for again after this long.
const RETRY_MS: u64 = 500;

/// What the machine receives; also its journal form, version 2.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum CheckpointInput {
    /// A block became durable: its tree head may be cosigned.
    Head {
        /// The block's height.
        height: Height,
        /// Size of the log after it.
        size: TreeSize,
        /// Root of the log after it.
        root: Hash,
    },
    /// A cosignature of a peer.
    Cosignature {
        /// The peer.
        from: Name,
        /// Height of the head.
        height: Height,
        /// The time it signed, in seconds since the Unix epoch.
        time_s: u64,
        /// The Ed25519 signature.
        signature: Bytes,
        /// The Ed25519 signature of the peer's COSE receipts.
        receipt: Bytes,
        /// The peer still collects and asks for ours.
        wanted: bool,
    },
    /// Time to ask again for what is missing.
    Retry,
    /// An amnesiac validator may cosign from this height on.
    Floor(Height),
}

impl Framed for CheckpointInput {
    const SCHEMA: u16 = 21;
    const VERSION: u16 = 2;
}

/// What the machine asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointEffect {
    /// Tell every other node.
    Broadcast(PeerMessage),
    /// Tell one node.
    Send {
        /// The node.
        to: Name,
        /// The message.
        message: PeerMessage,
    },
    /// A quorum cosigned a head.
    Formed {
        /// The signed note.
        note: String,
        /// The head's height and the receipt signatures of those who cosigned.
        signatures: HeadSignatures,
    },
    /// Send [`CheckpointInput::Retry`] after this long.
    RetryAfter {
        /// Delay in milliseconds.
        ms: u64,
    },
}

impl CheckpointEffect {
    /// What a replay must lead to again: which head was cosigned when, and which head formed.
    fn imprint(&self, out: &mut Vec<u8>) {
        match self {
            Self::Broadcast(PeerMessage::Cosignature { height, time_s, .. }) => {
                out.push(1);
                out.extend(height.0.to_be_bytes());
                out.extend(time_s.to_be_bytes());
            }
            Self::Formed { note, signatures } => {
                let text = note.split_once("\n\n").map_or("", |(text, _)| text);
                out.push(2);
                out.extend(signatures.height.0.to_be_bytes());
                out.extend(Hash::of(text.as_bytes()).0);
            }
            // What a peer asks for is answered from what was signed already.
            Self::Broadcast(_) | Self::Send { .. } | Self::RetryAfter { .. } => {}
        }
    }
}

/// The keys with which a validator signs tree heads.
#[derive(Clone, Debug)]
pub struct CheckpointKeys {
    /// Signs the log line.
    pub log: Arc<dyn MessageSigner>,
    /// Cosigns.
    pub cosigner: Arc<dyn MessageSigner>,
    /// Signs COSE receipts.
    pub receipt: Arc<dyn MessageSigner>,
}

/// A cosignature that came before its head was durable here.
#[derive(Debug)]
struct Early {
    from: usize,
    said: Said,
}

/// The machine.
pub struct Checkpointing {
    origin: String,
    keys: CheckpointKeys,
    verifier: Arc<dyn ConsensusVerifier>,
    own: usize,
    names: Vec<Name>,
    validators: Vec<HeadKeys>,
    heads: BTreeMap<Height, Collecting>,
    early: BTreeMap<Height, Vec<Early>>,
    last_cosigned: TreeSize,
    last_head: Height,
    floor: Option<Height>,
    retry_armed: bool,
    dropped: u64,
    receipts_refused: u64,
}

impl Checkpointing {
    /// A machine that has seen nothing of the journal yet; it cosigns from `floor` on, or
    /// nothing while that is not known.
    ///
    /// # Panics
    /// When `own` is no validator of `genesis`, whose key names were checked when it was made.
    pub fn new(
        genesis: &Genesis,
        own: &Name,
        keys: CheckpointKeys,
        verifier: Arc<dyn ConsensusVerifier>,
        floor: Option<Height>,
    ) -> Self {
        let place = genesis.validators.iter().position(|v| &v.name == own);
        let head_keys = |v: &messages::genesis::GenesisValidator| {
            let name = genesis.cosigner_name(&v.name);
            let cosigner = VerifierKey::try_new(&name, VerifierKeyType::Cosigner, v.cosigner);
            HeadKeys {
                cosigner: cosigner.expect("the genesis gives a policy"),
                receipt: v.receipt,
            }
        };
        Self {
            origin: genesis.origin.clone(),
            keys,
            verifier,
            own: place.expect("a checkpoint actor belongs to a validator"),
            names: genesis.validators.iter().map(|v| v.name.clone()).collect(),
            validators: genesis.validators.iter().map(head_keys).collect(),
            heads: BTreeMap::new(),
            early: BTreeMap::new(),
            last_cosigned: TreeSize(0),
            last_head: Height(0),
            floor,
            retry_armed: false,
            dropped: 0,
            receipts_refused: 0,
        }
    }

    /// Cosignatures dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Receipt signatures that were missing or did not verify so far.
    pub fn receipts_refused(&self) -> u64 {
        self.receipts_refused
    }

    fn on_head(
        &mut self,
        at: At,
        height: Height,
        size: TreeSize,
        root: Hash,
        out: &mut Vec<CheckpointEffect>,
    ) -> Keep {
        if height <= self.last_head {
            return Keep::No;
        }
        self.last_head = height;
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size,
            root,
        };
        let mut head = Collecting::new(height, checkpoint);
        if self.floor.is_some_and(|floor| height >= floor) {
            self.sign(at, &mut head);
            out.extend(
                head.message_of(self.own, false)
                    .map(CheckpointEffect::Broadcast),
            );
        }
        self.heads.insert(height, head);
        while self.heads.len() > HEADS_KEPT {
            self.heads.pop_first();
        }
        let later = self.early.split_off(&height.next());
        let due = std::mem::replace(&mut self.early, later);
        for early in due
            .into_iter()
            .filter(|(h, _)| *h == height)
            .flat_map(|(_, list)| list)
        {
            self.collect(height, early.from, early.said, out);
        }
        self.form(height, out);
        self.arm_retry(out);
        Keep::Vote
    }

    /// Signs a head with both keys.
    fn sign(&mut self, at: At, head: &mut Collecting) {
        let size = head.checkpoint().size;
        assert!(
            size > self.last_cosigned,
            "heads are cosigned in order, each size once"
        );
        self.last_cosigned = size;
        let name = self.validators[self.own].cosigner.name();
        let time_s = at.now.seconds_rounded_up();
        let cosignature = cosign(&*self.keys.cosigner, name, time_s, head.text());
        let receipt = HeadSignature::sign(&*self.keys.receipt, head.checkpoint());
        head.add_own(self.own, cosignature, receipt.signature);
    }

    /// Adds what a peer signed when it is valid for the head.
    fn collect(
        &mut self,
        height: Height,
        from: usize,
        said: Said,
        out: &mut Vec<CheckpointEffect>,
    ) -> Keep {
        let Some(head) = self.heads.get_mut(&height).filter(|head| !head.formed) else {
            return Keep::No;
        };
        let name = &self.names[from];
        match head.add(from, &self.validators[from], said, &*self.verifier) {
            Taken::Known => return Keep::No,
            Taken::Refused => {
                self.dropped += 1;
                tracing::warn!(%height, from = %name, "a signature over a head does not verify");
                return Keep::No;
            }
            Taken::Added { receipt_refused } if receipt_refused => {
                self.receipts_refused += 1;
                tracing::warn!(%height, from = %name, "a receipt signature does not verify");
            }
            Taken::Added { .. } => {}
        }
        self.form(height, out);
        Keep::Yes
    }

    fn form(&mut self, height: Height, out: &mut Vec<CheckpointEffect>) {
        let Some(head) = self.heads.get_mut(&height) else {
            return;
        };
        if let Some((cosignatures, signatures)) = head.form(&self.validators) {
            let log = sign_log(&*self.keys.log, &self.origin, head.text());
            let note = head.checkpoint().note(log, cosignatures).encode();
            out.push(CheckpointEffect::Formed { note, signatures });
        }
    }

    fn on_cosignature(
        &mut self,
        from: &Name,
        height: Height,
        said: Said,
        wanted: bool,
        out: &mut Vec<CheckpointEffect>,
    ) -> Keep {
        let sized =
            said.cosignature.len() == COSIGNATURE_BYTES && said.receipt.len() <= RECEIPT_BYTES_MAX;
        let place = self.names.iter().position(|name| name == from);
        let place = place.filter(|p| *p != self.own && sized);
        let Some(place) = place else {
            self.dropped += 1;
            return Keep::No;
        };
        if wanted
            && let Some(head) = self.heads.get(&height)
            && let Some(message) = head.message_of(self.own, false)
        {
            let to = from.clone();
            out.push(CheckpointEffect::Send { to, message });
        }
        if height > self.last_head {
            return self.keep_early(height, place, said);
        }
        self.collect(height, place, said, out)
    }

    fn keep_early(&mut self, height: Height, from: usize, said: Said) -> Keep {
        if height.0 > self.last_head.0.saturating_add(HEIGHTS_AHEAD_MAX) {
            self.dropped += 1;
            return Keep::No;
        }
        let list = self.early.entry(height).or_default();
        let known = list
            .iter()
            .any(|early| early.from == from && early.said == said);
        let full = list.iter().filter(|early| early.from == from).count() >= 2;
        if known || full {
            self.dropped += 1;
            return Keep::No;
        }
        list.push(Early { from, said });
        Keep::Yes
    }

    fn arm_retry(&mut self, out: &mut Vec<CheckpointEffect>) {
        let open = self
            .heads
            .last_key_value()
            .is_some_and(|(_, head)| !head.formed);
        if open && !self.retry_armed {
            self.retry_armed = true;
            out.push(CheckpointEffect::RetryAfter { ms: RETRY_MS });
        }
    }

    /// Asks again for the newest head, and waits no longer for its receipt signatures.
    fn on_retry(&mut self, out: &mut Vec<CheckpointEffect>) -> Keep {
        self.retry_armed = false;
        let mut keep = Keep::No;
        let newest = self.heads.last_entry();
        if let Some(mut entry) = newest.filter(|entry| !entry.get().formed) {
            let (height, head) = (*entry.key(), entry.get_mut());
            let first = !std::mem::replace(&mut head.overdue, true);
            let message = head.message_of(self.own, true);
            out.extend(message.map(CheckpointEffect::Broadcast));
            // What waiting less leads to must come out of a replay too.
            if first {
                keep = Keep::Yes;
                self.form(height, out);
            }
        }
        self.arm_retry(out);
        keep
    }
}

impl Machine for Checkpointing {
    type Input = CheckpointInput;
    type Effect = CheckpointEffect;

    fn imprint(effect: &CheckpointEffect, out: &mut Vec<u8>) {
        effect.imprint(out);
    }

    fn kept(&self) -> usize {
        let early: usize = self.early.values().map(Vec::len).sum();
        self.heads.len() + early
    }

    fn step(&mut self, at: At, input: &CheckpointInput, out: &mut Vec<CheckpointEffect>) -> Keep {
        match input {
            CheckpointInput::Head { height, size, root } => {
                self.on_head(at, *height, *size, *root, out)
            }
            CheckpointInput::Cosignature {
                from,
                height,
                time_s,
                signature,
                receipt,
                wanted,
            } => {
                let mut cosignature = time_s.to_be_bytes().to_vec();
                cosignature.extend_from_slice(signature);
                let said = Said {
                    cosignature,
                    receipt: receipt.to_vec(),
                };
                self.on_cosignature(from, *height, said, *wanted, out)
            }
            CheckpointInput::Retry => self.on_retry(out),
            CheckpointInput::Floor(floor) => {
                self.floor = Some(self.floor.map_or(*floor, |known| known.max(*floor)));
                Keep::Yes
            }
        }
    }
}
