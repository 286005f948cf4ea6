//! Certificates: the votes of many validators about one block or round.
//!
//! Signatures are sorted by validator, each validator once; decoding refuses anything else. Two
//! nodes may hold different quorums for one decision: the certificate that block h + 1 carries is
//! the canonical one of height h.

use super::{BlockId, VALIDATORS_MAX, ValidatorSet, Vote, VoteKind, block, height, round};
use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::hash::{Hash, domain_hash};
use crate::ids::{Height, Name, Round};
use crate::keys::{PublicKey, Signature};
use crate::ports::{ConsensusVerifier, StrictVerifier};
use minicbor::Decoder;

/// Why a certificate proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Signatures are not strictly ascending by validator.
    #[error("signatures are not sorted by validator, each once, at {0}")]
    NotSorted(PublicKey),
    /// A signer is not in the validator set.
    #[error("{0} is not in the validator set")]
    UnknownValidator(PublicKey),
    /// Fewer signatures than the certificate needs.
    #[error("{found} signatures, expected at least {expected}")]
    TooFew {
        /// Signatures present.
        found: usize,
        /// Signatures needed.
        expected: usize,
    },
    /// A signature does not verify.
    #[error("the signature of {0} does not verify")]
    BadSignature(PublicKey),
    /// A prevote stands where only precommits may.
    #[error("{0} signed another kind of vote than the certificate needs")]
    WrongKind(PublicKey),
}

/// A quorum of precommits: the decision of a height. `[height, round, block, [[key, signature]]]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitCertificate {
    /// The decided height.
    pub height: Height,
    /// The round of the precommits.
    pub round: Round,
    /// The decided block.
    pub block: BlockId,
    /// Precommit signatures, strictly ascending by validator.
    pub signatures: Vec<(PublicKey, Signature)>,
}

impl CommitCertificate {
    /// Identity of the certificate, signatures included.
    pub fn hash(&self) -> Hash {
        domain_hash("commit-certificate", &self.to_bytes())
    }

    /// Judges the certificate with strict Ed25519.
    ///
    /// # Errors
    /// When it does not prove the decision to `validators`.
    pub fn verify(&self, network: &Name, set: &ValidatorSet) -> Result<(), CertificateError> {
        self.verify_with(network, set, &StrictVerifier)
    }

    /// Judges the certificate with the signatures of `verifier`.
    ///
    /// # Errors
    /// When it does not prove the decision to `validators`.
    pub fn verify_with(
        &self,
        network: &Name,
        set: &ValidatorSet,
        verifier: &dyn ConsensusVerifier,
    ) -> Result<(), CertificateError> {
        check_signers(
            self.signatures.iter().map(|(key, _)| *key),
            set,
            set.quorum(),
        )?;
        check_signatures(self.votes(network), verifier)
    }

    /// The signed votes the certificate is made of.
    pub fn votes<'a>(
        &'a self,
        network: &'a Name,
    ) -> impl Iterator<Item = (Vote, Signature)> + use<'a> {
        let step = (
            self.height,
            self.round,
            VoteKind::Precommit,
            Some(self.block),
        );
        same_votes(network, step, &self.signatures)
    }
}

impl Canonical for CommitCertificate {
    const NAME: &'static str = "commit certificate";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(4)?
            .u64(self.height.0)?
            .u32(self.round.0)?
            .bytes(&self.block.0.0)?;
        write_signatures(w, &self.signatures)
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 4, Self::NAME)?;
        let (height, round, block) = (height(d)?, round(d)?, block(d)?);
        Ok(Self {
            height,
            round,
            block,
            signatures: read_signatures(d)?,
        })
    }
}

/// A quorum of prevotes for one block. `[height, round, block, [[key, signature]]]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolkaCertificate {
    /// The height of the prevotes.
    pub height: Height,
    /// The round of the prevotes.
    pub round: Round,
    /// The block they are for.
    pub block: BlockId,
    /// Prevote signatures, strictly ascending by validator.
    pub signatures: Vec<(PublicKey, Signature)>,
}

impl PolkaCertificate {
    /// Judges the certificate with the signatures of `verifier`.
    ///
    /// # Errors
    /// When it does not prove a quorum of prevotes.
    pub fn verify_with(
        &self,
        network: &Name,
        set: &ValidatorSet,
        verifier: &dyn ConsensusVerifier,
    ) -> Result<(), CertificateError> {
        check_signers(
            self.signatures.iter().map(|(key, _)| *key),
            set,
            set.quorum(),
        )?;
        check_signatures(self.votes(network), verifier)
    }

    /// The signed votes the certificate is made of.
    pub fn votes<'a>(
        &'a self,
        network: &'a Name,
    ) -> impl Iterator<Item = (Vote, Signature)> + use<'a> {
        let step = (self.height, self.round, VoteKind::Prevote, Some(self.block));
        same_votes(network, step, &self.signatures)
    }
}

impl Canonical for PolkaCertificate {
    const NAME: &'static str = "polka certificate";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(4)?
            .u64(self.height.0)?
            .u32(self.round.0)?
            .bytes(&self.block.0.0)?;
        write_signatures(w, &self.signatures)
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 4, Self::NAME)?;
        let (height, round, block) = (height(d)?, round(d)?, block(d)?);
        Ok(Self {
            height,
            round,
            block,
            signatures: read_signatures(d)?,
        })
    }
}

