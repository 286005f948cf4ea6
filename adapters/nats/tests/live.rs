//! Against a real NATS server: each event once and in order, across a restart of the publisher
//! and of the server.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be
//! installed then.

// The lints do not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use adapters_nats::{LinkState, NatsEvents, Server, stream_name};
use async_nats::jetstream;
use bus::ports::{Event, EventSink};
use messages::ids::Name;
use std::time::Duration;
use support::{NatsServer, WAIT_MAX, free_port, is_asked_for};
use tokio::sync::oneshot;

fn events(ordinals: core::ops::Range<u64>) -> Vec<Event> {
    let event = |ordinal: u64| Event {
        ordinal,
        namespace: Name::try_new(if ordinal.is_multiple_of(3) {
            "court"
        } else {
            "notary"
        })
        .unwrap(),
        json: format!("{{\"version\":1,\"ordinal\":{ordinal}}}"),
    };
    ordinals.map(event).collect()
}

fn publish(sink: &NatsEvents, ordinals: core::ops::Range<u64>) -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    let done = move || {
        let _ = sender.send(());
    };
    sink.publish(events(ordinals), Box::new(done));
    receiver
}

async fn told(done: oneshot::Receiver<()>) {
    let told = tokio::time::timeout(WAIT_MAX, done).await;
    told.expect("events are published in time")
        .expect("the sink lives");
}

async fn until(sink: &NatsEvents, next_ordinal: u64) {
    let known = async {
        while sink.next_ordinal() != Some(next_ordinal) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(WAIT_MAX, known)
        .await
        .expect("the sink learns where to begin");
}

async fn stored(url: &str, network: &Name) -> Vec<u64> {
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    let stream = context.get_stream(stream_name(network)).await.unwrap();
    let last = stream.cached_info().state.last_sequence;
    let mut ordinals = Vec::new();
    for sequence in 1..=last {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        ordinals.push(json["ordinal"].as_u64().unwrap());
    }
    ordinals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_events_arrive_in_order_and_none_twice() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (port, network) = (free_port(), Name::try_new("trial-1").unwrap());
    let url = format!("nats://127.0.0.1:{port}");
    // The sink starts before the server does.
    let sink = NatsEvents::connect(&Server::open(&url), &network);
    let early = publish(&sink, 0..50);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        (sink.next_ordinal(), sink.state()),
        (None, LinkState::Connecting)
    );
    let server = NatsServer::start(port, dir.path());
    told(early).await;
    assert_eq!(
        (sink.next_ordinal(), sink.state()),
        (Some(50), LinkState::Ready)
    );
    sink.ping().await.expect("the server answers");
    told(publish(&sink, 50..400)).await;
    // The publisher stops with a batch under way, and says some of it again.
    drop(publish(&sink, 400..600));
    drop(sink);
    let sink = NatsEvents::connect(&Server::open(&url), &network);
    told(publish(&sink, 380..700)).await;
    until(&sink, 700).await;
    // The server stops, and events wait for it.
    drop(server);
    let waiting = publish(&sink, 700..900);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let server = NatsServer::start(port, dir.path());
    told(waiting).await;
    // A second node publishes the same.
    let twin = NatsEvents::connect(&Server::open(&url), &network);
    until(&twin, 900).await;
    let (first, second) = (publish(&sink, 900..1000), publish(&twin, 890..1000));
    told(first).await;
    told(second).await;
    assert_eq!(stored(&url, &network).await, (0..1000).collect::<Vec<_>>());
    drop(server);
}
