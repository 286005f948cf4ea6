//! Nobody who is honest gives up before its time.
//!
//! In the algorithm ("The latest gossip on BFT consensus", Buchman, Kwon, Milosevic) a round is
//! given up in three places, and each waits: for the proposal (lines 57 to 60), after a quorum of
//! prevotes that do not agree (34 and 61 to 63), after a quorum of precommits that do not (47 and
//! 65 to 67). Votes are counted as they are said, so that whoever waits began later than what is
//! computed here, and never earlier.

use ledger::engine::EngineTimeouts;
use messages::consensus::{Vote, VoteKind};
use messages::ids::{Height, Round};
use messages::keys::PublicKey;
use std::collections::BTreeMap;

/// When each honest validator first voted, and for how many of them each block is.
#[derive(Default)]
struct Votes {
    said_us: BTreeMap<PublicKey, u64>,
    nil: usize,
}

/// What was said, and when.
pub struct Patience {
    timeouts: EngineTimeouts,
    /// Honest validators in any quorum.
    needed: usize,
    votes: BTreeMap<(Height, Round, VoteKind), Votes>,
    /// When a height could be decided first, for the heights that could.
    decided_us: BTreeMap<Height, u64>,
    /// Precommits by block.
    for_block: BTreeMap<(Height, Round, messages::consensus::BlockId), usize>,
}

impl Patience {
    /// Nothing was said; of `validators` so many are not honest.
    pub fn new(validators: usize, dishonest: usize, timeouts: EngineTimeouts) -> Self {
        Self {
            timeouts,
            needed: (2 * validators / 3 + 1).saturating_sub(dishonest),
            votes: BTreeMap::new(),
            decided_us: BTreeMap::new(),
            for_block: BTreeMap::new(),
        }
    }

    /// An honest validator says a vote for the first time; gives what is wrong with that.
    pub fn on_vote(&mut self, at_us: u64, vote: &Vote) -> Option<String> {
        if self.needed == 0 {
            return None; // Those who lie can make a quorum alone.
        }
        let found = self.complaint(at_us, vote);
        let step = (vote.height, vote.round, vote.kind);
        let votes = self.votes.entry(step).or_default();
        if votes.said_us.insert(vote.validator, at_us).is_none() {
            votes.nil += usize::from(vote.block.is_none());
        }
        if let (VoteKind::Precommit, Some(block)) = (vote.kind, vote.block) {
            let count = self.for_block.entry((vote.height, vote.round, block));
            let count = count.or_default();
            *count += 1;
            if *count >= self.needed {
                self.decided_us.entry(vote.height).or_insert(at_us);
            }
        }
        found
    }

    /// An honest validator speaks in a round; gives what is wrong with that.
    pub fn on_round(&self, at_us: u64, height: Height, round: Round) -> Option<String> {
        let before = Round(round.0.checked_sub(1)?);
        if self.needed == 0 {
            return None;
        }
        let (base_ms, delta_ms) = (self.timeouts.precommit_ms, self.timeouts.precommit_delta_ms);
        let since_us = self.quorum_us(height, before, VoteKind::Precommit);
        let early = too_early(at_us, since_us, self.wait_us(base_ms, delta_ms, before));
        early.then(|| format!("speaks in round {} of height {height}", round.0))
    }

    fn complaint(&self, at_us: u64, vote: &Vote) -> Option<String> {
        let (height, round) = (vote.height, vote.round);
        if let Some(found) = self.on_round(at_us, height, round) {
            return Some(found);
        }
        if vote.block.is_some() {
            return None;
        }
        let times = &self.timeouts;
        let early = match vote.kind {
            // In later rounds it may be locked on another block.
            VoteKind::Prevote if round == Round(0) => {
                let before = height.0.checked_sub(1).filter(|before| *before > 0);
                let began_us = match before {
                    None => Some(0),
                    Some(before) => self.decided_us.get(&Height(before)).copied(),
                };
                let wait_us = self.wait_us(times.propose_ms, times.propose_delta_ms, round);
                too_early(at_us, began_us, wait_us)
            }
            VoteKind::Prevote => false,
            VoteKind::Precommit => {
                let prevotes = self.votes.get(&(height, round, VoteKind::Prevote));
                let known = prevotes.map_or(0, |votes| votes.nil);
                let spoke = |votes: &Votes| votes.said_us.contains_key(&vote.validator);
                // A prevote that completes a quorum may leave right behind the precommit.
                let own = usize::from(!prevotes.is_some_and(spoke));
                let all_nil = known + own >= self.needed;
                let since_us = self.quorum_us(height, round, VoteKind::Prevote);
                let wait_us = self.wait_us(times.prevote_ms, times.prevote_delta_ms, round);
                !all_nil && too_early(at_us, since_us, wait_us)
            }
        };
        early.then(|| {
            let (kind, round) = (vote.kind, round.0);
            format!("signs {kind:?} for nil at height {height} round {round}")
        })
    }

