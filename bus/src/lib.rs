//! The internal bus: bounded mailboxes with written overflow policies, supervision as data, and
//! the asynchronous ports through which a node meets the outside world.
//!
//! Nothing here knows actix: a mailbox wakes whoever reads it through a callback.

pub mod api;
pub mod backup_file;
pub mod conformance;
pub mod journal_file;
pub mod mailbox;
pub mod ports;
pub mod supervision;
