//! How long blocks take until they can be read here with receipts.

use messages::ids::{Height, TimeMs};
use std::collections::{BTreeMap, VecDeque};

/// Blocks that the figure is over.
const BLOCKS_MAX: usize = 256;
/// Blocks that wait for a checkpoint; older ones are not measured.
const WAITING_MAX: usize = 1_024;

/// Times from a block's own time, which its proposer gave it, to its receipts here.
///
/// The proposer's clock began it and ours ends it, so the figure holds as well as the clocks agree; it
/// contains the whole of consensus, and is never less than the time from commit to readable.
#[derive(Clone, Debug, Default)]
pub(super) struct Lag {
    waiting: BTreeMap<Height, TimeMs>,
    recent: VecDeque<u64>,
}

impl Lag {
    /// A block became durable; one that was fetched says nothing about the network.
    pub(super) fn durable(&mut self, height: Height, block_time: TimeMs, is_live: bool) {
        if is_live {
            self.waiting.insert(height, block_time);
        }
        while self.waiting.len() > WAITING_MAX {
            self.waiting.pop_first();
        }
    }

    /// Blocks up to this height have receipts.
    pub(super) fn published(&mut self, now: TimeMs, height: Height) {
        let later = self.waiting.split_off(&height.next());
        for block_time in std::mem::replace(&mut self.waiting, later).into_values() {
            self.recent.push_back(now.since_ms(block_time));
        }
        while self.recent.len() > BLOCKS_MAX {
            self.recent.pop_front();
        }
    }

    /// The 99th percentile in milliseconds; none before the first block.
    pub(super) fn p99_ms(&self) -> Option<u64> {
        let mut sorted: Vec<u64> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * 99).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_is_that_of_blocks_decided_here() {
        let mut lag = Lag::default();
        assert_eq!(lag.p99_ms(), None);
        for height in 1..=100u64 {
            lag.durable(Height(height), TimeMs(1_000), height != 50);
        }
        // One takes long; a fetched one is not counted.
        lag.published(TimeMs(1_900), Height(1));
        lag.published(TimeMs(1_010), Height(100));
        assert_eq!(lag.recent.len(), 99);
        assert_eq!(lag.p99_ms(), Some(900));
        for height in 101..=400u64 {
            lag.durable(Height(height), TimeMs(2_000), true);
        }
        lag.published(TimeMs(2_020), Height(400));
        assert_eq!((lag.recent.len(), lag.p99_ms()), (BLOCKS_MAX, Some(20)));
    }
}
