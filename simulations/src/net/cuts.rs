//! Links that are cut for a while.

use super::Sent;
use crate::schedule::NodeIndex;
use std::collections::{BTreeMap, VecDeque};

/// Frames that a bridge delivers again after it was gone, per cut.
const REDELIVERED_MAX: usize = 16;

/// What becomes of a frame on a cut link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It is lost.
    Drop,
    /// It waits until the cut ends.
    Hold,
    /// It waits, and those delivered shortly before come again: at-least-once delivery.
    Bridge,
}

/// Links from some to others.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Senders.
    pub from: Vec<NodeIndex>,
    /// Receivers.
    pub to: Vec<NodeIndex>,
    /// The other direction too.
    pub both: bool,
    /// What becomes of frames.
    pub treatment: Treatment,
}

impl Cut {
    fn is_on(&self, from: NodeIndex, to: NodeIndex) -> bool {
        let there = self.from.contains(&from) && self.to.contains(&to);
        let back = self.both && self.from.contains(&to) && self.to.contains(&from);
        there || back
    }
}

/// The cuts of a network, and what they hold.
#[derive(Default)]
pub(super) struct Cuts {
    begun: u64,
    cuts: BTreeMap<u64, (Cut, Vec<Sent>)>,
    /// Delivered last, whoever to.
    last: VecDeque<Sent>,
}

impl Cuts {
    pub(super) fn begin(&mut self, cut: Cut) -> u64 {
        self.begun += 1;
        let mut held = Vec::new();
        if cut.treatment == Treatment::Bridge {
            let again = self
                .last
                .iter()
                .filter(|(from, to, _)| cut.is_on(*from, *to));
            held.extend(again.cloned());
        }
        self.cuts.insert(self.begun, (cut, held));
        self.begun
    }

    /// What the cut held; empty when it ended before.
    pub(super) fn end(&mut self, number: u64) -> Vec<Sent> {
        self.cuts
            .remove(&number)
            .map(|(_, held)| held)
            .unwrap_or_default()
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        self.cuts.keys().copied().collect()
    }

    /// How the first cut on the frame's link treats it; a cut that holds has it now.
    pub(super) fn meet(&mut self, sent: &Sent) -> Option<Treatment> {
        let on = |(cut, _): &&mut (Cut, Vec<Sent>)| cut.is_on(sent.0, sent.1);
        let (cut, held) = self.cuts.values_mut().find(on)?;
        if cut.treatment != Treatment::Drop {
            held.push(sent.clone());
        }
        Some(cut.treatment)
    }

    /// A frame goes on its way.
    pub(super) fn delivered(&mut self, sent: &Sent) {
        if self.last.len() == REDELIVERED_MAX {
            self.last.pop_front();
        }
        self.last.push_back(sent.clone());
    }
}
