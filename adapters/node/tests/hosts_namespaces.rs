//! Four validators, each in a network namespace of its own, with a NATS server in a fifth.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then, and the test says that it is skipped where it may not make namespaces.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::thread;
use std::time::{Duration, Instant};
use support::books;
use support::load::under_load;
use support::namespaces::Namespaces;
use support::network::{NODES, Network};
use support::processes::nats_is_asked_for;
use support::proxy::{Proxy, Weather};

/// Ports within the namespaces, where nobody else listens.
const NATS_PORT: u16 = 4_222;
const HTTP_PORT: u16 = 8_100;

/// Founds a network whose nodes and server run in the namespaces.
fn found(dir: &std::path::Path, hosts: &Namespaces) -> Network {
    let nats = format!("{}:{NATS_PORT}", hosts.bridge_address());
    let mut network = Network::found_at(dir, &nats, &format!("127.0.0.1:{HTTP_PORT}"), &[]);
    network.servers_within = hosts.in_bridge();
    for i in 0..NODES {
        let (loopback, port) = ("127.0.0.1", HTTP_PORT + i as u16);
        let own = hosts.host_address(i);
        network.reconfigure(i, &format!("{loopback}:{port}"), &format!("{own}:{port}"));
        network.within[i] = hosts.in_host(i);
    }
    network
}

/// Lets the kernel disturb the links, or relays where it cannot; gives those.
fn disturb(network: &Network, hosts: &Namespaces) -> Vec<Proxy> {
    let Err(error) = hosts.disturb() else {
        println!("tc netem: 10 ms +- 8 ms late, 1 % lost, 5 % out of order");
        return Vec::new();
    };
    println!("no tc netem here ({error}); relays delay instead");
    let weather = Weather {
        delay_ms: 2..18,
        ..Weather::default()
    };
    let at = format!("{}:0", hosts.own_address());
    let relay = |i: usize| {
        let proxy = Proxy::start(&at, &network.nats_address(0), weather.clone(), i as u64);
        network.reach_nats_at(i, &proxy.url());
        proxy
    };
    (0..NODES).map(relay).collect()
}

#[test]
fn hosts_of_their_own_go_on_while_the_link_of_one_is_down() {
    if !nats_is_asked_for() {
        return;
    }
    let hosts = match Namespaces::join(NODES) {
        Ok(hosts) => hosts,
        Err(error) => {
            println!("skipped: no permission for network namespaces: {error}");
            return;
        }
    };
    let dir = tempfile::tempdir().unwrap();
    let network = found(dir.path(), &hosts);
    network.start_servers();
    let relays = disturb(&network, &hosts);
    network.start_all();
    network.wait_until_all_hear();
    let (loaded, ()) = under_load(&network, &[0, 1, 2], |load| {
        load.wait_for(15);
        let began = Instant::now();
        hosts.set_link(3, "down");
        network.wait_for_health(0, |h| h["missing"] == serde_json::json!(["validator-3"]));
        load.wait_for(5);
        thread::sleep(Duration::from_secs(3).saturating_sub(began.elapsed())); // the pause itself
        hosts.set_link(3, "up");
        let healed = Instant::now();
        network.wait_until_caught_up(3, 0);
        println!("caught up {:?} after its link was up", healed.elapsed());
        load.wait_for(15);
    });
    let books = books::close(&network, &loaded.acknowledged);
    println!("{} deposits in {} blocks", books.ids.len(), books.height);
    drop(network);
    drop(relays);
}
