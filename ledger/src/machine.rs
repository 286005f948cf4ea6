//! The shape of every pure machine: one input enum in, effects out, time passed in.

use messages::hash::Hash;
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

    /// Adds to `out` what every replay of the same inputs must lead to again: what was signed,
    /// without the signatures, and what was decided. Effects that depend on soft state add nothing.
    fn imprint(_effect: &Self::Effect, _out: &mut Vec<u8>) {}

    /// How many things it keeps in memory that clients or peers make it keep: each machine bounds
    /// them, and the simulator looks.
    fn kept(&self) -> usize {
        0
    }

    /// Called once after all inputs that waited together were stepped: the place for batches.
    /// Only machines without a journal use it.
    fn flush(&mut self, _now: TimeMs, _out: &mut Vec<Self::Effect>) {}
}

/// The first eight bytes, big-endian, of SHA-256 over the imprints of `effects`; 0 when they leave
/// none. It stands in the journal beside the input that led to them.
pub fn effects_digest<M: Machine>(effects: &[M::Effect]) -> u64 {
    let mut imprint = Vec::new();
    effects.iter().for_each(|e| M::imprint(e, &mut imprint));
    if imprint.is_empty() {
        return 0;
    }
    let hash = Hash::of(&imprint).0;
    let first = hash.first_chunk().expect("a hash has 32 bytes");
    u64::from_be_bytes(*first)
}
