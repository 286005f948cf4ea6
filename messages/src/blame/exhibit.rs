//! What somebody brings to a judgement. Reading judges no signature.

use super::BlameFile;
use crate::cbor::{Canonical, CborError};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::consensus::{CommitCertificate, ConsensusMessage, EquivocationProof};
use crate::hash::Hash;
use crate::ids::{LeafIndex, TreeSize};
use crate::merkle::verify_inclusion;
use crate::note::{Note, NoteError, decode_base64};
use crate::receipt::ReceiptExtra;
use crate::tlog_proof::{TLOG_PROOF_HEADER, TlogProof, TlogProofError};
use serde::Deserialize;

/// Why bytes are no exhibit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExhibitError {
    /// None of the forms that are read.
    #[error(
        "expected a checkpoint, a .tlog-proof receipt, an inclusion proof as a node serves it, a \
         blame file, or the canonical CBOR of a vote, proposal, certificate or equivocation proof, \
         found none of these"
    )]
    Unknown,
    /// Text that should be text and is not.
    #[error("expected UTF-8 text, found other bytes")]
    NotText,
    /// JSON that is no checkpoint and no blame file.
    #[error(transparent)]
    File(#[from] Box<super::BlameFileError>),
    /// A malformed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A note whose text is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A malformed tlog-proof.
    #[error(transparent)]
    Proof(#[from] TlogProofError),
    /// A hash of another length.
    #[error("{field}: expected 32 bytes, found {found}")]
    HashLength {
        /// The member.
        field: &'static str,
        /// Bytes given.
        found: usize,
    },
    /// Malformed CBOR.
    #[error(transparent)]
    Cbor(#[from] CborError),
}

/// That a leaf hash stands at a place of the log (RFC 6962 section 2.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The place.
    pub index: LeafIndex,
    /// The leaf hash, [`Hash::leaf`] of the entry.
    pub leaf: Hash,
    /// From the leaf to the root.
    pub path: Vec<Hash>,
}

/// A signed tree head and inclusion proofs that hold under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    note: Note,
    checkpoint: Checkpoint,
    proofs: Vec<Inclusion>,
    /// Proofs given that do not lead to the root, for people.
    pub(super) broken: Vec<String>,
}

impl Head {
    /// A signed tree head; proofs that do not lead to its root are set aside.
    ///
    /// # Errors
    /// When the note is not one that reads back from its text, or its text is no checkpoint.
    pub fn try_new(note: Note, proofs: Vec<Inclusion>) -> Result<Self, ExhibitError> {
        // A note made in memory is judged by the same rules as a file.
        let note = Note::parse(&note.encode())?;
        let checkpoint = Checkpoint::parse(&note.text)?;
        let head = Self {
            note,
            checkpoint,
            proofs: Vec::new(),
            broken: Vec::new(),
        };
        Ok(head.with_more(proofs))
    }

    /// The note as it was read; [`Note::encode`] gives its text byte for byte.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What the note's text says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Inclusion proofs, each of which leads to the root.
    pub fn proofs(&self) -> &[Inclusion] {
        &self.proofs
    }

    /// The same head with these proofs too, as far as they lead to its root.
    pub(super) fn with_more(&self, proofs: impl IntoIterator<Item = Inclusion>) -> Self {
        let mut head = self.clone();
        for proof in proofs {
            head.add(proof);
        }
        head
    }

    fn add(&mut self, proof: Inclusion) {
        let (size, root) = (self.checkpoint.size.0, &self.checkpoint.root);
        match verify_inclusion(&proof.leaf, proof.index.0, size, &proof.path, root) {
            Ok(()) => self.proofs.push(proof),
            Err(error) => {
                let what = format!("inclusion proof of entry {}: {error}", proof.index);
                self.broken.push(what);
            }
        }
    }

    /// The same head with at most one of its proofs.
    pub(super) fn with_proof(&self, position: Option<usize>) -> Self {
        let proof = position.and_then(|i| self.proofs.get(i));
        Self {
            proofs: proof.cloned().into_iter().collect(),
            broken: Vec::new(),
            ..self.clone()
        }
    }
}

/// An inclusion proof on its own, for the tree head that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LooseProof {
    /// Size of the head's tree.
    pub size: TreeSize,
    /// Root of the head's tree.
    pub root: Hash,
    /// The proof.
    pub inclusion: Inclusion,
}

impl LooseProof {
    /// Whether it is about this head.
    pub(super) fn is_of(&self, head: &Head) -> bool {
        (self.size, self.root) == (head.checkpoint.size, head.checkpoint.root)
    }
}

/// One thing that keys signed, or a proof about one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exhibit {
    /// A tree head with its log line and cosignatures.
    Head(Box<Head>),
    /// A vote, a proposal, or a certificate made of votes.
    Message(ConsensusMessage),
    /// A certificate made of precommits.
    Commit(CommitCertificate),
    /// An inclusion proof under one of the tree heads; nobody signed it.
    Proof(LooseProof),
}

