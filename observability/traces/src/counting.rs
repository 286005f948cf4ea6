//! What becomes of spans, counted.

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Spans since the start; what ended and was neither exported nor failed waits, or was lost
/// because the queue was full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// Sampled spans that ended.
    pub ended: u64,
    /// Spans that the collector took.
    pub exported: u64,
    /// Spans that it did not take.
    pub failed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    ended: AtomicU64,
    exported: AtomicU64,
    failed: AtomicU64,
}

impl Counts {
    pub(crate) fn read(&self) -> SpanCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SpanCounts {
            ended: read(&self.ended),
            exported: read(&self.exported),
            failed: read(&self.failed),
        }
    }
}

/// Counts what ends.
#[derive(Debug)]
pub(crate) struct CountingProcessor<P> {
    inner: P,
    counts: Arc<Counts>,
}

impl<P> CountingProcessor<P> {
    pub(crate) fn new(inner: P, counts: Arc<Counts>) -> Self {
        Self { inner, counts }
    }
}

impl<P: SpanProcessor> SpanProcessor for CountingProcessor<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        self.counts.ended.fetch_add(1, Ordering::Relaxed);
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Counts what leaves, and what does not.
#[derive(Debug)]
pub(crate) struct CountingExporter<E> {
    inner: E,
    counts: Arc<Counts>,
}

impl<E> CountingExporter<E> {
    pub(crate) fn new(inner: E, counts: Arc<Counts>) -> Self {
        Self { inner, counts }
    }
}

impl<E: SpanExporter> SpanExporter for CountingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let exported = self.inner.export(batch).await;
        let counter = match &exported {
            Ok(()) => &self.counts.exported,
            Err(_) => &self.counts.failed,
        };
        counter.fetch_add(spans, Ordering::Relaxed);
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
