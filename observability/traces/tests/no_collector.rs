//! A collector that is not there costs spans, which are counted, and nothing else.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use observability_traces::{TraceOptions, Traces};
use opentelemetry::global;
use opentelemetry::trace::{Span, Tracer};
use std::net::TcpListener;
use std::time::{Duration, Instant};

fn options(endpoint: String, sample_ratio: f64) -> TraceOptions {
    TraceOptions {
        endpoint,
        sample_ratio,
        network: "trial".into(),
        node: "v1".into(),
    }
}

#[test]
fn spans_for_nobody_are_counted_and_hold_nobody_up() {
    // Nobody listens at a port that was just given back.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let traces = Traces::start(&options(format!("http://127.0.0.1:{port}"), 1.0)).unwrap();
    let tracer = global::tracer("test");
    let began = Instant::now();
    for _ in 0..20_000 {
        tracer.start("span").end();
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(traces.counts().ended, 20_000);
    while traces.counts().failed == 0 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{:?}",
            traces.counts()
        );
        std::thread::sleep(Duration::from_millis(10)); // between two looks
    }
    assert_eq!(traces.counts().exported, 0);
    let began = Instant::now();
    drop(traces);
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn what_cannot_be_is_named() {
    let error = Traces::start(&options("http://127.0.0.1:1".into(), 1.5)).map(drop);
    assert_eq!(
        error,
        Err("otlp.sample_ratio: expected 0 to 1, found 1.5".into())
    );
    let error = Traces::start(&options("no url".into(), 0.5))
        .map(drop)
        .unwrap_err();
    assert!(error.starts_with("otlp.endpoint: no url: "), "{error}");
}