/// `wutong show checkpoint --json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownCheckpoint {
    checkpoint: String,
}

/// What a node answers at `/v1/proofs/inclusion`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServedInclusion {
    index: u64,
    size: u64,
    leaf_hash: String,
    root: String,
    path: Vec<String>,
}

impl ServedInclusion {
    fn read(&self) -> Result<LooseProof, ExhibitError> {
        let hash = |field, text: &str| {
            let bytes = decode_base64(field, text)?;
            let found = bytes.len();
            Hash::from_slice(&bytes).ok_or(ExhibitError::HashLength { field, found })
        };
        let path = self.path.iter().map(|text| hash("path", text));
        Ok(LooseProof {
            size: TreeSize(self.size),
            root: hash("root", &self.root)?,
            inclusion: Inclusion {
                index: LeafIndex(self.index),
                leaf: hash("leaf_hash", &self.leaf_hash)?,
                path: path.collect::<Result<_, _>>()?,
            },
        })
    }
}

impl Exhibit {
    /// Reads a file. An equivocation proof and a blame file hold several exhibits.
    ///
    /// # Errors
    /// When the bytes are in none of the forms that are read, or not in canonical form.
    pub fn parse(bytes: &[u8]) -> Result<Vec<Self>, ExhibitError> {
        let text = || core::str::from_utf8(bytes).map_err(|_| ExhibitError::NotText);
        let is_note = |text: &str| text.contains("\n\n\u{2014} ");
        match bytes {
            [b'{', ..] => Self::of_json(text()?),
            [0x82, ..] => Ok(vec![Self::Message(ConsensusMessage::from_bytes(bytes)?)]),
            [0x83, ..] => Ok(Self::of_proof(&EquivocationProof::from_bytes(bytes)?)),
            [0x84, ..] => Ok(vec![Self::Commit(CommitCertificate::from_bytes(bytes)?)]),
            _ if bytes.starts_with(TLOG_PROOF_HEADER.as_bytes()) => Self::of_receipt(text()?),
            _ if core::str::from_utf8(bytes).is_ok_and(is_note) => {
                Ok(vec![Self::of_note(Note::parse(text()?)?, Vec::new())?])
            }
            _ => Err(ExhibitError::Unknown),
        }
    }

    /// The two messages of an equivocation proof.
    pub fn of_proof(proof: &EquivocationProof) -> Vec<Self> {
        let (first, second) = match proof.clone() {
            EquivocationProof::Votes(a, b) => {
                (ConsensusMessage::Vote(a), ConsensusMessage::Vote(b))
            }
            EquivocationProof::Proposals(a, b) => {
                (ConsensusMessage::Proposal(a), ConsensusMessage::Proposal(b))
            }
        };
        vec![Self::Message(first), Self::Message(second)]
    }

    /// The tree head, when it is one.
    pub fn head(&self) -> Option<&Head> {
        match self {
            Self::Head(head) => Some(head),
            Self::Message(_) | Self::Commit(_) | Self::Proof(_) => None,
        }
    }

    /// The proof, when it is one on its own.
    pub fn proof(&self) -> Option<&LooseProof> {
        match self {
            Self::Proof(proof) => Some(proof),
            Self::Head(_) | Self::Message(_) | Self::Commit(_) => None,
        }
    }

    fn of_note(note: Note, proofs: Vec<Inclusion>) -> Result<Self, ExhibitError> {
        Ok(Self::Head(Box::new(Head::try_new(note, proofs)?)))
    }

    /// A receipt's checkpoint, with the proofs of its entry and its seal. The entry itself and the
    /// salt stay behind. Other tlog-proofs do not say their leaf, so their path proves nothing.
    fn of_receipt(text: &str) -> Result<Vec<Self>, ExhibitError> {
        let proof = TlogProof::parse(text)?;
        let extra = match &proof.extra {
            Some(bytes) => ReceiptExtra::from_bytes(bytes).ok(),
            None => None,
        };
        let proofs = extra.map_or_else(Vec::new, |extra| {
            let entry = (proof.index, &extra.entry, proof.path.clone());
            let seal = (extra.seal.index, &extra.seal.bytes, extra.seal.path.clone());
            [entry, seal]
                .map(|(index, bytes, path)| Inclusion {
                    index,
                    leaf: Hash::leaf(bytes),
                    path,
                })
                .into()
        });
        Ok(vec![Self::of_note(proof.checkpoint, proofs)?])
    }

    fn of_json(text: &str) -> Result<Vec<Self>, ExhibitError> {
        if let Ok(shown) = serde_json::from_str::<ShownCheckpoint>(text) {
            return Self::parse(shown.checkpoint.as_bytes());
        }
        if let Ok(served) = serde_json::from_str::<ServedInclusion>(text) {
            return Ok(vec![Self::Proof(served.read()?)]);
        }
        let file = BlameFile::parse(text.as_bytes()).map_err(Box::new)?;
        Ok(file.exhibits().to_vec())
    }
}
