//! Links between nodes on many hosts, and events to integrators, over NATS (DESIGN.md section 10).
//!
//! A broker can delay or drop, never forge: events carry proof, and the ledger does not wait for
//! it. Its stream holds each event once and in order, also when several nodes publish to it and
//! when an acknowledgement is lost: every message names the stream sequence it must follow.

mod bridge;
mod counts;
mod events;
pub mod link;
mod publisher;
mod server;
mod stream;

pub use bridge::{BridgeOptions, Deliver, NatsBridge, Peer};
pub use counts::BridgeCounts;
pub use events::{LinkState, NatsEvents, PingError};
pub use server::Server;
pub use stream::{events_subject, stream_name};
