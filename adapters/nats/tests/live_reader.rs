//! Against a real NATS server: a reader takes each event once, in order, and tells what is missing
//! or changed.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use adapters_nats::{
    EventReader, ReadError, ReaderOptions, ReaderPosition, Server, events_subject, stream_name,
};
use async_nats::jetstream::{self, Context, stream};
use messages::event_chain::ChainEvent;
use messages::ids::Name;
use serde_json::Value;
use support::{NatsServer, WAIT_MAX, free_port, is_asked_for};

fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

/// Five events of network `trial`: court, court, notary, court, notary.
fn events() -> Vec<Value> {
    let vectors = include_str!("../../client/tests/event_chain.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let steps = vectors["cases"][0]["steps"].as_array().unwrap().clone();
    steps
        .into_iter()
        .map(|step| step["event"].clone())
        .collect()
}

struct Bench {
    _server: Option<NatsServer>,
    dir: tempfile::TempDir,
    port: u16,
    context: Context,
}

impl Bench {
    async fn start() -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let server = NatsServer::start(port, dir.path());
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        let client = options.connect(format!("127.0.0.1:{port}")).await.unwrap();
        let context = jetstream::new(client);
        let bench = Self {
            _server: Some(server),
            dir,
            port,
            context,
        };
        bench.make_stream().await;
        bench
    }

    async fn make_stream(&self) {
        let config = stream::Config {
            name: stream_name(&name("trial")),
            subjects: vec!["wutong.trial.v1.events.>".into()],
            ..Default::default()
        };
        let made = async { while self.context.create_stream(config.clone()).await.is_err() {} };
        tokio::time::timeout(WAIT_MAX, made).await.unwrap();
    }

    async fn publish(&self, event: &Value) {
        let subject = events_subject(&name("trial"), &name(event["namespace"].as_str().unwrap()));
        let sent = self.context.publish(subject, event.to_string().into());
        sent.await.unwrap().await.unwrap();
    }

    async fn delete(&self, sequence: u64) {
        let stream = self.context.get_stream(stream_name(&name("trial")));
        let deleted = stream.await.unwrap().delete_message(sequence).await;
        assert!(deleted.unwrap());
    }

    async fn reader(&self, durable: &str, from: ReaderPosition) -> EventReader {
        let options = ReaderOptions {
            server: Server::open(&format!("nats://127.0.0.1:{}", self.port)),
            durable: durable.into(),
            from,
            policy: None,
        };
        EventReader::connect(options).await.unwrap()
    }
}

async fn next(reader: &mut EventReader) -> Result<u64, ReadError> {
    let next = tokio::time::timeout(WAIT_MAX, reader.next()).await;
    next.expect("an event comes in time")
        .map(|event| event.ordinal)
}

/// Takes so many events; gives their ordinals and where to go on.
async fn take(reader: &mut EventReader, count: usize) -> (Vec<u64>, ReaderPosition) {
    let mut ordinals = Vec::new();
    for _ in 0..count {
        ordinals.push(next(reader).await.unwrap());
        reader.taken().await.unwrap();
    }
    (ordinals, reader.position().clone())
}

fn beginning(namespace: Option<&str>) -> ReaderPosition {
    ReaderPosition::new(name("trial"), namespace.map(name))
}

