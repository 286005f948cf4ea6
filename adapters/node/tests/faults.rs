//! Validators stopped, cut off and started again under a running network.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use serde_json::Value;
use std::process::{Command, Stdio};
use support::{Devnet, WUTONG, get, key, post, post_async, statement};

/// How often a statement stands in the ledger of validator `i`.
fn occurrences(devnet: &Devnet, i: usize, id: &str) -> usize {
    let height = devnet.health(i)["height"].as_u64().unwrap();
    let block = |h: u64| -> Value {
        let (status, body) = get(&format!("{}/v1/blocks/{h}", devnet.url(i))).unwrap();
        assert_eq!(status, 200);
        serde_json::from_str(&body).unwrap()
    };
    let ids = (1..=height).flat_map(|h| {
        let block = block(h);
        let statements = block["statements"].as_array().unwrap().clone();
        statements
            .into_iter()
            .map(|s| s["id"].as_str().unwrap().to_owned())
    });
    ids.filter(|found| found == id).count()
}

fn submit(devnet: &Devnet, i: usize, wait_ms: u64, body: Vec<u8>) -> (u16, Value) {
    post(
        &format!("{}/v1/statements?wait_ms={wait_ms}", devnet.url(i)),
        body,
    )
    .unwrap()
}

#[test]
fn deposits_go_on_with_one_validator_down() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(dir.path());
    let network = devnet.network();
    devnet.order("stop", 1);
    // More than one turn of proposers, so that the dead one is waited for and passed over.
    for i in 0..6 {
        let entry = statement(&network, "public", &key("one-down"), i).entry();
        let (status, body) = submit(&devnet, [0, 2, 3][i as usize % 3], 30_000, entry);
        assert_eq!(status, 201, "{body}");
    }
    let health = devnet.wait_until(0, "it misses validator-1", |h| {
        h["missing"][0] == "validator-1"
    });
    assert_eq!(health["quorum"], true);
    devnet.order("start", 1);
    devnet.wait_for_agreement();
}

#[test]
fn a_deposit_survives_its_gateway_and_commits_once() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(&dir.path().join("net"));
    let key_file = dir.path().join("key.pem");
    std::fs::write(&key_file, key("gateway-dies").to_pem()).unwrap();
    let file = dir.path().join("contract.txt");
    std::fs::write(&file, "the contract").unwrap();
    // Validator 0 takes the statement but cannot tell the others about it.
    devnet.order("cut", 0);
    let client = Command::new(WUTONG)
        .arg("deposit")
        .arg(&file)
        .args([
            "--url",
            &devnet.url(0),
            "--url",
            &devnet.url(2),
            "--json",
            "--wait",
            "60",
        ])
        .arg("--key")
        .arg(&key_file)
        .arg("--out")
        .arg(dir.path().join("receipts"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    devnet.wait_until(0, "it holds the statement", |h| h["waiting"] == 1);
    devnet.order("stop", 0);
    let ran = client.wait_with_output().unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stdout)
    );
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let id = told["deposits"][0]["id"].as_str().unwrap_or_default();
    assert_eq!(id.len(), 64, "{told}");
    // The first gateway comes back with the statement still in its journal.
    devnet.order("start", 0);
    devnet.wait_for_agreement();
    let entry = statement(&devnet.network(), "public", &key("gateway-dies"), 1).entry();
    assert_eq!(submit(&devnet, 0, 30_000, entry).0, 201);
    devnet.wait_for_agreement();
    for i in 0..4 {
        assert_eq!(occurrences(&devnet, i, id), 1, "validator {i}");
    }
}

