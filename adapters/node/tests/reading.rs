//! A stranger reads a running network over HTTP and checks everything that can be checked.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

#[path = "../../http/tests/support/walker.rs"]
mod walker;

use futures::StreamExt;
use messages::cbor::Canonical;
use messages::checkpoint::Checkpoint;
use messages::cose_receipt::InclusionReceipt;
use messages::hash::Hash;
use messages::keys::PublicKey;
use messages::merkle::{root_of_leaves, verify_consistency, verify_inclusion};
use messages::note::{Note, decode_base64, encode_base64};
use messages::outcome::Outcome;
use messages::policy_entry::PolicyEntry;
use messages::seal::Seal;
use messages::state_proof::StateProof;
use messages::statement::{Statement, cose_key_id};
use serde_json::Value;
use std::time::Duration;
use support::{Devnet, PATIENCE, client, get, key, post, post_async, statement};

/// Deposits: more than a tile holds, and more than a page of events.
const DEPOSITS: u64 = 300;

fn json(devnet: &Devnet, i: usize, path: &str) -> Value {
    let (status, body) = get(&format!("{}{path}", devnet.url(i))).unwrap();
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

fn raw(devnet: &Devnet, i: usize, path: &str) -> (u16, Option<String>, Vec<u8>) {
    block_on(async {
        let request = client().get(format!("{}{path}", devnet.url(i)));
        let answer = request.send().await.unwrap();
        let media = answer.headers().get("content-type");
        let media = media.map(|media| media.to_str().unwrap().to_owned());
        (
            answer.status().as_u16(),
            media,
            answer.bytes().await.unwrap().into(),
        )
    })
}

fn bytes(devnet: &Devnet, i: usize, path: &str) -> Vec<u8> {
    let (status, _, body) = raw(devnet, i, path);
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    body
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let mut runtime = runtime;
    runtime.enable_all().build().unwrap().block_on(future)
}

fn decode(value: &Value) -> Vec<u8> {
    decode_base64("value", value.as_str().unwrap()).unwrap()
}

fn hash64(value: &Value) -> Hash {
    Hash::from_slice(&decode(value)).unwrap()
}

fn hash16(value: &Value) -> Hash {
    Hash::from_hex(value.as_str().unwrap()).unwrap()
}

fn path(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash64).collect()
}

/// The newest checkpoint of a node.
fn checkpoint(devnet: &Devnet, i: usize) -> Checkpoint {
    let text = String::from_utf8(bytes(devnet, i, "/checkpoint")).unwrap();
    let note = Note::parse(&text).unwrap();
    Checkpoint::parse(&note.text).unwrap()
}

/// Submits deposits through all nodes at once; returns when all have receipts.
fn deposit(devnet: &Devnet, numbers: std::ops::Range<u64>) {
    let network = devnet.network();
    let client = client();
    block_on(async {
        let posts = numbers.map(|n| {
            let url = format!("{}/v1/statements?wait_ms=30000", devnet.url(n as usize % 4));
            let entry = statement(&network, "public", &key("reading"), n).entry();
            let client = &client;
            async move { post_async(client, &url, entry).await.unwrap() }
        });
        let mut answers = futures::stream::iter(posts).buffer_unordered(64);
        while let Some((status, body)) = answers.next().await {
            assert_eq!(status, 201, "{body}");
        }
    });
}

/// Reads the log out of bundles, as a mirror does.
fn mirror(devnet: &Devnet, i: usize, size: u64) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for tile in 0..size.div_ceil(256) {
        let width = (size - tile * 256).min(256);
        let part = if width < 256 {
            format!(".p/{width}")
        } else {
            String::new()
        };
        let bundle = bytes(devnet, i, &format!("/tile/entries/{tile:03}{part}"));
        let mut rest = &bundle[..];
        while let Some((len, more)) = rest.split_first_chunk::<2>() {
            let (entry, more) = more.split_at(usize::from(u16::from_be_bytes(*len)));
            entries.push(entry.to_vec());
            rest = more;
        }
        let leaves = &entries[(tile * 256) as usize..];
        let hashes: Vec<u8> = leaves.iter().flat_map(|e| Hash::leaf(e).0).collect();
        assert_eq!(
            bytes(devnet, i, &format!("/tile/0/{tile:03}{part}")),
            hashes
        );
    }
    assert_eq!(entries.len() as u64, size);
    entries
}

