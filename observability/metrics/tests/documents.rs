//! Documentation, dashboard and alerts, held against the registry.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use observability_names::{Kind, METRICS, Metric, PROCESS_METRICS};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

/// Names of series that a query may use.
fn series() -> BTreeSet<String> {
    let of = |metric: &Metric| match metric.kind {
        Kind::Histogram => ["_bucket", "_sum", "_count"]
            .map(|end| format!("{}{end}", metric.exposed()))
            .to_vec(),
        Kind::Gauge | Kind::Counter => vec![metric.exposed()],
    };
    let process = PROCESS_METRICS.map(ToOwned::to_owned);
    METRICS.iter().flat_map(of).chain(process).collect()
}

/// Words of a query that begin like metrics of ours.
fn metrics_in(query: &str) -> BTreeSet<String> {
    // Behind a brace stand labels and their values.
    let outside = query.split('}').filter_map(|part| part.split('{').next());
    let words = outside.flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_'));
    let ours = words.filter(|word| word.starts_with("wutong_") || word.starts_with("process_"));
    ours.map(ToOwned::to_owned).collect()
}

fn check(queries: &[String]) -> BTreeSet<String> {
    let series = series();
    let mut used = BTreeSet::new();
    for query in queries {
        for metric in metrics_in(query) {
            assert!(
                series.contains(&metric),
                "{metric} is not in the registry: {query}"
            );
            used.insert(metric);
        }
    }
    used
}

#[test]
fn the_table_of_the_documentation_is_the_registry() {
    let row = |metric: &Metric| {
        let labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
        let labels = match labels.is_empty() {
            true => "-".to_owned(),
            false => labels.join(", "),
        };
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let (name, help) = (metric.exposed(), metric.help);
        format!("| `{name}` | {kind} | {labels} | {help} |\n")
    };
    let table: String = METRICS.iter().map(row).collect();
    let text = read("docs/observability.md");
    assert!(
        text.contains(&table),
        "docs/observability.md should have:\n{table}"
    );
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let dashboard: Value = serde_json::from_str(&read("observability/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|p| p["targets"].as_array().unwrap());
    let queries: Vec<String> = targets
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect();
    for query in &queries {
        assert!(
            !metrics_in(query).is_empty(),
            "{query} asks for nothing of ours"
        );
    }
    assert!(check(&queries).len() > 20);
    let ids: BTreeSet<u64> = panels.iter().map(|p| p["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "a panel's id stands twice");
}

#[test]
fn alerts_watch_metrics_that_there_are() {
    let text = read("observability/alerts.yml");
    let queries: Vec<String> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "))
        .map(|query| query.trim_matches('\'').to_owned())
        .collect();
    let alerts = text.lines().filter(|l| l.trim().starts_with("- alert: "));
    assert_eq!(alerts.count(), queries.len());
    let used = check(&queries);
    for wanted in [
        "wutong_quorum",
        "wutong_validator_present",
        "wutong_behind",
        "wutong_disk_free_bytes",
        "wutong_nats_connected",
        "wutong_misbehavior_proofs_total",
    ] {
        assert!(used.contains(wanted), "nothing watches {wanted}");
    }
}

#[test]
fn the_check_finds_a_name_that_there_is_not() {
    let query = r#"rate(wutong_blocks_total{node="wutong_x"}[5m]) > wutong_no_such"#;
    let expected = ["wutong_blocks_total", "wutong_no_such"].map(ToOwned::to_owned);
    assert_eq!(metrics_in(query), BTreeSet::from(expected));
    assert!(!series().contains("wutong_no_such"));
}
