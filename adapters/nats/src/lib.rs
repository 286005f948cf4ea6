//! Links between nodes on many hosts, the API for clients, and events to integrators, over NATS (DESIGN.md section 10).
//!
//! A broker can delay or drop, never forge: events carry proof, and the ledger does not wait for
//! it. Its stream holds each event once and in order, also when several nodes publish to it and
//! when an acknowledgement is lost: every message names the stream sequence it must follow.

mod bridge;
mod counts;
mod events;
pub mod link;
mod publisher;
mod reader;
mod server;
mod service;
mod stream;

pub use bridge::{BridgeOptions, Deliver, NatsBridge, Peer};
pub use counts::BridgeCounts;
pub use events::{LinkState, NatsEvents, PingError};
pub use reader::{EventReader, ReadError, ReaderOptions, ReaderPosition};
pub use server::{ClientCertificate, Identity, Server, check_urls};
pub use service::{NatsService, QUEUE_GROUP, SERVICE_NAME, ServiceOptions, api_subject};
pub use stream::{events_subject, stream_name};
