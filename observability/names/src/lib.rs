//! Registry of the names under which a node reports: spans, metrics and log targets, with units.
//!
//! It depends on no exporter: whoever counts or traces takes the name from here, and an exporter
//! finds every name in [`METRICS`].

/// A metric: its name, its unit and what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name, without the unit.
    pub name: &'static str,
    /// Unit in UCUM notation; `1` for counts.
    pub unit: &'static str,
    /// What it tells.
    pub help: &'static str,
}

/// Cores refolded after a panic, by actor.
pub const ACTOR_RESTARTS: Metric = Metric {
    name: "wutong_actor_restarts",
    unit: "1",
    help: "cores refolded after a panic",
};
/// Inputs rejected because they panicked the core twice.
pub const POISON_INPUTS: Metric = Metric {
    name: "wutong_poison_inputs",
    unit: "1",
    help: "inputs that panicked a core twice",
};
/// Frames of peers that were refused.
pub const FRAMES_REFUSED: Metric = Metric {
    name: "wutong_frames_refused",
    unit: "1",
    help: "frames of peers refused",
};

/// Every metric, for exporters and dashboards.
pub const METRICS: [Metric; 3] = [ACTOR_RESTARTS, POISON_INPUTS, FRAMES_REFUSED];

/// Span of one submission at a gateway.
pub const SPAN_SUBMIT: &str = "wutong.submit";
/// Span of one frame from a peer.
pub const SPAN_FRAME: &str = "wutong.frame";
