//! The shape of every pure machine: one input enum in, effects out, time passed in.

use messages::ids::TimeMs;

/// When and where an input stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The time the machine is told; journaled with the input.
    pub now: TimeMs,
    /// Position the input gets in the node's journal if it is kept.
    pub seq: u64,
}

/// Whether an input changed the machine, and so must be durable before its effects leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Journal it; it led to a signature, so the second watermark must cover it too.
    Vote,
    /// Journal it.
    Yes,
    /// Soft: replay does without it.
    No,
}

/// A pure machine. Hostile input is counted and dropped, never an error.
pub trait Machine: Sized {
    /// Everything it reacts to.
    type Input;
    /// Everything it asks for.
    type Effect;

    /// Reacts to one input.
    fn step(&mut self, at: At, input: &Self::Input, out: &mut Vec<Self::Effect>) -> Keep;

    /// Called once after all inputs that waited together were stepped: the place for batches.
    /// Only machines without a journal use it.
    fn flush(&mut self, _now: TimeMs, _out: &mut Vec<Self::Effect>) {}
}
