//! What validators sign and exchange to agree on a block (DESIGN.md section 7).
//!
//! Every type here has one deterministic CBOR encoding. A signature is Ed25519 over
//! `SHA-256("wutong/<type>/v1\0" || cbor)`, so no signature of one type, network or round can
//! stand for another. The bytes travel opaque inside the wire frames.

mod certificate;
mod misbehavior;
mod round_certificate;
mod validators;
mod vote;

pub use certificate::{CertificateError, CommitCertificate, PolkaCertificate};
pub use misbehavior::EquivocationProof;
pub use round_certificate::{RoundCertificate, RoundCertificateKind, RoundSignature};
pub use validators::{ValidatorSet, ValidatorSetError};
pub use vote::{Proposal, SignedProposal, SignedVote, Vote, VoteKind};

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::hash::Hash;
use crate::ids::{Height, Round};
use core::fmt;
use minicbor::Decoder;

/// A validator's consensus key, which is also its address.
pub type ValidatorKey = crate::keys::PublicKey;

/// Most signatures a certificate may carry, and most validators a set may have.
pub const VALIDATORS_MAX: u64 = 1024;

/// Identity of a proposed or decided block: the hash of its canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub Hash);

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block:{}", self.0.short())
    }
}

/// What validators send one another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsensusMessage {
    /// A prevote or precommit.
    Vote(SignedVote),
    /// A proposer's choice of block for a round; the body travels beside it.
    Proposal(SignedProposal),
    /// A quorum of prevotes for one block.
    Polka(PolkaCertificate),
    /// The votes that justify entering a round.
    RoundCertificate(RoundCertificate),
}

impl ConsensusMessage {
    /// The height the message is about.
    pub fn height(&self) -> Height {
        match self {
            Self::Vote(m) => m.vote.height,
            Self::Proposal(m) => m.proposal.height,
            Self::Polka(m) => m.height,
            Self::RoundCertificate(m) => m.height,
        }
    }

    /// The round the message is about.
    pub fn round(&self) -> Round {
        match self {
            Self::Vote(m) => m.vote.round,
            Self::Proposal(m) => m.proposal.round,
            Self::Polka(m) => m.round,
            Self::RoundCertificate(m) => m.round,
        }
    }
}

impl Canonical for ConsensusMessage {
    const NAME: &'static str = "consensus message";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(2)?;
        match self {
            Self::Vote(m) => m.write(w.u8(1)?),
            Self::Proposal(m) => m.write(w.u8(2)?),
            Self::Polka(m) => m.write(w.u8(3)?),
            Self::RoundCertificate(m) => m.write(w.u8(4)?),
        }
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 2, Self::NAME)?;
        match d.u8().map_err(CborError::at("message tag"))? {
            1 => SignedVote::read(d).map(Self::Vote),
            2 => SignedProposal::read(d).map(Self::Proposal),
            3 => PolkaCertificate::read(d).map(Self::Polka),
            4 => RoundCertificate::read(d).map(Self::RoundCertificate),
            tag => Err(CborError::bad(
                "message tag",
                format!("{tag} is none of 1 to 4"),
            )),
        }
    }
}

/// Reads a height.
fn height(d: &mut Decoder<'_>) -> Result<Height, CborError> {
    d.u64().map(Height).map_err(CborError::at("height"))
}

/// Reads a round.
fn round(d: &mut Decoder<'_>) -> Result<Round, CborError> {
    d.u32().map(Round).map_err(CborError::at("round"))
}

/// Reads a block id.
fn block(d: &mut Decoder<'_>) -> Result<BlockId, CborError> {
    cbor::hash(d, "block").map(BlockId)
}

/// Writes a block id, or null for nil.
fn write_block(w: &mut Writer<'_>, block: Option<BlockId>) -> Written {
    match block {
        Some(id) => w.bytes(&id.0.0)?,
        None => w.null()?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Name;
    use crate::keys::{PublicKey, Signature};

    fn messages() -> Vec<ConsensusMessage> {
        let (network, height, round) = (Name::try_new("trial").unwrap(), Height(7), Round(2));
        let (block, key, signature) = (
            BlockId(Hash([1; 32])),
            PublicKey([2; 32]),
            Signature([3; 64]),
        );
        let (kind, validator) = (VoteKind::Prevote, key);
        let vote = Vote {
            network: network.clone(),
            height,
            round,
            kind,
            block: None,
            validator,
        };
        let valid_round = Some(Round(1));
        let proposal = Proposal {
            network,
            height,
            round,
            block,
            valid_round,
            proposer: key,
        };
        let signatures = vec![(key, signature)];
        let polka = PolkaCertificate {
            height,
            round,
            block,
            signatures,
        };
        let signatures = vec![RoundSignature {
            validator,
            kind,
            block: Some(block),
            signature,
        }];
        let kind = RoundCertificateKind::Skip;
        let certificate = RoundCertificate {
            height,
            round,
            kind,
            signatures,
        };
        vec![
            ConsensusMessage::Vote(SignedVote { vote, signature }),
            ConsensusMessage::Proposal(SignedProposal {
                proposal,
                signature,
            }),
            ConsensusMessage::Polka(polka),
            ConsensusMessage::RoundCertificate(certificate),
        ]
    }

    #[test]
    fn messages_round_trip_and_refuse_tails_and_long_forms() {
        for message in messages() {
            let bytes = message.to_bytes();
            assert_eq!(ConsensusMessage::from_bytes(&bytes).unwrap(), message);
            let tail = [&bytes[..], &[0]].concat();
            assert!(ConsensusMessage::from_bytes(&tail).is_err());
            // The tag 1 to 4 as a two-byte integer.
            let long = [&bytes[..1], &[0x18], &bytes[1..]].concat();
            assert!(ConsensusMessage::from_bytes(&long).is_err());
        }
    }

    #[test]
    fn the_encodings_are_frozen() {
        let hashes: Vec<_> = messages()
            .iter()
            .map(|m| Hash::of(&m.to_bytes()).short())
            .collect();
        assert_eq!(hashes, ["ef8702a1", "79c0ecf6", "73d13aae", "336df94e"]);
    }
}
