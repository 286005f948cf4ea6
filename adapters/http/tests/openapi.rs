//! The document describes what is answered.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

#[path = "support/walker.rs"]
mod walker;

use messages::hash::Hash;
use messages::keys::PublicKey;
use serde_json::{Value, json};
use support::*;

/// Kid of the first key of the fake node.
const KID: &str = "kid";

fn value(path: &str, name: &str) -> String {
    match name {
        "id" => id().to_string(),
        "block" => "7".into(),
        "level" | "first" => "0".into(),
        "tile" => "000".into(),
        "index" => "21".into(),
        "key" if path.contains("identities") => PublicKey([5; 32]).to_string(),
        "key" | "state_key" => hex::encode("key"),
        "namespace" => "members".into(),
        "value" => Hash::of(b"x").to_string(),
        "digest" => Hash::of(b"a body").to_string(),
        "kid" => KID.into(),
        other => panic!("{path}: no value for {other}"),
    }
}

fn body_of(method: &str) -> &'static [u8] {
    match method {
        "POST" => b"statement",
        "PUT" => b"a body",
        _ => b"",
    }
}

async fn document(node: &Served) -> Value {
    let answer = node.get("/v1/openapi.json").await;
    assert_eq!(answer.status, 200);
    answer.json()
}

#[tokio::test]
async fn every_described_request_is_answered_as_described() {
    let node = serve(FakeNode::default()).await;
    let document = document(&node).await;
    assert_eq!(document["openapi"], "3.1.0");
    let requests = walker::requests(&document, value);
    assert!(requests.len() > 25, "{}", requests.len());
    for request in requests.iter().filter(|request| !request.is_stream()) {
        let method = request.method.to_uppercase();
        let body = body_of(&method);
        let answer = node.send(&method, &request.target, &[], body).await;
        // The fake node has neither that key nor a statement with content.
        let is_absent = request.target.ends_with(KID) || request.target.ends_with("/content");
        assert!(
            answer.status < 400 || is_absent,
            "{}: {}",
            request.target,
            answer.body
        );
        request.check(answer.status, answer.header("content-type"), &answer.bytes);
    }
}

#[tokio::test]
async fn other_answers_are_described_too() {
    let node = serve(FakeNode {
        without_quorum: true,
        ..FakeNode::default()
    })
    .await;
    let document = document(&node).await;
    let pending = Hash::ZERO.to_string();
    let unknown = Hash::of(b"unknown").to_string();
    for id in [pending, unknown] {
        let value = |path: &str, name: &str| match name {
            "id" => id.clone(),
            "block" => "8".into(),
            "value" => Hash::ZERO.to_string(),
            "tile" => "999".into(),
            "index" => "x".into(),
            "namespace" => "No".into(),
            _ => value(path, name),
        };
        let requests = walker::requests(&document, value);
        for request in requests.iter().filter(|request| !request.is_stream()) {
            let method = request.method.to_uppercase();
            let body = body_of(&method);
            let answer = node.send(&method, &request.target, &[], body).await;
            request.check(answer.status, answer.header("content-type"), &answer.bytes);
        }
    }
}

#[tokio::test]
async fn what_is_not_described_is_not_served() {
    let node = serve(FakeNode::default()).await;
    let document = document(&node).await;
    for request in walker::requests(&document, value) {
        let other = "PATCH";
        let answer = node.send(other, &request.target, &[], b"").await;
        assert_eq!(answer.status, 405, "{other} {}", request.target);
    }
}

#[test]
fn the_walker_finds_what_is_wrong() {
    let components = json!({ "schemas": { "Number": { "type": "integer", "minimum": 1 } } });
    let schema = json!({
        "type": "object",
        "required": ["n", "list"],
        "additionalProperties": false,
        "properties": {
            "n": { "anyOf": [{ "$ref": "#/components/schemas/Number" }, { "type": "null" }] },
            "list": { "type": "array", "items": { "type": "string", "pattern": "^a+$" } },
            "word": { "enum": ["x", "y"] },
        },
    });
    for (value, holds) in [
        (json!({ "n": 1, "list": [] }), true),
        (json!({ "n": null, "list": ["a", "aa"], "word": "x" }), true),
        (json!({ "n": 0, "list": [] }), false),
        (json!({ "n": 1.5, "list": [] }), false),
        (json!({ "n": 1 }), false),
        (json!({ "n": 1, "list": ["ab"] }), false),
        (json!({ "n": 1, "list": [1] }), false),
        (json!({ "n": 1, "list": {} }), false),
        (json!({ "n": 1, "list": [], "word": "z" }), false),
        (json!({ "n": 1, "list": [], "more": 1 }), false),
    ] {
        let mut errors = Vec::new();
        walker::validate(&components, &schema, &value, "", &mut errors);
        assert_eq!(errors.is_empty(), holds, "{value}: {errors:?}");
    }
}
