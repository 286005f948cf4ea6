//! What became of each statement of a block, and the tree that proves it.
//!
//! Inclusion in the log proves submission only. Success is the outcome, whose tree's root is in
//! the block's seal.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::hash::Hash;
use crate::ids::StatementId;
use crate::merkle;
use core::fmt;
use minicbor::Decoder;

/// Result of executing one statement: 0 is done, every other number a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutcomeCode(pub u32);

impl OutcomeCode {
    /// The statement took effect.
    pub const DONE: Self = Self(0);

    /// Whether the statement took effect.
    pub fn is_done(self) -> bool {
        self == Self::DONE
    }
}

impl fmt::Display for OutcomeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_done() {
            f.write_str("done")
        } else {
            write!(f, "failed with code {}", self.0)
        }
    }
}

/// Outcome of one statement: `[statement id, code, detail hash or null]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The statement.
    pub id: StatementId,
    /// What became of it.
    pub code: OutcomeCode,
    /// SHA-256 of further detail, where the kind of statement has some.
    pub detail: Option<Hash>,
}

impl Outcome {
    /// The outcome of a statement that took effect, without detail.
    pub fn done(id: StatementId) -> Self {
        Self {
            id,
            code: OutcomeCode::DONE,
            detail: None,
        }
    }

    /// Its leaf hash in the outcomes tree (RFC 6962 section 2.1).
    pub fn leaf(&self) -> Hash {
        Hash::leaf(&self.to_bytes())
    }
}

impl Canonical for Outcome {
    const NAME: &'static str = "outcome";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(3)?.bytes(&self.id.0.0)?.u32(self.code.0)?;
        match &self.detail {
            Some(hash) => w.bytes(&hash.0)?,
            None => w.null()?,
        };
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 3, "outcome")?;
        Ok(Self {
            id: StatementId(cbor::hash(d, "outcome statement id")?),
            code: OutcomeCode(d.u32().map_err(CborError::at("outcome code"))?),
            detail: cbor::nullable(d, "outcome detail", |d| cbor::hash(d, "outcome detail"))?,
        })
    }
}

/// Leaf hashes of outcomes in block order, for [`merkle::inclusion_path`].
pub fn outcome_leaves(outcomes: &[Outcome]) -> Vec<Hash> {
    outcomes.iter().map(Outcome::leaf).collect()
}

/// Root of the RFC 6962 tree over the outcomes of a block, in block order.
pub fn outcomes_root(outcomes: &[Outcome]) -> Hash {
    merkle::root_of_leaves(&outcome_leaves(outcomes))
}
