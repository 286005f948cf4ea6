//! One direction of a link between two nodes over a broker that nobody has to trust: frames in,
//! packets out, and back.
//!
//! A broker may drop, delay, repeat and reorder packets, and show them to others; it cannot forge
//! them. Each packet carries a tag by a key that only its two ends know: HMAC-SHA-256 (RFC 2104)
//! under a key derived from X25519 (RFC 7748) between their transport keys, one per direction.
//!
//! A packet is, integers big-endian:
//! `"WTLK" | version 1 (u8) | kind (u8) | session (u64) | seq (u64) | frame (u64) | part (u16) |
//! parts (u16) | content | tag (16)`.
//!
//! A sender numbers its packets from 1 within a session, which is the time it started, and keeps
//! the newest for a while. A receiver hands each packet on once, asks again for what is missing,
//! and gives up on what does not come: consensus and sync live with loss, repetition costs them
//! nothing but time.

mod incoming;
mod outgoing;
mod packet;

pub use incoming::{Incoming, Received};
pub use outgoing::Outgoing;
pub use packet::{LinkKey, PACKET_BYTES_MIN, Refusal};

#[cfg(test)]
mod lossy;
#[cfg(test)]
mod tests;
