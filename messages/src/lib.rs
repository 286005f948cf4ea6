//! The typed vocabulary of Wutong.
//!
//! Everything a stranger needs to verify a receipt is here, with no I/O, no clock and no
//! dependency on the node: newtypes, canonical bytes, statements, the log's proofs and their
//! offline verification, and the internal protocol messages.
//!
//! Two worlds, never mixed: *evidence formats* are published standards (COSE, RFC 6962, C2SP);
//! *internal formats* are rkyv frames around opaque signed CBOR ([`wire`]).

pub mod api;
pub mod batch;
pub mod blame;
pub mod block;
pub mod cbor;
pub mod checkpoint;
pub mod consensus;
pub mod cose_receipt;
pub mod deposit;
pub mod entropy;
pub mod event;
pub mod event_chain;
pub mod founding;
pub mod genesis;
pub mod hash;
pub mod ids;
pub mod keys;
pub mod merkle;
pub mod mutants;
pub mod note;
pub mod outcome;
pub mod policy;
pub mod policy_chain;
pub mod policy_entry;
mod policy_text;
pub mod ports;
pub mod quorum;
pub mod reading;
pub mod receipt;
pub mod report;
pub mod seal;
pub mod state_proof;
pub mod statement;
pub mod stored;
pub mod tlog_proof;
pub mod transparent;
pub mod verify;
mod verify_checks;
pub mod verify_transparent;
pub mod wire;
