//! Validators as processes of their own, linked over a real NATS server on loopback.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;
use support::books;
use support::load::under_load;
use support::network::{NODES, Network};
use support::processes::nats_is_asked_for;

#[test]
fn four_processes_go_on_while_one_after_the_other_is_killed() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::found(dir.path());
    // The nodes are up before the server is.
    network.start_all();
    network.wait_for_health(0, |h| !h["node"].is_null());
    network.start_servers();
    network.wait_until_all_hear();
    let (loaded, ()) = under_load(&network, &[0, 1, 2, 3], |load| {
        load.wait_for(5);
        for i in 0..NODES {
            network.kill(i);
            load.wait_for(3);
            network.start(i);
            network.wait_until_caught_up(i, (i + 1) % NODES);
            load.wait_for(3);
        }
        // The server stands still for a while, and is heard again.
        let server = network.server(0);
        server.as_ref().unwrap().signal("-STOP");
        thread::sleep(Duration::from_secs(2)); // as long as the pause is to last
        server.as_ref().unwrap().signal("-CONT");
        load.wait_for(5);
    });
    let books = books::close(&network, &loaded.acknowledged);
    println!("{} deposits in {} blocks", books.ids.len(), books.height);
}

#[test]
fn two_down_is_no_quorum_and_what_waits_commits_once() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started(dir.path());
    let (status, body) = network.submit(0, 1, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
    network.kill(2);
    network.kill(3);
    network.wait_for_health(0, |h| h["quorum"] == false);
    let (status, body) = network.submit(0, 2, 1_000).unwrap();
    println!("without a quorum: {status} {body}");
    assert!(!body["receipt"].is_string(), "{body}");
    let admitted: BTreeSet<String> = body["id"]
        .as_str()
        .map(ToOwned::to_owned)
        .into_iter()
        .collect();
    // The server is gone for a while too.
    network.kill_server(0);
    network.start_server(0);
    network.start(2);
    network.start(3);
    network.wait_for_health(0, |h| h["quorum"] == true);
    let (_, body) = network.submit(1, 2, 30_000).unwrap();
    assert!(body["receipt"].is_string(), "{body}");
    let books = books::close(&network, &admitted);
    assert_eq!(books.ids.len(), 2, "{books:?}");
}

#[test]
fn a_stranger_on_the_bus_costs_a_counter_and_nothing_else() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::found(dir.path());
    network.start_open_server();
    network.start_all();
    network.wait_until_all_hear();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(network.nats_url()).await.unwrap();
        let everything = format!("wutong.{}.v1.node.>", network.name);
        let mut heard = client.subscribe(everything).await.unwrap();
        let mut sent = 0;
        while sent < 400 {
            let message = futures::StreamExt::next(&mut heard).await.unwrap();
            let subject = message.subject.to_string();
            // What was heard, again; changed; in another name; noise; and a giant.
            let mut changed = message.payload.to_vec();
            let at = sent % changed.len();
            changed[at] ^= 0x10;
            let giant = vec![0x57; 900_000];
            let stranger = subject.rsplit_once('.').unwrap().0.to_owned() + ".stranger";
            for (subject, payload) in [
                (subject.clone(), message.payload.to_vec()),
                (subject.clone(), changed),
                (stranger, message.payload.to_vec()),
                (subject.clone(), b"WTLK".to_vec()),
                (subject, giant),
            ] {
                client.publish(subject, payload.into()).await.unwrap();
                sent += 1;
            }
        }
        client.flush().await.unwrap();
    });
    for i in 0..NODES {
        let (status, body) = network.submit(i, 10 + i as u64, 30_000).unwrap();
        assert_eq!(status, 201, "{body}");
    }
    books::wait_for_agreement(&network, &[0, 1, 2, 3]);
    assert_eq!(books::in_blocks(&network, 2).len(), NODES);
}