/// Signers are sorted, each once, all known and enough.
pub(super) fn check_signers(
    signers: impl Iterator<Item = PublicKey> + Clone,
    validators: &ValidatorSet,
    expected: usize,
) -> Result<(), CertificateError> {
    check_sorted(signers.clone())?;
    if let Some(stranger) = signers.clone().find(|key| !validators.contains(key)) {
        return Err(CertificateError::UnknownValidator(stranger));
    }
    match signers.count() {
        found if found < expected => Err(CertificateError::TooFew { found, expected }),
        _ => Ok(()),
    }
}

pub(super) fn check_sorted(
    signers: impl Iterator<Item = PublicKey>,
) -> Result<(), CertificateError> {
    let mut previous = None;
    for key in signers {
        if previous.is_some_and(|p| p >= key) {
            return Err(CertificateError::NotSorted(key));
        }
        previous = Some(key);
    }
    Ok(())
}

pub(super) fn check_signatures(
    mut votes: impl Iterator<Item = (Vote, Signature)>,
    verifier: &dyn ConsensusVerifier,
) -> Result<(), CertificateError> {
    let bad = votes.find(|(vote, signature)| {
        !verifier.verify(&vote.validator, &vote.signing_hash(), signature)
    });
    bad.map_or(Ok(()), |(vote, _)| {
        Err(CertificateError::BadSignature(vote.validator))
    })
}

/// One vote, as signed by each of `signatures`.
fn same_votes<'a>(
    network: &'a Name,
    (height, round, kind, block): (Height, Round, VoteKind, Option<BlockId>),
    signatures: &'a [(PublicKey, Signature)],
) -> impl Iterator<Item = (Vote, Signature)> + use<'a> {
    signatures.iter().map(move |(validator, signature)| {
        let (network, validator) = (network.clone(), *validator);
        (
            Vote {
                network,
                height,
                round,
                kind,
                block,
                validator,
            },
            *signature,
        )
    })
}

fn write_signatures(w: &mut Writer<'_>, signatures: &[(PublicKey, Signature)]) -> Written {
    w.array(signatures.len() as u64)?;
    for (key, signature) in signatures {
        w.array(2)?.bytes(&key.0)?.bytes(&signature.0)?;
    }
    Ok(())
}

fn read_signatures(d: &mut Decoder<'_>) -> Result<Vec<(PublicKey, Signature)>, CborError> {
    let len = cbor::array_len(d, VALIDATORS_MAX, "signatures")?;
    let mut signatures = Vec::with_capacity(len);
    for _ in 0..len {
        cbor::array(d, 2, "signature entry")?;
        let key = cbor::fixed(d, "validator").map(PublicKey)?;
        signatures.push((key, cbor::fixed(d, "signature").map(Signature)?));
    }
    check_sorted(signatures.iter().map(|(key, _)| *key)).map_err(unsorted)?;
    Ok(signatures)
}

pub(super) fn unsorted(error: CertificateError) -> CborError {
    CborError::bad("signatures", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::PrivateKey;
    use crate::ports::ConsensusSigner;

    fn certificate(n: u8, signers: usize) -> (CommitCertificate, Name, ValidatorSet) {
        let mut keys: Vec<_> = (1..=n).map(|i| PrivateKey::from_seed(&[i; 32])).collect();
        let set = ValidatorSet::try_new(keys.iter().map(PrivateKey::public).collect()).unwrap();
        keys.sort_by_key(PrivateKey::public);
        let network = Name::try_new("trial").unwrap();
        let (height, round, block) = (Height(5), Round(1), BlockId(Hash::of(b"b")));
        let sign = |key: &PrivateKey| {
            let (kind, block) = (VoteKind::Precommit, Some(block));
            let (network, validator) = (network.clone(), key.public());
            let vote = Vote {
                network,
                height,
                round,
                kind,
                block,
                validator,
            };
            (validator, key.sign_vote(&vote))
        };
        let signatures = keys.iter().take(signers).map(sign).collect();
        (
            CommitCertificate {
                height,
                round,
                block,
                signatures,
            },
            network,
            set,
        )
    }

    #[test]
    fn a_quorum_and_nothing_less_proves_the_decision() {
        for n in 1..=7u8 {
            let quorum = crate::quorum::quorum(n.into());
            let (good, network, set) = certificate(n, quorum);
            assert_eq!(good.verify(&network, &set), Ok(()), "n = {n}");
            assert_eq!(
                CommitCertificate::from_bytes(&good.to_bytes()).unwrap(),
                good
            );
            let (short, network, set) = certificate(n, quorum - 1);
            let missing = CertificateError::TooFew {
                found: quorum - 1,
                expected: quorum,
            };
            assert_eq!(short.verify(&network, &set), Err(missing), "n = {n}");
        }
    }

    #[test]
    fn twins_strangers_forgeries_and_other_networks_are_refused() {
        let (good, network, set) = certificate(4, 3);
        let mut twin = good.clone();
        twin.signatures[1] = twin.signatures[0];
        assert!(matches!(
            twin.verify(&network, &set),
            Err(CertificateError::NotSorted(_))
        ));
        assert!(CommitCertificate::from_bytes(&twin.to_bytes()).is_err());
        let mut stranger = good.clone();
        stranger.signatures[2].0 = PublicKey([0xff; 32]);
        let refused = stranger.verify(&network, &set);
        assert!(matches!(
            refused,
            Err(CertificateError::UnknownValidator(_))
        ));
        let mut forged = good.clone();
        forged.signatures[2].1.0[40] ^= 1;
        assert!(matches!(
            forged.verify(&network, &set),
            Err(CertificateError::BadSignature(_))
        ));
        let other = Name::try_new("other").unwrap();
        assert!(matches!(
            good.verify(&other, &set),
            Err(CertificateError::BadSignature(_))
        ));
    }
}
