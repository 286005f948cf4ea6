//! The payload of a deposit: what a depositor lodges, in deterministic CBOR.
//!
//! `[version = 1, network, namespace, mode, algorithm, value, declared time, not before,
//! references]`, an array as all our encodings. The bytes are frozen: a change is a new version.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::hash::Hash;
use crate::ids::{Name, StatementId, TimeMs};
use minicbor::Decoder;

/// Version of the payload described here.
pub const DEPOSIT_VERSION: u64 = 1;

/// Most statements that one deposit may refer to.
pub const REFERENCES_MAX: usize = 16;

/// What a deposit's value is.
///
/// Number 2 is kept for content carried in the entry, number 3 for the root of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DepositMode {
    /// The digest itself (0). Anyone who can guess the document can recognise it.
    Digest,
    /// A salted [`commit`]ment to the digest (1). The salt stays with the depositor.
    Commitment,
}

impl DepositMode {
    /// The number in the payload.
    pub fn number(self) -> u64 {
        match self {
            Self::Digest => 0,
            Self::Commitment => 1,
        }
    }

    /// The mode of a number; none for the numbers kept for later.
    pub fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Digest),
            1 => Some(Self::Commitment),
            _ => None,
        }
    }
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
    /// What `value` is.
    pub mode: DepositMode,
    /// How the document was digested.
    pub algorithm: DigestAlgorithm,
    /// Digest or commitment, by `mode`.
    pub value: Hash,
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
            .u64(self.mode.number())?
            .u8(self.algorithm.number())?
            .bytes(&self.value.0)?;
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
        Ok(Self {
            network: cbor::name(d, "network")?,
            namespace: cbor::name(d, "namespace")?,
            mode: number(
                d,
                "mode",
                DepositMode::from_number,
                "0 (digest) or 1 (commitment)",
            )?,
            algorithm: number(d, "algorithm", DigestAlgorithm::from_number, "1 (SHA-256)")?,
            value: cbor::hash(d, "value")?,
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
