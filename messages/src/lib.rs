//! The typed vocabulary of Wutong.
//!
//! Everything a stranger needs to verify a receipt is here, with no I/O, no clock and no
//! dependency on the node: newtypes, canonical bytes, statements, the log's proofs and their
//! offline verification, and the internal protocol messages.
//!
//! Two worlds, never mixed: *evidence formats* are published standards (COSE, RFC 6962, C2SP);
//! *internal formats* are rkyv frames around opaque signed CBOR ([`wire`]).

pub mod cbor;
pub mod entropy;
pub mod hash;
pub mod ids;
pub mod keys;
pub mod quorum;
