//! Trace context across the envelope (W3C Trace Context, by opentelemetry's types).

use messages::wire::TraceContext;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, ContextGuard};

/// The context of the work under way; zeros when there is none.
pub(crate) fn current() -> TraceContext {
    let context = Context::current();
    to_wire(context.span().span_context())
}

/// A context as it travels; zeros when there is none.
pub(crate) fn to_wire(span: &SpanContext) -> TraceContext {
    if !span.is_valid() {
        return TraceContext::default();
    }
    TraceContext {
        trace: span.trace_id().to_bytes(),
        span: span.span_id().to_bytes(),
        flags: span.trace_flags().to_u8(),
    }
}

/// A peer's context.
pub(crate) fn span_context(trace: &TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(trace.trace),
        SpanId::from_bytes(trace.span),
        TraceFlags::new(trace.flags),
        true,
        TraceState::default(),
    )
}

/// Makes a peer's context that of the work that follows, until the guard is dropped.
pub(crate) fn attach(trace: &TraceContext) -> ContextGuard {
    let span = span_context(trace);
    Context::current().with_remote_span_context(span).attach()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_crosses_the_envelope() {
        let sent = TraceContext {
            trace: [7; 16],
            span: [3; 8],
            flags: 1,
        };
        assert_eq!(current(), TraceContext::default());
        let guard = attach(&sent);
        assert_eq!(current(), sent);
        drop(guard);
        assert_eq!(current(), TraceContext::default());
    }
}
