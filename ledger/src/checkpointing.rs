//! The checkpoint actor's machine: cosigning tree heads and collecting a quorum.
//!
//! Invariants:
//! - a head is cosigned only after its block is durable, in order, and never one older than, or
//!   another of the same size as, one cosigned before (C2SP tlog-cosignature);
//! - a note is formed from exactly one log line and exactly a quorum of valid cosignatures;
//! - below the amnesia floor nothing is cosigned.

// rkyv's derive leaves fields of the archived counterparts undocumented.
#![allow(missing_docs)]

use crate::machine::{At, Keep, Machine};
use bytes::Bytes;
use messages::checkpoint::{Checkpoint, cosign, sign_log, verify_cosignature};
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, Name, TreeSize};
use messages::keys::PrivateKey;
use messages::note::{NoteSignature, VerifierKey, VerifierKeyType};
use messages::quorum::quorum;
use messages::wire::{Framed, PeerMessage};
use std::collections::BTreeMap;

/// Heads that are kept for peers that still collect.
const HEADS_KEPT: usize = 64;
/// Cosignatures for heads not yet durable here are kept this many heights ahead.
const HEIGHTS_AHEAD_MAX: u64 = 64;
/// A cosignature: eight bytes of time and the Ed25519 signature.
const COSIGNATURE_BYTES: usize = 72;
/// A head without a quorum is asked for again after this long.
const RETRY_MS: u64 = 500;

/// What the machine receives; also its journal form, version 1.
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
    const VERSION: u16 = 1;
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
    /// A quorum cosigned this head.
    Formed {
        /// Height of the head.
        height: Height,
        /// The signed note.
        note: String,
    },
    /// Send [`CheckpointInput::Retry`] after this long.
    RetryAfter {
        /// Delay in milliseconds.
        ms: u64,
    },
}

/// The keys with which a validator signs tree heads.
#[derive(Clone, Debug)]
pub struct CheckpointKeys {
    /// Signs the log line.
    pub log: PrivateKey,
    /// Cosigns.
    pub cosigner: PrivateKey,
}

/// A head being collected for.
#[derive(Debug)]
struct Collecting {
    checkpoint: Checkpoint,
    text: String,
    /// Valid cosignatures by the validator's place in genesis.
    cosignatures: BTreeMap<usize, NoteSignature>,
    formed: bool,
}

/// A cosignature that came before its head was durable here.
#[derive(Debug)]
struct Early {
    from: usize,
    bytes: Vec<u8>,
}

/// The machine.
#[derive(Debug)]
pub struct Checkpointing {
    origin: String,
    keys: CheckpointKeys,
    own: usize,
    names: Vec<Name>,
    cosigners: Vec<VerifierKey>,
    heads: BTreeMap<Height, Collecting>,
    early: BTreeMap<Height, Vec<Early>>,
    last_cosigned: TreeSize,
    last_head: Height,
    floor: Option<Height>,
    retry_armed: bool,
    dropped: u64,
}

impl Checkpointing {
    /// A machine that has seen nothing of the journal yet; it cosigns from `floor` on, or
    /// nothing while that is not known.
    ///
    /// # Panics
    /// When `own` is no validator of `genesis`, whose key names were checked when it was made.
    pub fn new(genesis: &Genesis, own: &Name, keys: CheckpointKeys, floor: Option<Height>) -> Self {
        let place = genesis.validators.iter().position(|v| &v.name == own);
        let cosigner = |v: &messages::genesis::GenesisValidator| {
            let name = genesis.cosigner_name(&v.name);
            VerifierKey::try_new(&name, VerifierKeyType::Cosigner, v.cosigner)
                .expect("the genesis gives a policy")
        };
        Self {
            origin: genesis.origin.clone(),
            keys,
            own: place.expect("a checkpoint actor belongs to a validator"),
            names: genesis.validators.iter().map(|v| v.name.clone()).collect(),
            cosigners: genesis.validators.iter().map(cosigner).collect(),
            heads: BTreeMap::new(),
            early: BTreeMap::new(),
            last_cosigned: TreeSize(0),
            last_head: Height(0),
            floor,
            retry_armed: false,
            dropped: 0,
        }
    }