#[tokio::test]
async fn each_event_is_taken_once_and_resumed_from_what_was_saved() {
    if !is_asked_for() {
        return;
    }
    let (mut bench, events) = (Bench::start().await, events());
    // Some come twice, as after a lost acknowledgement without deduplication.
    for at in [0, 1, 1, 0, 2] {
        bench.publish(&events[at]).await;
    }
    let mut all = bench.reader("all", beginning(None)).await;
    let (ordinals, first) = take(&mut all, 1).await;
    assert_eq!(ordinals, [1]);
    // Given out and not taken: it is given out again, to this reader and to one after it.
    assert_eq!(next(&mut all).await.unwrap(), 2);
    assert_eq!(next(&mut all).await.unwrap(), 2);
    drop(all);
    let saved = ReaderPosition::from_json(&first.to_json()).unwrap();
    let mut all = bench.reader("all", saved).await;
    let (ordinals, third) = take(&mut all, 2).await;
    assert_eq!(ordinals, [2, 3]);
    assert_eq!(third.sequence, 5);
    // The server restarts; what came meanwhile follows.
    drop(bench._server.take());
    bench._server = Some(NatsServer::start(bench.port, bench.dir.path()));
    bench.make_stream().await;
    bench.publish(&events[3]).await;
    bench.publish(&events[4]).await;
    let rest = async {
        let mut ordinals = Vec::new();
        while ordinals.len() < 2 {
            // While the server is away, the reader says so and can be asked again.
            if let Ok(ordinal) = next(&mut all).await {
                ordinals.push(ordinal);
                all.taken().await.unwrap();
            }
        }
        ordinals
    };
    assert_eq!(tokio::time::timeout(WAIT_MAX, rest).await.unwrap(), [4, 5]);
    drop(all);
    // The durable stands at the end; what was saved stands before, and wins.
    let mut again = bench.reader("all", first).await;
    assert_eq!(take(&mut again, 4).await.0, [2, 3, 4, 5]);
    // A namespace has its own ordinals, and nothing of the others.
    let mut court = bench.reader("court", beginning(Some("court"))).await;
    let (ordinals, position) = take(&mut court, 3).await;
    assert_eq!((ordinals, position.chain.ordinal()), (vec![1, 2, 4], 3));
}

#[tokio::test]
async fn what_is_missing_is_asked_for_again_and_then_told() {
    if !is_asked_for() {
        return;
    }
    let (bench, events) = (Bench::start().await, events());
    for event in &events {
        bench.publish(event).await;
    }
    bench.delete(3).await;
    let mut all = bench.reader("all", beginning(None)).await;
    assert_eq!(take(&mut all, 2).await.0, [1, 2]);
    for _ in 0..2 {
        let error = next(&mut all).await.unwrap_err();
        let gap = matches!(
            error,
            ReadError::Gap {
                expected: 3,
                found: 4
            }
        );
        assert!(gap, "{error}");
        assert!(error.to_string().contains("/v1/events?after=2"), "{error}");
    }
    assert_eq!(all.position().chain.ordinal(), 2);
    // The caller got event 3 elsewhere, and goes on behind it.
    let mut from = all.position().clone();
    let hash = events[2]["hash"]
        .as_str()
        .and_then(messages::hash::Hash::from_hex);
    from.chain = from.chain.after(3, hash);
    let mut all = bench.reader("all", from).await;
    assert_eq!(take(&mut all, 2).await.0, [4, 5]);
    // A position of a stream that was longer, before somebody deleted it: what is needed stands
    // before the message that it names.
    let mut from = all.position().clone();
    let hash = events[3]["hash"]
        .as_str()
        .and_then(messages::hash::Hash::from_hex);
    from.chain = from.chain.after(4, hash);
    from.sequence = 5;
    let mut later = events[4].clone();
    later["ordinal"] = 6.into();
    later["hash"] = ChainEvent::from_value(later.clone())
        .unwrap()
        .computed_hash()
        .to_string()
        .into();
    bench.publish(&later).await;
    let mut longer = bench.reader("all", from).await;
    assert_eq!(take(&mut longer, 1).await.0, [5]);
    // A namespace that lost nothing sees no gap.
    let mut court = bench.reader("court", beginning(Some("court"))).await;
    assert_eq!(take(&mut court, 3).await.0, [1, 2, 4]);
}

#[tokio::test]
async fn a_changed_event_is_named_with_its_message() {
    if !is_asked_for() {
        return;
    }
    let (bench, events) = (Bench::start().await, events());
    bench.publish(&events[0]).await;
    let mut changed = events[1].clone();
    changed["block_time_ms"] = 1.into();
    bench.publish(&changed).await;
    let mut all = bench.reader("all", beginning(None)).await;
    assert_eq!(take(&mut all, 1).await.0, [1]);
    for _ in 0..2 {
        let error = next(&mut all).await.unwrap_err();
        let ReadError::Broken {
            sequence: 2,
            broken,
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(broken.field, "hash");
    }
    // The true one follows: the changed one stays an error until somebody removes it.
    bench.publish(&events[1]).await;
    bench.delete(2).await;
    assert_eq!(take(&mut all, 1).await.0, [2]);
}
