//! Signed messages and certificates, to the consensus core and back.

use super::context::{
    CoreAddress, CoreContext, CoreHeight, CoreProposal, CoreVote, from_core_round, from_core_value,
    to_core_kind, to_core_round,
};
use malachite_types::{self as core, NilOrVal};
use messages::consensus::{
    CommitCertificate, PolkaCertificate, RoundCertificate, RoundCertificateKind, RoundSignature,
    SignedProposal, SignedVote, VoteKind,
};

pub(super) fn from_core_vote(signed: core::SignedVote<CoreContext>) -> SignedVote {
    SignedVote {
        vote: signed.message.vote,
        signature: signed.signature,
    }
}

pub(super) fn to_core_vote(signed: SignedVote) -> core::SignedVote<CoreContext> {
    core::SignedVote::new(CoreVote::new(signed.vote), signed.signature)
}

pub(super) fn from_core_proposal(signed: core::SignedProposal<CoreContext>) -> SignedProposal {
    SignedProposal {
        proposal: signed.message.proposal,
        signature: signed.signature,
    }
}

pub(super) fn to_core_proposal(signed: SignedProposal) -> core::SignedProposal<CoreContext> {
    core::SignedProposal::new(CoreProposal::new(signed.proposal), signed.signature)
}

/// The core's commit certificate, its signatures put into canonical order.
pub(super) fn from_core_commit(c: core::CommitCertificate<CoreContext>) -> CommitCertificate {
    let mut signatures: Vec<_> = c
        .commit_signatures
        .into_iter()
        .map(|s| (s.address.0, s.signature))
        .collect();
    signatures.sort_unstable();
    let (height, round) = (c.height.0, from_core_round(c.round));
    CommitCertificate {
        height,
        round,
        block: c.value_id,
        signatures,
    }
}

/// The core's polka certificate, its signatures put into canonical order.
pub(super) fn from_core_polka(c: core::PolkaCertificate<CoreContext>) -> PolkaCertificate {
    let mut signatures: Vec<_> = c
        .polka_signatures
        .into_iter()
        .map(|s| (s.address.0, s.signature))
        .collect();
    signatures.sort_unstable();
    let (height, round) = (c.height.0, from_core_round(c.round));
    PolkaCertificate {
        height,
        round,
        block: c.value_id,
        signatures,
    }
}

pub(super) fn to_core_polka(c: PolkaCertificate) -> core::PolkaCertificate<CoreContext> {
    let sign = |(key, signature)| core::PolkaSignature::new(CoreAddress(key), signature);
    core::PolkaCertificate {
        height: CoreHeight(c.height),
        round: to_core_round(c.round),
        value_id: c.block,
        polka_signatures: c.signatures.into_iter().map(sign).collect(),
    }
}

/// The core's round certificate, its signatures put into canonical order.
pub(super) fn from_core_round_certificate(
    c: core::RoundCertificate<CoreContext>,
) -> RoundCertificate {
    let entry = |s: core::RoundSignature<CoreContext>| RoundSignature {
        validator: s.address.0,
        kind: match s.vote_type {
            core::VoteType::Prevote => VoteKind::Prevote,
            core::VoteType::Precommit => VoteKind::Precommit,
        },
        block: from_core_value(s.value_id),
        signature: s.signature,
    };
    let mut signatures: Vec<_> = c.round_signatures.into_iter().map(entry).collect();
    signatures.sort_unstable();
    let kind = match c.cert_type {
        core::RoundCertificateType::Skip => RoundCertificateKind::Skip,
        core::RoundCertificateType::Precommit => RoundCertificateKind::Precommit,
    };
    RoundCertificate {
        height: c.height.0,
        round: from_core_round(c.round),
        kind,
        signatures,
    }
}

pub(super) fn to_core_round_certificate(
    c: RoundCertificate,
) -> core::RoundCertificate<CoreContext> {
    let entry = |s: RoundSignature| {
        let value = s.block.map_or(NilOrVal::Nil, NilOrVal::Val);
        let address = CoreAddress(s.validator);
        core::RoundSignature::new(to_core_kind(s.kind), value, address, s.signature)
    };
    core::RoundCertificate {
        height: CoreHeight(c.height),
        round: to_core_round(c.round),
        cert_type: match c.kind {
            RoundCertificateKind::Skip => core::RoundCertificateType::Skip,
            RoundCertificateKind::Precommit => core::RoundCertificateType::Precommit,
        },
        round_signatures: c.signatures.into_iter().map(entry).collect(),
    }
}
