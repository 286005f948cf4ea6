//! What a judgement found: who is convicted, who is not, and what was left out of account.

use super::anchor::AnchorId;
use super::exhibit::Head;
use super::not_proven::NotProven;
use super::subtrees::Divergence;
use crate::ids::Name;
use crate::keys::{PublicKey, Signature};
use crate::note::VerifierKey;
use core::fmt;

/// What a key is for. Each key has one use, so a conviction says which duty was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyRole {
    /// Cosigns tree heads (C2SP tlog-cosignature).
    Cosigner,
    /// Signs the checkpoint's log line (C2SP tlog-checkpoint).
    Log,
    /// Signs votes and proposals.
    Consensus,
}

impl KeyRole {
    /// The role's name in blame files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosigner => "cosigner",
            Self::Log => "log",
            Self::Consensus => "consensus",
        }
    }
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A key that the anchor lists, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// What the key is for.
    pub role: KeyRole,
    /// The validator's or witness's name; a policy does not say who holds a log key.
    pub name: String,
    /// Who runs it, where the anchor says so.
    pub organisation: Option<String>,
    /// The key.
    pub key: PublicKey,
    /// The key as a policy writes it; none for consensus keys.
    pub verifier_key: Option<VerifierKey>,
}

impl fmt::Display for KeyHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, name, .. } = self;
        match &self.organisation {
            Some(organisation) => write!(f, "{organisation} ({name}, {role} key)"),
            None => write!(f, "{name} ({role} key)"),
        }
    }
}

/// One thing that a key signed, with the bytes that an Ed25519 tool asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedItem {
    /// What it says, for people.
    pub says: String,
    /// Canonical CBOR of a vote or proposal, whose hash is what is signed; none for tree heads,
    /// whose text is part of what is signed.
    pub message: Option<Vec<u8>>,
    /// The bytes under the signature.
    pub signed_bytes: Vec<u8>,
    /// Ed25519 (RFC 8032), valid by the strict rule.
    pub signature: Signature,
}

/// A key that signed both sides of a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conviction {
    /// Whose key.
    pub holder: KeyHolder,
    /// The two things that an honest holder never signs both.
    pub signed: [SignedItem; 2],
}

/// A key with valid signatures of which no two contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotConvicted {
    /// Whose key.
    pub holder: KeyHolder,
    /// What it signed.
    pub signed_only: String,
}

/// A signature or proof that counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// What it is.
    pub what: String,
    /// Why it does not count.
    pub reason: String,
}

/// What contradicts what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Two tree heads of one log and one size with different roots, in the order of their roots.
    SameSize(Box<[Head; 2]>),
    /// Two tree heads of one log, the smaller first, whose trees differ where both are complete;
    /// each with the one proof that shows it, if its root does not.
    OtherTree(Box<[Head; 2]>, Divergence),
    /// Votes or proposals: each conviction has its own two, of one step of this network.
    DoubleSigning(Name),
}

impl Conflict {
    /// The conflict's name in blame files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SameSize(_) => "heads-of-one-size",
            Self::OtherTree(..) => "heads-of-different-trees",
            Self::DoubleSigning(_) => "double-signing",
        }
    }

    /// The two heads, when heads conflict.
    pub fn heads(&self) -> Option<&[Head; 2]> {
        match self {
            Self::SameSize(heads) | Self::OtherTree(heads, _) => Some(heads),
            Self::DoubleSigning(_) => None,
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameSize(heads) => {
                let head = heads[0].checkpoint();
                let (origin, size) = (&head.origin, head.size);
                write!(
                    f,
                    "two tree heads of {origin} at size {size} with different roots"
                )
            }
            Self::OtherTree(heads, divergence) => {
                let [first, second] = [heads[0].checkpoint(), heads[1].checkpoint()];
                let (origin, at) = (&first.origin, divergence.at);
                let (small, large) = (first.size, second.size);
                write!(
                    f,
                    "two tree heads of {origin} at sizes {small} and {large} whose trees differ at \
                     {at}"
                )
            }
            Self::DoubleSigning(network) => write!(
                f,
                "two different votes or proposals for one step of consensus on network {network}"
            ),
        }
    }
}

/// The verdict, with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlameReport {
    /// Whose keys counted.
    pub anchor: AnchorId,
    /// The conflict that at least one key signed both sides of, or why nothing is proven.
    pub verdict: Result<Conflict, NotProven>,
    /// Who is convicted: not empty exactly when there is a conflict.
    pub convicted: Vec<Conviction>,
    /// Who signed something, yet nothing that contradicts itself.
    pub not_convicted: Vec<NotConvicted>,
    /// What was left out of account.
    pub ignored: Vec<Ignored>,
}

impl BlameReport {
    /// Whether somebody is convicted.
    pub fn is_proven(&self) -> bool {
        self.verdict.is_ok()
    }

    pub(super) fn not_proven(anchor: AnchorId, why: NotProven) -> Self {
        Self {
            anchor,
            verdict: Err(why),
            convicted: Vec::new(),
            not_convicted: Vec::new(),
            ignored: Vec::new(),
        }
    }
}