#[test]
fn a_mirror_needs_nothing_but_tiles() {
    let dir = tempfile::tempdir().unwrap();
    let mut devnet = Devnet::start(dir.path());
    deposit(&devnet, 0..20);
    let old = checkpoint(&devnet, 0);
    deposit(&devnet, 20..DEPOSITS);
    let new = checkpoint(&devnet, 0);
    assert!(new.size.0 > 256 && old.size.0 > 20);
    let entries = mirror(&devnet, 0, new.size.0);
    let leaves: Vec<Hash> = entries.iter().map(|e| Hash::leaf(e)).collect();
    assert_eq!(
        root_of_leaves(&leaves),
        new.root,
        "the mirror has the signed root"
    );
    let level_1 = bytes(&devnet, 0, "/tile/1/000.p/1");
    assert_eq!(level_1, root_of_leaves(&leaves[..256]).0);

    // Nothing is served that no checkpoint covers.
    let beyond = format!("/tile/0/{:03}", new.size.0 / 256 + 4);
    assert_eq!(raw(&devnet, 0, &beyond).0, 404);
    assert_eq!(raw(&devnet, 0, "/tile/2/000.p/1").0, 404);

    // Proofs, by every node, before and after a restart of all.
    let ask = |devnet: &Devnet| {
        for i in 0..4 {
            let query = format!("first={}&second={}", old.size, new.size);
            let proof = json(devnet, i, &format!("/v1/proofs/consistency?{query}"));
            let (first, second) = (old.size.0, new.size.0);
            let path_of = path(&proof["path"]);
            verify_consistency(first, second, &old.root, &new.root, &path_of).unwrap();
            for index in [0, 1, 77, second - 1] {
                let query = format!("index={index}&size={second}");
                let proof = json(devnet, i, &format!("/v1/proofs/inclusion?{query}"));
                let leaf = Hash::leaf(&entries[index as usize]);
                verify_inclusion(&leaf, index, second, &path(&proof["path"]), &new.root).unwrap();
            }
        }
    };
    let covers = |devnet: &Devnet| {
        for i in 0..4 {
            let began = std::time::Instant::now();
            while checkpoint(devnet, i).size < new.size {
                assert!(began.elapsed() < PATIENCE, "node {i} stays behind");
                std::thread::sleep(Duration::from_millis(20)); // until it caught up
            }
        }
    };
    covers(&devnet);
    ask(&devnet);
    devnet.kill();
    devnet.launch(&[]);
    covers(&devnet);
    ask(&devnet);
    let block = json(&devnet, 2, "/v1/blocks/2");
    let id = block["id"].as_str().unwrap();
    assert_eq!(json(&devnet, 2, &format!("/v1/blocks/{id}")), block);
}

#[test]
fn lists_and_events_give_each_statement_once() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(dir.path());
    let url = format!("{}/v1/events?after=0", devnet.url(1));
    // A stream that is there from the start hears of all as they are published.
    let listening = std::thread::spawn(move || events(&url, &[], DEPOSITS as usize));
    deposit(&devnet, 0..DEPOSITS);
    let heard = listening.join().unwrap();
    let ordinals: Vec<u64> = heard
        .iter()
        .map(|event| event["ordinal"].as_u64().unwrap())
        .collect();
    assert_eq!(ordinals, (1..=DEPOSITS).collect::<Vec<_>>());

    // One that comes later, at another node, and resumes, hears the same.
    let url = format!("{}/v1/events?after=7", devnet.url(3));
    let resumed = events(&url, &[("last-event-id", "100")], DEPOSITS as usize - 100);
    assert_eq!(resumed, heard[100..]);

    let mut listed = Vec::new();
    let mut next = Some("/v1/statements?after=0&count=64".to_owned());
    while let Some(path) = next {
        let page = json(&devnet, 2, &path);
        listed.extend(page["statements"].as_array().unwrap().clone());
        next = page["next"].as_str().map(str::to_owned);
    }
    let place = |item: &Value| {
        (
            item["ordinal"].clone(),
            item["id"].clone(),
            item["index"].clone(),
        )
    };
    let listed: Vec<_> = listed.iter().map(place).collect();
    assert_eq!(listed, heard.iter().map(place).collect::<Vec<_>>());
    let newest = json(&devnet, 2, "/v1/statements?count=1");
    assert_eq!(newest["statements"][0]["ordinal"], DEPOSITS);
    let blocks = json(&devnet, 2, "/v1/blocks?count=3");
    let first = blocks["blocks"][0]["height"].as_u64().unwrap();
    assert_eq!(blocks["blocks"][1]["height"], first - 1);
}

