//! One deposit, one trace, across four nodes: seen by a collector.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use observability_names as names;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Text;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::PATIENCE;
use support::network::{NODES, Network};
use support::processes::nats_is_asked_for;
use tonic::{Request, Response, Status};

/// A span as the collector got it.
#[derive(Clone, Debug)]
struct Seen {
    node: String,
    name: String,
    id: Vec<u8>,
    parent: Vec<u8>,
}

/// Spans by trace.
type Kept = Arc<Mutex<BTreeMap<Vec<u8>, Vec<Seen>>>>;

/// Keeps what it gets.
struct Collector(Kept);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.0.lock().unwrap();
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap().attributes;
            let instance = attributes.iter().find(|a| a.key == "service.instance.id");
            let value = instance.unwrap().value.clone().unwrap().value.unwrap();
            let Text::StringValue(node) = value else {
                panic!("a node's name is a text")
            };
            for span in resource.scope_spans.into_iter().flat_map(|s| s.spans) {
                kept.entry(span.trace_id).or_default().push(Seen {
                    node: node.clone(),
                    name: span.name,
                    id: span.span_id,
                    parent: span.parent_span_id,
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A collector on loopback; gives its address.
fn collect(runtime: &tokio::runtime::Runtime, kept: Kept) -> String {
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(Collector(kept));
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(incoming));
        format!("http://{address}")
    })
}

/// Names of the spans of a trace, by node.
fn by_node(spans: &[Seen]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut nodes = BTreeMap::<&str, BTreeSet<&str>>::new();
    for span in spans {
        nodes.entry(&span.node).or_default().insert(&span.name);
    }
    nodes
}

#[test]
fn a_deposit_is_one_trace_across_four_nodes() {
    if !nats_is_asked_for() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let kept = Kept::default();
    let endpoint = collect(&runtime, kept.clone());
    let dir = tempfile::tempdir().unwrap();
    let net = Network::found(dir.path());
    net.start_open_server();
    // Only what a client traces is traced: nothing else would be kept at a ratio of 0.
    let traced = [
        ("WUTONG_OTLP_ENDPOINT", &*endpoint),
        ("WUTONG_OTLP_SAMPLE_RATIO", "0"),
    ];
    (0..NODES).for_each(|i| net.start_with(i, &[], &traced));
    (0..NODES).for_each(|i| net.wait_until_ready(i));
    let (status, body) = net.submit(1, 1, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
    let entry = support::statement(&net.name, "public", &support::key("traces"), 2).entry();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let url = format!("{}/v1/statements?wait_ms=30000", net.url(0));
    let status = runtime.block_on(async {
        let request = support::client().post(url).body(entry);
        let parent = format!("00-{trace}-b7ad6b7169203331-01");
        let answer = request.header("traceparent", parent).send().await;
        answer.unwrap().status().as_u16()
    });
    assert_eq!(status, 201);
    let wanted = [
        names::SPAN_GOSSIP,
        names::SPAN_ADMISSION,
        names::SPAN_DECIDE,
        names::SPAN_STORE,
        names::SPAN_CHECKPOINT,
    ];
    let is_whole = |spans: &[Seen]| {
        let nodes = by_node(spans);
        let others = (1..NODES).all(|i| {
            let seen = nodes.get(&*format!("validator-{i}"));
            seen.is_some_and(|seen| wanted.iter().all(|name| seen.contains(name)))
        });
        let own = nodes.get("validator-0");
        others && own.is_some_and(|own| own.contains(names::SPAN_SUBMIT))
    };
    let began = Instant::now();
    let spans = loop {
        let spans = kept
            .lock()
            .unwrap()
            .get(&hex::decode(trace).unwrap())
            .cloned();
        if let Some(spans) = spans.filter(|spans| is_whole(spans)) {
            break spans;
        }
        let so_far = kept.lock().unwrap().clone();
        assert!(
            began.elapsed() < PATIENCE,
            "the trace is never whole: {so_far:?}"
        );
        std::thread::sleep(Duration::from_millis(50)); // between two looks
    };
    assert_eq!(kept.lock().unwrap().len(), 1, "only what the client traces");
    let nodes = by_node(&spans);
    let own = &nodes["validator-0"];
    for name in [
        names::SPAN_POOL,
        names::SPAN_RECEIPT,
        names::SPAN_CHECKPOINT,
    ] {
        assert!(own.contains(name), "{own:?}");
    }
    let all: BTreeSet<&str> = nodes.values().flatten().copied().collect();
    assert!(
        all.contains(names::SPAN_PROPOSE) && all.contains(names::SPAN_PROPOSAL),
        "{all:?}"
    );
    let votes: BTreeSet<&str> = spans
        .iter()
        .filter(|span| span.name == names::SPAN_VOTE)
        .map(|span| &*span.node)
        .collect();
    assert!(votes.len() >= 3, "a quorum votes: {votes:?}");
    assert!(
        all.iter().all(|name| names::SPANS.contains(name)),
        "{all:?}"
    );
    // The client, the submission, what the gateway and the gossip did below it, and so on.
    let submit = spans.iter().find(|s| s.name == names::SPAN_SUBMIT).unwrap();
    assert_eq!(hex::encode(&submit.parent), "b7ad6b7169203331");
    for span in spans.iter().filter(|s| s.name != names::SPAN_SUBMIT) {
        let is_first = span.node == submit.node || span.name == names::SPAN_GOSSIP;
        let gossip = |s: &&Seen| s.node == span.node && s.name == names::SPAN_GOSSIP;
        let parent = match is_first {
            true => submit,
            false => spans.iter().find(gossip).unwrap(),
        };
        assert_eq!(span.parent, parent.id, "{span:?} below {parent:?}");
    }
    let text = net.get(0, "/metrics").1;
    assert!(text.contains("wutong_spans_exported_total{"), "{text}");
    println!(
        "{} spans of one deposit, from {} nodes",
        spans.len(),
        nodes.len()
    );
}
