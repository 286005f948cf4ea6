//! actix shells around the ledger's machines, and [`assemble`], the one function that builds a
//! node.
//!
//! Only `shell`, `link` and `supervisor` touch actix. Machines never see a context: the shell steps
//! them, journals what they received, and releases what they ask for once it is durable.

mod cores;
mod link;
mod listeners;
mod node;
mod ports;
mod routes;
mod shell;
#[cfg(test)]
mod shell_tests;
mod supervisor;
mod trace;

pub use node::{NodeHandle, assemble};
pub use ports::{NodeKeys, NodePorts};
