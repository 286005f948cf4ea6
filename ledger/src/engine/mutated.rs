//! Faults of the engine on purpose, for the test that the simulator sees them.

use super::Engine;
use super::context::CoreVote;
use super::effects::Seam;
use malachite_types::{ThresholdParam, ThresholdParams};
use messages::consensus::{BlockId, Vote, VoteKind};
use messages::ids::Round;
use messages::mutant;

impl Engine {
    /// What the core takes for a quorum.
    pub(super) fn thresholds(&self) -> ThresholdParams {
        if !mutant!(QuorumLessOne) && !mutant!(VotesLessOne) {
            return ThresholdParams::default();
        }
        // More than 2n/3 - 1 of n.
        let n = self.validators().len() as u64;
        ThresholdParams {
            quorum: ThresholdParam::new((2 * n).saturating_sub(3), 3 * n),
            ..ThresholdParams::default()
        }
    }

    /// Remembers the first fresh valid proposal of a round.
    pub(super) fn offer(&mut self, round: Round, block: BlockId, is_fresh: bool) {
        if is_fresh {
            self.seam.offered.entry(round).or_insert(block);
        }
    }
}

impl Seam {
    /// Without its lock a validator prevotes the fresh proposal that it has: the core prevotes nil
    /// beside one only when it is locked on another block.
    pub(super) fn unlocked(&self, vote: CoreVote) -> CoreVote {
        let is_nil = vote.vote.kind == VoteKind::Prevote && vote.vote.block.is_none();
        match self.offered.get(&vote.vote.round) {
            Some(block) if is_nil && mutant!(SkipsLock) => CoreVote::new(Vote {
                block: Some(*block),
                ..vote.vote
            }),
            _ => vote,
        }
    }
}
