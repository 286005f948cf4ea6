//! The receipt: what a depositor keeps, and all that a stranger with the policy needs.
//!
//! It is a C2SP tlog-proof whose extra data carries the entry, the salt, the outcome and the seal
//! with their proofs. Nothing in the extra data is trusted: [`crate::verify`] proves every part
//! again from the checkpoint. A receipt carries exactly one log line, written first, and no spare
//! bytes, so that a receipt altered anywhere is refused.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::Hash;
use crate::ids::LeafIndex;
use crate::merkle;
use crate::note::Note;
use crate::outcome::{Outcome, outcome_leaves};
use crate::seal::Seal;
use crate::tlog_proof::{PATH_MAX, TlogProof, TlogProofError};
use minicbor::Decoder;

/// Version of the extra data described here.
pub const EXTRA_VERSION: u64 = 1;

/// Bytes of a log line's signature.
const LOG_SIGNATURE_BYTES: usize = 64;
/// Bytes of a cosignature: time and signature.
const COSIGNATURE_BYTES: usize = 72;

/// Why a text is not a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not UTF-8.
    #[error("receipt: expected UTF-8 text, found other bytes")]
    NotText,
    /// Not a tlog-proof.
    #[error(transparent)]
    Proof(#[from] TlogProofError),
    /// No extra data.
    #[error("extra: expected the entry and its proofs, found none")]
    NoExtra,
    /// The extra data is malformed.
    #[error(transparent)]
    Extra(#[from] CborError),
    /// The checkpoint's text is malformed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Not exactly one log line, or not first.
    #[error("log line: expected the first signature, and no other, by {origin:?}, found {found}")]
    LogLine {
        /// The checkpoint's origin.
        origin: String,
        /// Signature lines named like the origin.
        found: usize,
    },
    /// A signature of another length than its kind has.
    #[error("signature of {name:?}: expected {expected} bytes, found {found}")]
    SignatureLength {
        /// Name on the line.
        name: String,
        /// Bytes of its kind.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// Parses, yet is not written that way.
    #[error("receipt: not in canonical form")]
    NotCanonical,
}

/// An outcome and its place in the block's outcomes tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeProof {
    /// The outcome's canonical bytes.
    pub bytes: Vec<u8>,
    /// Its position among the block's statements, from 0.
    pub index: u64,
    /// Statements of the block.
    pub count: u64,
    /// Path from its leaf to the outcomes root.
    pub path: Vec<Hash>,
}

impl OutcomeProof {
    /// Proves the outcome at `position` of a block's `outcomes`.
    ///
    /// # Panics
    /// When there is no such outcome: the caller owns both.
    pub fn new(outcomes: &[Outcome], position: usize) -> Self {
        let path = merkle::inclusion_path(&outcome_leaves(outcomes), position);
        Self {
            bytes: outcomes[position].to_bytes(),
            index: position as u64,
            count: outcomes.len() as u64,
            path,
        }
    }
}

/// A seal and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealProof {
    /// The seal's canonical bytes.
    pub bytes: Vec<u8>,
    /// Its position in the log.
    pub index: LeafIndex,
    /// Path from its leaf to the checkpoint's root.
    pub path: Vec<Hash>,
}

impl SealProof {
    /// The proof of `seal` at `index`, by a path to the receipt's checkpoint.
    pub fn new(seal: &Seal, index: LeafIndex, path: Vec<Hash>) -> Self {
        Self {
            bytes: seal.to_bytes(),
            index,
            path,
        }
    }
}

/// A member's place in the batch that its statement lodges: `[index, path]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchProof {
    /// Position among the members, from 0.
    pub index: u64,
    /// Path from the member's leaf to the batch's root.
    pub path: Vec<Hash>,
}

/// A link of the policy chain: `[entry, index, path, checkpoint]`. A checkpoint that meets a
/// trusted policy binds the policy in the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLink {
    /// The policy entry as logged ([`crate::policy_entry::PolicyEntry`]).
    pub entry: Vec<u8>,
    /// Its position in the log.
    pub index: LeafIndex,
    /// Path from its leaf to the checkpoint's root.
    pub path: Vec<Hash>,
    /// The signed checkpoint's text.
    pub checkpoint: String,
}

