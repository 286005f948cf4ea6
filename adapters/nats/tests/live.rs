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
        hash: messages::hash::Hash::of(&ordinal.to_be_bytes()),
        json: format!("{{\"version\":2,\"ordinal\":{ordinal}}}"),
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
    let sink = NatsEvents::connect(&Server::open(&url), &network, Duration::ZERO);
    let early = publish(&sink, 1..51);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        (sink.next_ordinal(), sink.state()),
        (None, LinkState::Connecting)
    );
    let server = NatsServer::start(port, dir.path());
    told(early).await;
    assert_eq!(
        (sink.next_ordinal(), sink.state()),
        (Some(51), LinkState::Ready)
    );
    sink.ping().await.expect("the server answers");
    told(publish(&sink, 51..401)).await;
    // The publisher stops with a batch under way, and says some of it again.
    drop(publish(&sink, 401..601));
    drop(sink);
    let sink = NatsEvents::connect(&Server::open(&url), &network, Duration::ZERO);
    told(publish(&sink, 381..701)).await;
    until(&sink, 701).await;
    // The server stops, and events wait for it.
    drop(server);
    let waiting = publish(&sink, 701..901);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let server = NatsServer::start(port, dir.path());
    told(waiting).await;
    // A second node publishes the same.
    let twin = NatsEvents::connect(&Server::open(&url), &network, Duration::ZERO);
    until(&twin, 901).await;
    let (first, second) = (publish(&sink, 901..1001), publish(&twin, 891..1001));
    told(first).await;
    told(second).await;
    assert_eq!(stored(&url, &network).await, (1..1001).collect::<Vec<_>>());
    drop(server);
}

/// The first node stops; the second, which had the same events all along, goes on where it stood.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_publishes_when_the_first_does_not() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (port, network) = (free_port(), Name::try_new("trial-2").unwrap());
    let url = format!("nats://127.0.0.1:{port}");
    let _server = NatsServer::start(port, dir.path());
    let standby = Duration::from_millis(400);
    let first = NatsEvents::connect(&Server::open(&url), &network, Duration::ZERO);
    let second = NatsEvents::connect(&Server::open(&url), &network, standby);
    until(&first, 1).await;
    let (a, b) = (publish(&first, 1..301), publish(&second, 1..301));
    told(a).await;
    told(b).await;
    assert_eq!(second.published(), 0, "the first publishes them all");
    drop(first);
    told(publish(&second, 301..401)).await;
    assert_eq!(second.published(), 100);
    // It is back, and publishes at once; the other stands by again.
    let first = NatsEvents::connect(&Server::open(&url), &network, Duration::ZERO);
    until(&first, 401).await;
    let (a, b) = (publish(&first, 401..501), publish(&second, 401..501));
    told(a).await;
    told(b).await;
    assert_eq!(stored(&url, &network).await, (1..501).collect::<Vec<_>>());
    assert_eq!(first.published() + second.published(), 200);
}

/// The stream is deleted: the sink says that it wants everything again, and leaves no gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_stream_is_begun_again() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (port, network) = (free_port(), Name::try_new("trial-3").unwrap());
    let url = format!("nats://127.0.0.1:{port}");
    let _server = NatsServer::start(port, dir.path());
    let sink = NatsEvents::connect(&Server::open(&url), &network, Duration::ZERO);
    told(publish(&sink, 1..101)).await;
    let context = jetstream::new(async_nats::connect(&url).await.unwrap());
    context.delete_stream(stream_name(&network)).await.unwrap();
    told(publish(&sink, 101..201)).await;
    assert_eq!(sink.next_ordinal(), Some(1));
    told(publish(&sink, 1..201)).await;
    assert_eq!(stored(&url, &network).await, (1..201).collect::<Vec<_>>());
    // While all is quiet, too.
    context.delete_stream(stream_name(&network)).await.unwrap();
    until(&sink, 1).await;
}
