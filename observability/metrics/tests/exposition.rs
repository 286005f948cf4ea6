//! The text that is scraped, held against the registry.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use bus::api::{BlockSummary, BlockView, Health, NodeRole, ValidatorStatus};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, Ordinal, Round, TimeMs, TreeSize};
use observability_metrics::{HttpAnswer, NodeMetrics, Readings};
use observability_names as names;
use observability_names::{Kind, METRICS, PROCESS_METRICS};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

fn metrics() -> NodeMetrics {
    NodeMetrics::new(&name("trial"), &name("v1")).unwrap()
}

fn health() -> Health {
    Health {
        network: name("trial"),
        node: name("v1"),
        version: "0.1.0",
        quorum: true,
        quorum_size: 3,
        missing: vec![name("v4")],
        height: Height(7),
        round: Round(1),
        published: Height(6),
        log_size: TreeSize(30),
        log_root: Hash::ZERO,
        statements: Ordinal(21),
        waiting: 2,
        amnesiac: None,
        voting: true,
    }
}

fn validator(text: &str, height: u64, own: bool) -> ValidatorStatus {
    ValidatorStatus {
        name: name(text),
        role: NodeRole::Validator,
        organisation: "An office".into(),
        present: text != "v4",
        own,
        height: Height(height),
        round: Round(0),
        published: Height(height),
        silent_ms: Some(0),
        about: None,
    }
}

fn summary(time: u64) -> BlockSummary {
    BlockSummary {
        block: BlockView {
            height: Height(7),
            id: Hash::ZERO,
            time: TimeMs(time),
            proposer: Some(name("v2")),
            round: Round(2),
            signers: Vec::new(),
            first_leaf: LeafIndex(0),
            log_size: TreeSize(0),
            log_root: Hash::ZERO,
            state_root: Hash::ZERO,
            statements: Vec::new(),
        },
        statement_count: 0,
    }
}

/// Everything that can be read or recorded, once.
fn everything(metrics: &NodeMetrics) -> String {
    let mut readings = Readings::default();
    readings.health(Some(&health()));
    readings.validators(&[validator("v1", 7, true), validator("v4", 3, false)]);
    let mut probe = Readings::default();
    probe.health(Some(&health()));
    for metric in METRICS.iter().filter(|m| m.kind != Kind::Histogram) {
        let known = probe_has(&readings, metric);
        let labels: Vec<&str> = metric.labels.iter().map(|_| "x").collect();
        if !known {
            readings.set(metric, &labels, 3.0);
        }
    }
    metrics.on_published(&summary(1_000), TimeMs(1_200));
    metrics.on_misbehavior("v3");
    metrics.on_http(&HttpAnswer {
        method: "GET",
        route: "/v1/health",
        status: 200,
        took: Duration::from_millis(3),
    });
    metrics.expose(readings).unwrap()
}

/// Whether a reading was set already: its text would differ otherwise.
fn probe_has(readings: &Readings, metric: &names::Metric) -> bool {
    format!("{readings:?}").contains(&format!("\"{}\"", metric.name))
}

/// Type lines of a text: kind by name.
fn types(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|l| l.strip_prefix("# TYPE "));
    lines
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            (name.to_owned(), kind.to_owned())
        })
        .collect()
}

#[test]
fn every_metric_of_the_registry_is_exposed_and_no_other() {
    let text = everything(&metrics());
    let found = types(&text);
    let mut expected: BTreeMap<String, String> = METRICS
        .iter()
        .map(|metric| {
            let kind = format!("{:?}", metric.kind).to_lowercase();
            (metric.exposed(), kind)
        })
        .collect();
    for process in PROCESS_METRICS {
        let is_counter = process.ends_with("_total");
        let kind = if is_counter { "counter" } else { "gauge" };
        expected.insert(process.into(), kind.into());
    }
    assert_eq!(found, expected, "{text}");
}

/// The value of a series; labels in any order, those of the node left out.
fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<String> {
    let own = [("network", "trial"), ("node", "v1")];
    let all = labels.iter().chain(&own);
    let wanted: BTreeSet<String> = all.map(|(k, v)| format!("{k}=\"{v}\"")).collect();
    text.lines().find_map(|line| {
        let (found, rest) = line.split_once('{')?;
        let (found_labels, value) = rest.split_once("} ")?;
        let found_labels: BTreeSet<String> = found_labels.split(',').map(Into::into).collect();
        (found == name && found_labels == wanted).then(|| value.to_owned())
    })
}

#[test]
fn values_and_labels_are_those_of_the_node() {
    let text = everything(&metrics());
    let lag = "wutong_publish_lag_seconds_bucket";
    for (name, labels, expected) in [
        ("wutong_height", vec![], "7"),
        ("wutong_statements_total", vec![], "21"),
        ("wutong_voting", vec![], "1"),
        ("wutong_amnesiac", vec![], "0"),
        ("wutong_validator_lag", vec![("validator", "v4")], "4"),
        ("wutong_validator_present", vec![("validator", "v4")], "0"),
        ("wutong_blocks_total", vec![("proposer", "v2")], "1"),
        ("wutong_extra_rounds_total", vec![], "2"),
        (lag, vec![("le", "0.25")], "1"),
        (lag, vec![("le", "0.1")], "0"),
    ] {
        let found = value(&text, name, &labels);
        assert_eq!(
            found.as_deref(),
            Some(expected),
            "{name} {labels:?}\n{text}"
        );
    }
}

#[test]
fn a_silent_node_is_exposed_as_such_and_old_values_are_gone() {
    let metrics = metrics();
    everything(&metrics);
    let mut readings = Readings::default();
    readings.health(None);
    let text = metrics.expose(readings).unwrap();
    assert_eq!(value(&text, "wutong_answering", &[]).as_deref(), Some("0"));
    assert!(!text.contains("wutong_height{"), "{text}");
}

#[test]
fn what_clients_write_makes_no_new_series() {
    let metrics = metrics();
    for method in ["BREW", "PROPFIND", "GET\"}"] {
        metrics.on_http(&HttpAnswer {
            method,
            route: "none",
            status: 404,
            took: Duration::ZERO,
        });
    }
    let text = metrics.expose(Readings::default()).unwrap();
    let series: BTreeSet<&str> = text
        .lines()
        .filter(|l| l.starts_with("wutong_http_requests_total{"))
        .collect();
    assert_eq!(series.len(), 1, "{series:?}");
}
