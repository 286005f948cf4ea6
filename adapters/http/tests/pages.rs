//! Lists are walked page by page, each item once.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use messages::hash::Hash;
use support::fake_ledger::{SIZE, STATEMENTS};
use support::*;

/// Walks a list from `path` on; gives the numbers of its items.
async fn walk(node: &Served, path: &str, list: &str, number: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = node.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let json = answer.json();
        let items = json[list].as_array().unwrap();
        assert!((1..=100).contains(&items.len()), "{path}");
        numbers.extend(items.iter().map(|item| item[number].as_u64().unwrap()));
        next = json["next"].as_str().map(str::to_owned);
    }
    numbers
}

#[tokio::test]
async fn every_item_is_met_once() {
    let node = serve(FakeNode::default()).await;
    for (path, list, number, expected) in [
        (
            "/v1/entries?from=0&count=70",
            "entries",
            "index",
            (0..SIZE).collect(),
        ),
        (
            "/v1/entries?from=0&count=1000",
            "entries",
            "index",
            (0..SIZE).collect(),
        ),
        ("/v1/entries", "entries", "index", (0..SIZE).rev().collect()),
        (
            "/v1/entries?before=5&count=2",
            "entries",
            "index",
            (0..5).rev().collect(),
        ),
        ("/v1/blocks", "blocks", "height", (0..8).rev().collect()),
        (
            "/v1/blocks?from=3&count=2",
            "blocks",
            "height",
            (3..8).collect(),
        ),
        (
            "/v1/statements?after=0&count=99",
            "statements",
            "ordinal",
            (1..=STATEMENTS).collect(),
        ),
        (
            "/v1/statements?after=290",
            "statements",
            "ordinal",
            (291..=STATEMENTS).collect(),
        ),
        (
            "/v1/statements?count=7",
            "statements",
            "ordinal",
            (1..=STATEMENTS).rev().collect(),
        ),
        (
            "/v1/statements?before=9&count=3",
            "statements",
            "ordinal",
            (1..9).rev().collect(),
        ),
    ] {
        let expected: Vec<u64> = expected;
        assert_eq!(walk(&node, path, list, number).await, expected, "{path}");
    }
}

#[tokio::test]
async fn lists_hold_what_is_needed_and_no_more() {
    let node = serve(FakeNode::default()).await;
    let blocks = node.get("/v1/blocks?count=1").await.json();
    assert_eq!(blocks["blocks"][0]["statement_count"], 9);
    assert!(blocks["blocks"][0]["statements"].is_null());
    let entries = node.get("/v1/entries?from=0&count=3").await.json();
    assert_eq!(entries["entries"][0]["kind"], "genesis");
    assert_eq!(
        node.get("/v1/entries?count=1").await.json()["entries"][0]["kind"],
        "seal"
    );
    let value = Hash::of(b"x");
    let found = node
        .get(&format!("/v1/lookup?value={value}&count=1"))
        .await
        .json();
    let next = found["next"].as_str().unwrap();
    assert_eq!(next, format!("/v1/lookup?from=22&count=1&value={value}"));
    assert!(node.get(next).await.json()["next"].is_null());
}

#[tokio::test]
async fn pages_that_are_refused() {
    let node = serve(FakeNode::default()).await;
    for (path, field) in [
        ("/v1/blocks?from=1&before=2", "before"),
        ("/v1/blocks?from=x", "from"),
        ("/v1/blocks?count=0", "count"),
        ("/v1/entries?after=1", "after"),
        ("/v1/statements?from=1", "from"),
        ("/v1/statements?after=", "after"),
        ("/v1/lookup?value=12&from=1", "value"),
        ("/v1/identities/xyz", "key"),
        ("/v1/namespaces?after=No", "after"),
        ("/v1/state/xyz", "key"),
        ("/v1/state", "key"),
        ("/v1/state?key=", "key"),
    ] {
        let answer = node.get(path).await;
        assert_eq!(
            (answer.status, answer.problem_field().as_str()),
            (400, field),
            "{path}"
        );
    }
}

#[tokio::test]
async fn outcomes_wait_for_publication() {
    let node = serve(FakeNode::default()).await;
    let answer = node
        .get(&format!("/v1/statements/{}/outcome", Hash::ZERO))
        .await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (202, Some("1"))
    );
    let done = node
        .get(&format!("/v1/statements/{}/outcome", id()))
        .await
        .json();
    assert_eq!(
        (&done["done"], &done["seal_index"]),
        (&true.into(), &(SIZE - 1).into())
    );
}

#[tokio::test]
async fn rights_and_state() {
    let node = serve(FakeNode::default()).await;
    let key = hex::encode([9; 32]);
    let identity = node
        .get(&format!("/v1/identities/{key}?namespace=public"))
        .await
        .json();
    assert_eq!(identity["namespaces"][0]["registered_height"], 3);
    let unknown = node
        .get(&format!("/v1/identities/{key}?namespace=nowhere"))
        .await;
    assert_eq!(
        (unknown.status, unknown.problem_field().as_str()),
        (404, "namespace")
    );
    let namespaces = node.get("/v1/namespaces").await.json();
    assert_eq!(namespaces["next"], "/v1/namespaces?after=members&count=20");
    let more = namespaces["namespaces"][0]["listed_next"].as_str().unwrap();
    assert_eq!(
        node.get(more).await.json()["keys"][0]["organisation"],
        "First Notary"
    );
    let row = node.get(&format!("/v1/state/{}", hex::encode("key"))).await;
    let same = node
        .get(&format!("/v1/state?key={}", hex::encode("key")))
        .await;
    assert_eq!(row.bytes, same.bytes);
    assert_eq!(row.json()["value"], hex::encode("value"));
    let absent = node
        .get(&format!("/v1/state/{}", hex::encode("absent")))
        .await
        .json();
    assert_eq!(
        (&absent["present"], &absent["end"]),
        (&false.into(), &().into())
    );
    let chain = node.get("/v1/policy/chain").await.json();
    assert_eq!(
        (&chain["epochs"][0]["index"], &chain["links"]),
        (&1.into(), &serde_json::json!([]))
    );
}
