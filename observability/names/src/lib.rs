//! Registry of the names under which a node reports: spans and metrics, with units and labels.
//!
//! It depends on no exporter: whoever counts or traces takes the name from here, and exporters,
//! the dashboard, the alerts and `docs/observability.md` are held against [`METRICS`] and
//! [`SPANS`] by tests.

mod metrics;
mod spans;

pub use metrics::*;
pub use spans::*;
