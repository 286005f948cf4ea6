//! Exports the spans of a node over OTLP (gRPC), without ever holding it up.
//!
//! Whoever makes spans uses opentelemetry's own interface; without [`Traces::start`] that costs
//! next to nothing and goes nowhere. Spans wait in a bounded queue for a thread of their own, and
//! the connection lives on a runtime of its own: a collector that is slow or gone costs spans,
//! which are counted, and nothing else.

mod counting;

pub use counting::SpanCounts;

use counting::{CountingExporter, CountingProcessor, Counts};
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Spans that may wait for the collector; more are lost and counted.
const QUEUE_MAX: usize = 4_096;
/// Spans in one export.
const BATCH_MAX: usize = 512;
/// How often spans leave.
const EVERY: Duration = Duration::from_secs(1);
/// Longest that a collector may take for a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest that the end of a process waits for the last spans.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Where spans go, and how many of them.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceOptions {
    /// The collector, `http://host:4317`.
    pub endpoint: String,
    /// Part of the traces that begin here that is kept, 0 to 1. One that a client began is kept
    /// when the client keeps it.
    pub sample_ratio: f64,
    /// The network.
    pub network: String,
    /// The node.
    pub node: String,
}

/// Spans of this process on their way to a collector; the last ones leave when it is dropped.
pub struct Traces {
    provider: SdkTracerProvider,
    counts: Arc<Counts>,
    /// Carries the connection; dropped last.
    runtime: Option<Runtime>,
}

impl Traces {
    /// Begins to export the spans of this process. The collector need not be there.
    ///
    /// # Errors
    /// When the ratio or the endpoint cannot be used.
    pub fn start(options: &TraceOptions) -> Result<Self, String> {
        let ratio = options.sample_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            return Err(format!("otlp.sample_ratio: expected 0 to 1, found {ratio}"));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("traces")
            .enable_all()
            .build()
            .map_err(|e| format!("cannot start threads: {e}"))?;
        let inside = runtime.enter();
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&options.endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .map_err(|e| format!("otlp.endpoint: {}: {e}", options.endpoint))?;
        drop(inside);
        let counts = Arc::<Counts>::default();
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(EVERY)
            .build();
        let exporter = CountingExporter::new(exporter, counts.clone());
        let batching = BatchSpanProcessor::builder(exporter);
        let batching = batching.with_batch_config(batches).build();
        let attributes = [
            KeyValue::new("service.namespace", options.network.clone()),
            KeyValue::new("service.instance.id", options.node.clone()),
        ];
        let resource = Resource::builder()
            .with_service_name("wutong")
            .with_attributes(attributes);
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(CountingProcessor::new(batching, counts.clone()))
            .with_sampler(sampler)
            .with_resource(resource.build())
            .build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_tracer_provider(provider.clone());
        Ok(Self {
            provider,
            counts,
            runtime: Some(runtime),
        })
    }

    /// What became of the spans so far.
    pub fn counts(&self) -> SpanCounts {
        self.counts.read()
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // A collector that is gone is no reason to stay; what it missed is counted.
        let _ = self.provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
