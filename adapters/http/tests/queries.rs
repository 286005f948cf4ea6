//! What readers are answered, in good and bad cases.

mod support;

use messages::hash::Hash;
use support::*;

#[tokio::test]
async fn texts_are_plain() {
    let node = serve(FakeNode::default()).await;
    let receipt = format!("/v1/statements/{}/receipt", id());
    for (path, starts) in [
        (receipt.as_str(), "c2sp.org/tlog-proof@v1\n"),
        ("/checkpoint", "origin\n"),
        ("/v1/checkpoint", "origin\n"),
        ("/v1/policy", "quorum"),
    ] {
        let answer = node.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert!(answer.body.starts_with(starts), "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_transparent_statement_is_bytes_of_its_media_type() {
    let node = serve(FakeNode::default()).await;
    let path = |id: &str| format!("/v1/statements/{id}/transparent");
    let answer = node.get(&path(&id().to_string())).await;
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/scitt-statement+cose"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.bytes, fake_ledger::transparent().encode());
    let waiting = node.get(&path(&Hash::ZERO.to_string())).await;
    assert_eq!(
        (waiting.status, waiting.header("retry-after")),
        (202, Some("1"))
    );
    assert_eq!(
        node.get(&path(&Hash::of(b"no").to_string())).await.status,
        404
    );
    assert_eq!(node.get(&path("short")).await.status, 400);
}

#[tokio::test]
async fn the_policy_entry_comes_with_its_proof() {
    let node = serve(FakeNode::default()).await;
    let proof = node.get("/v1/policy/proof").await.json();
    assert_eq!(proof["entry"], hex::encode(b"entry"));
    assert_eq!(proof["index"], 1);
    assert_eq!(proof["path"][0], Hash::of(b"sibling").to_string());
    assert_eq!(proof["checkpoint"], "origin\n1\nroot\n");
}

#[tokio::test]
async fn records_are_json() {
    let node = serve(FakeNode::default()).await;
    let statement = node.get(&format!("/v1/statements/{}", id())).await.json();
    assert_eq!(statement["status"], "committed");
    assert_eq!(statement["entry"], hex::encode(b"entry"));
    let found = node
        .get(&format!("/v1/lookup?value={}", Hash::of(b"x")))
        .await
        .json();
    assert_eq!(found["statements"][0]["id"], id().to_string());
    let block = node.get("/v1/blocks/7").await.json();
    assert_eq!(block["height"], 7);
    assert_eq!(block["signers"], serde_json::json!(["v1", "v2", "v3"]));
    assert_eq!(block["statements"][0]["code"], 0);
    assert_eq!(block["log_root"], Hash::of(b"root").to_string());
    let validators = node.get("/v1/validators").await.json();
    assert_eq!(validators["validators"][0]["organisation"], "First Notary");
}

#[tokio::test]
async fn health_tells_the_missing() {
    let good = serve(FakeNode::default()).await.get("/v1/health").await;
    assert_eq!((good.status, &good.json()["status"]), (200, &"ok".into()));
    let node = serve(FakeNode {
        without_quorum: true,
        ..FakeNode::default()
    })
    .await;
    let bad = node.get("/v1/health").await;
    let json = bad.json();
    assert_eq!((bad.status, &json["status"]), (503, &"no quorum".into()));
    assert_eq!(json["missing"], serde_json::json!(["v3", "v4"]));
    assert_eq!(json["network"], "trial");
}

#[tokio::test]
async fn malformed_is_400_and_unknown_is_404() {
    let node = serve(FakeNode::default()).await;
    let unknown = Hash::of(b"unknown");
    let long = format!("/v1/statements/{unknown}00");
    for (path, status, field) in [
        ("/v1/statements/xyz", 400, "id"),
        (long.as_str(), 400, "id"),
        ("/v1/statements/xyz/receipt", 400, "id"),
        ("/v1/statements/%ff", 400, "path"),
        ("/v1/blocks/-1", 400, "height"),
        ("/v1/blocks/%2B1", 400, "height"),
        ("/v1/blocks/seven", 400, "height"),
        ("/v1/blocks/99999999999999999999", 400, "height"),
        ("/v1/lookup", 400, "value"),
        ("/v1/lookup?value=12", 400, "value"),
        ("/v1/lookup?digest=12", 400, "digest"),
        (&format!("/v1/statements/{unknown}"), 404, "id"),
        (&format!("/v1/statements/{unknown}/receipt"), 404, "id"),
        (&format!("/v1/lookup?value={}", Hash::ZERO), 404, "value"),
        ("/v1/blocks/8", 404, "height"),
        ("/v1/blocks/", 404, "path"),
        ("/v2/health", 404, "path"),
    ] {
        let answer = node.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.problem_field(), field, "{path}");
    }
}

#[tokio::test]
async fn waiting_is_202_with_retry_after() {
    let node = serve(FakeNode::default()).await;
    let answer = node
        .get(&format!("/v1/statements/{}/receipt", Hash::ZERO))
        .await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (202, Some("1"))
    );
    assert_eq!(answer.json()["status"], "pending");
}

#[tokio::test]
async fn wrong_methods_are_405_with_allow() {
    let node = serve(FakeNode::default()).await;
    for (method, path, allow) in [
        ("DELETE", "/v1/statements", "POST,GET,HEAD"),
        ("DELETE", "/v1/policy", "GET,HEAD"),
    ] {
        let answer = node.send(method, path, &[], b"").await;
        assert_eq!(
            (answer.status, answer.problem_field().as_str()),
            (405, "method")
        );
        assert_eq!(answer.header("allow"), Some(allow));
    }
}

#[tokio::test]
async fn a_silent_node_is_503() {
    let node = serve(FakeNode {
        silent: true,
        ..FakeNode::default()
    })
    .await;
    let answer = node.get("/v1/health").await;
    assert_eq!(answer.status, 503);
    answer.problem_field();
}

#[tokio::test]
async fn shutdown_ends_the_server() {
    let mut node = serve(FakeNode::default()).await;
    assert_eq!(node.get("/v1/health").await.status, 200);
    node.stop.take().unwrap().send(()).unwrap();
    node.ended.await.unwrap().unwrap();
}
