//! actix shells around the ledger's machines, and [`assemble`], the one function that builds a
//! node.
//!
//! Only `host` and `supervisor` touch actix. Machines never see a context: the shell steps
//! them, journals what they received, and releases what they ask for once it is durable.

mod cores;
mod counts;
mod host;
mod link;
mod listeners;
mod node;
mod ports;
mod routes;
mod shell;
#[cfg(test)]
mod shell_tests;
mod stepped;
mod supervisor;
mod trace;
mod traced;
mod wiring;

pub use counts::{MailboxUse, NodeUse};
pub use node::{NodeHandle, assemble, assemble_stepped};
pub use ports::{MailboxBounds, NodeKeys, NodePorts};
pub use stepped::SteppedParts;
