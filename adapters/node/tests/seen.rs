//! Nodes as their operator's machines see them: probes, metrics, logs.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use support::network::{NODES, Network};
use support::processes::nats_is_asked_for;
use support::{Devnet, get};

/// Sum of the series of a metric in a text that was scraped; none when there is no series.
fn sum(text: &str, metric: &str) -> Option<f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let name = series.split('{').next()?;
        (name == metric).then(|| value.parse::<f64>().unwrap())
    });
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

fn scrape(url: &str) -> String {
    let (status, text) = get(&format!("{url}/metrics")).unwrap();
    assert_eq!(status, 200, "{text}");
    text
}

fn codes(ready: &Value) -> Vec<&str> {
    let reasons = ready["reasons"].as_array().unwrap();
    reasons
        .iter()
        .map(|r| r["code"].as_str().unwrap())
        .collect()
}

#[test]
fn a_devnet_is_measured_and_says_when_it_cannot_decide() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(dir.path());
    let network = devnet.network();
    let key = support::key("seen");
    for i in 0..3 {
        let entry = support::statement(&network, "public", &key, i).entry();
        let url = format!("{}/v1/statements?wait_ms=30000", devnet.url(0));
        let (status, body) = support::post(&url, entry).unwrap();
        assert_eq!(status, 201, "{body}");
    }
    devnet.wait_for_agreement();
    let text = scrape(&devnet.url(0));
    assert_eq!(sum(&text, "wutong_statements_total"), Some(3.0));
    assert_eq!(sum(&text, "wutong_quorum"), Some(1.0));
    assert_eq!(sum(&text, "wutong_missing_validators"), Some(0.0));
    let height = devnet.health(0)["height"].as_u64().unwrap() as f64;
    assert!(sum(&text, "wutong_height").unwrap() <= height);
    // Blocks are recorded as they are published, in whatever order the validators proposed.
    assert!(sum(&text, "wutong_blocks_total").unwrap() >= 1.0);
    let seen = sum(&text, "wutong_publish_lag_seconds_count").unwrap();
    assert_eq!(Some(seen), sum(&text, "wutong_blocks_total"));
    assert!(sum(&text, "wutong_http_requests_total").unwrap() >= 3.0);
    // No NATS here: nothing is said of it.
    assert_eq!(sum(&text, "wutong_nats_connected"), None);
    let known: BTreeSet<String> = observability_names::METRICS
        .iter()
        .map(observability_names::Metric::exposed)
        .chain(observability_names::PROCESS_METRICS.map(Into::into))
        .collect();
    let types = text.lines().filter_map(|l| l.strip_prefix("# TYPE "));
    for found in types.map(|line| line.split(' ').next().unwrap()) {
        assert!(known.contains(found), "{found} is not in the registry");
    }
    devnet.order("stop", 2);
    devnet.order("stop", 3);
    devnet.wait_until(0, "no quorum", |h| h["quorum"] == false);
    let (status, body) = get(&format!("{}/readyz", devnet.url(0))).unwrap();
    let ready: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, codes(&ready)), (503, vec!["no-quorum"]));
    let detail = "no quorum: missing validator-2, validator-3";
    assert_eq!(ready["reasons"][0]["detail"], detail);
    let (status, _) = get(&format!("{}/livez", devnet.url(0))).unwrap();
    assert_eq!(status, 200, "a node without a quorum is alive");
    assert_eq!(
        sum(&scrape(&devnet.url(0)), "wutong_missing_validators"),
        Some(2.0)
    );
}

#[test]
fn a_node_without_its_server_says_so_and_logs_tell_who_speaks() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let net = Network::found(dir.path());
    let secret = "a-password-of-nobody";
    let quiet = [("WUTONG_NATS_USER", "me"), ("WUTONG_NATS_PASSWORD", secret)];
    let loud = [&quiet[..], &[("RUST_LOG", "debug")]].concat();
    net.start_with(0, &["--log-format", "json"], &loud);
    (1..NODES).for_each(|i| net.start_with(i, &[], &quiet));
    let down = net.wait(0, "/readyz", |status, ready| {
        status == 503 && codes(ready).contains(&"nats-not-connected")
    });
    let server = format!("NATS not connected: {}", net.nats_url());
    assert!(down.to_string().contains(&server), "{down}");
    assert_eq!(
        sum(&scrape(&net.url(0)), "wutong_nats_connected"),
        Some(0.0)
    );
    net.start_open_server();
    (0..NODES).for_each(|i| net.wait_until_ready(i));
    let (status, body) = net.submit(0, 1, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
    let text = scrape(&net.url(0));
    assert_eq!(sum(&text, "wutong_nats_connected"), Some(1.0));
    for counted in ["sent", "received"] {
        let name = format!("wutong_link_packets_{counted}_total");
        assert!(sum(&text, &name).unwrap() > 0.0, "{text}");
    }
    assert!(text.contains("node=\"validator-0\""), "{text}");
    // Two gone: the node that is left says so.
    net.kill(2);
    net.kill(3);
    let ready = net.wait(0, "/readyz", |status, _| status == 503);
    assert_eq!(codes(&ready), ["no-quorum"]);
    let network = net.name.as_str();
    let log = net.log(0);
    assert!(log.lines().count() > 10, "debug shows little: {log}");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert_eq!(line["network"], network);
        assert!(
            line["node"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    assert!(!log.contains(secret), "the log tells the password");
    let text = net.log(1);
    let speaker = format!("{network}/validator-1 ");
    assert!(
        text.lines().any(|line| line.starts_with(&speaker)),
        "{text}"
    );
}