    /// When a quorum had voted, whatever for.
    fn quorum_us(&self, height: Height, round: Round, kind: VoteKind) -> Option<u64> {
        let votes = self.votes.get(&(height, round, kind))?;
        let mut said_us: Vec<u64> = votes.said_us.values().copied().collect();
        said_us.sort_unstable();
        said_us.get(self.needed - 1).copied()
    }

    fn wait_us(&self, base_ms: u64, delta_ms: u64, round: Round) -> u64 {
        let grown_ms = base_ms + delta_ms * u64::from(round.0);
        grown_ms.min(self.timeouts.longest_ms) * 1_000
    }
}

/// Whether less than the wait has passed since what it waits after, or that has not come at all.
fn too_early(at_us: u64, since_us: Option<u64>, wait_us: u64) -> bool {
    since_us.is_none_or(|since_us| at_us < since_us + wait_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::founders::name;
    use messages::consensus::BlockId;
    use messages::hash::Hash;

    fn vote(validator: u8, kind: VoteKind, round: u32, block: Option<BlockId>) -> Vote {
        Vote {
            network: name("sim"),
            height: Height(1),
            round: Round(round),
            kind,
            block,
            validator: PublicKey([validator; 32]),
        }
    }

    fn patience() -> Patience {
        Patience::new(4, 0, EngineTimeouts::default())
    }

    #[test]
    fn a_proposal_is_waited_for() {
        let nil = vote(0, VoteKind::Prevote, 0, None);
        assert!(patience().on_vote(799_999, &nil).is_some());
        assert_eq!(patience().on_vote(800_000, &nil), None);
        let other = vote(0, VoteKind::Prevote, 0, Some(BlockId(Hash::ZERO)));
        assert_eq!(patience().on_vote(1, &other), None);
    }

    #[test]
    fn prevotes_that_do_not_agree_are_waited_for() {
        let block = Some(BlockId(Hash::ZERO));
        let precommit = |at_us, prevotes: [Option<BlockId>; 3]| {
            let mut patience = patience();
            for (place, block) in prevotes.into_iter().enumerate() {
                let prevote = vote(place as u8, VoteKind::Prevote, 0, block);
                assert_eq!(patience.on_vote(900_000, &prevote), None);
            }
            patience.on_vote(at_us, &vote(0, VoteKind::Precommit, 0, None))
        };
        assert_eq!(precommit(900_001, [None; 3]), None);
        assert!(precommit(1_299_999, [None, None, block]).is_some());
        assert_eq!(precommit(1_300_000, [None, None, block]), None);
        let mut alone = patience();
        let nil = vote(0, VoteKind::Precommit, 0, None);
        assert!(alone.on_vote(60_000_000, &nil).is_some());
    }

    #[test]
    fn a_validator_that_is_alone_waits_for_nobody() {
        let mut alone = Patience::new(1, 0, EngineTimeouts::default());
        let nil = vote(0, VoteKind::Precommit, 0, None);
        assert_eq!(alone.on_vote(800_000, &nil), None);
    }

    #[test]
    fn the_next_round_is_waited_for() {
        let mut patience = patience();
        for place in 0..3 {
            let block = Some(BlockId(Hash::of(&[place])));
            let precommit = vote(place, VoteKind::Precommit, 0, block);
            assert_eq!(patience.on_vote(1_000, &precommit), None);
        }
        let late = patience.on_round(401_000, Height(1), Round(1));
        assert_eq!(late, None);
        assert!(patience.on_round(400_999, Height(1), Round(1)).is_some());
        assert!(patience.on_round(900_000, Height(1), Round(2)).is_some());
    }
}
