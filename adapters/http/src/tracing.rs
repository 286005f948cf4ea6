//! The root of a deposit's trace: one span for each submission (W3C Trace Context).
//!
//! Without somebody who exports spans, all of this does nothing.

use axum::http::HeaderMap;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, global};

/// The span of a submission; it ends when this is dropped.
pub(crate) struct SubmitSpan(Context);

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

impl SubmitSpan {
    /// A span below the client's own, if it sent one with `traceparent`.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let client = global::get_text_map_propagator(|p| p.extract(&Headers(headers)));
        let tracer = global::tracer("wutong");
        let builder = tracer.span_builder(observability_names::SPAN_SUBMIT);
        let builder = builder.with_kind(SpanKind::Server);
        let span = tracer.build_with_context(builder, &client);
        Self(client.with_span(span))
    }

    /// The context in which to call the node.
    pub(crate) fn context(&self) -> Context {
        self.0.clone()
    }
}

impl Drop for SubmitSpan {
    fn drop(&mut self) {
        self.0.span().end();
    }
}
