//! What a depositor is answered, in good and bad cases.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use messages::ids::StatementId;
use support::*;

#[tokio::test]
async fn a_receipt_is_201_with_its_place() {
    let node = serve(FakeNode::default()).await;
    let answer = node.post("/v1/statements", b"statement").await;
    assert_eq!(answer.status, 201);
    let path = format!("/v1/statements/{}", id());
    assert_eq!(answer.header("location"), Some(path.as_str()));
    let json = answer.json();
    assert_eq!(json["id"], id().to_string());
    assert!(StatementId::from_hex(json["id"].as_str().unwrap()).is_some());
    assert_eq!((&json["height"], &json["index"]), (&7.into(), &21.into()));
    assert_eq!(json["block_time"], "2023-11-14T22:13:20Z");
    assert_eq!(json["block_time_ms"], 1_700_000_000_123_u64);
    assert!(
        json["receipt"]
            .as_str()
            .unwrap()
            .starts_with("c2sp.org/tlog-proof@v1\n")
    );
}

#[tokio::test]
async fn no_wait_is_202_with_the_id_and_the_next_step() {
    let node = serve(FakeNode::default()).await;
    let answer = node.post("/v1/statements?wait_ms=0", b"statement").await;
    assert_eq!(answer.status, 202);
    let json = answer.json();
    assert_eq!(json["id"], id().to_string());
    assert_eq!(json["status"], "pending");
    assert!(
        json["next_step"]
            .as_str()
            .unwrap()
            .contains(&id().to_string())
    );
}

#[tokio::test]
async fn no_quorum_is_503_with_the_id_and_the_missing() {
    let node = serve(FakeNode {
        without_quorum: true,
        ..FakeNode::default()
    })
    .await;
    let answer = node.post("/v1/statements", b"statement").await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    answer.problem_field();
    let json = answer.json();
    assert_eq!(json["id"], id().to_string());
    assert_eq!(json["missing"], serde_json::json!(["v3", "v4"]));
    assert_eq!(json["quorum"], 3);
}

#[tokio::test]
async fn refusals_keep_their_status_field_and_code() {
    let node = serve(FakeNode::default()).await;
    for (body, status, field, code) in [
        (&b"garbage"[..], 400, "entry", "malformed-statement"),
        (b"stranger", 403, "key", "not-listed"),
        (b"busy", 429, "mempool", "mempool-full"),
    ] {
        let answer = node.post("/v1/statements", body).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.problem_field(), field);
        assert_eq!(answer.json()["code"], code);
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let node = serve(FakeNode::default()).await;
    let empty = node.post("/v1/statements", b"").await;
    assert_eq!(
        (empty.status, empty.problem_field().as_str()),
        (400, "body")
    );
    let full = node.post("/v1/statements", &vec![1; 65_535]).await;
    assert_eq!(full.status, 201);
    for bytes in [65_536, 900_000] {
        let long = node.post("/v1/statements", &vec![1; bytes]).await;
        assert_eq!((long.status, long.problem_field().as_str()), (413, "body"));
    }
}

#[tokio::test]
async fn wrong_parameters_and_media_types_are_named() {
    let node = serve(FakeNode::default()).await;
    for query in [
        "wait_ms=-1",
        "wait_ms=60001",
        "wait_ms=x",
        "wait_ms=",
        "wait_ms=1&wait_ms=1",
    ] {
        let answer = node
            .post(&format!("/v1/statements?{query}"), b"statement")
            .await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.problem_field(), "wait_ms");
    }
    let answer = node.post("/v1/statements?wait=1", b"statement").await;
    assert_eq!(
        (answer.status, answer.problem_field().as_str()),
        (400, "wait")
    );
    let json = [("content-type", "application/json; charset=utf-8")];
    let answer = node.send("POST", "/v1/statements", &json, b"{}").await;
    assert_eq!(
        (answer.status, answer.problem_field().as_str()),
        (415, "content-type")
    );
    let untyped = node.send("POST", "/v1/statements", &[], b"statement").await;
    assert_eq!(untyped.status, 201);
}
