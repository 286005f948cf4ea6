//! Nodes that are told to stop while clients wait, and a network restarted node by node.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use messages::ids::Name;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::PATIENCE;
use support::processes::{Nodes, Process, free_ports, init, nats_is_asked_for, wait_until};

const NODES: usize = 4;

/// A network of four with its server, all running and hearing one another.
fn start(dir: &Path) -> (Nodes, Name, Process) {
    let (nats_port, http_port) = (free_ports(1), free_ports(NODES as u16));
    let (mut nodes, network) = init(dir, nats_port, http_port, &[]);
    let nats = Process::nats(&dir.join("net/nats.conf"), dir);
    nodes.start_all();
    nodes.wait_until_all_hear();
    (nodes, network, nats)
}

#[test]
fn a_client_that_waits_gets_its_receipt_and_one_that_comes_is_sent_elsewhere() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut nodes, network, _nats) = start(dir.path());
    let (status, body) = nodes.submit(&network, 0, 1, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
    let first = nodes.running[0].take().unwrap();
    // Two of four stand still, shorter than it takes to be missed: nothing is decided meanwhile.
    let still = [2, 3].map(|i: usize| nodes.running[i].as_ref().unwrap());
    still.iter().for_each(|node| node.signal("-STOP"));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| nodes.submit(&network, 0, 2, 30_000));
        wait_until("the statement", || {
            nodes.health(0)["waiting"].as_u64() > Some(0)
        });
        first.signal("-TERM");
        wait_until("the refusal", || {
            let answer = nodes.submit(&network, 0, 3, 0);
            let Some((503, body)) = answer else {
                return false;
            };
            let next = body["next_step"].as_str().unwrap();
            body["code"] == "stopping" && next.contains("another node")
        });
        still.iter().for_each(|node| node.signal("-CONT"));
        let (status, body) = waiting.join().unwrap().unwrap();
        assert_eq!(status, 201, "{body}");
        assert!(body["receipt"].is_string(), "{body}");
    });
    assert_eq!(first.wait().code(), Some(0));
    // The others go on without it, and what it refused is taken there.
    let (status, body) = nodes.submit(&network, 1, 3, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
}

#[test]
fn a_second_signal_does_not_wait() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut nodes, network, _nats) = start(dir.path());
    let first = nodes.running[0].take().unwrap();
    let still = [2, 3].map(|i: usize| nodes.running[i].take().unwrap());
    still.iter().for_each(|node| node.signal("-STOP"));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| nodes.submit(&network, 0, 1, 30_000));
        wait_until("the statement", || {
            nodes.health(0)["waiting"].as_u64() > Some(0)
        });
        first.signal("-TERM");
        wait_until("the refusal", || {
            matches!(nodes.submit(&network, 0, 2, 0), Some((503, _)))
        });
        first.signal("-TERM");
        assert_eq!(first.wait().code(), Some(1));
        still.iter().for_each(|node| node.signal("-CONT"));
        let answer = waiting.join().unwrap();
        assert!(answer.is_none_or(|(_, body)| !body["receipt"].is_string()));
    });
}

/// What depositors saw.
#[derive(Default)]
struct Seen {
    receipted: AtomicU64,
    sent_elsewhere: AtomicU64,
}

/// Deposits to one node after the other until told to stop; gives the ids that were receipted.
fn deposit(
    nodes: &Nodes,
    network: &Name,
    first: u64,
    stop: &AtomicBool,
    seen: &Seen,
) -> BTreeSet<String> {
    let mut receipted = BTreeSet::new();
    let mut number = first;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        for attempt in 0.. {
            assert!(attempt < 400, "no node ever receipts statement {number}");
            let node = (number as usize + attempt) % NODES;
            match nodes.submit(network, node, number, 10_000) {
                Some((200 | 201, body)) if body["receipt"].is_string() => {
                    receipted.insert(body["id"].as_str().unwrap().to_owned());
                    seen.receipted.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                // The others answer now; a node that is down needs a moment.
                Some((503, body)) if body["code"] == "stopping" => {
                    seen.sent_elsewhere.fetch_add(1, Ordering::Relaxed);
                }
                _ => thread::sleep(Duration::from_millis(10)),
            }
        }
    }
    receipted
}

#[test]
fn four_nodes_restarted_one_after_the_other_lose_nothing() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut nodes, network, _nats) = start(dir.path());
    let mut running = std::mem::take(&mut nodes.running);
    let (stop, seen, began) = (AtomicBool::new(false), Seen::default(), Instant::now());
    let wait_for_more = |more: u64| {
        let first = seen.receipted.load(Ordering::Relaxed);
        wait_until("deposits", || {
            seen.receipted.load(Ordering::Relaxed) >= first + more
        });
    };
    let receipted: BTreeSet<String> = thread::scope(|scope| {
        let depositor = |i: u64| {
            scope.spawn({
                let (nodes, network, stop, seen) = (&nodes, &network, &stop, &seen);
                move || deposit(nodes, network, i * 1_000_000, stop, seen)
            })
        };
        let depositors: Vec<_> = (0..3).map(depositor).collect();
        wait_for_more(10);
        for (i, process) in running.iter_mut().enumerate() {
            let node = process.take().unwrap();
            node.signal("-TERM");
            assert_eq!(node.wait().code(), Some(0), "validator {i}");
            wait_for_more(5);
            *process = Some(nodes.spawn(i));
            // The next one stops once this one is back with the others.
            wait_until("coming back", || nodes.hears_all(i));
            let height = |i: usize| nodes.health(i)["height"].as_u64().unwrap_or(0);
            let behind = height((i + 1) % NODES);
            wait_until("catching up", || height(i) >= behind);
            wait_for_more(5);
        }
        stop.store(true, Ordering::Relaxed);
        depositors
            .into_iter()
            .flat_map(|d| d.join().unwrap())
            .collect()
    });
    let took = began.elapsed();
    assert!(took < PATIENCE * 2, "{took:?}");
    nodes.wait_for_agreement();
    let ledger = nodes.ledger(0);
    assert!((1..NODES).all(|i| nodes.ledger(i) == ledger));
    let once: BTreeSet<String> = ledger.iter().cloned().collect();
    assert_eq!(once.len(), ledger.len(), "a statement stands twice");
    assert!(receipted.is_subset(&once), "a receipted statement is lost");
    println!(
        "{} deposits in {took:?}, {} sent elsewhere by a node that stopped",
        receipted.len(),
        seen.sent_elsewhere.load(Ordering::Relaxed)
    );
    drop(running);
}
