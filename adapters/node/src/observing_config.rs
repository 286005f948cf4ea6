//! `[log]` and `[otlp]` of `node.toml`.

use crate::logs::LogFormat;
use serde::Deserialize;

/// `[log]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSection {
    /// `text` or `json`.
    #[serde(default)]
    pub(crate) format: LogFormat,
    /// What is logged; `RUST_LOG` wins over it.
    #[serde(default)]
    pub(crate) filter: Option<String>,
}

/// `[otlp]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtlpSection {
    /// The collector (gRPC), `http://host:4317`; empty: nothing is traced.
    #[serde(default)]
    pub(crate) endpoint: String,
    /// Part of the deposits that is traced, 0 to 1.
    #[serde(default = "one_percent")]
    pub(crate) sample_ratio: f64,
}

fn one_percent() -> f64 {
    0.01
}

impl Default for OtlpSection {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            sample_ratio: one_percent(),
        }
    }
}
