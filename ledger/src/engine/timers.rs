//! Timers of a height: the core names them by kind and round only, so each start gets a
//! generation, and a firing counts only for the height and generation that is still running.

use messages::ids::Round;
use std::collections::BTreeMap;

/// What a timer waits for.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub enum TimerKind {
    /// The proposal of a round.
    Propose,
    /// A block's quorum among the prevotes.
    Prevote,
    /// A block's quorum among the precommits.
    Precommit,
    /// The time to say one's latest votes again.
    Rebroadcast,
}

/// A timer within a height.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct EngineTimer {
    /// What it waits for.
    pub kind: TimerKind,
    /// The round it belongs to.
    pub round: Round,
}

/// Durations in milliseconds; each `_delta_ms` is added once per round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineTimeouts {
    /// Wait for a proposal.
    pub propose_ms: u64,
    /// Added to the wait for a proposal per round.
    pub propose_delta_ms: u64,
    /// Wait for a quorum of prevotes to agree.
    pub prevote_ms: u64,
    /// Added to the wait for prevotes per round.
    pub prevote_delta_ms: u64,
    /// Wait for a quorum of precommits to agree.
    pub precommit_ms: u64,
    /// Added to the wait for precommits per round.
    pub precommit_delta_ms: u64,
    /// Time between repetitions of one's latest votes.
    pub rebroadcast_ms: u64,
    /// No wait is longer than this.
    pub longest_ms: u64,
}

impl Default for EngineTimeouts {
    fn default() -> Self {
        Self {
            propose_ms: 800,
            propose_delta_ms: 400,
            prevote_ms: 400,
            prevote_delta_ms: 200,
            precommit_ms: 400,
            precommit_delta_ms: 200,
            rebroadcast_ms: 1_000,
            longest_ms: 60_000,
        }
    }
}

impl EngineTimeouts {
    /// How long `timer` runs, in milliseconds.
    pub fn duration_ms(&self, timer: EngineTimer) -> u64 {
        let (base_ms, delta_ms) = match timer.kind {
            TimerKind::Propose => (self.propose_ms, self.propose_delta_ms),
            TimerKind::Prevote => (self.prevote_ms, self.prevote_delta_ms),
            TimerKind::Precommit => (self.precommit_ms, self.precommit_delta_ms),
            TimerKind::Rebroadcast => (self.rebroadcast_ms, 0),
        };
        let grown_ms = base_ms.saturating_add(delta_ms.saturating_mul(timer.round.0.into()));
        grown_ms.min(self.longest_ms)
    }
}

/// The timers that run at the current height.
#[derive(Debug, Default)]
pub(super) struct Timers {
    running: BTreeMap<EngineTimer, u64>,
    started: u64,
}

impl Timers {
    /// Starts `timer`, replacing one of the same kind and round; returns its generation.
    pub(super) fn start(&mut self, timer: EngineTimer) -> u64 {
        self.started += 1;
        self.running.insert(timer, self.started);
        self.started
    }

    /// Stops `timer` and returns its generation, if it runs.
    pub(super) fn stop(&mut self, timer: EngineTimer) -> Option<u64> {
        self.running.remove(&timer)
    }

    /// Stops every timer; whether any ran.
    pub(super) fn stop_all(&mut self) -> bool {
        !std::mem::take(&mut self.running).is_empty()
    }

    /// Takes note that a timer fired; false when that start of it no longer runs.
    pub(super) fn fired(&mut self, timer: EngineTimer, generation: u64) -> bool {
        let counts = self.running.get(&timer) == Some(&generation);
        if counts {
            self.running.remove(&timer);
        }
        counts
    }

    /// The running timers and their generations.
    pub(super) fn running(&self) -> impl Iterator<Item = (EngineTimer, u64)> + '_ {
        self.running
            .iter()
            .map(|(timer, generation)| (*timer, *generation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_the_round_up_to_the_longest() {
        let timeouts = EngineTimeouts::default();
        let propose = |round| EngineTimer {
            kind: TimerKind::Propose,
            round: Round(round),
        };
        assert_eq!(timeouts.duration_ms(propose(0)), 800);
        assert_eq!(timeouts.duration_ms(propose(3)), 2_000);
        assert_eq!(timeouts.duration_ms(propose(u32::MAX)), 60_000);
    }
}
