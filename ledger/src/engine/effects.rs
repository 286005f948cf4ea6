//! Answers to the core's effects, within the step that raised them.

use super::context::{CoreContext, CoreHeight, CoreProposal, CoreVote, from_core_round};
use super::convert::{
    from_core_commit, from_core_polka, from_core_proposal, from_core_round_certificate,
    from_core_vote,
};
use super::io::EngineOutput;
use super::timers::{EngineTimeouts, EngineTimer, TimerKind, Timers};
use super::verified::Verified;
use malachite::{ConsensusMsg, Effect, LivenessMsg, Resumable, Resume, SignedConsensusMsg, State};
use malachite_types::{self as core, Timeout, TimeoutKind};
use messages::consensus::{
    BlockId, CertificateError, ConsensusMessage, EquivocationProof, Proposal, VoteKind,
};
use messages::ids::{Height, Name, Round};
use messages::ports::{ConsensusSigner, ConsensusVerifier};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the effects of a height read and change.
pub(super) struct Seam {
    pub(super) network: Name,
    pub(super) height: Height,
    pub(super) signer: Option<Arc<dyn ConsensusSigner>>,
    pub(super) verified: Verified,
    pub(super) timeouts: EngineTimeouts,
    pub(super) timers: Timers,
    pub(super) decided: bool,
    pub(super) signed_votes: BTreeMap<(Round, VoteKind), Option<BlockId>>,
    pub(super) signed_proposals: BTreeMap<Round, Proposal>,
    pub(super) reported: BTreeSet<EquivocationProof>,
    /// Fresh valid proposals by round, for a validator that skips its lock.
    #[cfg(feature = "mutants")]
    pub(super) offered: BTreeMap<Round, BlockId>,
}

impl Seam {
    /// Forgets the height before and takes up `height`.
    pub(super) fn start(&mut self, height: Height) {
        self.height = height;
        self.verified.clear();
        self.timers = Timers::default();
        self.decided = false;
        self.signed_votes.clear();
        self.signed_proposals.clear();
        self.reported.clear();
        #[cfg(feature = "mutants")]
        self.offered.clear();
    }

    /// Does what the core asks and answers it.
    pub(super) fn answer(
        &mut self,
        effect: Effect<CoreContext>,
        out: &mut Vec<EngineOutput>,
    ) -> Resume<CoreContext> {
        match effect {
            Effect::SignVote(vote, r) => r.resume_with(self.sign_vote(vote)),
            Effect::SignProposal(proposal, r) => r.resume_with(self.sign_proposal(proposal)),
            Effect::VerifySignature(signed, key, r) => {
                let hash = match &signed.message {
                    ConsensusMsg::Vote(m) => m.vote.signing_hash(),
                    ConsensusMsg::Proposal(m) => m.proposal.signing_hash(),
                };
                r.resume_with(self.verified.verify(&key, &hash, &signed.signature))
            }
            Effect::VerifyCommitCertificate(certificate, set, _, r) => {
                let certificate = from_core_commit(certificate);
                let judged = certificate.verify_with(&self.network, &set.set, &self.verified);
                r.resume_with(judged.map_err(refused))
            }
            Effect::VerifyPolkaCertificate(certificate, set, _, r) => {
                let certificate = from_core_polka(certificate);
                let judged = certificate.verify_with(&self.network, &set.set, &self.verified);
                r.resume_with(judged.map_err(refused))
            }
            Effect::VerifyRoundCertificate(certificate, set, _, r) => {
                let certificate = from_core_round_certificate(certificate);
                let judged = certificate.verify_with(&self.network, &set.set, &self.verified);
                r.resume_with(judged.map_err(refused))
            }
            // Blocks a node missed come through our own sync, and votes carry no extensions.
            Effect::VerifyExtendedCommitCertificate(_, _, _, _, r) => {
                r.resume_with(Err(core::CertificateError::VerificationError(None)))
            }
            Effect::VerifyVoteExtension(_, _, _, _, _, _, r) => r.resume_with(Ok(())),
            Effect::ExtendVote(_, _, _, _, r) => r.resume_with(None),
            told => {
                self.told(told, out);
                Resume::Continue
            }
        }
    }

