//! Events that are made anew from the ledger: on request from any height, and when the stream is lost.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use async_nats::Client;
use messages::event_chain::{Accepted, ChainEvent, EventChain};
use messages::ids::Name;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use support::books;
use support::network::Network;
use support::processes::nats_is_asked_for;

const DEPOSITS: u64 = 12;

/// Asks for events; none when the server does not let the request through.
async fn ask(client: &Client, subject: &str, body: &Value) -> Option<Value> {
    let asked = client.request(subject.to_owned(), body.to_string().into());
    let answer = tokio::time::timeout(Duration::from_secs(2), asked).await;
    serde_json::from_slice(&answer.ok()?.ok()?.payload).ok()
}

fn events_of(page: &Value) -> Vec<ChainEvent> {
    let events = page["events"].as_array().unwrap();
    let read = |event: &Value| ChainEvent::from_value(event.clone()).unwrap();
    events.iter().map(read).collect()
}

#[test]
fn events_are_made_anew() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    let mut acknowledged = BTreeSet::new();
    let mut heights = Vec::new();
    for number in 0..DEPOSITS {
        let (status, body) = network.submit(number as usize % 4, number, 30_000).unwrap();
        assert_eq!(status, 201, "{body}");
        acknowledged.insert(body["id"].as_str().unwrap().to_owned());
        heights.push(body["height"].as_u64().unwrap());
    }
    let ids = books::close(&network, &acknowledged).ids;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(replayed(&network, &ids, &heights));
    runtime.block_on(held_to_a_namespace(&network));
    // The stream and all that JetStream knew is gone: the nodes publish everything again.
    network.kill_server(0);
    std::fs::remove_dir_all(network.dir.join("nats-store")).unwrap();
    network.start_server(0);
    books::check_events(&network, &ids);
    let (status, body) = network.submit(0, DEPOSITS, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
    acknowledged.insert(body["id"].as_str().unwrap().to_owned());
    books::close(&network, &acknowledged);
}

async fn replayed(network: &Network, ids: &[String], heights: &[u64]) {
    let client = network.user("events").connect(network.nats_url());
    let client = client.await.unwrap();
    let subject = format!("wutong.{}.v1.tx.events", network.name);
    let policy = network.policy();
    // From a height: those of its block on, in pages.
    for (place, height) in heights.iter().enumerate() {
        let page = ask(&client, &subject, &json!({ "height": height, "count": 5 })).await;
        let page = page.unwrap();
        let first = heights.iter().position(|h| h == height).unwrap();
        let events = events_of(&page);
        let expected = ids.len().min(first + 5);
        assert_eq!(events.len(), expected - first, "{place}: {page}");
        for (event, id) in events.iter().zip(&ids[first..]) {
            assert_eq!(event.id.to_string(), *id);
            event.verify_receipt(&policy).unwrap();
        }
        assert_eq!(page["seen"], events.last().unwrap().ordinal);
        assert_eq!(page["newest"], ids.len());
    }
    // All of them, page after page, are one chain: that of the stream.
    let mut chain = EventChain::new(network.name.clone(), None);
    let mut hashes = Vec::new();
    while chain.ordinal() < ids.len() as u64 {
        let wanted = json!({ "after": chain.ordinal(), "count": 5 });
        let page = ask(&client, &subject, &wanted).await.unwrap();
        for event in events_of(&page) {
            assert_eq!(chain.accept(&event), Accepted::New);
            hashes.push(event.hash);
        }
    }
    let messages = books::stream(network, ids.len() as u64).await;
    let streamed = messages.iter().map(|m| ChainEvent::parse(m).unwrap().hash);
    assert_eq!(hashes, streamed.collect::<Vec<_>>());
    let page = ask(&client, &subject, &json!({ "height": 1_000_000 }))
        .await
        .unwrap();
    assert!(events_of(&page).is_empty(), "{page}");
    let refused = ask(&client, &subject, &json!({ "height": 1, "after": 1 }))
        .await
        .unwrap();
    assert_eq!(refused["field"], "after", "{refused}");
}

async fn held_to_a_namespace(network: &Network) {
    let connect = |user: &'static str| network.user(user).connect(network.nats_url());
    let (public, members) = (connect("events-public"), connect("events-members"));
    let (public, members) = (public.await.unwrap(), members.await.unwrap());
    let subject = |namespace: &str| format!("wutong.{}.v1.tx.events.{namespace}", network.name);
    let page = ask(&public, &subject("public"), &json!({})).await.unwrap();
    let namespace = Name::try_new("public").unwrap();
    let mut chain = EventChain::new(network.name.clone(), Some(namespace));
    for event in events_of(&page) {
        assert_eq!(chain.accept(&event), Accepted::New);
    }
    assert_eq!(chain.ordinal(), DEPOSITS);
    // A namespace without events is looked through to the end.
    let page = ask(&members, &subject("members"), &json!({}))
        .await
        .unwrap();
    assert!(events_of(&page).is_empty(), "{page}");
    assert_eq!(page["seen"], DEPOSITS);
    let whole = format!("wutong.{}.v1.tx.events", network.name);
    for foreign in [subject("public"), whole] {
        assert_eq!(ask(&members, &foreign, &json!({})).await, None, "{foreign}");
    }
}
