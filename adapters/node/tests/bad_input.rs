//! Bad input gets an error that names the field, and changes nothing.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use messages::hash::Hash;
use messages::keys::PrivateKey;
use messages::statement::Statement;
use serde_json::Value;
use std::process::Command;
use support::{Devnet, WUTONG, get, key, post, statement};

/// What a refusal must say.
fn refused(answer: Option<(u16, Value)>, status: u16, field: &str) {
    let (found, body) = answer.unwrap();
    assert_eq!(found, status, "{body}");
    assert_eq!(body["field"], field, "{body}");
    for part in ["type", "title", "detail", "code", "next_step"] {
        assert!(body[part].is_string(), "{part} is missing: {body}");
    }
}

fn altered(statement: &Statement, change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut entry = statement.entry();
    change(&mut entry);
    entry
}

#[test]
fn statements_that_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(dir.path());
    let network = devnet.network();
    let url = format!("{}/v1/statements?wait_ms=20000", devnet.url(1));
    let send = |entry: Vec<u8>| post(&url, entry);
    let good = statement(&network, "public", &key("bad-input"), 0);
    let before = devnet.health(1)["statements"].clone();

    refused(send(Vec::new()), 400, "body");
    refused(send(vec![0xd2; 65_536]), 413, "body");
    let (status, body) = send(b"not CBOR at all".to_vec()).unwrap();
    assert_eq!(
        (status, body["code"].as_str()),
        (400, Some("malformed-statement")),
        "{body}"
    );
    // A longer form of the tag: well-formed CBOR, not deterministic.
    let long = altered(&good, |e| {
        assert_eq!(e.remove(0), 0xd2);
        e.splice(0..0, [0xd8, 0x12]);
    });
    assert_eq!(send(long).unwrap().0, 400);
    assert_eq!(send(altered(&good, |e| e.push(0))).unwrap().0, 400);
    let last = good.entry().len() - 1;
    refused(send(altered(&good, |e| e[last] ^= 1)), 403, "signature");
    // Another algorithm in the protected header (-8 is 0x27).
    let other_alg = altered(&good, |e| {
        let at = e.windows(2).position(|w| w == [0x01, 0x27]).unwrap();
        e[at + 1] = 0x26;
    });
    assert_eq!(send(other_alg).unwrap().0, 400);
    refused(
        send(statement(&network, "members", &key("bad-input"), 1).entry()),
        403,
        "key",
    );
    refused(
        send(statement(&network, "nowhere", &key("bad-input"), 1).entry()),
        403,
        "namespace",
    );
    let elsewhere = messages::ids::Name::try_new("elsewhere").unwrap();
    refused(
        send(statement(&elsewhere, "public", &key("bad-input"), 1).entry()),
        403,
        "network",
    );
    // A key of small order signs everything; the identity point and an all-zero s.
    let weak = altered(&good, |e| {
        let public = key("bad-input").public().0;
        let at = e.windows(32).position(|w| w == public).unwrap();
        e[at..at + 32].copy_from_slice(&[1; 32].map(|_| 0));
        e[at] = 1;
    });
    let (status, body) = send(weak).unwrap();
    assert!(matches!(status, 400 | 403), "{body}");

    assert_eq!(
        devnet.health(1)["statements"],
        before,
        "a refusal changes nothing"
    );
    assert_eq!(
        send(good.entry()).unwrap().0,
        201,
        "and the good one still goes through"
    );
}

#[test]
fn a_listed_key_deposits_in_the_closed_namespace() {
    let dir = tempfile::tempdir().unwrap();
    let listed = key("listed");
    let hex = listed.public().to_string();
    let devnet = Devnet::start_with(dir.path(), &["--list-key", &hex]);
    let network = devnet.network();
    let url = format!("{}/v1/statements?wait_ms=20000", devnet.url(0));
    let (status, body) = post(&url, statement(&network, "members", &listed, 0).entry()).unwrap();
    assert_eq!(status, 201, "{body}");
    let stranger = statement(&network, "members", &key("stranger"), 0);
    refused(post(&url, stranger.entry()), 403, "key");
}