/// Most links that a receipt carries.
pub const LINKS_MAX: usize = 64;

/// The extra data: `[version = 1, entry, salt, batch proof, [outcome, index, count, path],
/// [seal, leaf index, path], policy chain, RFC 3161 token]`.
///
/// The token is kept for later: null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptExtra {
    /// The statement as logged.
    pub entry: Vec<u8>,
    /// The salt that opens a commitment; only the depositor has it.
    pub salt: Option<[u8; 32]>,
    /// For the receipt of a batch's member: its place in the batch.
    pub batch: Option<BatchProof>,
    /// What became of the statement.
    pub outcome: OutcomeProof,
    /// The seal of its block.
    pub seal: SealProof,
    /// Links from a policy that the verifier may know to the one that the checkpoint meets.
    pub chain: Vec<PolicyLink>,
}

impl Canonical for ReceiptExtra {
    const NAME: &'static str = "extra";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(8)?.u64(EXTRA_VERSION)?.bytes(&self.entry)?;
        match &self.salt {
            Some(salt) => w.bytes(salt)?,
            None => w.null()?,
        };
        match &self.batch {
            Some(batch) => {
                w.array(2)?.u64(batch.index)?;
                write_path(w, &batch.path)?;
            }
            None => {
                w.null()?;
            }
        }
        let outcome = &self.outcome;
        w.array(4)?
            .bytes(&outcome.bytes)?
            .u64(outcome.index)?
            .u64(outcome.count)?;
        write_path(w, &outcome.path)?;
        w.array(3)?
            .bytes(&self.seal.bytes)?
            .u64(self.seal.index.0)?;
        write_path(w, &self.seal.path)?;
        w.array(self.chain.len() as u64)?;
        for link in &self.chain {
            w.array(4)?.bytes(&link.entry)?.u64(link.index.0)?;
            write_path(w, &link.path)?;
            w.str(&link.checkpoint)?;
        }
        w.null()?.ok()
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 8, "extra")?;
        let version = d.u64().map_err(CborError::at("extra version"))?;
        if version != EXTRA_VERSION {
            return Err(CborError::bad(
                "extra version",
                format!("expected 1, found {version}"),
            ));
        }
        let entry = d.bytes().map_err(CborError::at("entry"))?.to_vec();
        let salt = cbor::nullable(d, "salt", |d| cbor::fixed(d, "salt"))?;
        let batch = cbor::nullable(d, "batch proof", read_batch)?;
        cbor::array(d, 4, "outcome proof")?;
        let outcome = OutcomeProof {
            bytes: d.bytes().map_err(CborError::at("outcome"))?.to_vec(),
            index: d.u64().map_err(CborError::at("outcome index"))?,
            count: d.u64().map_err(CborError::at("outcome count"))?,
            path: read_path(d, "outcome path")?,
        };
        cbor::array(d, 3, "seal proof")?;
        let seal = SealProof {
            bytes: d.bytes().map_err(CborError::at("seal"))?.to_vec(),
            index: LeafIndex(d.u64().map_err(CborError::at("seal index"))?),
            path: read_path(d, "seal path")?,
        };
        let links = cbor::array_len(d, LINKS_MAX as u64, "policy chain")?;
        let chain = (0..links).map(|_| read_link(d)).collect::<Result<_, _>>()?;
        d.null().map_err(CborError::at("time-stamp token"))?;
        Ok(Self {
            entry,
            salt,
            batch,
            outcome,
            seal,
            chain,
        })
    }
}

/// A receipt: an entry, its place in the log, its outcome, and a signed checkpoint over both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Position of the entry in the log.
    pub index: LeafIndex,
    /// Inclusion path of the entry.
    pub path: Vec<Hash>,
    /// The entry and its further proofs.
    pub extra: ReceiptExtra,
    /// The checkpoint with one log line and its cosignatures ([`Checkpoint::note`] writes it).
    pub checkpoint: Note,
}

impl Receipt {
    /// The receipt's text, as kept in a `.tlog-proof` file.
    pub fn encode(&self) -> String {
        let proof = TlogProof {
            extra: Some(self.extra.to_bytes()),
            index: self.index,
            path: self.path.clone(),
            checkpoint: self.checkpoint.clone(),
        };
        proof.encode()
    }

