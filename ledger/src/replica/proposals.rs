//! Proposals and the blocks beside them.
//!
//! Only a block that is valid on the chain as it stands reaches the engine, and a fresh proposal
//! only when its time and its maker are right too; anything else leaves no trace, neither in the
//! engine nor in the journal. So a garbled copy never stands in the way of the good one, and no
//! verdict is ever taken back.

use super::{Body, JudgedBlock, Replica, ReplicaEffect, ReplicaInput};
use crate::engine::EngineInput;
use crate::execution::Executed;
use crate::machine::{At, Keep};
use messages::block::{Block, Header};
use messages::cbor::Canonical;
use messages::consensus::{BlockId, ConsensusMessage, Proposal, SignedProposal};
use messages::ids::{Height, Round, TimeMs};
use std::sync::Arc;

/// Different blocks kept per round: a proposer that equivocates cannot fill the memory, nor take
/// the place of another round's block.
const BODIES_PER_ROUND_MAX: usize = 4;

impl Replica {
    /// A peer's proposal with its block.
    pub(super) fn on_proposal(
        &mut self,
        at: At,
        bytes: &[u8],
        block: &JudgedBlock,
        input: &ReplicaInput,
        out: &mut Vec<ReplicaEffect>,
    ) -> Keep {
        let Ok(ConsensusMessage::Proposal(signed)) = ConsensusMessage::from_bytes(bytes) else {
            self.dropped.malformed += 1;
            return Keep::No;
        };
        if !self.in_range(signed.proposal.height) || !self.is_genuine(&signed, block) {
            self.dropped.out_of_range += 1;
            return Keep::No;
        }
        if signed.proposal.height > self.chain.next_height() {
            return self.hold_proposal(at, &signed, input.clone());
        }
        if let Err(reason) = self.take_block(at, &signed.proposal, block) {
            tracing::warn!(height = %signed.proposal.height, reason, "a proposal is not valid");
            self.dropped.invalid_blocks += 1;
            return Keep::No;
        }
        self.start(at, out);
        let proposal = signed.proposal.clone();
        if proposal.height == self.chain.next_height() {
            self.drive(
                at,
                EngineInput::Message(ConsensusMessage::Proposal(signed)),
                out,
            );
        }
        if proposal.height == self.chain.next_height() {
            let input = EngineInput::BlockChecked {
                height: proposal.height,
                round: proposal.round,
                block: proposal.block,
                proposer: proposal.proposer,
                valid_round: proposal.valid_round,
                valid: true,
            };
            self.drive(at, input, out);
        }
        Keep::Yes
    }

    /// Whether the proposal is signed by the proposer of its round, for the header beside it, and
    /// the block is no larger than the network allows.
    fn is_genuine(&self, signed: &SignedProposal, block: &JudgedBlock) -> bool {
        let (proposal, rules) = (&signed.proposal, &self.chain.rules);
        let claimed = Header::from_bytes(&block.parts.header);
        let describes = claimed
            .is_ok_and(|header| header.id() == proposal.block && header.height == proposal.height);
        describes
            && block.parts.fits(&rules.parameters)
            && proposal.network == rules.network
            && rules.validators.proposer(proposal.height, proposal.round) == proposal.proposer
            && self.config.verifier.verify(
                &proposal.proposer,
                &proposal.signing_hash(),
                &signed.signature,
            )
    }

    /// Executes a proposed block, unless it is known, and keeps it.
    fn take_block(
        &mut self,
        at: At,
        proposal: &Proposal,
        judged: &JudgedBlock,
    ) -> Result<(), String> {
        let key = (proposal.height, proposal.block);
        let fresh = proposal.valid_round.is_none();
        if let Some(body) = self.bodies.get(&key) {
            if fresh && !body.timely {
                self.check_fresh(at, proposal, &body.executed)?;
            }
        } else {
            if self.bodies_of(proposal.round) >= BODIES_PER_ROUND_MAX {
                return Err("its round has too many blocks already".into());
            }
            let executed = self.run(judged)?;
            if fresh {
                self.check_fresh(at, proposal, &executed)?;
            }
            self.keep(key, proposal.round, judged, executed);
        }
        // Once timely always timely: the same fresh proposal told again is not too old.
        if let Some(body) = self.bodies.get_mut(&key) {
            body.timely |= fresh;
        }
        Ok(())
    }

    /// What a fresh proposal must be besides valid: made by its proposer, and now.
    fn check_fresh(&self, at: At, proposal: &Proposal, executed: &Executed) -> Result<(), String> {
        let header = &executed.block.header;
        if header.proposer != proposal.proposer {
            return Err("a fresh block names another proposer".into());
        }
        if !self.is_timely(header.time, at.now) {
            let (found, here) = (header.time.0, at.now.0);
            return Err(format!("its time is {found}, here it is {here}"));
        }
        Ok(())
    }

    fn keep(
        &mut self,
        key: (Height, BlockId),
        round: Round,
        judged: &JudgedBlock,
        executed: Executed,
    ) {
        let parts = judged.parts.clone();
        self.bodies.insert(
            key,
            Body {
                round,
                parts,
                executed: Arc::new(executed),
                timely: false,
            },
        );
    }

    fn bodies_of(&self, round: Round) -> usize {
        self.bodies
            .values()
            .filter(|body| body.round == round)
            .count()
    }

    /// A fresh proposal's time may not lie far from this validator's own clock.
    fn is_timely(&self, time: TimeMs, now: TimeMs) -> bool {
        let drift = u64::from(self.chain.rules.parameters.clock_drift_ms_max);
        // A chain that ran ahead of the clocks moves by a millisecond a block.
        time <= now.plus_ms(drift).max(self.chain.time.plus_ms(1)) && time.plus_ms(drift) >= now
    }

    fn run(&self, judged: &JudgedBlock) -> Result<Executed, String> {
        let block = Block::from_parts(&judged.parts).map_err(|e| e.to_string())?;
        let entries = judged
            .entries
            .clone()
            .ok_or("a statement has a bad form or a bad signature")?;
        self.chain
            .execute(block, entries, &self.committed(), &*self.config.verifier)
            .map_err(|e| e.to_string())
    }

    /// The block this node made comes back as an input.
    pub(super) fn on_propose(
        &mut self,
        at: At,
        height: Height,
        round: Round,
        block: &JudgedBlock,
        out: &mut Vec<ReplicaEffect>,
    ) -> Keep {
        if height != self.chain.next_height() || !self.proposed.insert((height, round)) {
            return Keep::No;
        }
        let header = Header::from_bytes(&block.parts.header);
        let id = header.expect("this node writes canonical headers").id();
        if !self.bodies.contains_key(&(height, id)) {
            let executed = self.run(block).expect("a block of our own is valid");
            self.keep((height, id), round, block, executed);
        }
        self.start(at, out);
        if height == self.chain.next_height() {
            self.drive(
                at,
                EngineInput::Propose {
                    height,
                    round,
                    block: id,
                },
                out,
            );
        }
        Keep::Yes
    }
}