#[test]
fn questions_that_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(dir.path());
    let ask = |path: &str| {
        let (status, body) = get(&format!("{}{path}", devnet.url(3))).unwrap();
        (
            status,
            serde_json::from_str::<Value>(&body).unwrap_or(Value::Null),
        )
    };
    let unknown = "ab".repeat(32);
    for path in [
        format!("/v1/statements/{unknown}"),
        format!("/v1/statements/{unknown}/receipt"),
        format!("/v1/lookup?value={unknown}"),
        "/v1/blocks/999999".into(),
        "/v1/nothing".into(),
    ] {
        let (status, body) = ask(&path);
        assert_eq!(status, 404, "{path}: {body}");
        assert!(body["next_step"].is_string(), "{path}: {body}");
    }
    for (path, field) in [
        ("/v1/statements/xyz", "id"),
        ("/v1/statements/abcd/receipt", "id"),
        ("/v1/lookup?value=zz", "value"),
        ("/v1/blocks/-1", "height"),
        ("/v1/blocks/one", "height"),
    ] {
        let (status, body) = ask(path);
        assert_eq!(
            (status, body["field"].as_str()),
            (400, Some(field)),
            "{path}: {body}"
        );
    }
}

/// Runs `wutong verify`; exit code and what it printed.
fn verify(words: &[&std::path::Path]) -> (Option<i32>, String) {
    let [file, receipt, policy] = words else {
        panic!("file, receipt and policy")
    };
    let ran = Command::new(WUTONG)
        .arg("verify")
        .arg(file)
        .arg("--receipt")
        .arg(receipt)
        .arg("--policy")
        .arg(policy)
        .output()
        .unwrap();
    let text = [ran.stdout, ran.stderr].concat();
    (
        ran.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn receipts_and_policies_that_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ours = Devnet::start(&dir.path().join("ours"));
    let other = Devnet::start(&dir.path().join("other"));
    let file = dir.path().join("file");
    std::fs::write(&file, "a contract").unwrap();
    let key_file = dir.path().join("key.pem");
    std::fs::write(&key_file, PrivateKey::from_seed(&Hash::of(b"k").0).to_pem()).unwrap();
    let out = dir.path().join("receipts");
    let ran = Command::new(WUTONG)
        .arg("deposit")
        .arg(&file)
        .args(["--url", &ours.urls()])
        .arg("--key")
        .arg(&key_file)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let receipt = out.join("file.tlog-proof");
    let policy = ours.dir.join("policy");
    assert_eq!(verify(&[&file, &receipt, &policy]).0, Some(0));

    let (code, said) = verify(&[&file, &receipt, &other.dir.join("policy")]);
    assert_eq!(code, Some(1), "a receipt of another network: {said}");

    let bytes = std::fs::read(&receipt).unwrap();
    let bad = dir.path().join("bad.tlog-proof");
    for at in (0..bytes.len()).step_by(97) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(&bad, &changed).unwrap();
        let (code, said) = verify(&[&file, &bad, &policy]);
        assert_eq!(code, Some(1), "byte {at} changed: {said}");
        std::fs::write(&bad, &bytes[..at]).unwrap();
        assert_eq!(
            verify(&[&file, &bad, &policy]).0,
            Some(1),
            "cut at byte {at}"
        );
    }

    let text = std::fs::read_to_string(&policy).unwrap();
    let bad_policy = dir.path().join("policy");
    // Without its marks a demonstration still says what it is: its origin does.
    let unmarked: String = text
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| format!("{l}\n"))
        .collect();
    std::fs::write(&bad_policy, unmarked).unwrap();
    let (code, said) = verify(&[&file, &receipt, &bad_policy]);
    assert!(
        code == Some(0) && said.contains("DEMONSTRATION"),
        "{code:?} {said}"
    );
    let without = |word: &str| -> String {
        text.lines()
            .filter(|l| !l.starts_with(word))
            .map(|l| format!("{l}\n"))
            .collect()
    };
    std::fs::write(&bad_policy, without("quorum")).unwrap();
    let (code, said) = verify(&[&file, &receipt, &bad_policy]);
    assert!(
        matches!(code, Some(1 | 2)) && said.contains("quorum"),
        "{code:?} {said}"
    );
    // One cosigner under two names.
    let line = text.lines().find(|l| l.starts_with("witness")).unwrap();
    let twice = text.replace(
        line,
        &format!("{line}\n{}", line.replacen("validator-0", "again", 1)),
    );
    std::fs::write(&bad_policy, twice).unwrap();
    assert!(matches!(
        verify(&[&file, &receipt, &bad_policy]).0,
        Some(1 | 2)
    ));
}
