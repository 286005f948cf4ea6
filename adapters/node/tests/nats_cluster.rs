//! A network over a cluster of three NATS servers, of which one dies, comes back, and then another.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use async_nats::jetstream;
use std::time::{Duration, Instant};
use support::load::under_load;
use support::network::Network;
use support::processes::nats_is_asked_for;
use support::{PATIENCE, books};

/// Asks the cluster about the stream of events until what it says meets a condition.
async fn stream(
    network: &Network,
    what: &str,
    met: impl Fn(&jetstream::stream::Info) -> bool,
) -> jetstream::stream::Info {
    let client = network.user("validator-0").connect(network.server_urls());
    let context = jetstream::new(client.await.unwrap());
    let name = books::stream_name(network);
    let began = Instant::now();
    let mut last = String::new();
    while began.elapsed() < PATIENCE {
        match context.get_stream(&name).await {
            Ok(stream) if met(stream.cached_info()) => return stream.cached_info().clone(),
            Ok(stream) => last = format!("{:?}", stream.cached_info()),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(50)).await; // between two looks
    }
    panic!("{what} never came: {last}");
}

/// The server that leads the stream, if one does.
fn leader(info: &jetstream::stream::Info) -> Option<usize> {
    let leader = info.cluster.as_ref()?.leader.as_ref()?;
    leader.strip_prefix("nats-")?.parse().ok()
}

/// Whether all three servers have what the stream has.
fn is_whole(info: &jetstream::stream::Info) -> bool {
    let replicas = info.cluster.as_ref().map(|c| &c.replicas);
    let whole = replicas.is_some_and(|r| r.len() == 2 && r.iter().all(|r| r.current && !r.offline));
    whole && leader(info).is_some()
}

#[test]
fn three_servers_keep_each_event_and_one_after_the_other_dies() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = Network::started_with(dir.path(), &["--nats-cluster", "3"]);
    assert_eq!(network.server_urls().len(), 3);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let wait = |what, met: fn(&jetstream::stream::Info) -> bool| {
        runtime.block_on(stream(&network, what, met))
    };
    let (loaded, ()) = under_load(&network, &[0, 1, 2, 3], |load| {
        load.wait_for(5);
        let info = wait("a stream on three servers", is_whole);
        assert_eq!(info.config.num_replicas, 3);
        // The one that leads the stream dies; once it is back and has all, another dies.
        let first = leader(&info).unwrap();
        network.kill_server(first);
        println!("nats-{first} died; ten deposits {:?}", load.wait_for(10));
        network.start_server(first);
        wait("the first one back", is_whole);
        let second = (first + 1) % 3;
        network.kill_server(second);
        println!("nats-{second} died; ten deposits {:?}", load.wait_for(10));
    });
    // Two of three are left.
    let began = Instant::now();
    let books = books::close(&network, &loaded.acknowledged);
    let took = began.elapsed();
    println!(
        "{} deposits; all events there and read after {took:?}",
        books.ids.len()
    );
}
