//! One tree head, and what validators signed over it.

use bytes::Bytes;
use messages::checkpoint::{Checkpoint, cosignature_time};
use messages::cose_receipt::HeadSignature;
use messages::ids::Height;
use messages::keys::{PublicKey, Signature};
use messages::note::{NoteSignature, VerifierKey};
use messages::ports::ConsensusVerifier;
use messages::quorum::quorum;
use messages::statement::cose_key_id;
use messages::stored::{HeadSignatures, ReceiptSignature};
use messages::wire::PeerMessage;
use std::collections::BTreeMap;

/// What a validator says over a head: a cosignature, and the signature of its COSE receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Eight bytes of time, and the Ed25519 signature.
    pub(super) cosignature: Vec<u8>,
    /// The signature of COSE receipts, not judged.
    pub(super) receipt: Vec<u8>,
}

/// A validator's public keys for tree heads.
#[derive(Clone, Debug)]
pub(super) struct HeadKeys {
    pub(super) cosigner: VerifierKey,
    pub(super) receipt: PublicKey,
}

/// A valid cosignature, and the receipt signature that should come with it.
#[derive(Debug)]
struct Signed {
    cosignature: NoteSignature,
    receipt: Option<Signature>,
}

/// How a peer's word over a head was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Something new that counts.
    Added {
        /// The cosignature counts, and what came as receipt signature does not verify.
        receipt_refused: bool,
    },
    /// Nothing new.
    Known,
    /// The cosignature does not verify, or the receipt signature that was still missing.
    Refused,
}

/// A head being collected for.
#[derive(Debug)]
pub(super) struct Collecting {
    height: Height,
    checkpoint: Checkpoint,
    text: String,
    /// By the validator's place in genesis.
    signed: BTreeMap<usize, Signed>,
    /// Waited long enough for receipt signatures: a quorum of cosignatures will do.
    pub(super) overdue: bool,
    pub(super) formed: bool,
}

impl Collecting {
    pub(super) fn new(height: Height, checkpoint: Checkpoint) -> Self {
        Self {
            height,
            text: checkpoint.text(),
            checkpoint,
            signed: BTreeMap::new(),
            overdue: false,
            formed: false,
        }
    }

    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Adds what this validator signed itself.
    pub(super) fn add_own(&mut self, place: usize, cosignature: NoteSignature, receipt: Signature) {
        let receipt = Some(receipt);
        let signed = Signed {
            cosignature,
            receipt,
        };
        self.signed.insert(place, signed);
    }

    /// Judges what the validator at `place` says, and adds what holds.
    pub(super) fn add(
        &mut self,
        place: usize,
        keys: &HeadKeys,
        said: Said,
        verifier: &dyn ConsensusVerifier,
    ) -> Taken {
        let made = Self::judge_receipt(&self.checkpoint, keys, &said.receipt, verifier);
        if let Some(known) = self.signed.get_mut(&place) {
            return match (known.receipt, made) {
                (Some(_), _) => Taken::Known,
                (None, None) => Taken::Refused,
                (None, made) => {
                    known.receipt = made;
                    Taken::Added {
                        receipt_refused: false,
                    }
                }
            };
        }
        let cosignature = NoteSignature {
            name: keys.cosigner.name().into(),
            key_id: keys.cosigner.key_id(),
            bytes: said.cosignature,
        };
        if cosignature_time(verifier, &keys.cosigner, &self.text, &cosignature).is_none() {
            return Taken::Refused;
        }
        let receipt_refused = made.is_none();
        let signed = Signed {
            cosignature,
            receipt: made,
        };
        self.signed.insert(place, signed);
        Taken::Added { receipt_refused }
    }

    fn judge_receipt(
        head: &Checkpoint,
        keys: &HeadKeys,
        bytes: &[u8],
        verifier: &dyn ConsensusVerifier,
    ) -> Option<Signature> {
        let signature = Signature(bytes.try_into().ok()?);
        let claimed = HeadSignature::claimed(&keys.receipt, head, signature);
        claimed
            .verify_with(verifier, &keys.receipt, &head.root)
            .then_some(signature)
    }

    /// The validators whose signatures go into the checkpoint of `n`, once there are enough.
    ///
    /// A quorum that signed receipts too is waited for, as long as there can still be one and the
    /// head is not overdue: nobody who withholds receipt signatures keeps a checkpoint back.
    fn chosen(&self, n: usize) -> Option<Vec<usize>> {
        let needed = quorum(n);
        let (whole, half): (Vec<usize>, Vec<usize>) = self
            .signed
            .keys()
            .partition(|place| self.signed[place].receipt.is_some());
        let hopeless = n - half.len() < needed;
        let enough = whole.len() >= needed
            || (whole.len() + half.len() >= needed && (self.overdue || hopeless));
        enough.then(|| whole.into_iter().chain(half).take(needed).collect())
    }

    /// The signed note's cosignatures and the receipt signatures of the same validators, once
    /// there are enough of `receipt_keys`' owners; marks the head as formed.
    pub(super) fn form(
        &mut self,
        keys: &[HeadKeys],
    ) -> Option<(Vec<NoteSignature>, HeadSignatures)> {
        if self.formed {
            return None;
        }
        let chosen = self.chosen(keys.len())?;
        self.formed = true;
        let receipt = |place: &usize| {
            let signature = self.signed[place].receipt?;
            let key_id = cose_key_id(&keys[*place].receipt);
            Some(ReceiptSignature { key_id, signature })
        };
        let signatures = HeadSignatures {
            height: self.height,
            signatures: chosen.iter().filter_map(receipt).collect(),
        };
        let cosignatures = chosen
            .iter()
            .map(|place| self.signed[place].cosignature.clone());
        Some((cosignatures.collect(), signatures))
    }

    /// The message that tells peers what the validator at `place` signed, if it did.
    pub(super) fn message_of(&self, place: usize, wanted: bool) -> Option<PeerMessage> {
        let signed = self.signed.get(&place)?;
        let (time, signature) = signed
            .cosignature
            .bytes
            .split_first_chunk::<8>()
            .expect("a cosignature starts with its time");
        let receipt = signed.receipt.as_ref().map_or(&[][..], |made| &made.0);
        Some(PeerMessage::Cosignature {
            height: self.height,
            time_s: u64::from_be_bytes(*time),
            signature: Bytes::copy_from_slice(signature),
            receipt: Bytes::copy_from_slice(receipt),
            wanted,
        })
    }
}
