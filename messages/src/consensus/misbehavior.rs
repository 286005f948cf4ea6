//! Proof that a validator signed two different things for one step of one round.

use super::{SignedProposal, SignedVote};
use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::keys::PublicKey;
use crate::ports::ConsensusVerifier;
use minicbor::Decoder;

/// Two signed messages of one validator that an honest one never signs both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EquivocationProof {
    /// Two votes of one kind, height and round for different blocks.
    Votes(SignedVote, SignedVote),
    /// Two different proposals of one height and round.
    Proposals(SignedProposal, SignedProposal),
}

impl EquivocationProof {
    /// The validator the proof is about.
    pub fn validator(&self) -> PublicKey {
        match self {
            Self::Votes(first, _) => first.vote.validator,
            Self::Proposals(first, _) => first.proposal.proposer,
        }
    }

    /// Whether the two messages conflict and both signatures hold.
    pub fn holds(&self, verifier: &dyn ConsensusVerifier) -> bool {
        match self {
            Self::Votes(a, b) => {
                let (v, w) = (&a.vote, &b.vote);
                (&v.network, v.height, v.round, v.kind, v.validator)
                    == (&w.network, w.height, w.round, w.kind, w.validator)
                    && v.block != w.block
                    && verifier.verify(&v.validator, &v.signing_hash(), &a.signature)
                    && verifier.verify(&w.validator, &w.signing_hash(), &b.signature)
            }
            Self::Proposals(a, b) => {
                let (p, q) = (&a.proposal, &b.proposal);
                (&p.network, p.height, p.round, p.proposer)
                    == (&q.network, q.height, q.round, q.proposer)
                    && p != q
                    && verifier.verify(&p.proposer, &p.signing_hash(), &a.signature)
                    && verifier.verify(&q.proposer, &q.signing_hash(), &b.signature)
            }
        }
    }
}

impl Canonical for EquivocationProof {
    const NAME: &'static str = "equivocation proof";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(3)?;
        match self {
            Self::Votes(a, b) => a.write(w.u8(1)?).and_then(|()| b.write(w)),
            Self::Proposals(a, b) => a.write(w.u8(2)?).and_then(|()| b.write(w)),
        }
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 3, Self::NAME)?;
        match d.u8().map_err(CborError::at("proof tag"))? {
            1 => Ok(Self::Votes(SignedVote::read(d)?, SignedVote::read(d)?)),
            2 => Ok(Self::Proposals(
                SignedProposal::read(d)?,
                SignedProposal::read(d)?,
            )),
            tag => Err(CborError::bad(
                "proof tag",
                format!("{tag} is neither 1 nor 2"),
            )),
        }
    }
}
