//! `wutong receipt`: other forms of a receipt, none of which says more than it should.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use messages::hash::Hash;
use messages::ids::LeafIndex;
use messages::note::Note;
use messages::receipt::{OutcomeProof, Receipt, ReceiptExtra, SealProof};
use messages::transparent::TransparentStatement;
use messages::verify::{DocumentDigest, verify_bytes};
use serde_json::Value;
use support::ledger::{committed, policy, policy_proof, receipt, transparent};
use support::*;

/// A desk with a salted receipt of its document, and the policy beside it.
fn desk() -> Desk {
    let desk = Desk::new();
    let node = FakeNode::of_trial(committed);
    desk.deposit(&node.url, "").expect(0, &["deposited"]);
    std::fs::write(desk.path("policy"), policy(false).text()).unwrap();
    desk
}

fn kept(desk: &Desk) -> String {
    desk.path("out/report.pdf.tlog-proof")
}

fn read(path: &str) -> Receipt {
    Receipt::parse_bytes(&std::fs::read(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn path(value: &Value) -> Vec<Hash> {
    let hash = |v: &Value| Hash::from_hex(v.as_str().unwrap()).unwrap();
    value.as_array().unwrap().iter().map(hash).collect()
}

/// The receipt again, from its JSON alone.
fn rebuild(json: &Value) -> Receipt {
    let (outcome, seal) = (&json["outcome"], &json["seal"]);
    let salt = json["salt"].is_string().then(|| bytes(&json["salt"]));
    Receipt {
        index: LeafIndex(json["index"].as_u64().unwrap()),
        path: path(&json["path"]),
        extra: ReceiptExtra {
            entry: bytes(&json["entry"]),
            salt: salt.map(|salt| salt.try_into().unwrap()),
            batch: None,
            outcome: OutcomeProof {
                bytes: bytes(&outcome["bytes"]),
                index: outcome["index"].as_u64().unwrap(),
                count: outcome["count"].as_u64().unwrap(),
                path: path(&outcome["path"]),
            },
            seal: SealProof {
                bytes: bytes(&seal["bytes"]),
                index: LeafIndex(seal["index"].as_u64().unwrap()),
                path: path(&seal["path"]),
            },
            chain: Vec::new(),
        },
        checkpoint: Note::parse(json["checkpoint"]["note"].as_str().unwrap()).unwrap(),
    }
}

#[test]
fn json_is_complete_and_keeps_the_salt_back() {
    let desk = desk();
    let salt = hex::encode(read(&kept(&desk)).extra.salt.unwrap());
    let ran = wutong(&format!("receipt {} --format json", kept(&desk)));
    let ran = ran.expect(0, &["NOT VERIFIED"]);
    assert!(!ran.out.contains(&salt), "the salt leaves the file");
    let json = ran.json();
    assert_eq!(
        (&json["salted"], &json["verified"]),
        (&true.into(), &false.into())
    );
    assert_eq!(json["statement"]["mode"], "commitment");
    assert_eq!(json["seal"]["seal"]["height"], 1);
    assert_eq!(json["checkpoint"]["size"], 4);
    assert_eq!(
        json["checkpoint"]["cosignatures"][0]["time_s"],
        1_700_000_000
    );
    let mut without = read(&kept(&desk));
    without.extra.salt = None;
    assert_eq!(rebuild(&json), without);
    let json = wutong(&format!(
        "receipt {} --format json --with-salt",
        kept(&desk)
    ))
    .json();
    assert_eq!(json["salt"], salt);
    let again = rebuild(&json).encode();
    assert_eq!(again, std::fs::read_to_string(kept(&desk)).unwrap());
}

#[test]
fn a_tlog_proof_to_hand_on_has_no_salt() {
    let desk = desk();
    let (out, whole) = (
        desk.path("public.tlog-proof"),
        desk.path("whole.tlog-proof"),
    );
    let command = format!(
        "receipt {} --format tlog-proof --policy {}",
        kept(&desk),
        desk.path("policy")
    );
    wutong(&format!("{command} --out {out}")).expect(0, &["without the salt", "wrote"]);
    assert_eq!(read(&out).extra.salt, None);
    let bytes = std::fs::read(&out).unwrap();
    assert!(verify_bytes(&bytes, &policy(false), None).is_accepted());
    let document = DocumentDigest::sha256(b"the document");
    assert!(!verify_bytes(&bytes, &policy(false), Some(&document)).is_accepted());
    wutong(&format!("{command} --out {whole} --with-salt")).expect(0, &["wrote"]);
    assert_eq!(
        std::fs::read(&whole).unwrap(),
        std::fs::read(kept(&desk)).unwrap()
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
        assert_eq!(mode(&whole), 0, "it holds a secret");
    }
    wutong(&format!("{command} --out {out}")).expect(2, &["exists", "none is ever replaced"]);
}

#[test]
fn an_altered_receipt_is_refused_when_there_is_a_policy() {
    let desk = desk();
    let mut receipt = read(&kept(&desk));
    receipt.checkpoint.signatures[1].bytes[20] ^= 1;
    std::fs::write(desk.path("altered"), receipt.encode()).unwrap();
    let command = format!("receipt {} --format json", desk.path("altered"));
    wutong(&command).expect(0, &["NOT VERIFIED"]);
    wutong(&format!("{command} --policy {}", desk.path("policy")))
        .expect(1, &["does not verify", "cosignatures"]);
}

#[test]
fn wrong_use_is_explained() {
    let desk = desk();
    let (file, id) = (kept(&desk), "ab".repeat(32));
    let url = "--url http://127.0.0.1:1";
    for (arguments, part) in [
        (
            format!("{file} --format cose --out x"),
            "carries no signatures of COSE receipts",
        ),
        (format!("{file} --format cose {url}"), "--out"),
        (
            format!("{file} --format cose {url} --out x --with-salt"),
            "no place for a salt",
        ),
        (format!("{id} --format json"), "--url"),
        (
            format!("{id} --format json {url} --with-salt"),
            "No node ever knows a salt",
        ),
        (
            format!("nothing.tlog-proof --format json {url}"),
            "expected a receipt file or an id",
        ),
    ] {
        wutong(&format!("receipt {arguments}")).expect(2, &[part]);
    }
    wutong(&format!("receipt {id} --format json {url}")).expect(3, &["no node answered"]);
    wutong(&format!("receipt {file}")).expect(2, &["--format"]);
}

/// A node that serves a receipt in both forms.
fn node(receipt: &Receipt, transparent: Vec<u8>) -> FakeNode {
    let (text, proof) = (receipt.encode(), policy_proof(receipt));
    FakeNode::start_bytes(move |request| {
        let line = &request.line;
        match line.as_str() {
            _ if line.contains("/transparent ") => (200, transparent.clone()),
            _ if line.contains("/receipt ") => (200, text.clone().into_bytes()),
            _ if line.contains("/v1/policy/proof ") => (200, proof.clone().into_bytes()),
            _ => (404, b"{}".to_vec()),
        }
    })
}

#[test]
fn a_receipt_is_fetched_by_id() {
    let desk = desk();
    let receipt = receipt(&read(&kept(&desk)).extra.entry);
    let serving = node(&receipt, Vec::new());
    let id = wutong(&format!("receipt {} --format json", kept(&desk))).json()["id"].clone();
    let (id, url) = (id.as_str().unwrap(), &serving.url);
    let command = format!("receipt {id} --format tlog-proof --url {url}");
    let ran = wutong(&format!("{command} --policy {}", desk.path("policy"))).expect(0, &[]);
    assert_eq!(ran.out, receipt.encode());
    let other = "cd".repeat(32);
    wutong(&format!("receipt {other} --format json --url {url}"))
        .expect(1, &["expected the receipt of this statement"]);
}

#[test]
fn cose_receipts_are_verified_before_they_are_written() {
    let desk = desk();
    let receipt = receipt(&read(&kept(&desk)).extra.entry);
    let good = transparent(&receipt);
    let fetch = |transparent: &TransparentStatement, out: &str, more: &str| {
        let serving = node(&receipt, transparent.encode());
        let (file, out) = (kept(&desk), desk.path(out));
        wutong(&format!(
            "receipt {file} --format cose --url {} --out {out} {more}",
            serving.url
        ))
    };
    let anchored = format!("--policy {}", desk.path("policy"));
    fetch(&good, "a.cose", &anchored).expect(0, &["3 of 4: v1, v2, v3", "entry 2 of 4"]);
    assert_eq!(std::fs::read(desk.path("a.cose")).unwrap(), good.encode());
    fetch(&good, "b.cose", "").expect(0, &["the node's word"]);
    type Alter = fn(&mut TransparentStatement);
    let alterations: [(Alter, &str); 4] = [
        (
            |t| t.receipts[0].signed.signature.0[0] ^= 1,
            "COSE receipts",
        ),
        (|t| t.statement.signature.0[0] ^= 1, "depositor signature"),
        (|t| drop(t.receipts.pop()), "quorum"),
        (|t| t.receipts.clear(), "receipt form"),
    ];
    for (alter, check) in alterations {
        let mut altered = good.clone();
        alter(&mut altered);
        fetch(&altered, "c.cose", &anchored).expect(1, &[check, "Ask another node"]);
        assert!(!desk.has("c.cose"), "nothing that does not hold is written");
    }
    // Receipt keys that no policy binds.
    std::fs::write(desk.path("other"), policy(true).text()).unwrap();
    let elsewhere = format!("--policy {}", desk.path("other"));
    fetch(&good, "d.cose", &elsewhere).expect(1, &[]);
    assert!(!desk.has("d.cose"));
}

#[test]
fn cose_receipts_of_another_tree_are_not_taken_for_the_same() {
    let desk = desk();
    let kept_receipt = read(&kept(&desk));
    // The file's checkpoint names another root for the same size.
    let mut forked = kept_receipt.clone();
    let mut head = forked.tree_head().unwrap();
    head.root = Hash::of(b"another");
    forked.checkpoint.text = head.text();
    std::fs::write(desk.path("forked"), forked.encode()).unwrap();
    // And another size: said aloud.
    let mut later = kept_receipt.clone();
    head.size.0 = 9;
    later.checkpoint.text = head.text();
    std::fs::write(desk.path("later"), later.encode()).unwrap();
    let receipt = receipt(&kept_receipt.extra.entry);
    let serving = node(&receipt, transparent(&receipt).encode());
    let run = |file: &str, out: &str| {
        let (file, out) = (desk.path(file), desk.path(out));
        wutong(&format!(
            "receipt {file} --format cose --url {} --out {out}",
            serving.url
        ))
    };
    run("forked", "f.cose").expect(1, &["about another log", "report it"]);
    assert!(!desk.has("f.cose"));
    run("later", "l.cose").expect(
        0,
        &["over the tree of 4 entries, the tlog-proof over that of 9"],
    );
}
