//! A network over a cluster of three NATS servers, of which one dies.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use async_nats::jetstream;
use std::path::Path;
use std::time::{Duration, Instant};
use support::PATIENCE;
use support::processes::{Process, free_ports, init, nats_is_asked_for};

/// Password of a user, as the configuration has it.
fn password(dir: &Path, user: &str) -> String {
    let conf = std::fs::read_to_string(dir.join("net/nats-0.conf")).unwrap();
    let line = conf
        .lines()
        .find(|l| l.contains(&format!("user: \"{user}\"")));
    let password = line.unwrap().split("password: \"").nth(1).unwrap();
    password.split('"').next().unwrap().to_owned()
}

/// What the cluster says of the stream, once it has so many messages and a leader.
async fn stream(
    context: &jetstream::Context,
    name: &str,
    messages: u64,
) -> jetstream::stream::Info {
    let began = Instant::now();
    let mut last = String::new();
    while began.elapsed() < PATIENCE {
        match context.get_stream(name).await {
            Ok(stream) => {
                let info = stream.cached_info().clone();
                let led = info.cluster.as_ref().is_some_and(|c| c.leader.is_some());
                if led && info.state.messages >= messages {
                    return info;
                }
                last = format!("{info:?}");
            }
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(50)).await; // between two looks
    }
    panic!("the stream never had {messages} messages and a leader: {last}");
}

#[test]
fn three_servers_keep_each_event_and_one_may_die() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // Three ports for clients and three for the servers themselves.
    let (nats_port, http_port) = (free_ports(6), free_ports(4));
    let (mut nodes, network) = init(dir, nats_port, http_port, &["--nats-cluster", "3"]);
    let mut servers: Vec<Option<Process>> = (0..3)
        .map(|i| Some(Process::nats(&dir.join(format!("net/nats-{i}.conf")), dir)))
        .collect();
    nodes.start_all();
    nodes.wait_until_all_hear();
    let (status, body) = nodes.submit(&network, 1, 1, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let user = password(dir, "validator-0");
    let urls: Vec<String> = (0..3)
        .map(|i| format!("nats://127.0.0.1:{}", nats_port + i))
        .collect();
    let client = runtime.block_on(async {
        let options =
            async_nats::ConnectOptions::with_user_and_password("validator-0".into(), user)
                .custom_inbox_prefix("_INBOX.validator-0");
        options.connect(urls).await.unwrap()
    });
    let context = {
        let _inside = runtime.enter();
        jetstream::new(client)
    };
    let name = format!("WUTONG_{}_EVENTS", network.as_str().replace('-', "_"));
    let info = runtime.block_on(stream(&context, &name, 1));
    assert_eq!(info.config.num_replicas, 3);
    let cluster = info.cluster.unwrap();
    assert_eq!(cluster.replicas.len(), 2, "{cluster:?}");
    // The server that leads the stream dies.
    let leader = cluster.leader.unwrap();
    let place: usize = leader.strip_prefix("nats-").unwrap().parse().unwrap();
    drop(servers[place].take());
    let began = Instant::now();
    for number in 2..=5 {
        let node = number as usize % nodes.len();
        let answer = nodes.submit(&network, node, number, 30_000);
        // Nodes at that server go to another: until then a quorum may be missing for a moment.
        let committed = |answer: &Option<(u16, serde_json::Value)>| {
            answer
                .as_ref()
                .is_some_and(|(_, body)| body["receipt"].is_string())
        };
        let mut answer = answer;
        while !committed(&answer) {
            assert!(began.elapsed() < PATIENCE, "{answer:?}");
            answer = nodes.submit(&network, node, number, 30_000);
        }
    }
    let took = began.elapsed();
    let info = runtime.block_on(stream(&context, &name, 5));
    assert_eq!(info.state.messages, 5, "each event once");
    assert_ne!(info.cluster.unwrap().leader.unwrap(), leader);
    println!(
        "four deposits in {took:?} after {leader} died; events {:?}",
        began.elapsed()
    );
}