    /// Reads a receipt strictly: [`Receipt::encode`] gives the same bytes. Judges no signature.
    ///
    /// # Errors
    /// When the text is no receipt in canonical form.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        let proof = TlogProof::parse(text)?;
        let extra = ReceiptExtra::from_bytes(&proof.extra.ok_or(ReceiptError::NoExtra)?)?;
        let (index, path, checkpoint) = (proof.index, proof.path, proof.checkpoint);
        let receipt = Self {
            index,
            path,
            extra,
            checkpoint,
        };
        receipt.check_signature_lines()?;
        if receipt.encode() == text {
            Ok(receipt)
        } else {
            Err(ReceiptError::NotCanonical)
        }
    }

    /// Reads a receipt from a file's bytes, as [`Receipt::parse`] does from text.
    ///
    /// # Errors
    /// When the bytes are no receipt in canonical form.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, ReceiptError> {
        Self::parse(core::str::from_utf8(bytes).map_err(|_| ReceiptError::NotText)?)
    }

    /// The same receipt with the salt that opens its commitment; nodes never know it.
    #[must_use]
    pub fn with_salt(mut self, salt: [u8; 32]) -> Self {
        self.extra.salt = Some(salt);
        self
    }

    /// The same receipt for one member of the batch that its statement lodges.
    #[must_use]
    pub fn for_member(mut self, salt: [u8; 32], proof: BatchProof) -> Self {
        self.extra.salt = Some(salt);
        self.extra.batch = Some(proof);
        self
    }

    /// The tree head that the receipt is proven by.
    ///
    /// # Errors
    /// When the note's text is not a checkpoint.
    pub fn tree_head(&self) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::parse(&self.checkpoint.text)
    }

    fn check_signature_lines(&self) -> Result<(), ReceiptError> {
        check_signature_lines(&self.checkpoint)
    }
}

/// The first signature is the log's and the only one of that name; lengths fit their kinds.
pub(crate) fn check_signature_lines(checkpoint: &Note) -> Result<(), ReceiptError> {
    let origin = Checkpoint::parse(&checkpoint.text)?.origin;
    let signatures = &checkpoint.signatures;
    let found = signatures.iter().filter(|s| s.name == origin).count();
    if found != 1 || signatures.first().is_none_or(|s| s.name != origin) {
        return Err(ReceiptError::LogLine { origin, found });
    }
    for (i, signature) in signatures.iter().enumerate() {
        let expected = if i == 0 {
            LOG_SIGNATURE_BYTES
        } else {
            COSIGNATURE_BYTES
        };
        if signature.bytes.len() != expected {
            let (name, found) = (signature.name.clone(), signature.bytes.len());
            return Err(ReceiptError::SignatureLength {
                name,
                expected,
                found,
            });
        }
    }
    Ok(())
}

fn read_batch(d: &mut Decoder<'_>) -> Result<BatchProof, CborError> {
    cbor::array(d, 2, "batch proof")?;
    Ok(BatchProof {
        index: d.u64().map_err(CborError::at("batch index"))?,
        path: read_path(d, "batch path")?,
    })
}

fn read_link(d: &mut Decoder<'_>) -> Result<PolicyLink, CborError> {
    cbor::array(d, 4, "policy link")?;
    Ok(PolicyLink {
        entry: d.bytes().map_err(CborError::at("policy entry"))?.to_vec(),
        index: LeafIndex(d.u64().map_err(CborError::at("policy index"))?),
        path: read_path(d, "policy path")?,
        checkpoint: d
            .str()
            .map_err(CborError::at("policy checkpoint"))?
            .to_owned(),
    })
}

fn write_path(w: &mut Writer<'_>, path: &[Hash]) -> Written {
    w.array(path.len() as u64)?;
    for hash in path {
        w.bytes(&hash.0)?;
    }
    Ok(())
}

fn read_path(d: &mut Decoder<'_>, field: &'static str) -> Result<Vec<Hash>, CborError> {
    let count = cbor::array_len(d, PATH_MAX as u64, field)?;
    (0..count).map(|_| cbor::hash(d, field)).collect()
}