    /// Effects that want no answer.
    fn told(&mut self, effect: Effect<CoreContext>, out: &mut Vec<EngineOutput>) {
        match effect {
            Effect::CancelAllTimeouts(_) => self.cancel_all(out),
            Effect::CancelTimeout(timeout, _) => self.cancel(timeout, out),
            Effect::ScheduleTimeout(timeout, _) => self.schedule(timeout, out),
            Effect::StartRound(CoreHeight(height), round, proposer, _, _) => {
                let round = from_core_round(round);
                out.push(EngineOutput::RoundStarted {
                    height,
                    round,
                    proposer: proposer.0,
                });
            }
            Effect::PublishConsensusMsg(SignedConsensusMsg::Vote(vote), _)
            | Effect::PublishLivenessMsg(LivenessMsg::Vote(vote), _)
            | Effect::RepublishVote(vote, _) => {
                broadcast(out, ConsensusMessage::Vote(from_core_vote(vote)));
            }
            Effect::PublishConsensusMsg(SignedConsensusMsg::Proposal(proposal), _) => {
                broadcast(
                    out,
                    ConsensusMessage::Proposal(from_core_proposal(proposal)),
                );
            }
            Effect::PublishLivenessMsg(LivenessMsg::PolkaCertificate(polka), _) => {
                broadcast(out, ConsensusMessage::Polka(from_core_polka(polka)));
            }
            Effect::PublishLivenessMsg(LivenessMsg::SkipRoundCertificate(c), _)
            | Effect::RepublishRoundCertificate(c, _) => {
                let certificate = from_core_round_certificate(c);
                broadcast(out, ConsensusMessage::RoundCertificate(certificate));
            }
            Effect::GetValue(CoreHeight(height), round, _, _) => {
                out.push(EngineOutput::RequestBlock {
                    height,
                    round: from_core_round(round),
                });
            }
            Effect::RestreamProposal(CoreHeight(height), round, valid_round, _, block, _) => {
                let valid_round = valid_round.as_u32().map(Round);
                let round = from_core_round(round);
                out.push(EngineOutput::RestreamBlock {
                    height,
                    round,
                    valid_round,
                    block,
                });
            }
            Effect::Decide(certificate, _, _) => {
                assert!(
                    !self.decided,
                    "the core decided height {} twice",
                    self.height
                );
                let certificate = from_core_commit(certificate);
                assert_eq!(
                    certificate.height, self.height,
                    "the core decided another height"
                );
                self.decided = true;
                self.cancel_all(out);
                out.push(EngineOutput::Decided { certificate });
            }
            Effect::Finalize(_, _, evidence, _) => {
                let votes = evidence.votes.iter().flat_map(|(_, pairs)| pairs);
                votes.for_each(|pair| self.report(of_votes(pair), out));
                let proposals = evidence.proposals.iter().flat_map(|(_, pairs)| pairs);
                proposals.for_each(|pair| self.report(of_proposals(pair), out));
            }
            // The journal is our shell's, and the core's own sync is not used.
            _ => {}
        }
    }

    fn sign_vote(&mut self, vote: CoreVote) -> core::SignedMessage<CoreContext, CoreVote> {
        #[cfg(feature = "mutants")]
        let vote = self.unlocked(vote);
        let signer = self
            .signer
            .as_ref()
            .expect("only an active validator is asked to sign");
        let v = &vote.vote;
        assert_eq!(
            v.height, self.height,
            "a vote of another height would be signed"
        );
        let before = *self
            .signed_votes
            .entry((v.round, v.kind))
            .or_insert(v.block);
        assert_eq!(
            before, v.block,
            "a second, different vote would be signed: {v:?}"
        );
        let signature = signer.sign_vote(v);
        self.verified
            .remember(v.validator, v.signing_hash(), signature);
        core::SignedMessage::new(vote, signature)
    }

