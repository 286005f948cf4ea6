//! The votes that justify entering a round.

use super::certificate::{check_signatures, check_signers, check_sorted, unsorted};
use super::{
    BlockId, CertificateError, VALIDATORS_MAX, ValidatorSet, Vote, VoteKind, block, height, round,
    write_block,
};
use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::ids::{Height, Name, Round};
use crate::keys::{PublicKey, Signature};
use crate::ports::ConsensusVerifier;
use minicbor::Decoder;

/// What a round certificate justifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoundCertificateKind {
    /// f + 1 votes of a round: enter that round.
    Skip,
    /// A quorum of precommits of a round: enter the next one.
    Precommit,
}

/// One vote within a round certificate. `[kind, block / null, key, signature]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoundSignature {
    /// The voter.
    pub validator: PublicKey,
    /// Prevote or precommit.
    pub kind: VoteKind,
    /// The block voted for; none is nil.
    pub block: Option<BlockId>,
    /// The vote's signature.
    pub signature: Signature,
}

/// The votes that justify entering a round. `[height, round, kind, [round signature]]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoundCertificate {
    /// The height of the votes.
    pub height: Height,
    /// The round of the votes.
    pub round: Round,
    /// What the votes justify.
    pub kind: RoundCertificateKind,
    /// One vote per validator, strictly ascending by validator.
    pub signatures: Vec<RoundSignature>,
}

impl RoundCertificate {
    /// Judges the certificate with the signatures of `verifier`.
    ///
    /// # Errors
    /// When it does not justify the round.
    pub fn verify_with(
        &self,
        network: &Name,
        set: &ValidatorSet,
        verifier: &dyn ConsensusVerifier,
    ) -> Result<(), CertificateError> {
        let needed = match self.kind {
            RoundCertificateKind::Skip => set.honest(),
            RoundCertificateKind::Precommit => set.quorum(),
        };
        check_signers(self.signatures.iter().map(|s| s.validator), set, needed)?;
        let precommits_only = self.kind == RoundCertificateKind::Precommit;
        let stray = self
            .signatures
            .iter()
            .find(|s| s.kind != VoteKind::Precommit);
        if let (true, Some(stray)) = (precommits_only, stray) {
            return Err(CertificateError::WrongKind(stray.validator));
        }
        check_signatures(self.votes(network), verifier)
    }

    /// The signed votes the certificate is made of.
    pub fn votes<'a>(
        &'a self,
        network: &'a Name,
    ) -> impl Iterator<Item = (Vote, Signature)> + use<'a> {
        let (height, round) = (self.height, self.round);
        self.signatures.iter().map(move |s| {
            let network = network.clone();
            let (kind, block, validator) = (s.kind, s.block, s.validator);
            (
                Vote {
                    network,
                    height,
                    round,
                    kind,
                    block,
                    validator,
                },
                s.signature,
            )
        })
    }
}

impl Canonical for RoundCertificate {
    const NAME: &'static str = "round certificate";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(4)?.u64(self.height.0)?.u32(self.round.0)?;
        w.u8(match self.kind {
            RoundCertificateKind::Skip => 1,
            RoundCertificateKind::Precommit => 2,
        })?;
        w.array(self.signatures.len() as u64)?;
        for s in &self.signatures {
            w.array(4)?.u8(s.kind.code())?;
            write_block(w, s.block)?;
            w.bytes(&s.validator.0)?.bytes(&s.signature.0)?;
        }
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 4, Self::NAME)?;
        let (height, round) = (height(d)?, round(d)?);
        let kind = match d.u8().map_err(CborError::at("certificate kind"))? {
            1 => RoundCertificateKind::Skip,
            2 => RoundCertificateKind::Precommit,
            code => {
                return Err(CborError::bad(
                    "certificate kind",
                    format!("unknown {code}"),
                ));
            }
        };
        let len = cbor::array_len(d, VALIDATORS_MAX, "signatures")?;
        let mut signatures = Vec::with_capacity(len);
        for _ in 0..len {
            cbor::array(d, 4, "round signature")?;
            let kind = VoteKind::read(d)?;
            let block = cbor::nullable(d, "block", block)?;
            let validator = cbor::fixed(d, "validator").map(PublicKey)?;
            let signature = cbor::fixed(d, "signature").map(Signature)?;
            signatures.push(RoundSignature {
                validator,
                kind,
                block,
                signature,
            });
        }
        check_sorted(signatures.iter().map(|s| s.validator)).map_err(unsorted)?;
        Ok(Self {
            height,
            round,
            kind,
            signatures,
        })
    }
}