/// The first events of a stream.
fn events(url: &str, headers: &[(&str, &str)], count: usize) -> Vec<Value> {
    block_on(async {
        let mut request = reqwest::Client::new().get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.send().await.unwrap();
        let mut text = String::new();
        while text.matches("\ndata: ").count() < count || !text.ends_with("\n\n") {
            let chunk = tokio::time::timeout(PATIENCE, answer.chunk()).await;
            let chunk = chunk.expect("events come in time").unwrap();
            text.push_str(std::str::from_utf8(&chunk.expect("the stream goes on")).unwrap());
        }
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|json| serde_json::from_str(json).unwrap())
            .collect()
    })
}

#[test]
fn state_and_outcomes_lead_to_the_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(dir.path());
    deposit(&devnet, 0..5);
    let public = key("reading").public();
    let row_key = [&b"identity/public/"[..], &public.0].concat();
    let absent_key = [&b"identity/public/"[..], &[9; 32]].concat();
    for (row_key, present) in [(row_key, true), (absent_key, false)] {
        let row = json(&devnet, 0, &format!("/v1/state/{}", hex::encode(&row_key)));
        assert_eq!(row["present"], present);
        let end = (!row["end"].is_null()).then(|| {
            (
                hash16(&row["end"]["key_hash"]),
                hash16(&row["end"]["value_hash"]),
            )
        });
        let siblings = row["siblings"]
            .as_array()
            .unwrap()
            .iter()
            .map(hash16)
            .collect();
        let proof = StateProof { siblings, end };
        let (root, found) = proof.resolve(&row_key).unwrap();
        assert_eq!((root, found), (hash16(&row["root"]), present));
        if present {
            let value = hex::decode(row["value"].as_str().unwrap()).unwrap();
            assert_eq!(end.unwrap().1, Hash::of(&value));
        }
        let seal_bytes = decode(&row["seal"]["entry"]);
        let seal = Seal::from_bytes(&seal_bytes).unwrap();
        assert_eq!(
            (seal.state_root, seal.height.0),
            (root, row["height"].as_u64().unwrap())
        );
        verify_entry(&seal_bytes, &row["seal"]);
    }
    let identity = json(&devnet, 1, &format!("/v1/identities/{public}"));
    let open: Vec<_> = identity["namespaces"].as_array().unwrap().iter().collect();
    let public_rights = open.iter().find(|n| n["namespace"] == "public").unwrap();
    assert!(public_rights["registered_height"].is_u64(), "{identity}");
    assert_eq!(public_rights["may_deposit"], true);
    let members = open.iter().find(|n| n["namespace"] == "members").unwrap();
    assert_eq!(members["may_deposit"], false, "{identity}");

    let id = statement(&devnet.network(), "public", &key("reading"), 3).id();
    let outcome = json(&devnet, 0, &format!("/v1/statements/{id}/outcome"));
    let bytes_of = decode(&outcome["outcome"]);
    assert_eq!(Outcome::from_bytes(&bytes_of).unwrap().id, id);
    let seal = Seal::from_bytes(&decode(&outcome["seal"])).unwrap();
    let (position, count) = (
        outcome["position"].as_u64().unwrap(),
        outcome["count"].as_u64().unwrap(),
    );
    let leaf = Hash::leaf(&bytes_of);
    verify_inclusion(
        &leaf,
        position,
        count,
        &path(&outcome["path"]),
        &seal.outcomes_root,
    )
    .unwrap();
}

/// Checks that an entry is under the checkpoint that stands beside it.
fn verify_entry(entry: &[u8], place: &Value) {
    let note = Note::parse(place["checkpoint"].as_str().unwrap()).unwrap();
    let head = Checkpoint::parse(&note.text).unwrap();
    let proof = &place["inclusion"];
    assert_eq!(proof["size"], head.size.0);
    let index = place["index"].as_u64().unwrap();
    let leaf = Hash::leaf(entry);
    verify_inclusion(&leaf, index, head.size.0, &path(&proof["path"]), &head.root).unwrap();
}

