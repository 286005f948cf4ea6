//! Nodes that are told to stop while clients wait, and a network restarted node by node.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::thread;
use std::time::Instant;
use support::books;
use support::load::under_load_of;
use support::network::{NODES, Network};
use support::processes::{nats_is_asked_for, wait_until};

#[test]
fn a_client_that_waits_gets_its_receipt_and_one_that_comes_is_sent_elsewhere() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    let (status, body) = network.submit(0, 1, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
    let first = network.node(0).take().unwrap();
    // Two of four stand still, shorter than it takes to be missed: nothing is decided meanwhile.
    [2, 3].iter().for_each(|i| network.signal(*i, "-STOP"));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| network.submit(0, 2, 30_000));
        wait_until("the statement", || {
            network.health(0)["waiting"].as_u64() > Some(0)
        });
        first.signal("-TERM");
        wait_until("the refusal", || {
            let answer = network.submit(0, 3, 0);
            let Some((503, body)) = answer else {
                return false;
            };
            let next = body["next_step"].as_str().unwrap();
            body["code"] == "stopping" && next.contains("another node")
        });
        [2, 3].iter().for_each(|i| network.signal(*i, "-CONT"));
        let (status, body) = waiting.join().unwrap().unwrap();
        assert_eq!(status, 201, "{body}");
        assert!(body["receipt"].is_string(), "{body}");
    });
    assert_eq!(first.wait().code(), Some(0));
    // The others go on without it, and what it refused is taken there.
    let (status, body) = network.submit(1, 3, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
}

#[test]
fn a_second_signal_does_not_wait() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    let first = network.node(0).take().unwrap();
    [2, 3].iter().for_each(|i| network.signal(*i, "-STOP"));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| network.submit(0, 1, 30_000));
        wait_until("the statement", || {
            network.health(0)["waiting"].as_u64() > Some(0)
        });
        first.signal("-TERM");
        wait_until("the refusal", || {
            matches!(network.submit(0, 2, 0), Some((503, _)))
        });
        first.signal("-TERM");
        assert_eq!(first.wait().code(), Some(1));
        [2, 3].iter().for_each(|i| network.signal(*i, "-CONT"));
        let answer = waiting.join().unwrap();
        assert!(answer.is_none_or(|(_, body)| !body["receipt"].is_string()));
    });
}

#[test]
fn four_nodes_restarted_one_after_the_other_lose_nothing() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    let began = Instant::now();
    let (loaded, ()) = under_load_of(&network, &[0, 1, 2, 3], 3, |load| {
        load.wait_for(10);
        for i in 0..NODES {
            assert_eq!(network.terminate(i), Some(0), "validator {i}");
            load.wait_for(5);
            network.start(i);
            // The next one stops once this one is back with the others.
            network.wait_until_caught_up(i, (i + 1) % NODES);
            load.wait_for(5);
        }
    });
    let took = began.elapsed();
    let books = books::close(&network, &loaded.acknowledged);
    println!(
        "{} deposits in {took:?}, {} sent elsewhere by a node that stopped",
        books.ids.len(),
        loaded.sent_elsewhere
    );
}
