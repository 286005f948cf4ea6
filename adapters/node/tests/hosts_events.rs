//! Events while the node that publishes them is gone, while their server starts again, and to
//! subscribers that come and go.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use adapters_nats::{EventReader, ReadError, ReaderOptions, ReaderPosition, Server};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, AckKind};
use futures::StreamExt;
use messages::event_chain::ChainEvent;
use messages::ids::Name;
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};
use support::books;
use support::load::under_load;
use support::network::Network;
use support::processes::nats_is_asked_for;
use support::proxy::Dice;
use support::{PATIENCE, key, post, statement};

/// Waits until the stream holds so many more events than statements there are now.
fn wait_for_events(network: &Network, node: usize) -> Duration {
    let began = Instant::now();
    let statements = network.health(node)["statements"].as_u64().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(books::stream(network, statements));
    began.elapsed()
}

#[test]
fn events_go_on_by_another_node_and_none_comes_twice() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    let (loaded, ()) = under_load(&network, &[1, 2, 3], |load| {
        load.wait_for(5);
        wait_for_events(&network, 1);
        network.kill(0);
        load.wait_for(5);
        println!("without validator-0: {:?}", wait_for_events(&network, 1));
        network.start(0);
        network.wait_until_caught_up(0, 1);
        load.wait_for(5);
        println!("with it again: {:?}", wait_for_events(&network, 1));
        // The same, while JetStream starts again.
        network.kill(0);
        load.wait_for(3);
        network.kill_server(0);
        network.wait_for_health(1, |h| h["quorum"] == false);
        network.start_server(0);
        load.wait_for(5);
        println!("after JetStream: {:?}", wait_for_events(&network, 1));
        network.start(0);
        network.wait_until_caught_up(0, 1);
        load.wait_for(5);
    });
    let books = books::close(&network, &loaded.acknowledged);
    println!("{} events", books.ids.len());
}

/// Deposits and events of the test below.
const EVENTS: u64 = 1_000;
/// How often the reader is dropped.
const DROPS: u64 = 10;

/// Deposits of clients at once; gives what was receipted.
fn deposit_many(network: &Network) -> BTreeSet<String> {
    let clients = 8;
    let deposit = |client: u64| {
        let mut ids = BTreeSet::new();
        for number in (client..EVENTS).step_by(clients) {
            let entry = statement(&network.name, "public", &key("many"), number).entry();
            let url = network.url(number as usize % 4);
            let (status, body) =
                post(&format!("{url}/v1/statements?wait_ms=30000"), entry).unwrap();
            assert_eq!(status, 201, "{body}");
            ids.insert(body["id"].as_str().unwrap().to_owned());
        }
        ids
    };
    thread::scope(|scope| {
        let deposit = &deposit;
        let all: Vec<_> = (0..clients as u64)
            .map(|client| scope.spawn(move || deposit(client)))
            .collect();
        all.into_iter().flat_map(|c| c.join().unwrap()).collect()
    })
}

/// A reader that starts from what was saved.
async fn reader(network: &Network, saved: &str) -> EventReader {
    let user = "events-public";
    let options = ReaderOptions {
        server: Server {
            identity: adapters_nats::Identity::User {
                name: user.into(),
                password: network.password(user),
            },
            inbox: Some(format!("_INBOX.{user}")),
            ..Server::open(&network.nats_url())
        },
        durable: user.into(),
        from: ReaderPosition::from_json(saved).unwrap(),
        policy: Some(network.policy()),
    };
    EventReader::connect(options).await.unwrap()
}

/// Reads all events with a reader that is dropped at random, with acknowledgements pending; gives
/// ids in the order in which they were taken.
async fn read_with_drops(network: &Network) -> Vec<String> {
    let public = Some(Name::try_new("public").unwrap());
    let mut saved = ReaderPosition::new(network.name.clone(), public).to_json();
    let (mut ids, mut dice) = (Vec::new(), Dice(33));
    let mut drops: Vec<u64> = (0..DROPS).map(|_| dice.within(&(1..EVENTS))).collect();
    drops.sort_unstable();
    let mut open = reader(network, &saved).await;
    let began = Instant::now();
    while ids.len() < EVENTS as usize {
        assert!(began.elapsed() < PATIENCE * 2, "{} events", ids.len());
        let event = match open.next().await {
            Ok(event) => event.clone(),
            // The stream is made with the first event.
            Err(ReadError::Server(_)) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        if drops.first().is_some_and(|at| *at <= ids.len() as u64) {
            // This event was handed out and is not taken, and others are on their way.
            drops.remove(0);
            drop(open);
            open = reader(network, &saved).await;
            continue;
        }
        assert_eq!(event.ordinal, ids.len() as u64 + 1, "in order, none twice");
        ids.push(event.id.to_string());
        saved = open.taken().await.unwrap().to_json();
    }
    assert!(drops.is_empty(), "{drops:?}");
    ids
}

/// Reads all events as a client does that has nothing but a NATS library; it numbers them itself.
async fn read_raw(network: &Network) -> Vec<String> {
    let client = network.user("events").connect(network.nats_url()).await;
    let context = jetstream::new(client.unwrap());
    let config = || pull::Config {
        durable_name: Some("events".into()),
        filter_subject: format!("wutong.{}.v1.events.>", network.name),
        ack_policy: AckPolicy::Explicit,
        ..Default::default()
    };
    let (mut ids, began) = (Vec::new(), Instant::now());
    while ids.len() < EVENTS as usize {
        assert!(began.elapsed() < PATIENCE * 2, "{} events", ids.len());
        let made = context.create_consumer_on_stream(config(), books::stream_name(network));
        let Ok(consumer) = made.await else {
            tokio::time::sleep(Duration::from_millis(50)).await; // the stream is not there yet
            continue;
        };
        let batch = consumer.fetch().max_messages(100).messages().await;
        let mut batch = batch.unwrap();
        while let Some(message) = batch.next().await {
            let message = message.unwrap();
            let event = ChainEvent::parse(&message.payload).unwrap();
            let expected = ids.len() as u64 + 1;
            assert!(event.ordinal <= expected, "{expected} is missing");
            if event.ordinal == expected {
                ids.push(event.id.to_string());
            }
            message.ack_with(AckKind::Ack).await.unwrap();
        }
    }
    ids
}

#[test]
fn a_reader_that_is_dropped_ten_times_takes_each_event_once() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let began = Instant::now();
    let (deposited, read, raw) = thread::scope(|scope| {
        let depositors = scope.spawn(|| deposit_many(&network));
        let raw = scope.spawn(|| runtime.block_on(read_raw(&network)));
        let read = runtime.block_on(read_with_drops(&network));
        (depositors.join().unwrap(), read, raw.join().unwrap())
    });
    println!("{EVENTS} deposited and read twice in {:?}", began.elapsed());
    assert_eq!(deposited.len(), EVENTS as usize);
    let books = books::close(&network, &deposited);
    assert_eq!(books.ids.len(), EVENTS as usize);
    assert!(read == books.ids, "the reader took others");
    assert!(raw == books.ids, "the raw consumer saw others");
    // Nothing comes after them.
    runtime.block_on(async {
        let public = Some(Name::try_new("public").unwrap());
        let mut beginning = ReaderPosition::new(network.name.clone(), public);
        beginning.chain = beginning.chain.after(EVENTS, None);
        beginning.sequence = EVENTS;
        let mut open = reader(&network, &beginning.to_json()).await;
        let more = tokio::time::timeout(Duration::from_millis(300), open.next()).await;
        assert!(more.is_err(), "{more:?}");
    });
}
