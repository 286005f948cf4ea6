//! Comparing what an opened node serves with what had happened.

use super::judge::{Demand, Facts};
use super::workload::{Plan, RETAIN_HEIGHTS, Step};
use adapters_fjall::Opened;
use bus::conformance::holds;
use bus::ports::{HeadSignatures, Record, Stream};
use messages::hash::Hash;
use messages::ids::Height;
use std::collections::{BTreeMap, BTreeSet};

/// Why a check does not hold.
pub(super) enum Failure {
    /// Something is not there.
    Missing(String),
    /// Something is there and is not what was written, or was never written.
    Wrong(String),
    /// The storage told of a failure.
    Told,
}

/// An opened node, and what is known of it.
pub(super) struct Seen<'a> {
    pub(super) plan: &'a Plan,
    pub(super) facts: &'a Facts,
    pub(super) opened: &'a Opened,
    pub(super) demand: Demand,
}

impl Seen<'_> {
    /// The state is that of the newest block. The ledger checks the same by the state's root.
    pub(super) fn state_is_of_head(&self) -> Result<(), Failure> {
        let count = self
            .opened
            .store
            .head()
            .map_or(0, |h| h.height.0 as usize + 1);
        let commits = self.plan.commits.iter().take(count);
        let rows: BTreeMap<_, _> = commits.flat_map(|c| c.state_rows.clone()).collect();
        match self.opened.store.state_rows() == rows.into_iter().collect::<Vec<_>>() {
            true => Ok(()),
            false => Err(Failure::Wrong("the state".into())),
        }
    }

    /// Blocks up to the head are whole and right, and nothing is there that was not begun.
    pub(super) fn serves_nothing_wrong(&self) -> Result<(), Failure> {
        let head = self.opened.store.head();
        let begun = self.heights(&self.facts.begun).last();
        if head.as_ref().map(|h| h.height) > begun {
            return Err(Failure::Wrong(format!(
                "a block that was not made: {head:?}"
            )));
        }
        if let Some(head) = head {
            let commits = &self.plan.commits[..=head.height.0 as usize];
            holds(&*self.opened.store, commits);
        }
        for record in self.loaded() {
            if self.plan.records.get(record.seq as usize - 1) != Some(&record) {
                return Err(Failure::Wrong(format!("record {}", record.seq)));
            }
        }
        for (i, step) in self.plan.steps.iter().enumerate() {
            let right = match step {
                Step::Body { digest, bytes } => match self.opened.bodies.body(digest) {
                    Some(found) => found == bytes && self.facts.begun.contains(&i),
                    None => true,
                },
                Step::Checkpoint { note, signatures } => self.serves_right(note, signatures),
                _ => true,
            };
            if !right {
                return Err(Failure::Wrong(format!("what step {i} wrote")));
            }
        }
        Ok(())
    }

    /// A checkpoint and its signatures are both there, or neither.
    fn serves_right(&self, note: &str, signatures: &HeadSignatures) -> bool {
        let height = signatures.height;
        let found = self.opened.store.checkpoint_from(height);
        let found = found.filter(|(h, _)| *h == height);
        match (found, self.opened.store.head_signatures(height)) {
            (None, None) => true,
            (Some((_, found)), Some(signed)) => found == note && signed == *signatures,
            _ => false,
        }
    }

    /// The heights of the blocks of some steps.
    fn heights(&self, steps: &BTreeSet<usize>) -> impl Iterator<Item = Height> {
        steps.iter().filter_map(|i| match &self.plan.steps[*i] {
            Step::Commit(commit) => Some(commit.block.height),
            _ => None,
        })
    }

    fn loaded(&self) -> Vec<Record> {
        let mut records = self.opened.journal.load(Stream::Consensus, 1);
        records.extend(self.opened.journal.load(Stream::Checkpoint, 1));
        records.sort_by_key(|r| r.seq);
        records
    }

    /// The records of these steps are there, but for those that no retained height needs.
    fn records(&self, steps: &BTreeSet<usize>) -> Result<(), Failure> {
        let head = self.opened.store.head();
        let oldest = head.and_then(|h| h.height.0.checked_sub(RETAIN_HEIGHTS));
        let from = oldest.map_or(1, |h| self.plan.commits[h as usize].block.replay_from);
        let loaded: BTreeSet<u64> = self.loaded().iter().map(|r| r.seq).collect();
        if let (Some(first), Some(last)) = (loaded.first(), loaded.last())
            && last - first + 1 != loaded.len() as u64
        {
            return Err(Failure::Wrong(format!("a gap in the journal: {loaded:?}")));
        }
        for step in steps {
            if let Step::Append { records, .. } = &self.plan.steps[*step]
                && let Some(lost) = records
                    .iter()
                    .find(|r| r.seq >= from && !loaded.contains(&r.seq))
            {
                return Err(Failure::Missing(format!(
                    "record {} of step {step}",
                    lost.seq
                )));
            }
        }
        Ok(())
    }

    /// Everything that these steps wrote is there. A checkpoint is durable with the next block.
    pub(super) fn holds_all(&self, steps: &BTreeSet<usize>) -> Result<(), Failure> {
        self.records(steps)?;
        let head = self.opened.store.head().map(|h| h.height);
        let newest = self.heights(steps).last();
        if head < newest {
            let what = format!("block {newest:?}, the head is {head:?}");
            return Err(Failure::Missing(what));
        }
        let is_commit = |i: &&usize| matches!(self.plan.steps[**i], Step::Commit(_));
        let last_commit = steps.iter().rfind(is_commit);
        for (i, step) in self.plan.steps.iter().enumerate() {
            let held = match step {
                Step::Body { digest, .. } if steps.contains(&i) => self.holds_body(digest),
                Step::Checkpoint { signatures, .. } if last_commit > Some(&i) => {
                    let found = self.opened.store.head_signatures(signatures.height);
                    found.is_some()
                }
                _ => true,
            };
            if !held {
                return Err(Failure::Missing(format!("step {i}")));
            }
        }
        Ok(())
    }

    /// A body that is held and does not read was noticed, which is no answer of an honest disk.
    fn holds_body(&self, digest: &Hash) -> bool {
        match self.demand {
            Demand::Everything => self.opened.bodies.body(digest).is_some(),
            _ => self.opened.bodies.holds_body(digest),
        }
    }
}
