//! A validator whose disk is wiped while clients deposit.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;
use support::books;
use support::load::{Load, under_load};
use support::network::{NODES, Network};
use support::processes::nats_is_asked_for;
use support::turns::next_proposer;

/// Kills validator 3 and wipes it; it comes back, forgot what it signed, and votes again in the end.
fn wipe_and_return(network: &Network, load: &Load<'_>, with_marker: bool) {
    network.kill(3);
    // The others decide heights that it signed for.
    let height = network.height(0);
    fs::remove_dir_all(network.home(3).join("ledger")).unwrap();
    if with_marker {
        fs::remove_file(network.home(3).join("initialised")).unwrap();
    }
    let began = Instant::now();
    network.start(3);
    let health = network.wait_for_health(3, |h| !h["node"].is_null());
    assert!(health["amnesiac"].is_string(), "{health}");
    assert_eq!(health["voting"], false, "{health}");
    let health = network.wait_for_health(3, |h| h["voting"] == true);
    let votes_at = health["height"].as_u64().unwrap();
    assert!(votes_at >= height + 2, "{health}, the others had {height}");
    println!(
        "wiped at {height}, votes again at {votes_at}, {:?} after its start",
        began.elapsed()
    );
    load.wait_for(5);
}

/// Wipes validator 3 under load, and sees that its vote counts again.
fn wipe_under_load(with_marker: bool) {
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    // What only validator 3 was told may go with its disk: nobody deposits there.
    let (loaded, ()) = under_load(&network, &[0, 1, 2], |load| {
        load.wait_for(10);
        wipe_and_return(&network, load, with_marker);
        wipe_and_return(&network, load, with_marker);
    });
    // Its vote is needed now.
    network.kill(1);
    network.wait_for_health(0, |h| h["missing"] == serde_json::json!(["validator-1"]));
    let (status, body) = network.submit(3, 1, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
    network.start(1);
    let books = books::close(&network, &loaded.acknowledged);
    println!("{} deposits", books.ids.len());
}

#[test]
fn a_validator_that_lost_its_ledger_votes_again_and_signs_nothing_twice() {
    if nats_is_asked_for() {
        wipe_under_load(false);
    }
}

#[test]
fn a_validator_that_lost_its_whole_disk_votes_again_and_signs_nothing_twice() {
    if nats_is_asked_for() {
        wipe_under_load(true);
    }
}

/// The proposer loses its disk between two proposals for one height, while nothing can be decided.
#[test]
fn a_proposer_that_lost_its_whole_disk_proposes_nothing_else_at_that_height() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    for number in 0..8 {
        let (status, body) = network.submit(0, number, 30_000).unwrap();
        assert_eq!(status, 201, "{body}");
    }
    books::wait_for_agreement(&network, &[0, 1, 2, 3]);
    let proposer = next_proposer(&network);
    let [hears, others @ ..] = [1, 2, 3].map(|i| (proposer + i) % NODES);
    others.iter().for_each(|i| network.signal(*i, "-STOP"));
    let (_, body) = network.submit(proposer, 100, 1_000).unwrap();
    assert!(!body["receipt"].is_string(), "{body}");
    network.kill(proposer);
    fs::remove_dir_all(network.home(proposer).join("ledger")).unwrap();
    fs::remove_file(network.home(proposer).join("initialised")).unwrap();
    network.start(proposer);
    let height = network.height(hears);
    network.wait_for_health(proposer, |h| h["height"].as_u64() == Some(height));
    network.submit(proposer, 200, 1_000).unwrap();
    others.iter().for_each(|i| network.signal(*i, "-CONT"));
    let (_, body) = network.submit(hears, 300, 30_000).unwrap();
    assert!(body["receipt"].is_string(), "{body}");
    books::close(&network, &BTreeSet::new());
}
