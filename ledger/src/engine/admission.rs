//! Which inputs reach the core: hostile or late ones are counted by reason and dropped here, so
//! that no message can make the core fail and no unverified signature becomes state.

use super::Engine;
use super::io::{DropReason, EngineInput};
use messages::consensus::{ConsensusMessage, SignedProposal, SignedVote, Vote};
use messages::ids::{Height, Round};
use messages::keys::Signature;
use messages::ports::ConsensusVerifier;

/// Rounds ahead of the current one that votes and proposals may be of; the core's own bound.
const ROUNDS_AHEAD_MAX: u32 = 10;

/// When an input is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Its height is being decided.
    Now,
    /// Its height has not started.
    Later,
}

impl Engine {
    /// When an input of `height` is due.
    pub(super) fn due(&self, height: Height) -> Result<Due, DropReason> {
        let current = self.height();
        if height < current {
            Err(DropReason::PastHeight)
        } else if height == current {
            if self.is_deciding() {
                Ok(Due::Now)
            } else {
                Err(DropReason::NotDeciding)
            }
        } else if height.0 - current.0 <= super::FUTURE_HEIGHTS_MAX {
            Ok(Due::Later)
        } else {
            Err(DropReason::FarHeight)
        }
    }

    /// Whether an input may wait for its height; cheap checks only.
    pub(super) fn may_wait(&self, height: Height, input: &EngineInput) -> Result<(), DropReason> {
        if self.future.holds(height, input) {
            Err(DropReason::Duplicate)
        } else if !self.future.has_room(height, input) {
            Err(DropReason::AccountFull)
        } else {
            Ok(())
        }
    }

    /// Judges a message by itself: network, sender, round, and at last its signatures.
    pub(super) fn judge(&self, message: &ConsensusMessage, due: Due) -> Result<(), DropReason> {
        match message {
            ConsensusMessage::Vote(vote) => self.judge_vote(vote, due),
            ConsensusMessage::Proposal(proposal) => self.judge_proposal(proposal, due),
            ConsensusMessage::Polka(polka) => polka
                .verify_with(self.network(), self.validators(), &self.seam.verified)
                .map_err(|_| DropReason::BadCertificate),
            ConsensusMessage::RoundCertificate(certificate) => certificate
                .verify_with(self.network(), self.validators(), &self.seam.verified)
                .map_err(|_| DropReason::BadCertificate),
        }
    }

    fn judge_vote(&self, signed: &SignedVote, due: Due) -> Result<(), DropReason> {
        let vote = &signed.vote;
        if vote.network != *self.network() {
            return Err(DropReason::WrongNetwork);
        }
        if !self.validators().contains(&vote.validator) {
            return Err(DropReason::UnknownValidator);
        }
        self.judge_round(vote.round, due)?;
        let hash = vote.signing_hash();
        if self
            .seam
            .verified
            .verify(&vote.validator, &hash, &signed.signature)
        {
            Ok(())
        } else {
            Err(DropReason::BadSignature)
        }
    }

    fn judge_proposal(&self, signed: &SignedProposal, due: Due) -> Result<(), DropReason> {
        let proposal = &signed.proposal;
        if proposal.network != *self.network() {
            return Err(DropReason::WrongNetwork);
        }
        if self.validators().proposer(proposal.height, proposal.round) != proposal.proposer {
            return Err(DropReason::WrongProposer);
        }
        self.judge_round(proposal.round, due)?;
        if proposal
            .valid_round
            .is_some_and(|valid| valid >= proposal.round)
        {
            return Err(DropReason::BadValidRound);
        }
        let hash = proposal.signing_hash();
        if self
            .seam
            .verified
            .verify(&proposal.proposer, &hash, &signed.signature)
        {
            Ok(())
        } else {
            Err(DropReason::BadSignature)
        }
    }

    fn judge_round(&self, round: Round, due: Due) -> Result<(), DropReason> {
        let from = if due == Due::Now { self.round().0 } else { 0 };
        if round.0 > from.saturating_add(ROUNDS_AHEAD_MAX) {
            Err(DropReason::FarRound)
        } else {
            Ok(())
        }
    }

    /// Remembers the signatures of a message that was judged good.
    pub(super) fn remember(&mut self, message: &ConsensusMessage) {
        let network = self.seam.network.clone();
        match message {
            ConsensusMessage::Vote(m) => self.remember_vote(&m.vote, m.signature),
            ConsensusMessage::Proposal(m) => {
                let p = &m.proposal;
                self.seam
                    .verified
                    .remember(p.proposer, p.signing_hash(), m.signature);
            }
            ConsensusMessage::Polka(c) => {
                c.votes(&network)
                    .for_each(|(vote, sig)| self.remember_vote(&vote, sig));
            }
            ConsensusMessage::RoundCertificate(c) => {
                c.votes(&network)
                    .for_each(|(vote, sig)| self.remember_vote(&vote, sig));
            }
        }
    }

    fn remember_vote(&mut self, vote: &Vote, signature: Signature) {
        self.seam
            .verified
            .remember(vote.validator, vote.signing_hash(), signature);
    }
}
