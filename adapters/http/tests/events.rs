//! Event streams: where they begin, how they resume, and when they end.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open stream.
struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    async fn open(node: &Served, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut head = format!("GET {path} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let text = String::new();
        let mut events = Self { stream, text };
        events.read_until(|text| text.contains("\r\n\r\n")).await;
        events
    }

    /// Reads on until the text meets a condition; whether it did before the end of the stream.
    async fn read_until(&mut self, met: impl Fn(&str) -> bool) -> bool {
        let mut buffer = [0; 4096];
        while !met(&self.text) {
            let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            match read.unwrap_or_else(|_| panic!("nothing came after {}", self.text)) {
                Ok(0) | Err(_) => return false,
                Ok(n) => self.text.push_str(&String::from_utf8_lossy(&buffer[..n])),
            }
        }
        true
    }

    /// Ordinals of the first `count` events, by their ids.
    async fn ordinals(&mut self, count: usize) -> Vec<u64> {
        let ids = |text: &str| -> Vec<u64> {
            let lines = text.lines().filter_map(|line| line.strip_prefix("id: "));
            lines.map(|id| id.parse().unwrap()).collect()
        };
        let enough = |text: &str| ids(text).len() >= count && text.ends_with('\n');
        assert!(self.read_until(enough).await, "{}", self.text);
        ids(&self.text)
    }
}

#[tokio::test]
async fn a_stream_begins_after_what_the_client_has() {
    let fake = FakeNode::default();
    publish(&fake.told, 250, 1);
    let node = serve(fake).await;
    for (path, headers, first) in [
        ("/v1/events?after=0", &[][..], 1),
        ("/v1/events?after=247", &[], 248),
        ("/v1/events", &[("last-event-id", "200")], 201),
        ("/v1/events?after=3", &[("Last-Event-ID", "249")], 250),
    ] {
        let mut events = Events::open(&node, path, headers).await;
        assert!(events.text.starts_with("HTTP/1.1 200"), "{}", events.text);
        assert!(events.text.contains("content-type: text/event-stream"));
        let expected: Vec<u64> = (first..=250).collect();
        assert_eq!(events.ordinals(expected.len()).await, expected, "{path}");
        let last = "id: 250\nevent: deposited\ndata: {\"ordinal\":250}\n\n";
        assert!(events.text.contains(last), "{}", events.text);
    }
}

#[tokio::test]
async fn a_stream_goes_on_as_blocks_are_published() {
    let fake = FakeNode::default();
    let told = fake.told.clone();
    publish(&told, 5, 1);
    let node = serve(fake).await;
    let mut newest = Events::open(&node, "/v1/events", &[]).await;
    let mut ahead = Events::open(&node, "/v1/events?after=6", &[]).await;
    let mut second = Events::open(&node, "/v1/events?after=5", &[]).await;
    for open in [&mut newest, &mut ahead, &mut second] {
        assert!(open.read_until(|text| text.contains("retry: 1000")).await);
    }
    publish(&told, 2, 2);
    assert_eq!(newest.ordinals(2).await, [6, 7]);
    assert_eq!(ahead.ordinals(1).await, [7]);
    publish(&told, 0, 3);
    publish(&told, 150, 4);
    let expected: Vec<u64> = (6..=157).collect();
    assert_eq!(newest.ordinals(152).await, expected);
    assert_eq!(second.ordinals(152).await, expected);
}

#[tokio::test]
async fn bad_ordinals_are_refused() {
    let node = serve(FakeNode::default()).await;
    for (path, headers, field) in [
        ("/v1/events?after=x", &[][..], "after"),
        ("/v1/events?from=1", &[], "from"),
        (
            "/v1/events?after=1",
            &[("last-event-id", "x")],
            "last-event-id",
        ),
    ] {
        let answer = node.send("GET", path, headers, b"").await;
        assert_eq!(
            (answer.status, answer.problem_field().as_str()),
            (400, field)
        );
    }
}

#[tokio::test]
async fn streams_are_bounded_and_make_room_again() {
    let fake = FakeNode::default();
    let told = fake.told.clone();
    let node = serve(fake).await;
    let mut open = Vec::new();
    for _ in 0..256 {
        open.push(Events::open(&node, "/v1/events", &[]).await);
    }
    let refused = node.get("/v1/events").await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(refused.json()["code"], "too-many-streams");
    assert_eq!(refused.header("retry-after"), Some("5"));
    drop(open.pop());
    let begun = std::time::Instant::now();
    let text = loop {
        let events = Events::open(&node, "/v1/events", &[]).await;
        if events.text.starts_with("HTTP/1.1 200") {
            break events.text;
        }
        assert!(begun.elapsed() < PATIENCE, "no room: {}", events.text);
        tokio::time::sleep(Duration::from_millis(20)).await; // until the server saw the end
    };
    assert!(text.contains("cache-control: no-cache"));
    publish(&told, 1, 1);
    for events in &mut open {
        assert_eq!(events.ordinals(1).await, [1]);
    }
}

#[tokio::test]
async fn streams_end_with_the_server() {
    let mut node = serve(FakeNode::default()).await;
    let mut events = Events::open(&node, "/v1/events", &[]).await;
    let begun = std::time::Instant::now();
    node.stop.take().unwrap().send(()).unwrap();
    assert!(!events.read_until(|_| false).await, "the stream ends");
    node.ended.await.unwrap().unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "before the drain's end"
    );
}

#[tokio::test]
async fn the_node_forgets_a_surface_that_is_gone() {
    let fake = FakeNode::default();
    let told = fake.told.clone();
    drop(adapters_http::router(std::sync::Arc::new(fake)));
    publish(&told, 1, 1);
    assert!(told.lock().unwrap().1.is_empty());
}