    fn sign_proposal(
        &mut self,
        proposal: CoreProposal,
    ) -> core::SignedMessage<CoreContext, CoreProposal> {
        let signer = self
            .signer
            .as_ref()
            .expect("only an active validator is asked to sign");
        let p = &proposal.proposal;
        assert_eq!(
            p.height, self.height,
            "a proposal of another height would be signed"
        );
        let before = self
            .signed_proposals
            .entry(p.round)
            .or_insert_with(|| p.clone());
        assert_eq!(before, p, "a second, different proposal would be signed");
        let signature = signer.sign_proposal(p);
        self.verified
            .remember(p.proposer, p.signing_hash(), signature);
        core::SignedMessage::new(proposal, signature)
    }

    fn schedule(&mut self, timeout: Timeout, out: &mut Vec<EngineOutput>) {
        // Our last vote may decide the height before the core schedules its repetition.
        let Some(timer) = timer_of(timeout).filter(|_| !self.decided) else {
            return;
        };
        let (height, duration_ms) = (self.height, self.timeouts.duration_ms(timer));
        let generation = self.timers.start(timer);
        out.push(EngineOutput::StartTimer {
            timer,
            height,
            generation,
            duration_ms,
        });
    }

    fn cancel(&mut self, timeout: Timeout, out: &mut Vec<EngineOutput>) {
        let Some(timer) = timer_of(timeout) else {
            return;
        };
        let height = self.height;
        if let Some(generation) = self.timers.stop(timer) {
            out.push(EngineOutput::CancelTimer {
                timer,
                height,
                generation,
            });
        }
    }

    /// Tells the misbehavior that the core noticed in this step, without waiting for the decision.
    pub(super) fn report_noticed(
        &mut self,
        core: &State<CoreContext>,
        out: &mut Vec<EngineOutput>,
    ) {
        let votes = core
            .driver
            .votes()
            .evidence()
            .iter()
            .flat_map(|(_, pairs)| pairs);
        votes.for_each(|pair| self.report(of_votes(pair), out));
        let proposals = core
            .driver
            .proposals()
            .evidence()
            .iter()
            .flat_map(|(_, pairs)| pairs);
        proposals.for_each(|pair| self.report(of_proposals(pair), out));
    }

    /// Tells a proof once.
    fn report(&mut self, proof: EquivocationProof, out: &mut Vec<EngineOutput>) {
        if self.reported.insert(proof.clone()) {
            out.push(EngineOutput::Misbehavior(proof));
        }
    }

    fn cancel_all(&mut self, out: &mut Vec<EngineOutput>) {
        if self.timers.stop_all() {
            out.push(EngineOutput::CancelAllTimers);
        }
    }
}

fn of_votes((a, b): &core::DoubleVote<CoreContext>) -> EquivocationProof {
    EquivocationProof::Votes(from_core_vote(a.clone()), from_core_vote(b.clone()))
}

fn of_proposals((a, b): &core::DoubleProposal<CoreContext>) -> EquivocationProof {
    EquivocationProof::Proposals(from_core_proposal(a.clone()), from_core_proposal(b.clone()))
}

fn broadcast(out: &mut Vec<EngineOutput>, message: ConsensusMessage) {
    out.push(EngineOutput::Broadcast(message));
}

fn refused(error: CertificateError) -> core::CertificateError<CoreContext> {
    core::CertificateError::VerificationError(Some(core::BoxError::new(Box::new(error))))
}

/// Our timer for the core's; it never asks for a finalisation timer without a target time.
fn timer_of(timeout: Timeout) -> Option<EngineTimer> {
    let kind = match timeout.kind {
        TimeoutKind::Propose => TimerKind::Propose,
        TimeoutKind::Prevote => TimerKind::Prevote,
        TimeoutKind::Precommit => TimerKind::Precommit,
        TimeoutKind::Rebroadcast => TimerKind::Rebroadcast,
        TimeoutKind::FinalizeHeight(_) => return None,
    };
    Some(EngineTimer {
        kind,
        round: from_core_round(timeout.round),
    })
}
