//! The metrics of one node.

use crate::instruments::{self, Shared, counter, durations, labelled};
use crate::readings::Readings;
use bus::api::BlockSummary;
use messages::ids::{Name, TimeMs};
use observability_names as names;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// Metrics that are recorded as they happen.
const RECORDED: [names::Metric; 6] = [
    names::BLOCKS,
    names::EXTRA_ROUNDS,
    names::PUBLISH_LAG,
    names::MISBEHAVIOR,
    names::HTTP_REQUESTS,
    names::HTTP_DURATION,
];

/// An answer of the HTTP surface.
#[derive(Clone, Copy, Debug)]
pub struct HttpAnswer<'a> {
    /// Method of the request.
    pub method: &'a str,
    /// The route as the surface knows it, not the path as the client wrote it.
    pub route: &'a str,
    /// Status of the answer.
    pub status: u16,
    /// From the request to the head of the answer.
    pub took: Duration,
}

/// The metrics of one node; a process with several nodes has one of these for each.
pub struct NodeMetrics {
    registry: Registry,
    /// Holds the instruments alive.
    _provider: SdkMeterProvider,
    readings: Shared,
    /// One scrape at a time: what is looked up belongs to the text that follows.
    scrape: Mutex<()>,
    blocks: Counter<u64>,
    extra_rounds: Counter<u64>,
    publish_lag: Histogram<f64>,
    misbehavior: Counter<u64>,
    http_requests: Counter<u64>,
    http_duration: Histogram<f64>,
}

impl NodeMetrics {
    /// Metrics with these as labels of each.
    ///
    /// # Errors
    /// When the exporter cannot be made.
    pub fn new(network: &Name, node: &Name) -> Result<Self, String> {
        let labels = HashMap::from([
            ("network".to_owned(), network.to_string()),
            ("node".to_owned(), node.to_string()),
        ]);
        let fail = |e: &dyn std::fmt::Display| format!("metrics: {e}");
        let registry = Registry::new_custom(None, Some(labels)).map_err(|e| fail(&e))?;
        let process = ProcessCollector::for_self();
        registry.register(Box::new(process)).map_err(|e| fail(&e))?;
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .map_err(|e| fail(&e))?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        let meter = provider.meter("wutong");
        let readings = Shared::default();
        instruments::observe_all(&meter, &readings, &RECORDED);
        Ok(Self {
            registry,
            readings,
            scrape: Mutex::new(()),
            blocks: counter(&meter, &names::BLOCKS),
            extra_rounds: counter(&meter, &names::EXTRA_ROUNDS),
            publish_lag: durations(&meter, &names::PUBLISH_LAG),
            misbehavior: counter(&meter, &names::MISBEHAVIOR),
            http_requests: counter(&meter, &names::HTTP_REQUESTS),
            http_duration: durations(&meter, &names::HTTP_DURATION),
            _provider: provider,
        })
    }

    /// All metrics in the text format of Prometheus, with what was just looked up.
    ///
    /// # Errors
    /// When the metrics cannot be collected.
    pub fn expose(&self, readings: Readings) -> Result<String, String> {
        let _one = self.scrape.lock().expect("no code panics under this lock");
        *self
            .readings
            .lock()
            .expect("no code panics under this lock") = readings;
        let families = self.registry.gather();
        let text = TextEncoder::new().encode_to_string(&families);
        text.map_err(|e| format!("metrics: {e}"))
    }

    /// A block was published here at `now`.
    pub fn on_published(&self, summary: &BlockSummary, now: TimeMs) {
        let block = &summary.block;
        if let Some(proposer) = &block.proposer {
            let labels = labelled(&names::BLOCKS, &[proposer.to_string()]);
            self.blocks.add(1, &labels);
        }
        self.extra_rounds.add(u64::from(block.round.0), &[]);
        // Clocks of hosts differ by a little: what seems to come from the future took no time.
        let lag_ms = now.0.saturating_sub(block.time.0);
        self.publish_lag.record(lag_ms as f64 / 1_000.0, &[]);
    }

    /// A validator signed two things.
    pub fn on_misbehavior(&self, validator: &str) {
        let labels = labelled(&names::MISBEHAVIOR, &[validator.to_owned()]);
        self.misbehavior.add(1, &labels);
    }

    /// The HTTP surface answered.
    pub fn on_http(&self, answer: &HttpAnswer<'_>) {
        let (method, route) = (known_method(answer.method), answer.route.to_owned());
        let status = answer.status.to_string();
        let both = [method.to_owned(), route.clone(), status];
        let labels = labelled(&names::HTTP_REQUESTS, &both);
        self.http_requests.add(1, &labels);
        let labels = labelled(&names::HTTP_DURATION, &[method.to_owned(), route]);
        let seconds = answer.took.as_secs_f64();
        self.http_duration.record(seconds, &labels);
    }
}

/// The methods that routes have; a client may write any word.
fn known_method(method: &str) -> &'static str {
    let known = ["GET", "POST", "PUT", "HEAD", "OPTIONS"];
    let found = known.into_iter().find(|known| *known == method);
    found.unwrap_or("other")
}
