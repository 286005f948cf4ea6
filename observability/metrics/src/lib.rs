//! What a node does, as OpenTelemetry metrics in the text format of Prometheus.
//!
//! A scrape begins with a look: the surface asks the node how it is, reads what its adapters
//! count, and hands both to [`NodeMetrics::expose`]. So nothing here stands in the way of the
//! machines, and a node that nobody scrapes does no work for it. Only what cannot be looked up
//! later, such as durations, is recorded as it happens.
//!
//! Invariants:
//! - no metric that is not in [`observability_names::METRICS`]: an unknown one panics in tests;
//! - labels are bounded: validators of genesis, actors, routes of the surface, reasons of refusal.

mod disk;
mod instruments;
mod node;
mod readings;

pub use disk::{DiskRoom, disk_room};
pub use node::{HttpAnswer, NodeMetrics};
pub use readings::Readings;