#[test]
fn a_running_node_answers_as_its_document_says() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(dir.path());
    deposit(&devnet, 0..5);
    let network = devnet.network();
    let known = statement(&network, "public", &key("reading"), 1);
    let document = json(&devnet, 0, "/v1/openapi.json");
    let value = |path: &str, name: &str| match name {
        "id" => known.id().to_string(),
        "block" => "1".into(),
        "level" | "first" => "0".into(),
        "tile" => "000.p/2".into(),
        "index" => "1".into(),
        "key" if path.contains("identities") => known.key.to_string(),
        "key" | "state_key" => "ab".into(),
        "namespace" => "members".into(),
        "value" => known.deposit.lodged.value().to_string(),
        "kid" => "none".into(),
        "digest" => Hash::of(b"no such body").to_string(),
        other => panic!("{path}: no value for {other}"),
    };
    for request in walker::requests(&document, value) {
        if request.is_stream() || request.method != "get" {
            continue;
        }
        let (status, media, body) = raw(&devnet, 0, &request.target);
        // Nobody lodged a content here, and there is no such key.
        let is_absent = ["/none", "/content"]
            .iter()
            .any(|end| request.target.ends_with(end))
            || request.target.starts_with("/v1/bodies/");
        let expected = if is_absent { 404 } else { 200 };
        assert_eq!(
            status,
            expected,
            "{}: {}",
            request.target,
            String::from_utf8_lossy(&body)
        );
        request.check(status, media.as_deref(), &body);
    }

    let fresh = statement(&network, "public", &key("reading"), 77);
    registers(&devnet, &fresh);

    let chain = json(&devnet, 0, "/v1/policy/chain");
    let policy = String::from_utf8(bytes(&devnet, 0, "/v1/policy")).unwrap();
    assert_eq!(chain["epochs"][0]["policy"], policy);
    assert_eq!(
        decode(&chain["epochs"][0]["entry"]),
        bytes(&devnet, 0, "/v1/entries/1")
    );
    let again = post(&format!("{}/v1/statements", devnet.url(0)), fresh.entry()).unwrap();
    assert_eq!(again.0, 201);
}

/// Registers a statement as a SCITT client does, and verifies its receipt by the key that the
/// receipt names.
fn registers(devnet: &Devnet, fresh: &Statement) {
    let (status, location, body) = block_on(async {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let request = client.post(format!("{}/entries", devnet.url(0)));
        let request = request.header("content-type", "application/scitt-statement+cose");
        let answer = request.body(fresh.entry()).send().await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        (answer.status(), location, answer.bytes().await.unwrap())
    });
    assert_eq!(location, format!("/entries/{}", fresh.id()));
    // 303 when a quorum of receipt signatures is not there yet.
    assert!(status == 201 || status == 303, "{status}");
    let began = std::time::Instant::now();
    let receipt = loop {
        match raw(devnet, 0, &location) {
            (200, _, receipt) => break receipt,
            (status, _, body) => {
                let said = String::from_utf8_lossy(&body);
                assert!(began.elapsed() < PATIENCE, "no receipt: {status} {said}");
            }
        }
        std::thread::sleep(Duration::from_millis(20)); // until the next head is signed
    };
    if status == 201 {
        InclusionReceipt::parse(&body).unwrap();
    }
    let receipt = InclusionReceipt::parse(&receipt).unwrap();
    let kid = encode_base64(&receipt.signed.key_id);
    let kid = kid
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    let cose_key = bytes(devnet, 0, &format!("/.well-known/scitt-keys/{kid}"));
    let (_, public) = cose_key.split_last_chunk::<32>().unwrap();
    let leaf = Hash::leaf(&fresh.entry());
    receipt.verify(&PublicKey(*public), &leaf).unwrap();
    assert!(receipt.verify(&PublicKey(*public), &Hash::ZERO).is_err());
    // The log itself says whose key that is.
    let proof = json(devnet, 0, "/v1/policy/proof");
    let entry = hex::decode(proof["entry"].as_str().unwrap()).unwrap();
    let entry = PolicyEntry::from_bytes(&entry).unwrap();
    let signer = receipt.signed.key_id;
    let mut listed = entry.receipt_keys.iter();
    let (_, key) = listed
        .find(|(_, key)| cose_key_id(key) == signer)
        .expect("a validator of the policy signed it");
    assert_eq!(key.0, *public);
    let found = json(devnet, 0, &format!("/v1/statements/{}", fresh.id()));
    assert_eq!(found["status"], "committed");
}
