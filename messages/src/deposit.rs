//! The payload of a deposit: what a depositor lodges, in deterministic CBOR.
//!
//! `[version = 1, network, namespace, mode, algorithm, value, declared time, not before,
//! references]`, an array as all our encodings; the value has the form of its mode ([`Lodged`]).
//! The bytes are frozen: a change is a new version.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::hash::Hash;
use crate::ids::{Name, StatementId, TimeMs};
use minicbor::Decoder;

/// Version of the payload described here.
pub const DEPOSIT_VERSION: u64 = 1;

/// Most statements that one deposit may refer to.
pub const REFERENCES_MAX: usize = 16;

/// Most bytes of a content that the network keeps beside the log, unless genesis says less.
pub const BODY_BYTES_MAX: u64 = 4 << 20;

/// What a depositor lodges. The number before each is its mode in the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lodged {
    /// 0: the digest itself. Anyone who can guess the document can recognise it.
    Digest(Hash),
    /// 1: a salted [`commit`]ment to the digest. The salt stays with the depositor.
    Commitment(Hash),
    /// 2: the document itself, in the entry; at least one byte.
    Content(Vec<u8>),
    /// 3: the root of a tree over many commitments ([`crate::batch`]); only the depositor knows
    /// the members.
    Batch {
        /// Root of the RFC 6962 tree whose leaves are the members' commitments.
        root: Hash,
        /// Members, at least one.
        count: u64,
    },
    /// 4: a document that the network keeps beside the log.
    Body {
        /// Its digest.
        digest: Hash,
        /// Its size in bytes, at least one.
        size: u64,
    },
}

/// The kinds of [`Lodged`], without what they carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DepositMode {
    /// [`Lodged::Digest`].
    Digest,
    /// [`Lodged::Commitment`].
    Commitment,
    /// [`Lodged::Content`].
    Content,
    /// [`Lodged::Batch`].
    Batch,
    /// [`Lodged::Body`].
    Body,
}

impl DepositMode {
    /// All modes; the place of each is its number in the payload.
    pub const ALL: [Self; 5] = [
        Self::Digest,
        Self::Commitment,
        Self::Content,
        Self::Batch,
        Self::Body,
    ];

    /// The number in the payload.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The mode of a number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// Its name for people and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Commitment => "commitment",
            Self::Content => "content",
            Self::Batch => "batch",
            Self::Body => "body",
        }
    }
}

impl Lodged {
    /// Its kind.
    pub fn mode(&self) -> DepositMode {
        match self {
            Self::Digest(_) => DepositMode::Digest,
            Self::Commitment(_) => DepositMode::Commitment,
            Self::Content(_) => DepositMode::Content,
            Self::Batch { .. } => DepositMode::Batch,
            Self::Body { .. } => DepositMode::Body,
        }
    }

    /// What it is looked up by: the digest of the document where the ledger knows it, else the
    /// commitment or the root.
    pub fn value(&self) -> Hash {
        match self {
            Self::Digest(value) | Self::Commitment(value) => *value,
            Self::Content(content) => Hash::of(content),
            Self::Batch { root, .. } => *root,
            Self::Body { digest, .. } => *digest,
        }
    }

    fn write(&self, w: &mut Writer<'_>) -> Written {
        match self {
            Self::Digest(value) | Self::Commitment(value) => w.bytes(&value.0)?.ok(),
            Self::Content(content) => w.bytes(content)?.ok(),
            Self::Batch { root, count } => w.array(2)?.bytes(&root.0)?.u64(*count)?.ok(),
            Self::Body { digest, size } => w.array(2)?.bytes(&digest.0)?.u64(*size)?.ok(),
        }
    }

    fn read(d: &mut Decoder<'_>, mode: DepositMode) -> Result<Self, CborError> {
        Ok(match mode {
            DepositMode::Digest => Self::Digest(cbor::hash(d, "value")?),
            DepositMode::Commitment => Self::Commitment(cbor::hash(d, "value")?),
            DepositMode::Content => {
                let content = d.bytes().map_err(CborError::at("content"))?;
                if content.is_empty() {
                    let reason = "expected at least 1 byte, found none: lodge the digest instead";
                    return Err(CborError::bad("content", reason));
                }
                Self::Content(content.to_vec())
            }
            DepositMode::Batch => {
                cbor::array(d, 2, "batch")?;
                let root = cbor::hash(d, "batch root")?;
                let count = positive(d, "batch count")?;
                Self::Batch { root, count }
            }
            DepositMode::Body => {
                cbor::array(d, 2, "body")?;
                let digest = cbor::hash(d, "body digest")?;
                let size = positive(d, "body size")?;
                Self::Body { digest, size }
            }
        })
    }
}

