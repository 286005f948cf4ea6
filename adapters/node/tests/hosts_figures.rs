//! How soon a lost node is missed, how soon deposits go on without the proposer, and how far what
//! can be read lies behind what is committed.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then. Each figure is the best of a few attempts: other work on the machine makes them worse, never
//! better.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use serde_json::Value;
use std::thread;
use std::time::{Duration, Instant};
use support::PATIENCE;
use support::network::{NODES, Network};
use support::processes::nats_is_asked_for;

/// Attempts of which the best one counts.
const ATTEMPTS: u64 = 3;
/// A killed node is missed by all others after less than this.
const MISSED_MAX: Duration = Duration::from_secs(2);
/// After the proposer was killed a receipt comes in less than this.
const RECEIPT_MAX: Duration = Duration::from_secs(2);
/// What can be read lies less behind than this at the 99th percentile, in milliseconds.
const LAG_MS_MAX: u64 = 100;

/// What node `i` knows of the node with a name.
fn known(network: &Network, i: usize, name: &str) -> Value {
    let answer = network.json(i, "/v1/validators").1;
    let lists = ["validators", "observers"].map(|list| answer[list].as_array().cloned());
    let mut all = lists.into_iter().flatten().flatten();
    all.find(|v| v["name"] == name).unwrap_or(Value::Null)
}

/// The validator whose turn it is at the height to come, by who proposed the block before.
fn next_proposer(network: &Network) -> usize {
    let height = network.height(0);
    let block = network.json(0, &format!("/v1/blocks/{height}")).1;
    let proposer = block["proposer"].as_str().unwrap().to_owned();
    let round = block["round"].as_u64().unwrap() as usize;
    // Position (height + round) modulo their number: each height one further than round 0 of this.
    let order = order(network);
    let place = order.iter().position(|name| *name == proposer).unwrap();
    let next = &order[(place + 2 * NODES - round % NODES + 1) % NODES];
    next.strip_prefix("validator-").unwrap().parse().unwrap()
}

/// Validators in the order of their turns, by blocks of [`NODES`] heights in a row.
fn order(network: &Network) -> Vec<String> {
    let mut order = vec![String::new(); NODES];
    for height in 1..=network.height(0) {
        let block = network.json(0, &format!("/v1/blocks/{height}")).1;
        let turn = height + block["round"].as_u64().unwrap();
        order[turn as usize % NODES] = block["proposer"].as_str().unwrap().to_owned();
    }
    assert!(!order.contains(&String::new()), "{order:?}");
    order
}

fn deposit(network: &Network, i: usize, number: u64) {
    let (status, body) = network.submit(i, number, 30_000).unwrap();
    assert!(body["receipt"].is_string(), "{status} {body}");
}

/// All validators hear one another, stand at one height and are idle.
fn settle(network: &Network) {
    network.wait_until_all_hear();
    support::books::wait_for_agreement(network, &[0, 1, 2, 3]);
}

/// Kills validator 2; how long until none of the others has it as present.
fn time_until_missed(network: &Network) -> Duration {
    settle(network);
    network.kill(2);
    let began = Instant::now();
    let is_missed = |i: usize| known(network, i, "validator-2")["present"] == false;
    while ![0, 1, 3].into_iter().all(is_missed) {
        assert!(began.elapsed() < PATIENCE, "it is never missed");
        thread::sleep(Duration::from_millis(5)); // between two looks
    }
    let took = began.elapsed();
    network.start(2);
    took
}

/// Kills the proposer of the height to come; how long until the next receipt.
fn time_without_proposer(network: &Network, attempt: u64) -> Duration {
    settle(network);
    let proposer = next_proposer(network);
    let other = (proposer + 1) % NODES;
    let height = network.height(other);
    network.kill(proposer);
    let began = Instant::now();
    deposit(network, other, 500 + attempt);
    let took = began.elapsed();
    // It was its turn indeed: another one proposed in a later round.
    let block = network.json(other, &format!("/v1/blocks/{}", height + 1)).1;
    assert!(block["round"].as_u64() >= Some(1), "{block}");
    assert_ne!(block["proposer"], format!("validator-{proposer}"));
    network.start(proposer);
    took
}

/// Calls `measure` until a figure is below a bound, at most [`ATTEMPTS`] times; gives all of them.
fn attempts<T: Copy + PartialOrd>(bound: T, mut measure: impl FnMut(u64) -> T) -> Vec<T> {
    let mut seen = Vec::new();
    for attempt in 0..ATTEMPTS {
        seen.push(measure(attempt));
        if seen.last() < Some(&bound) {
            break;
        }
    }
    seen
}

#[test]
fn lost_nodes_are_missed_soon_and_deposits_go_on() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    (0..8).for_each(|number| deposit(&network, 0, number));
    let missed = attempts(MISSED_MAX, |_| time_until_missed(&network));
    println!("a killed node is missed by all after {missed:?}");
    assert!(missed.iter().any(|took| *took < MISSED_MAX), "{missed:?}");
    let receipts = attempts(RECEIPT_MAX, |i| time_without_proposer(&network, i));
    println!("a receipt after the proposer was killed: {receipts:?}");
    assert!(
        receipts.iter().any(|took| *took < RECEIPT_MAX),
        "{receipts:?}"
    );
}

#[test]
fn readable_follows_committed_closely() {
    if !nats_is_asked_for() {
        return;
    }
    // The figure is over the newest blocks, so that a new network makes a new attempt.
    let measure = |_| {
        let dir = tempfile::tempdir().unwrap();
        let network = Network::started_with(dir.path(), &["--observers", "1"]);
        network.start(NODES);
        network.wait_until_it_hears(NODES);
        (0..100).for_each(|number| deposit(&network, number as usize % NODES, number));
        // Each node tells the figure in its status, a few times a second.
        let names = (0..NODES).map(|i| format!("validator-{i}"));
        let names: Vec<String> = names.chain(["observer-0".into()]).collect();
        let figures: Vec<u64> = (0..=NODES)
            .map(|i| {
                let own = || known(&network, i, &names[i]);
                network.wait(i, "/v1/validators", |_, _| own()["lag_ms"].is_u64());
                own()["lag_ms"].as_u64().unwrap()
            })
            .collect();
        println!("p99 from commit to readable, in ms: {figures:?} (the last one an observer)");
        figures.into_iter().max().unwrap()
    };
    let worst = attempts(LAG_MS_MAX, measure);
    assert!(worst.iter().any(|ms| *ms < LAG_MS_MAX), "{worst:?}");
}
