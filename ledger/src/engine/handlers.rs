//! One handler per input: drop what is hostile or late, then give the rest to the core.

use super::Engine;
use super::admission::Due;
use super::context::{
    CoreAddress, CoreContext, CoreHeight, CoreValidatorSet, CoreValue, to_core_round,
};
use super::convert::{to_core_polka, to_core_proposal, to_core_round_certificate, to_core_vote};
use super::io::{DropReason, EngineError, EngineInput, EngineOutput};
use super::timers::{EngineTimer, TimerKind};
use malachite::{Input, LocallyProposedValue, Params, ProposedValue, State};
#[cfg(not(feature = "mutants"))]
use malachite_types::ThresholdParams;
use malachite_types::{
    Round as CoreRound, Timeout, TimeoutKind, Validity, ValueOrigin, ValuePayload,
    VoteExtensionPolicy,
};
use messages::consensus::{BlockId, ConsensusMessage};
use messages::ids::{Height, Round};
use messages::keys::PublicKey;
use messages::mutant;
use std::convert::Infallible;

impl Engine {
    pub(super) fn on_start_height(
        &mut self,
        height: Height,
        out: &mut Vec<EngineOutput>,
    ) -> Result<(), EngineError> {
        let current = self.height();
        if height <= current {
            return Err(EngineError::HeightNotAfter {
                current,
                asked: height,
            });
        }
        // Said even when none runs, so that a replay from this boundary says the same.
        out.push(EngineOutput::CancelAllTimers);
        self.validators = CoreValidatorSet::new(&self.next_validators);
        self.seam.start(height);
        self.proposed.clear();
        // A state of its own for each height: nothing of an earlier one can reach this one.
        self.core = Some(self.fresh_core(height));
        let disabled = VoteExtensionPolicy::Disabled;
        let set = self.validators.clone();
        self.run(
            Input::StartHeight(CoreHeight(height), set, false, None, disabled),
            out,
        )?;
        for input in self.future.take(height) {
            if let EngineInput::Message(message) = &input {
                // Judged on arrival; the signatures need no second look.
                self.remember(message);
            }
            self.step(input, out)?;
        }
        Ok(())
    }

    fn fresh_core(&self, height: Height) -> State<CoreContext> {
        let params = Params {
            // An observer has the address of nobody.
            address: CoreAddress(self.own.unwrap_or(PublicKey([0; 32]))),
            #[cfg(not(feature = "mutants"))]
            threshold_params: ThresholdParams::default(),
            #[cfg(feature = "mutants")]
            threshold_params: self.thresholds(),
            value_payload: ValuePayload::ProposalAndParts,
            enabled: self.is_voting(),
        };
        let context = CoreContext {
            network: self.seam.network.clone(),
        };
        // The core's own queue of future inputs stays empty: ours stands before it.
        State::new(
            context,
            CoreHeight(height),
            self.validators.clone(),
            params,
            1,
            1,
        )
    }

    pub(super) fn on_message(
        &mut self,
        message: ConsensusMessage,
        out: &mut Vec<EngineOutput>,
    ) -> Result<(), EngineError> {
        let height = message.height();
        let input = EngineInput::Message(message);
        let judged = self.due(height).and_then(|due| {
            if due == Due::Later {
                self.may_wait(height, &input)?;
            }
            let EngineInput::Message(message) = &input else {
                return Ok(due);
            };
            self.judge(message, due).map(|()| due)
        });
        let message = match judged {
            Err(reason) => return self.drop_for(reason),
            Ok(Due::Later) => {
                self.future.push(height, input);
                return Ok(());
            }
            Ok(Due::Now) => match input {
                EngineInput::Message(message) => message,
                _ => return Ok(()),
            },
        };
        self.remember(&message);
        let input = match message {
            ConsensusMessage::Vote(vote) => Input::Vote(to_core_vote(vote)),
            ConsensusMessage::Proposal(p) => Input::Proposal(to_core_proposal(p)),
            ConsensusMessage::Polka(polka) => Input::PolkaCertificate(to_core_polka(polka)),
            ConsensusMessage::RoundCertificate(certificate) => {
                Input::RoundCertificate(to_core_round_certificate(certificate))
            }
        };
        self.run(input, out)
    }

