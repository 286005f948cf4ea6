//! Tiles, entries and proofs.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use messages::hash::Hash;
use messages::merkle::{root_of_leaves, verify_consistency, verify_inclusion};
use messages::note::decode_base64;
use serde_json::Value;
use support::fake_ledger::{SIZE, entry, leaves};
use support::*;

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

fn hash(value: &Value) -> Hash {
    Hash::from_slice(&decode_base64("hash", value.as_str().unwrap()).unwrap()).unwrap()
}

fn path(value: &Value) -> Vec<Hash> {
    value["path"].as_array().unwrap().iter().map(hash).collect()
}

#[tokio::test]
async fn tiles_are_bytes_for_ever() {
    let node = serve(FakeNode::default()).await;
    let level_0: Vec<u8> = leaves(SIZE).iter().flat_map(|h| h.0).collect();
    let level_1 = root_of_leaves(&leaves(256)).0;
    for (path, expected) in [
        ("/tile/0/000", &level_0[..8192]),
        ("/tile/0/000.p/3", &level_0[..96]),
        ("/tile/0/001.p/44", &level_0[8192..]),
        ("/tile/1/000.p/1", &level_1[..]),
    ] {
        let answer = node.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.bytes, expected, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/octet-stream")
        );
        assert_eq!(answer.header("cache-control"), Some(IMMUTABLE));
    }
    let bundle = node.get("/tile/entries/001.p/44").await;
    let mut rest = &bundle.bytes[..];
    for index in 256..SIZE {
        let (len, more) = rest.split_first_chunk::<2>().unwrap();
        let (found, more) = more.split_at(usize::from(u16::from_be_bytes(*len)));
        assert_eq!(found, entry(index));
        rest = more;
    }
    assert!(rest.is_empty());
}

#[tokio::test]
async fn tiles_that_are_not_there() {
    let node = serve(FakeNode::default()).await;
    for (path, status, field) in [
        ("/tile/0/001", 404, "tile"),
        ("/tile/0/001.p/45", 404, "tile"),
        ("/tile/2/000.p/1", 404, "tile"),
        ("/tile/63/000.p/1", 404, "tile"),
        ("/tile/entries/001", 404, "tile"),
        ("/tile/0/x000/001", 400, "tile"),
        ("/tile/0/1", 400, "tile"),
        ("/tile/0/000.p/256", 400, "tile"),
        ("/tile/0/000.p/0", 400, "tile"),
        ("/tile/64/000", 400, "level"),
        ("/tile/00/000", 400, "level"),
        ("/tile/data/000", 400, "level"),
        ("/tile/0/000?x=1", 400, "x"),
        ("/tile/0", 404, "path"),
    ] {
        let answer = node.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.problem_field(), field, "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test]
async fn proofs_verify() {
    let node = serve(FakeNode::default()).await;
    let given = node.get("/v1/proofs/consistency?first=77&second=123").await;
    assert_eq!(given.header("cache-control"), Some(IMMUTABLE));
    let json = given.json();
    let (old, new) = (root_of_leaves(&leaves(77)), root_of_leaves(&leaves(123)));
    verify_consistency(77, 123, &old, &new, &path(&json)).unwrap();
    assert_eq!((hash(&json["first_root"]), hash(&json["root"])), (old, new));

    let newest = node.get("/v1/proofs/consistency?first=77").await;
    assert_eq!(newest.header("cache-control"), Some("no-cache"));
    assert_eq!(newest.json()["second"], SIZE);

    let json = node
        .get("/v1/proofs/inclusion?index=21&size=100")
        .await
        .json();
    let root = root_of_leaves(&leaves(100));
    verify_inclusion(&Hash::leaf(&entry(21)), 21, 100, &path(&json), &root).unwrap();
    assert_eq!(hash(&json["root"]), root);
    assert_eq!(hash(&json["leaf_hash"]), Hash::leaf(&entry(21)));
    assert_eq!(
        node.get("/v1/proofs/inclusion?index=21").await.json()["size"],
        SIZE
    );
}

#[tokio::test]
async fn proofs_that_are_refused() {
    let node = serve(FakeNode::default()).await;
    for (path, status, field) in [
        ("/v1/proofs/consistency", 400, "first"),
        ("/v1/proofs/consistency?first=x", 400, "first"),
        ("/v1/proofs/consistency?first=1&second=-2", 400, "second"),
        ("/v1/proofs/consistency?first=1&first=2", 400, "first"),
        ("/v1/proofs/consistency?first=1&third=2", 400, "third"),
        ("/v1/proofs/consistency?first=1&second=301", 404, "second"),
        ("/v1/proofs/inclusion", 400, "index"),
        ("/v1/proofs/inclusion?size=7", 400, "index"),
    ] {
        let answer = node.get(path).await;
        assert_eq!(
            (answer.status, answer.problem_field().as_str()),
            (status, field),
            "{path}"
        );
    }
}

#[tokio::test]
async fn entries_are_bytes() {
    let node = serve(FakeNode::default()).await;
    let answer = node.get("/v1/entries/21").await;
    assert_eq!(answer.bytes, entry(21));
    assert_eq!(answer.header("cache-control"), Some(IMMUTABLE));
    assert_eq!(node.get("/v1/entries/300").await.problem_field(), "index");
    assert_eq!(node.get("/v1/entries/x").await.problem_field(), "index");
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let node = serve(FakeNode::default()).await;
    let receipt = format!("/v1/statements/{}/receipt", id());
    let outcome = format!("/v1/statements/{}/outcome", id());
    for (path, cache) in [
        ("/tile/0/000", IMMUTABLE),
        ("/tile/entries/000", IMMUTABLE),
        ("/v1/entries/3", IMMUTABLE),
        (outcome.as_str(), IMMUTABLE),
        (receipt.as_str(), "no-cache"),
        ("/checkpoint", "public, max-age=1"),
        ("/v1/policy", "public, max-age=60"),
        ("/v1/blocks/7", "no-cache"),
    ] {
        let first = node.get(path).await;
        assert_eq!(first.header("cache-control"), Some(cache), "{path}");
        let tag = first
            .header("etag")
            .unwrap_or_else(|| panic!("{path} has no tag"));
        assert!(tag.starts_with('"'), "{path}: a strong tag");
        let again = node.send("GET", path, &[("if-none-match", tag)], b"").await;
        assert_eq!((again.status, again.bytes.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), Some(tag), "{path}");
        assert_eq!(again.header("cache-control"), Some(cache), "{path}");
        let other = node
            .send("GET", path, &[("if-none-match", "\"other\"")], b"")
            .await;
        assert_eq!((other.status, &other.bytes), (200, &first.bytes), "{path}");
    }
}

#[tokio::test]
async fn blocks_below_the_published_head_never_change() {
    let fake = FakeNode::default();
    let told = fake.told.clone();
    let node = serve(fake).await;
    assert_eq!(
        node.get("/v1/blocks/7").await.header("cache-control"),
        Some("no-cache")
    );
    publish(&told, 0, 7);
    let block = node.get("/v1/blocks/7").await;
    assert_eq!(block.header("cache-control"), Some(IMMUTABLE));
    let by_id = node
        .get(&format!("/v1/blocks/{}", Hash::of(b"block")))
        .await;
    assert_eq!(by_id.bytes, block.bytes);
}
