//! Inputs of heights to come.
//!
//! They wait as they arrived and are stepped when their height starts. A replay that begins
//! nearer to their height steps them at once: both ways the engine sees the same inputs in the
//! same order, each with the time of its arrival.

use super::{Replica, ReplicaInput};
use crate::machine::{At, Keep};
use bytes::Bytes;
use messages::consensus::{ConsensusMessage, SignedProposal};
use messages::ids::Height;
use messages::keys::PublicKey;

/// Votes held per height and validator: a few rounds of both kinds.
const VOTES_HELD_MAX: usize = 24;
/// Proposals held per height and validator.
const PROPOSALS_HELD_MAX: usize = 4;

impl Replica {
    /// Holds a vote of a height to come; certificates are told again when they are needed.
    pub(super) fn hold_message(
        &mut self,
        at: At,
        message: &ConsensusMessage,
        bytes: &Bytes,
    ) -> Keep {
        let ConsensusMessage::Vote(signed) = message else {
            self.dropped.not_held += 1;
            return Keep::No;
        };
        let (vote, rules) = (&signed.vote, &self.chain.rules);
        let genuine = vote.network == rules.network
            && rules.validators.contains(&vote.validator)
            && self.config.verifier.verify(
                &vote.validator,
                &vote.signing_hash(),
                &signed.signature,
            );
        if !genuine {
            self.dropped.not_held += 1;
            return Keep::No;
        }
        let input = ReplicaInput::Message(bytes.clone());
        self.hold(at, vote.height, vote.validator, VOTES_HELD_MAX, input)
    }

    /// Holds a proposal of a height to come, whose signature was judged already.
    pub(super) fn hold_proposal(
        &mut self,
        at: At,
        signed: &SignedProposal,
        input: ReplicaInput,
    ) -> Keep {
        let proposal = &signed.proposal;
        self.hold(
            at,
            proposal.height,
            proposal.proposer,
            PROPOSALS_HELD_MAX,
            input,
        )
    }

    fn hold(
        &mut self,
        at: At,
        height: Height,
        sender: PublicKey,
        most: usize,
        input: ReplicaInput,
    ) -> Keep {
        let held = self.held.entry(height).or_default();
        let bytes = signed_bytes(&input).cloned();
        let same_kind = held.iter().filter(|(_, other)| {
            std::mem::discriminant(other) == std::mem::discriminant(&input)
                && sender_of(other) == Some(sender)
        });
        let is_vote = matches!(input, ReplicaInput::Message(_));
        let known = is_vote
            && held
                .iter()
                .any(|(_, other)| signed_bytes(other) == bytes.as_ref());
        if known || same_kind.count() >= most {
            self.dropped.not_held += 1;
            return Keep::No;
        }
        held.push((at, input));
        self.earliest.entry(height).or_insert(at.seq);
        Keep::Yes
    }
}

fn signed_bytes(input: &ReplicaInput) -> Option<&Bytes> {
    match input {
        ReplicaInput::Message(bytes) => Some(bytes),
        ReplicaInput::Proposal { message, .. } => Some(message),
        _ => None,
    }
}

/// Who signed a held input.
fn sender_of(input: &ReplicaInput) -> Option<PublicKey> {
    use messages::cbor::Canonical;
    match ConsensusMessage::from_bytes(signed_bytes(input)?).ok()? {
        ConsensusMessage::Vote(signed) => Some(signed.vote.validator),
        ConsensusMessage::Proposal(signed) => Some(signed.proposal.proposer),
        _ => None,
    }
}