    pub(super) fn on_block_checked(
        &mut self,
        input: EngineInput,
        out: &mut Vec<EngineOutput>,
    ) -> Result<(), EngineError> {
        let EngineInput::BlockChecked {
            height,
            round,
            block,
            proposer,
            valid_round,
            valid,
        } = input
        else {
            return Ok(());
        };
        match self.due(height) {
            Err(reason) => self.drop_for(reason),
            Ok(Due::Later) => match self.may_wait(height, &input) {
                Err(reason) => self.drop_for(reason),
                Ok(()) => {
                    self.future.push(height, input);
                    Ok(())
                }
            },
            Ok(Due::Now) => {
                #[cfg(feature = "mutants")]
                self.offer(round, block, valid && valid_round.is_none());
                let value = ProposedValue {
                    height: CoreHeight(height),
                    round: to_core_round(round),
                    valid_round: valid_round.map_or(CoreRound::Nil, to_core_round),
                    proposer: CoreAddress(proposer),
                    value: CoreValue(block),
                    validity: Validity::from_bool(valid),
                };
                self.run(Input::ProposedValue(value, ValueOrigin::Consensus), out)
            }
        }
    }

    pub(super) fn on_propose(
        &mut self,
        height: Height,
        round: Round,
        block: BlockId,
        out: &mut Vec<EngineOutput>,
    ) -> Result<(), EngineError> {
        let proposer = self.validators().proposer(height, round);
        let now = self.due(height) == Ok(Due::Now) && self.round() == round;
        if !now || !self.is_voting() || self.own != Some(proposer) {
            return self.drop_for(DropReason::NotOurTurn);
        }
        // One block per round, whatever the builder says afterwards.
        if self.proposed.contains_key(&round) {
            return self.drop_for(DropReason::ProposedBefore);
        }
        self.proposed.insert(round, block);
        let (height, round) = (CoreHeight(height), to_core_round(round));
        self.run(
            Input::Propose(LocallyProposedValue::new(height, round, CoreValue(block))),
            out,
        )
    }

    pub(super) fn on_timer(
        &mut self,
        height: Height,
        timer: EngineTimer,
        generation: u64,
        out: &mut Vec<EngineOutput>,
    ) -> Result<(), EngineError> {
        let counts = self.due(height) == Ok(Due::Now) && self.seam.timers.fired(timer, generation);
        let counts = counts || (mutant!(AcceptsStaleTimers) && self.is_deciding());
        if !counts {
            return self.drop_for(DropReason::StaleTimer);
        }
        let kind = match timer.kind {
            TimerKind::Propose => TimeoutKind::Propose,
            TimerKind::Prevote => TimeoutKind::Prevote,
            TimerKind::Precommit => TimeoutKind::Precommit,
            TimerKind::Rebroadcast => TimeoutKind::Rebroadcast,
        };
        self.run(
            Input::TimeoutElapsed(Timeout::new(to_core_round(timer.round), kind)),
            out,
        )
    }

    fn drop_for(&mut self, reason: DropReason) -> Result<(), EngineError> {
        *self.dropped.entry(reason).or_default() += 1;
        Ok(())
    }

    /// Gives one admitted input to the core and answers its effects.
    fn run(
        &mut self,
        input: Input<CoreContext>,
        out: &mut Vec<EngineOutput>,
    ) -> Result<(), EngineError> {
        let core = self
            .core
            .as_mut()
            .expect("inputs are admitted only while a height runs");
        let seam = &mut self.seam;
        let height = seam.height;
        let result: Result<(), malachite::Error<CoreContext>> = malachite::process!(
            input: input,
            state: core,
            metrics: &(),
            with: effect => Ok::<_, Infallible>(seam.answer(effect, out))
        );
        result.map_err(|e| EngineError::Core {
            height,
            reason: e.to_string(),
        })?;
        seam.report_noticed(core, out);
        Ok(())
    }
}
