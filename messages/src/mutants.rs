//! Faults put into the product on purpose, to prove that the simulator's checkers see them.
//!
//! With the feature `mutants`, which only the simulator's own test asks for, a thread may switch
//! one of them on. Without it there is no switch, and [`mutant!`](crate::mutant) is `false`.

#[cfg(feature = "mutants")]
use std::cell::Cell;

/// A fault that may be switched on.
#[cfg(feature = "mutants")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A validator prevotes a fresh proposal though it is locked on another block.
    SkipsLock,
    /// The one quorum formula gives one less.
    QuorumLessOne,
    /// Only votes and what they prove need one less; checkpoints and policies are as they should.
    VotesLessOne,
    /// Effects leave before what led to them is durable.
    ReleasesEarly,
    /// A cut of the journal forgets the inputs of heights to come.
    CutsFutureInputs,
    /// A timer counts that belongs to another height or was stopped.
    AcceptsStaleTimers,
    /// The verifier of receipts takes any path for one that leads to the root.
    SkipsPath,
    /// A tree head is cosigned when its block is decided, and not when it is durable.
    CosignsEarly,
}

#[cfg(feature = "mutants")]
thread_local! {
    // A world of the simulator is one thread, so that worlds with different faults run side by side.
    static CURRENT: Cell<Option<Mutant>> = const { Cell::new(None) };
}

/// Switches a fault on for this thread, in place of any other; `None` for a product without fault.
#[cfg(feature = "mutants")]
pub fn set(mutant: Option<Mutant>) {
    CURRENT.set(mutant);
}

/// Whether a fault is switched on for this thread.
#[cfg(feature = "mutants")]
pub fn is_on(mutant: Mutant) -> bool {
    CURRENT.get() == Some(mutant)
}

/// Whether the named fault is switched on.
#[cfg(feature = "mutants")]
#[macro_export]
macro_rules! mutant {
    ($name:ident) => {
        $crate::mutants::is_on($crate::mutants::Mutant::$name)
    };
}

/// Whether the named fault is switched on: never, for there is none in this build.
#[cfg(not(feature = "mutants"))]
#[macro_export]
macro_rules! mutant {
    ($name:ident) => {
        false
    };
}
