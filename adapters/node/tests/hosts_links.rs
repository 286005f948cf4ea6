//! Links between nodes and their NATS server through weather: delay, throttled and cut connections,
//! and a node that is cut off for a while.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::thread;
use std::time::{Duration, Instant};
use support::books;
use support::load::under_load;
use support::network::{NODES, Network};
use support::processes::{nats_is_asked_for, wait_until};
use support::proxy::{Proxy, Weather};

/// Puts a relay between each node and the server, and starts all.
fn behind_relays(network: &Network, seed: u64) -> Vec<Proxy> {
    network.start_servers();
    let server = network.nats_address(0);
    let proxies: Vec<Proxy> = (0..NODES)
        .map(|i| {
            let seed = seed + i as u64;
            let proxy = Proxy::start("127.0.0.1:0", &server, Weather::default(), seed);
            network.reach_nats_at(i, &proxy.url());
            proxy
        })
        .collect();
    network.start_all();
    network.wait_until_all_hear();
    proxies
}

fn set_weather(proxies: &[Proxy], weather: &Weather) {
    for proxy in proxies {
        proxy.set_weather(weather.clone());
    }
}

#[test]
fn delayed_cut_and_throttled_links_lose_nothing() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::found(dir.path());
    let proxies = behind_relays(&network, 11);
    let cuts = || proxies.iter().map(Proxy::cuts).sum::<u64>();
    let (loaded, ()) = under_load(&network, &[0, 1, 2, 3], |load| {
        let delayed = Weather {
            delay_ms: 5..80,
            ..Weather::default()
        };
        set_weather(&proxies, &delayed);
        println!("5 to 80 ms late: ten deposits {:?}", load.wait_for(10));
        // Of the connections from now on, also those that are made again.
        let cut = Weather {
            delay_ms: 0..10,
            cut_after_bytes: 2_000..60_000,
            bytes_per_second: 0,
        };
        set_weather(&proxies, &cut);
        proxies.iter().for_each(Proxy::cut_all);
        wait_until("connections cut while deposits are made", || cuts() >= 30);
        println!("cut: ten deposits {:?}", load.wait_for(10));
        let throttled = Weather {
            delay_ms: 0..5,
            bytes_per_second: 60_000,
            ..Weather::default()
        };
        set_weather(&proxies, &throttled);
        proxies.iter().for_each(Proxy::cut_all);
        println!("throttled: ten deposits {:?}", load.wait_for(10));
        set_weather(&proxies, &Weather::default());
        load.wait_for(5);
    });
    let books = books::close(&network, &loaded.acknowledged);
    let bytes: u64 = proxies.iter().map(Proxy::bytes).sum();
    println!(
        "{} deposits, {} connections cut, {bytes} bytes",
        books.ids.len(),
        cuts()
    );
}

#[test]
fn a_node_that_is_cut_off_for_five_seconds_catches_up() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::found(dir.path());
    let proxies = behind_relays(&network, 22);
    // Clients reach the one that is cut off, too: what it admits must not be lost.
    let (loaded, ()) = under_load(&network, &[0, 1, 2, 3], |load| {
        load.wait_for(5);
        let began = Instant::now();
        proxies[2].cut_off(true);
        network.wait_for_health(2, |h| h["quorum"] == false);
        network.wait_for_health(0, |h| h["missing"] == serde_json::json!(["validator-2"]));
        let first = network.height(2);
        load.wait_for(5);
        thread::sleep(Duration::from_secs(5).saturating_sub(began.elapsed())); // the pause itself
        assert!(network.height(0) > first, "the others go on");
        assert_eq!(network.height(2), first, "nothing reaches it");
        proxies[2].cut_off(false);
        let healed = Instant::now();
        network.wait_until_caught_up(2, 0);
        println!("caught up {:?} after it was healed", healed.elapsed());
        load.wait_for(5);
    });
    let books = books::close(&network, &loaded.acknowledged);
    println!("{} deposits", books.ids.len());
}