fn positive(d: &mut Decoder<'_>, field: &'static str) -> Result<u64, CborError> {
    number(d, field, |n| (n > 0).then_some(n), "at least 1")
}

/// The digest algorithm that the depositor ran over the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DigestAlgorithm {
    /// SHA-256 (1), FIPS 180-4.
    Sha256,
}

impl DigestAlgorithm {
    /// The number in the payload and in commitments.
    pub fn number(self) -> u8 {
        match self {
            Self::Sha256 => 1,
        }
    }

    /// The algorithm of a number.
    pub fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Sha256),
            _ => None,
        }
    }
}

/// The salted commitment `SHA-256("wutong/commit/v1" || salt || algorithm number || digest)`.
///
/// Without the 32-byte salt, which must be random, nobody can recognise even a guessable document.
pub fn commit(salt: &[u8; 32], algorithm: DigestAlgorithm, digest: &Hash) -> Hash {
    Hash::of_parts(&[b"wutong/commit/v1", salt, &[algorithm.number()], &digest.0])
}

/// What a depositor lodges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// The one network this deposit is meant for: it cannot be replayed on another.
    pub network: Name,
    /// The namespace it is lodged in.
    pub namespace: Name,
    /// What is lodged.
    pub lodged: Lodged,
    /// How the document was digested, or is to be.
    pub algorithm: DigestAlgorithm,
    /// The depositor's own claim of the time; proves nothing.
    pub declared_time: Option<TimeMs>,
    /// SHA-256 of a checkpoint's note text: the statement was made after that checkpoint.
    pub not_before: Option<Hash>,
    /// Earlier statements that this one builds on, at most [`REFERENCES_MAX`].
    pub references: Vec<StatementId>,
}

impl Canonical for Deposit {
    const NAME: &'static str = "payload";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(9)?
            .u64(DEPOSIT_VERSION)?
            .str(self.network.as_str())?
            .str(self.namespace.as_str())?
            .u8(self.lodged.mode().number())?
            .u8(self.algorithm.number())?;
        self.lodged.write(w)?;
        match self.declared_time {
            Some(time) => w.u64(time.0)?,
            None => w.null()?,
        };
        match &self.not_before {
            Some(hash) => w.bytes(&hash.0)?,
            None => w.null()?,
        };
        w.array(self.references.len() as u64)?;
        for reference in &self.references {
            w.bytes(&reference.0.0)?;
        }
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 9, "payload")?;
        number(d, "version", |n| (n == DEPOSIT_VERSION).then_some(()), "1")?;
        let network = cbor::name(d, "network")?;
        let namespace = cbor::name(d, "namespace")?;
        let mode = number(d, "mode", DepositMode::from_number, "0 to 4")?;
        let algorithm = number(d, "algorithm", DigestAlgorithm::from_number, "1 (SHA-256)")?;
        Ok(Self {
            network,
            namespace,
            lodged: Lodged::read(d, mode)?,
            algorithm,
            declared_time: cbor::nullable(d, "declared time", |d| {
                d.u64().map(TimeMs).map_err(CborError::at("declared time"))
            })?,
            not_before: cbor::nullable(d, "not before", |d| cbor::hash(d, "not before"))?,
            references: read_references(d)?,
        })
    }
}

fn read_references(d: &mut Decoder<'_>) -> Result<Vec<StatementId>, CborError> {
    let count = cbor::array_len(d, REFERENCES_MAX as u64, "references")?;
    (0..count)
        .map(|_| cbor::hash(d, "references").map(StatementId))
        .collect()
}

fn number<T>(
    d: &mut Decoder<'_>,
    field: &'static str,
    known: impl FnOnce(u64) -> Option<T>,
    expected: &str,
) -> Result<T, CborError> {
    let found = d.u64().map_err(CborError::at(field))?;
    known(found).ok_or_else(|| CborError::bad(field, format!("expected {expected}, found {found}")))
}
