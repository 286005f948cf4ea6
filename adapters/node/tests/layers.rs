//! The layer table of `ARCHITECTURE.md`, checked against the manifests of the workspace.
//!
//! Normal and build dependencies count; those of tests do not. A crate without a row fails, so
//! that a new crate gets its place in the table before it is used.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each crate may import. A star stands for the crates of a folder; [`NODE`] is never meant
/// by one, for nothing may import the crate that composes everything.
const TABLE: [(&str, &[&str]); 10] = [
    ("messages", &[]),
    ("ledger", &["messages"]),
    ("bus", &["messages"]),
    (
        "observability-*",
        &["messages", "bus", "observability-names"],
    ),
    (
        "actors",
        &["messages", "ledger", "bus", "observability-names"],
    ),
    ("adapters-cli", &COMPOSERS),
    (NODE, &COMPOSERS),
    (SHARED, &["messages", "bus"]),
    (
        "adapters-*",
        &["messages", "bus", "observability-*", SHARED],
    ),
    (
        "simulations",
        &[
            "messages",
            "ledger",
            "bus",
            "actors",
            "observability-*",
            "adapters-wasm",
        ],
    ),
];

const COMPOSERS: [&str; 6] = [
    "messages",
    "ledger",
    "bus",
    "actors",
    "observability-*",
    "adapters-*",
];

const NODE: &str = "adapters-node";

/// What surfaces share, so that HTTP and NATS do not write the same answers twice.
const SHARED: &str = "adapters-surface";

/// Crates that run actors, and so may name the runtime of the shells.
const RUNS_ACTORS: [&str; 3] = ["actors", NODE, "simulations"];

/// A dependency that is built into something: not one of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edge {
    from: String,
    to: String,
}

impl Edge {
    fn new(from: &str, to: &str) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
        }
    }
}

/// The crates of the workspace and everything they depend on.
struct Workspace {
    crates: Vec<String>,
    edges: Vec<Edge>,
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("this crate stands two folders below the root")
        .into()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
            "--manifest-path",
        ])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo runs this test, so cargo can be run");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata failed: {told}");
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("cargo metadata gives no {key}"))
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("cargo metadata gives no {key}"))
}

fn workspace(metadata: &Value) -> Workspace {
    let packages = list(metadata, "packages");
    let is_built = |d: &&Value| d["kind"].as_str() != Some("dev");
    let edges = packages.iter().flat_map(|package| {
        let built = list(package, "dependencies").iter().filter(is_built);
        built.map(|d| Edge::new(text(package, "name"), text(d, "name")))
    });
    Workspace {
        crates: packages
            .iter()
            .map(|p| text(p, "name").to_owned())
            .collect(),
        edges: edges.collect(),
    }
}

fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(folder) => name.starts_with(folder) && name != NODE,
        None => pattern == name,
    }
}

/// The crate's row: the first that covers it.
fn row(name: &str) -> Option<&'static [&'static str]> {
    TABLE
        .iter()
        .find(|(pattern, _)| covers(pattern, name))
        .map(|(_, row)| *row)
}

fn is_allowed(edge: &Edge) -> bool {
    row(&edge.from).is_some_and(|row| row.iter().any(|pattern| covers(pattern, &edge.to)))
}

/// Every edge between crates of the workspace that the table does not allow.
fn forbidden(workspace: &Workspace) -> Vec<Edge> {
    let ours = |edge: &&Edge| workspace.crates.contains(&edge.to);
    workspace
        .edges
        .iter()
        .filter(ours)
        .filter(|edge| !is_allowed(edge))
        .cloned()
        .collect()
}

/// Every edge to actix from a crate that runs no actors.
fn stray_actix(workspace: &Workspace) -> Vec<Edge> {
    let is_actix = |edge: &&Edge| matches!(edge.to.as_str(), "actix" | "actix-rt");
    let is_stray = |edge: &&Edge| !RUNS_ACTORS.contains(&edge.from.as_str());
    workspace
        .edges
        .iter()
        .filter(is_actix)
        .filter(is_stray)
        .cloned()
        .collect()
}

