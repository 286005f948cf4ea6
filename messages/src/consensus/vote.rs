//! Votes and proposals: what one validator signs.

use super::{BlockId, block, height, round, write_block};
use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::hash::{Hash, domain_hash};
use crate::ids::{Height, Name, Round};
use crate::keys::{PublicKey, Signature};
use minicbor::Decoder;

/// The two votes of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoteKind {
    /// The voter finds the proposal valid.
    Prevote,
    /// The voter saw a quorum of prevotes.
    Precommit,
}

impl VoteKind {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Prevote => 1,
            Self::Precommit => 2,
        }
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        match d.u8().map_err(CborError::at("vote kind"))? {
            1 => Ok(Self::Prevote),
            2 => Ok(Self::Precommit),
            code => Err(CborError::bad(
                "vote kind",
                format!("{code} is neither 1 nor 2"),
            )),
        }
    }
}

/// A vote before it is signed: `[network, height, round, kind, block / null, validator]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vote {
    /// The network the vote counts in.
    pub network: Name,
    /// The height being decided.
    pub height: Height,
    /// The round of that height.
    pub round: Round,
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// The block voted for; none is a vote for nil.
    pub block: Option<BlockId>,
    /// The voter.
    pub validator: PublicKey,
}

impl Vote {
    /// The hash a validator signs.
    pub fn signing_hash(&self) -> Hash {
        domain_hash("vote", &self.to_bytes())
    }
}

impl Canonical for Vote {
    const NAME: &'static str = "vote";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(6)?
            .str(self.network.as_str())?
            .u64(self.height.0)?
            .u32(self.round.0)?;
        w.u8(self.kind.code())?;
        write_block(w, self.block)?;
        w.bytes(&self.validator.0)?;
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 6, Self::NAME)?;
        Ok(Self {
            network: cbor::name(d, "network")?,
            height: height(d)?,
            round: round(d)?,
            kind: VoteKind::read(d)?,
            block: cbor::nullable(d, "block", block)?,
            validator: cbor::fixed(d, "validator").map(PublicKey)?,
        })
    }
}

/// A vote and its signature: `[vote, signature]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedVote {
    /// What was signed.
    pub vote: Vote,
    /// Ed25519 over [`Vote::signing_hash`].
    pub signature: Signature,
}

impl Canonical for SignedVote {
    const NAME: &'static str = "signed vote";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        self.vote.write(w.array(2)?)?;
        w.bytes(&self.signature.0)?;
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 2, Self::NAME)?;
        let vote = Vote::read(d)?;
        Ok(Self {
            vote,
            signature: cbor::fixed(d, "signature").map(Signature)?,
        })
    }
}

/// A proposal before it is signed: `[network, height, round, block, valid round / null, proposer]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proposal {
    /// The network the proposal counts in.
    pub network: Name,
    /// The height being decided.
    pub height: Height,
    /// The round of that height.
    pub round: Round,
    /// The proposed block.
    pub block: BlockId,
    /// The earlier round in which the block had a quorum of prevotes, for a block proposed again.
    pub valid_round: Option<Round>,
    /// The proposer of the round.
    pub proposer: PublicKey,
}

impl Proposal {
    /// The hash a proposer signs.
    pub fn signing_hash(&self) -> Hash {
        domain_hash("proposal", &self.to_bytes())
    }
}

impl Canonical for Proposal {
    const NAME: &'static str = "proposal";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(6)?
            .str(self.network.as_str())?
            .u64(self.height.0)?
            .u32(self.round.0)?;
        w.bytes(&self.block.0.0)?;
        match self.valid_round {
            Some(round) => w.u32(round.0)?,
            None => w.null()?,
        };
        w.bytes(&self.proposer.0)?;
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 6, Self::NAME)?;
        Ok(Self {
            network: cbor::name(d, "network")?,
            height: height(d)?,
            round: round(d)?,
            block: block(d)?,
            valid_round: cbor::nullable(d, "valid round", round)?,
            proposer: cbor::fixed(d, "proposer").map(PublicKey)?,
        })
    }
}

/// A proposal and its signature: `[proposal, signature]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedProposal {
    /// What was signed.
    pub proposal: Proposal,
    /// Ed25519 over [`Proposal::signing_hash`].
    pub signature: Signature,
}

impl Canonical for SignedProposal {
    const NAME: &'static str = "signed proposal";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        self.proposal.write(w.array(2)?)?;
        w.bytes(&self.signature.0)?;
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 2, Self::NAME)?;
        let proposal = Proposal::read(d)?;
        Ok(Self {
            proposal,
            signature: cbor::fixed(d, "signature").map(Signature)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote() -> Vote {
        Vote {
            network: Name::try_new("trial").unwrap(),
            height: Height(7),
            round: Round(1),
            kind: VoteKind::Precommit,
            block: Some(BlockId(Hash::of(b"block"))),
            validator: PublicKey([3; 32]),
        }
    }

    #[test]
    fn each_field_of_a_vote_changes_the_signed_hash() {
        let base = vote();
        let others = [
            Vote {
                network: Name::try_new("other").unwrap(),
                ..base.clone()
            },
            Vote {
                height: Height(8),
                ..base.clone()
            },
            Vote {
                round: Round(2),
                ..base.clone()
            },
            Vote {
                kind: VoteKind::Prevote,
                ..base.clone()
            },
            Vote {
                block: None,
                ..base.clone()
            },
            Vote {
                validator: PublicKey([4; 32]),
                ..base.clone()
            },
        ];
        for other in others {
            assert_ne!(other.signing_hash(), base.signing_hash(), "{other:?}");
        }
    }

    #[test]
    fn votes_and_proposals_round_trip() {
        let signed = SignedVote {
            vote: vote(),
            signature: Signature([9; 64]),
        };
        assert_eq!(SignedVote::from_bytes(&signed.to_bytes()).unwrap(), signed);
        let proposal = Proposal {
            network: Name::try_new("trial").unwrap(),
            height: Height(7),
            round: Round(2),
            block: BlockId(Hash::of(b"block")),
            valid_round: Some(Round(0)),
            proposer: PublicKey([3; 32]),
        };
        let signed = SignedProposal {
            proposal,
            signature: Signature([9; 64]),
        };
        assert_eq!(
            SignedProposal::from_bytes(&signed.to_bytes()).unwrap(),
            signed
        );
    }

    #[test]
    fn the_encoding_of_a_vote_is_frozen() {
        let encoded = hex::encode(vote().to_bytes());
        let block = hex::encode(Hash::of(b"block").0);
        assert_eq!(
            encoded,
            format!("8665747269616c0701025820{block}5820{}", "03".repeat(32))
        );
    }
}