#[test]
fn without_a_quorum_nothing_commits_and_later_everything_does_once() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(dir.path());
    let network = devnet.network();
    let first = statement(&network, "public", &key("two-down"), 0);
    assert_eq!(submit(&devnet, 0, 30_000, first.entry()).0, 201);
    devnet.order("stop", 1);
    devnet.order("stop", 2);
    let health = devnet.wait_until(0, "it sees no quorum", |h| h["quorum"] == false);
    assert_eq!(
        health["missing"],
        serde_json::json!(["validator-1", "validator-2"])
    );
    assert_eq!(get(&format!("{}/v1/health", devnet.url(0))).unwrap().0, 503);
    let height = health["height"].clone();
    let pending: Vec<_> = (1..4)
        .map(|i| statement(&network, "public", &key("two-down"), i))
        .collect();
    for statement in &pending {
        let (status, body) = submit(&devnet, 0, 30_000, statement.entry());
        assert_eq!(status, 503, "{body}");
        assert_eq!(body["id"], statement.id().to_string());
        assert_eq!(
            body["missing"],
            serde_json::json!(["validator-1", "validator-2"])
        );
    }
    assert_eq!(
        devnet.health(0)["height"],
        height,
        "nothing commits without a quorum"
    );
    devnet.order("start", 1);
    devnet.wait_until(0, "the quorum is back", |h| h["quorum"] == true);
    for statement in &pending {
        let (status, body) = submit(&devnet, 0, 60_000, statement.entry());
        assert_eq!(status, 201, "{body}");
    }
    devnet.order("start", 2);
    devnet.wait_for_agreement();
    for statement in &pending {
        assert_eq!(occurrences(&devnet, 2, &statement.id().to_string()), 1);
    }
}

#[test]
fn fifty_at_once_get_fifty_receipts_and_a_resubmission_the_first_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let mut devnet = Devnet::start(dir.path());
    let network = devnet.network();
    let statements: Vec<_> = (0..50)
        .map(|i| statement(&network, "public", &key("fifty"), i))
        .collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let all = |statements: &[messages::statement::Statement]| -> Vec<Value> {
        let tasks: Vec<_> = statements
            .iter()
            .enumerate()
            .map(|(i, statement)| {
                let url = format!("{}/v1/statements?wait_ms=30000", devnet.url(i % 4));
                let entry = statement.entry();
                runtime.spawn(async move { post_async(&support::client(), &url, entry).await })
            })
            .collect();
        let answers = tasks
            .into_iter()
            .map(|task| runtime.block_on(task).unwrap().unwrap());
        answers
            .map(|(status, body)| {
                assert_eq!(status, 201, "{body}");
                body
            })
            .collect()
    };
    let first = all(&statements);
    let again = all(&statements);
    for ((a, b), statement) in first.iter().zip(&again).zip(&statements) {
        assert_eq!(a["id"], statement.id().to_string());
        assert_eq!((&a["index"], &a["height"]), (&b["index"], &b["height"]));
    }
    // Data survives an orderly stop, and the stop is clean.
    let before = devnet.wait_for_agreement();
    assert_eq!(devnet.terminate(), Some(0));
    devnet.launch(&[]);
    assert_eq!(devnet.wait_for_agreement(), before);
    let third = submit(&devnet, 3, 30_000, statements[7].entry());
    assert_eq!((third.0, &third.1["index"]), (201, &first[7]["index"]));
}

#[test]
fn a_validator_that_lost_its_vote_state_does_not_vote_until_the_floor() {
    let dir = tempfile::tempdir().unwrap();
    let mut devnet = Devnet::start(dir.path());
    let network = devnet.network();
    let deposit = |devnet: &Devnet, i: u64| {
        let entry = statement(&network, "public", &key("amnesia"), i).entry();
        assert_eq!(submit(devnet, 0, 30_000, entry).0, 201);
    };
    (0..3).for_each(|i| deposit(&devnet, i));
    devnet.wait_for_agreement();
    assert_eq!(devnet.terminate(), Some(0));
    std::fs::remove_file(dir.path().join("node-2/ledger/vote-state")).unwrap();
    devnet.launch(&[]);
    let health = devnet.wait_until(2, "it knows that it forgot", |h| h["amnesiac"].is_string());
    assert_eq!(health["voting"], false);
    for i in 3..12 {
        deposit(&devnet, i);
    }
    devnet.wait_until(2, "it votes again past the floor", |h| h["voting"] == true);
    devnet.wait_for_agreement();
}
