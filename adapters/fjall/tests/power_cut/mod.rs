//! Real storage under simulated power cuts.
//!
//! A child process runs a workload on the real node storage while `recorder.c` writes down what it
//! does to its files ([`recording`]). The log is read into events on files and folders ([`log`]).
//! For each cut the parent takes the events up to some moment, decides what of them reached the
//! disk ([`disk`]), makes that folder, opens it and compares what is there with what had been
//! acknowledged by then ([`judge`]). [`suite`] draws many cuts from a seed and counts.

pub(crate) mod disk;
pub(crate) mod isolated;
pub(crate) mod judge;
pub(crate) mod log;
pub(crate) mod recording;
pub(crate) mod rng;
pub(crate) mod seen;
pub(crate) mod suite;
pub(crate) mod workload;
