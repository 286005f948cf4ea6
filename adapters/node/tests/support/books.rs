//! What all nodes and the event stream must hold in the end: the same, and nothing lost or twice.

use super::PATIENCE;
use super::network::Network;
use async_nats::jetstream;
use futures::{StreamExt, TryStreamExt};
use messages::event_chain::{Accepted, ChainEvent, EventChain};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What nodes agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Books {
    pub height: u64,
    pub root: String,
    /// Ids of all statements, in order.
    pub ids: Vec<String>,
}

/// Ids of all statements that a node published, in order.
pub fn published(network: &Network, i: usize) -> Vec<String> {
    let (mut ids, mut path) = (Vec::new(), "/v1/statements?after=0&count=1000".to_owned());
    loop {
        let (status, page) = network.json(i, &path);
        assert_eq!(status, 200, "node {i}: {path}: {page}");
        let statements = page["statements"].as_array().unwrap();
        let id = |s: &Value| s["id"].as_str().unwrap().to_owned();
        ids.extend(statements.iter().map(id));
        match page["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => return ids,
        }
    }
}

/// Ids of all statements in the blocks of a node, in order.
pub fn in_blocks(network: &Network, i: usize) -> Vec<String> {
    let ids_of = |height: u64| {
        let (status, block) = network.json(i, &format!("/v1/blocks/{height}"));
        assert_eq!(status, 200, "{block}");
        let statements = block["statements"].as_array().unwrap().clone();
        let id = |s: &Value| s["id"].as_str().unwrap().to_owned();
        statements.iter().map(id).collect::<Vec<_>>()
    };
    (1..=network.height(i)).flat_map(ids_of).collect()
}

/// Waits until nodes hold and published the same; gives height and root.
pub fn wait_for_agreement(network: &Network, nodes: &[usize]) -> (u64, String) {
    let began = Instant::now();
    loop {
        let heads: Vec<Value> = nodes.iter().map(|i| network.health(*i)).collect();
        let first = &heads[0];
        let same = |field: &str| heads.iter().all(|h| h[field] == first[field]);
        let published = heads.iter().all(|h| h["published"] == first["height"]);
        if first["height"].is_u64() && same("height") && same("log_root") && published {
            let root = first["log_root"].as_str().unwrap().to_owned();
            return (first["height"].as_u64().unwrap(), root);
        }
        assert!(began.elapsed() < PATIENCE, "never agreed: {heads:?}");
        std::thread::sleep(Duration::from_millis(20)); // between two looks
    }
}

/// Waits until nodes agree and hold all that was acknowledged; each statement once, by `/v1/statements`
/// of each node, in one order, and under one root.
pub fn settle(network: &Network, nodes: &[usize], acknowledged: &BTreeSet<String>) -> Books {
    let began = Instant::now();
    loop {
        let (height, root) = wait_for_agreement(network, nodes);
        let ids = published(network, nodes[0]);
        let once: BTreeSet<String> = ids.iter().cloned().collect();
        assert_eq!(once.len(), ids.len(), "a statement stands twice");
        let lost: Vec<&String> = acknowledged.difference(&once).collect();
        if !lost.is_empty() {
            // What was admitted and nobody waited for may still be on its way into a block.
            assert!(
                began.elapsed() < PATIENCE,
                "acknowledged and lost: {lost:?}"
            );
            std::thread::sleep(Duration::from_millis(50)); // between two looks
            continue;
        }
        if wait_for_agreement(network, nodes) != (height, root.clone()) {
            continue;
        }
        for i in nodes {
            assert!(published(network, *i) == ids, "node {i} holds others");
        }
        assert!(in_blocks(network, nodes[0]) == ids, "blocks hold others");
        return Books { height, root, ids };
    }
}

/// Settles the validators, reads the whole stream, and sees that nobody was found to misbehave.
pub fn close(network: &Network, acknowledged: &BTreeSet<String>) -> Books {
    let validators: Vec<usize> = (0..network.validators()).collect();
    let books = settle(network, &validators, acknowledged);
    check_events(network, &books.ids);
    for i in validators {
        let proofs = network.home(i).join("misbehavior");
        assert!(!proofs.exists(), "somebody signed two things: {proofs:?}");
    }
    books
}

/// Waits until the stream has so many messages; gives their payloads in order.
pub async fn stream(network: &Network, count: u64) -> Vec<Vec<u8>> {
    let client = network.user("validator-0").connect(network.server_urls());
    let context = jetstream::new(client.await.unwrap());
    let name = stream_name(network);
    let began = Instant::now();
    let (stream, state) = loop {
        let mut last = String::new();
        match context.get_stream(&name).await {
            Ok(stream) => {
                let state = stream.cached_info().state.clone();
                if state.messages >= count {
                    break (stream, state);
                }
                last = format!("{state:?}");
            }
            Err(error) => last.push_str(&error.to_string()),
        }
        assert!(began.elapsed() < PATIENCE, "{count} events wanted: {last}");
        tokio::time::sleep(Duration::from_millis(50)).await; // between two looks
    };
    let payload = |sequence: u64| {
        let stream = &stream;
        async move {
            let message = stream.get_raw_message(sequence).await;
            message.map(|message| message.payload.to_vec())
        }
    };
    futures::stream::iter(state.first_sequence.max(1)..=state.last_sequence)
        .map(payload)
        .buffered(16)
        .try_collect()
        .await
        .unwrap()
}

/// Name of the stream of events.
pub fn stream_name(network: &Network) -> String {
    format!("WUTONG_{}_EVENTS", network.name.as_str().replace('-', "_"))
}

/// Reads the whole stream: it is the statements in order, ordinals from 1 without gap or repeat,
/// each chained to the one before and with a receipt that verifies.
pub fn check_events(network: &Network, ids: &[String]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let messages = runtime.block_on(stream(network, ids.len() as u64));
    assert_eq!(messages.len(), ids.len(), "events that are no statements");
    let policy = network.policy();
    let mut chain = EventChain::new(network.name.clone(), None);
    for (i, (message, id)) in messages.iter().zip(ids).enumerate() {
        let event = ChainEvent::parse(message).unwrap();
        assert_eq!(event.ordinal, i as u64 + 1);
        assert_eq!(chain.accept(&event), Accepted::New, "event {}", i + 1);
        assert_eq!(event.id.to_string(), *id, "event {}", i + 1);
        event.verify_receipt(&policy).unwrap();
    }
}
