//! An observer that comes to a network with a past, while clients deposit.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use messages::receipt::Receipt;
use messages::verify::verify;
use std::time::Instant;
use support::books;
use support::load::{under_load, under_load_of};
use support::network::{NODES, Network};
use support::processes::{nats_is_asked_for, wait_until};

/// Place of the observer among the nodes.
const OBSERVER: usize = NODES;
/// Blocks that there are before it comes.
const BLOCKS: u64 = 500;

#[test]
fn an_observer_that_comes_late_reaches_the_head_and_proves_all_it_serves() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started_with(dir.path(), &["--observers", "1"]);
    let everywhere = [0, 1, 2, 3];
    let began = Instant::now();
    // One depositor at a time makes one block of each deposit.
    let (past, ()) = under_load_of(&network, &everywhere, 3, |_| {
        wait_until("a past", || network.height(0) >= BLOCKS);
    });
    println!("{} blocks in {:?}", network.height(0), began.elapsed());
    let (loaded, submitted) = under_load(&network, &everywhere, |load| {
        let began = Instant::now();
        network.start(OBSERVER);
        network.wait_for_health(OBSERVER, |h| !h["node"].is_null());
        network.wait_until_caught_up(OBSERVER, 0);
        println!("at the head {:?} after its start", began.elapsed());
        load.wait_for(5);
        // It hands submissions on, and receipts back.
        let (status, body) = network.submit(OBSERVER, 1, 30_000).unwrap();
        assert_eq!(status, 201, "{body}");
        assert!(body["receipt"].is_string(), "{body}");
        body["id"].as_str().unwrap().to_owned()
    });
    let mut acknowledged = past.acknowledged;
    acknowledged.extend(loaded.acknowledged);
    acknowledged.insert(submitted);
    let books = books::settle(&network, &[0, 1, 2, 3, OBSERVER], &acknowledged);
    assert_eq!(network.health(OBSERVER)["voting"], false);
    check_signers(&network, books.height);
    let policy = network.policy();
    for id in &books.ids {
        let (status, text) = network.get(OBSERVER, &format!("/v1/statements/{id}/receipt"));
        assert_eq!(status, 200, "{text}");
        let report = verify(&Receipt::parse(&text).unwrap(), &policy, None);
        assert!(report.is_accepted(), "{id}: {report:?}");
        let evidence = report.evidence.unwrap();
        assert_eq!(evidence.id.to_string(), *id);
        let by_observer = |s: &messages::report::Signer| s.witness.contains("observer");
        assert!(!evidence.signers.iter().any(by_observer), "{evidence:?}");
    }
    books::close(&network, &acknowledged);
    println!("{} receipts verified", books.ids.len());
}

/// Nobody but validators proposed or signed, by the blocks of the observer.
fn check_signers(network: &Network, height: u64) {
    let validators: Vec<String> = (0..NODES).map(|i| format!("validator-{i}")).collect();
    for height in 1..=height {
        let (status, block) = network.json(OBSERVER, &format!("/v1/blocks/{height}"));
        assert_eq!(status, 200, "{block}");
        let signers = block["signers"].as_array().unwrap();
        assert!(signers.len() >= 3, "{block}");
        for name in signers.iter().chain([&block["proposer"]]) {
            let name = name.as_str().unwrap().to_owned();
            assert!(validators.contains(&name), "{block}");
        }
    }
}
