//! What tracing costs under load, for a table of figures: no collector is there, as at its worst.
//!
//! Runs when `WUTONG_LIVE` names `nats` and `WUTONG_MEASURE` is set; it asserts that all is
//! receipted and prints rates.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::time::Instant;
use support::network::{NODES, Network};
use support::processes::nats_is_asked_for;

/// Deposits of one run.
const DEPOSITS: u64 = 6_000;
/// Clients at once.
const CLIENTS: u64 = 128;

/// Deposits a second with a sample ratio; none: nothing is traced.
fn rate(ratio: Option<&str>) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let net = Network::found(dir.path());
    net.start_open_server();
    let traced = ratio.map(|ratio| {
        [
            ("WUTONG_OTLP_ENDPOINT", "http://127.0.0.1:9"),
            ("WUTONG_OTLP_SAMPLE_RATIO", ratio),
        ]
    });
    let environment = traced.as_ref().map_or(&[][..], |pairs| &pairs[..]);
    (0..NODES).for_each(|i| net.start_with(i, &[], environment));
    (0..NODES).for_each(|i| net.wait_until_ready(i));
    let key = support::key("costs");
    let signed = (0..DEPOSITS).map(|i| support::statement(&net.name, "public", &key, i).entry());
    let entries: Vec<Vec<u8>> = signed.collect();
    let urls: Vec<String> = (0..NODES)
        .map(|i| format!("{}/v1/statements?wait_ms=60000", net.url(i)))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    runtime.block_on(async {
        let client = support::client();
        let one = |c: u64| {
            let (client, url) = (client.clone(), urls[c as usize % NODES].clone());
            let own = entries.iter().skip(c as usize).step_by(CLIENTS as usize);
            async move {
                for entry in own {
                    let answer = support::post_async(&client, &url, entry.clone()).await;
                    let (status, body) = answer.unwrap();
                    assert!(status == 201 || status == 200, "{status} {body}");
                }
            }
        };
        futures::future::join_all((0..CLIENTS).map(one)).await;
    });
    DEPOSITS as f64 / began.elapsed().as_secs_f64()
}

#[test]
fn rates_without_and_with_traces() {
    if !nats_is_asked_for() || std::env::var_os("WUTONG_MEASURE").is_none() {
        println!("not measured: WUTONG_MEASURE is not set");
        return;
    }
    for round in 0..4 {
        let (off, one, all) = (rate(None), rate(Some("0.01")), rate(Some("1")));
        println!("round {round}: off {off:.0}/s, 1 % {one:.0}/s, all {all:.0}/s");
    }
}
