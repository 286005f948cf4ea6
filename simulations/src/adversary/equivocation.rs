//! Signing two things where one is allowed.

use super::{Desk, Said};
use messages::block::Header;
use messages::cbor::Canonical;
use messages::checkpoint::{Checkpoint, cosign};
use messages::consensus::{BlockId, ConsensusMessage, Proposal, SignedProposal, SignedVote, Vote};
use messages::cose_receipt::HeadSignature;
use messages::hash::Hash;
use messages::ids::{TimeMs, TreeSize};
use messages::wire::PeerMessage;

/// A second vote or proposal for the step of `message`, for some of those who hear it.
pub(super) fn second(desk: &mut Desk, message: &PeerMessage) -> Said {
    let choice = desk.dice.within(0..5);
    if choice < 2 {
        return Said::AsItIs;
    }
    let other = match message {
        PeerMessage::Consensus(bytes) => match ConsensusMessage::from_bytes(bytes) {
            Ok(ConsensusMessage::Vote(signed)) => second_vote(desk, signed.vote),
            _ => None,
        },
        PeerMessage::Proposal { message, block } => {
            match (
                ConsensusMessage::from_bytes(message),
                Header::from_bytes(&block.header),
            ) {
                (Ok(ConsensusMessage::Proposal(signed)), Ok(mut header)) => {
                    header.time = TimeMs(header.time.0 + 1);
                    let mut block = block.clone();
                    block.header = header.to_bytes().into();
                    let proposal = Proposal {
                        block: header.id(),
                        ..signed.proposal
                    };
                    Some(PeerMessage::Proposal {
                        message: signed_proposal(desk, proposal),
                        block,
                    })
                }
                _ => None,
            }
        }
        _ => None,
    };
    match other {
        None => Said::AsItIs,
        Some(other) if choice == 4 => Said::Both(desk.frame(other)),
        Some(other) => Said::Else(desk.frame(other)),
    }
}

fn second_vote(desk: &mut Desk, vote: Vote) -> Option<PeerMessage> {
    let block = match vote.block {
        Some(_) => None,
        None => Some(BlockId(Hash::of(&desk.dice.number().to_be_bytes()))),
    };
    let vote = Vote { block, ..vote };
    let signature = desk.founders.keys[desk.validator].signer.sign_vote(&vote);
    let message = ConsensusMessage::Vote(SignedVote { vote, signature });
    Some(PeerMessage::Consensus(message.to_bytes().into()))
}

fn signed_proposal(desk: &Desk, proposal: Proposal) -> bytes::Bytes {
    let signer = &desk.founders.keys[desk.validator].signer;
    let signature = signer.sign_proposal(&proposal);
    let message = ConsensusMessage::Proposal(SignedProposal {
        proposal,
        signature,
    });
    message.to_bytes().into()
}

/// A cosignature over a head that is none, for some.
pub(super) fn second_head(desk: &mut Desk, message: &PeerMessage) -> Said {
    let PeerMessage::Cosignature {
        height,
        time_s,
        wanted,
        ..
    } = message
    else {
        return Said::AsItIs;
    };
    if desk.dice.within(0..2) == 0 {
        return Said::AsItIs;
    }
    let head = Checkpoint {
        origin: desk.founders.genesis.origin.clone(),
        size: TreeSize(height.0 * 2 + 2),
        root: Hash::of(&desk.dice.number().to_be_bytes()),
    };
    let keys = &desk.founders.keys[desk.validator].checkpoint;
    let name = desk.founders.genesis.cosigner_name(&desk.name());
    let signed = cosign(&*keys.cosigner, &name, *time_s, &head.text());
    let receipt = HeadSignature::sign(&*keys.receipt, &head);
    let other = PeerMessage::Cosignature {
        height: *height,
        time_s: *time_s,
        signature: signed.bytes[8..].to_vec().into(),
        receipt: receipt.signature.0.to_vec().into(),
        wanted: *wanted,
    };
    Said::Else(desk.frame(other))
}