#[test]
fn every_dependency_is_one_that_the_table_allows() {
    let workspace = workspace(&metadata());
    assert!(
        workspace.crates.len() >= 11,
        "the workspace was read: {:?}",
        workspace.crates
    );
    assert!(
        workspace.edges.contains(&Edge::new("ledger", "messages")),
        "dependencies were read"
    );
    let without_row: Vec<_> = workspace
        .crates
        .iter()
        .filter(|c| row(c).is_none())
        .collect();
    assert!(
        without_row.is_empty(),
        "give these a row in the layer table: {without_row:?}"
    );
    let forbidden = forbidden(&workspace);
    assert!(
        forbidden.is_empty(),
        "the layer table does not allow these: {forbidden:?}"
    );
}

#[test]
fn only_crates_that_run_actors_know_actix() {
    let workspace = workspace(&metadata());
    assert!(
        workspace.edges.contains(&Edge::new("actors", "actix")),
        "dependencies were read"
    );
    let stray = stray_actix(&workspace);
    assert!(
        stray.is_empty(),
        "actix is the runtime of the shells and of nothing else: {stray:?}"
    );
}

/// Faults on purpose are for one test of the simulator, which names their feature itself.
#[test]
fn no_crate_asks_for_mutants() {
    let metadata = metadata();
    let names = |features: &Value| features.to_string().contains("mutants");
    let packages = list(&metadata, "packages");
    assert!(
        packages.iter().any(|p| names(&p["features"])),
        "features were read"
    );
    for package in packages {
        let (name, default) = (text(package, "name"), &package["features"]["default"]);
        assert!(!names(default), "{name} has mutants by default");
        for dependency in list(package, "dependencies") {
            let to = text(dependency, "name");
            let asks = names(&dependency["features"]);
            assert!(!asks, "{name} asks {to} for mutants");
        }
    }
}

#[test]
fn a_crate_is_named_after_its_folder() {
    let (metadata, root) = (metadata(), root());
    for package in list(&metadata, "packages") {
        let manifest = Path::new(text(package, "manifest_path"));
        let folder = manifest.parent().expect("a manifest stands in a folder");
        let folder = folder
            .strip_prefix(&root)
            .expect("crates stand below the root");
        let words = folder.iter().map(|word| word.to_string_lossy());
        assert_eq!(text(package, "name"), words.collect::<Vec<_>>().join("-"));
    }
}

/// A package as `cargo metadata` prints it.
fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
    let dependencies: Vec<_> = dependencies
        .iter()
        .map(|(name, kind)| serde_json::json!({ "name": name, "kind": kind }))
        .collect();
    serde_json::json!({ "name": name, "dependencies": dependencies })
}

#[test]
fn the_check_refuses_what_it_must() {
    let packages = [
        package("messages", &[("ledger", None), ("serde", None)]),
        package(
            "ledger",
            &[("messages", None), ("bus", Some("build")), ("actix", None)],
        ),
        package("bus", &[("messages", None), ("ledger", Some("dev"))]),
        package(
            "actors",
            &[("ledger", None), ("adapters-http", None), ("actix", None)],
        ),
        package("adapters-cli", &[("adapters-http", None), (NODE, None)]),
        package(
            "adapters-http",
            &[("bus", None), ("actors", None), ("actix-rt", None)],
        ),
        package(
            NODE,
            &[
                ("actors", None),
                ("adapters-http", None),
                ("simulations", None),
            ],
        ),
        package("simulations", &[("actors", None), ("adapters-http", None)]),
        package("stray", &[("messages", None)]),
    ];
    let workspace = workspace(&serde_json::json!({ "packages": packages }));
    let expected = [
        Edge::new("messages", "ledger"),
        Edge::new("ledger", "bus"),
        Edge::new("actors", "adapters-http"),
        Edge::new("adapters-cli", NODE),
        Edge::new("adapters-http", "actors"),
        Edge::new(NODE, "simulations"),
        Edge::new("simulations", "adapters-http"),
        Edge::new("stray", "messages"),
    ];
    assert_eq!(forbidden(&workspace), expected);
    let expected = [
        Edge::new("ledger", "actix"),
        Edge::new("adapters-http", "actix-rt"),
    ];
    assert_eq!(stray_actix(&workspace), expected);
    assert_eq!(row("stray"), None);
}
