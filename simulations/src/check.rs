//! The checkers: what must hold whatever happens, written from the specification.
//!
//! They read frames, disks and answers to clients, and call none of the predicates by which the
//! nodes themselves judge.

pub mod agreement;
pub mod altered;
pub mod answers;
pub mod events;
pub mod ledger;
pub mod misbehavior;
pub mod patience;
pub mod receipt_text;
pub mod receipts;
pub mod spoken;

use std::sync::{Arc, Mutex};

/// What was found to be wrong in a world, in order; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Violations(Arc<Mutex<Vec<String>>>);

impl Violations {
    /// Adds a violation.
    pub fn add(&self, what: impl Into<String>) {
        self.0
            .lock()
            .expect("no code panics while it holds the violations")
            .push(what.into());
    }

    /// The first one, if any.
    pub fn first(&self) -> Option<String> {
        self.0
            .lock()
            .expect("no code panics while it holds the violations")
            .first()
            .cloned()
    }
}
