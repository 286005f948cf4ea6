//! Statements and proposals that wait for bodies.

use super::Waiting;
use messages::hash::Hash;
use std::collections::VecDeque;

/// Most of them; the oldest goes first. Peers tell again what they admitted, and proposers propose
/// again.
const PARKED_MAX: usize = 1024;

/// A thing and the bodies it waits for.
struct Parked {
    missing: Vec<Hash>,
    waiting: Waiting,
}

/// What waits for bodies, in order of arrival.
#[derive(Default)]
pub(super) struct ParkedItems(VecDeque<Parked>);

impl ParkedItems {
    /// Parks a thing until every body of `missing` is here; gives the oldest when there is no room.
    pub(super) fn park(&mut self, waiting: Waiting, missing: Vec<Hash>) -> Option<Waiting> {
        self.0.push_back(Parked { missing, waiting });
        (self.0.len() > PARKED_MAX)
            .then(|| self.0.pop_front())
            .flatten()
            .map(|parked| parked.waiting)
    }

    /// Things that wait.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A body is here: gives what waits for nothing more.
    pub(super) fn release(&mut self, digest: &Hash) -> Vec<Waiting> {
        for parked in &mut self.0 {
            parked.missing.retain(|missing| missing != digest);
        }
        self.take(|parked| parked.missing.is_empty())
    }

    /// A body will not come: gives the clients' statements that wait for it.
    pub(super) fn give_up(&mut self, digest: &Hash) -> Vec<Waiting> {
        self.take(|parked| {
            matches!(parked.waiting, Waiting::Client { .. }) && parked.missing.contains(digest)
        })
    }

    fn take(&mut self, is_taken: impl Fn(&Parked) -> bool) -> Vec<Waiting> {
        let (taken, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.0).into_iter().partition(is_taken);
        self.0 = kept;
        taken.into_iter().map(|parked| parked.waiting).collect()
    }
}