    /// Cosignatures dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
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
        let text = checkpoint.text();
        let mut cosignatures = BTreeMap::new();
        if self.floor.is_some_and(|floor| height >= floor) {
            assert!(
                size > self.last_cosigned,
                "heads are cosigned in order, each size once"
            );
            self.last_cosigned = size;
            let name = self.cosigners[self.own].name();
            let own = cosign(
                &self.keys.cosigner,
                name,
                at.now.seconds_rounded_up(),
                &text,
            );
            out.push(CheckpointEffect::Broadcast(message_of(height, &own, false)));
            cosignatures.insert(self.own, own);
        }
        self.heads.insert(
            height,
            Collecting {
                checkpoint,
                text,
                cosignatures,
                formed: false,
            },
        );
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
            self.collect(height, early.from, early.bytes, out);
        }
        self.form(height, out);
        self.arm_retry(out);
        Keep::Vote
    }

    /// Adds a cosignature when it is valid for the head.
    fn collect(
        &mut self,
        height: Height,
        from: usize,
        bytes: Vec<u8>,
        out: &mut Vec<CheckpointEffect>,
    ) -> Keep {
        let Some(head) = self.heads.get_mut(&height) else {
            return Keep::No;
        };
        if head.formed || head.cosignatures.contains_key(&from) {
            return Keep::No;
        }
        let key = &self.cosigners[from];
        let line = NoteSignature {
            name: key.name().into(),
            key_id: key.key_id(),
            bytes,
        };
        if verify_cosignature(key, &head.text, &line).is_none() {
            self.dropped += 1;
            tracing::warn!(%height, from = %self.names[from], "a cosignature does not verify");
            return Keep::No;
        }
        head.cosignatures.insert(from, line);
        self.form(height, out);
        Keep::Yes
    }

    fn form(&mut self, height: Height, out: &mut Vec<CheckpointEffect>) {
        let needed = quorum(self.cosigners.len());
        let Some(head) = self.heads.get_mut(&height) else {
            return;
        };
        if head.formed || head.cosignatures.len() < needed {
            return;
        }
        head.formed = true;
        let log = sign_log(&self.keys.log, &self.origin, &head.text);
        let chosen = head.cosignatures.values().take(needed).cloned().collect();
        let note = head.checkpoint.note(log, chosen).encode();
        out.push(CheckpointEffect::Formed { height, note });
    }

    fn on_cosignature(
        &mut self,
        from: &Name,
        height: Height,
        bytes: Vec<u8>,
        wanted: bool,
        out: &mut Vec<CheckpointEffect>,
    ) -> Keep {
        let place = self.names.iter().position(|name| name == from);
        let place = place.filter(|p| *p != self.own && bytes.len() == COSIGNATURE_BYTES);
        let Some(place) = place else {
            self.dropped += 1;
            return Keep::No;
        };
        if wanted
            && let Some(own) = self
                .heads
                .get(&height)
                .and_then(|head| head.cosignatures.get(&self.own))
        {
            let message = message_of(height, own, false);
            out.push(CheckpointEffect::Send {
                to: from.clone(),
                message,
            });
        }
        if height > self.last_head {
            return self.keep_early(height, place, bytes);
        }
        self.collect(height, place, bytes, out)
    }

    fn keep_early(&mut self, height: Height, from: usize, bytes: Vec<u8>) -> Keep {
        if height.0 > self.last_head.0.saturating_add(HEIGHTS_AHEAD_MAX) {
            self.dropped += 1;
            return Keep::No;
        }
        let list = self.early.entry(height).or_default();
        let known = list
            .iter()
            .any(|early| early.from == from && early.bytes == bytes);
        let full = list.iter().filter(|early| early.from == from).count() >= 2;
        if known || full {
            self.dropped += 1;
            return Keep::No;
        }
        list.push(Early { from, bytes });
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

    fn on_retry(&mut self, out: &mut Vec<CheckpointEffect>) -> Keep {
        self.retry_armed = false;
        if let Some((height, head)) = self.heads.last_key_value()
            && !head.formed
            && let Some(own) = head.cosignatures.get(&self.own)
        {
            out.push(CheckpointEffect::Broadcast(message_of(*height, own, true)));
        }
        self.arm_retry(out);
        Keep::No
    }
}

/// The peer message that carries a cosignature line.
fn message_of(height: Height, line: &NoteSignature, wanted: bool) -> PeerMessage {
    let (time, signature) = line
        .bytes
        .split_first_chunk::<8>()
        .expect("a cosignature starts with its time");
    PeerMessage::Cosignature {
        height,
        time_s: u64::from_be_bytes(*time),
        signature: Bytes::copy_from_slice(signature),
        wanted,
    }
}

impl Machine for Checkpointing {
    type Input = CheckpointInput;
    type Effect = CheckpointEffect;

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
                wanted,
            } => {
                let mut bytes = time_s.to_be_bytes().to_vec();
                bytes.extend_from_slice(signature);
                self.on_cosignature(from, *height, bytes, *wanted, out)
            }
            CheckpointInput::Retry => self.on_retry(out),
            CheckpointInput::Floor(floor) => {
                self.floor = Some(self.floor.map_or(*floor, |known| known.max(*floor)));
                Keep::Yes
            }
        }
    }
}
