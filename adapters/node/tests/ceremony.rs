//! Four organisations found a network, each in a folder of its own, and run it.
//!
//! The test that runs it needs `nats-server` and the environment variable `WUTONG_LIVE` with `nats`.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use support::network::Network;
use support::processes::{free_ports, nats_is_asked_for, succeeds, wutong, wutong_with};

const ORGANISATIONS: [(&str, &str); 4] = [
    ("a", "Bank A"),
    ("b", "Notary Office B"),
    ("c", "University C"),
    ("d", "Court D"),
];

const PASSPHRASE: (&str, &str) = ("WUTONG_KEY_PASSPHRASE", "correct horse battery staple");

/// Whoever is `b` encrypts its keys.
fn environment(who: &str) -> Vec<(&'static str, &'static str)> {
    (who == "b").then_some(PASSPHRASE).into_iter().collect()
}

fn join(dir: &Path) {
    for (who, organisation) in ORGANISATIONS {
        let name = format!("validator-{who}");
        let mut join = vec![
            "genesis",
            "join",
            "--name",
            &name,
            "--organisation",
            organisation,
        ];
        join.extend(["--out", who]);
        if who == "b" {
            join.push("--encrypt");
        }
        let (code, _, said) = wutong_with(dir, &environment(who), &join);
        assert_eq!(code, Some(0), "{said}");
    }
    succeeds(dir, &["genesis", "template", "--out", "network.toml"]);
}

fn members() -> Vec<String> {
    let file = |(who, _): (&str, &str)| format!("{who}/validator-{who}.member.toml");
    ORGANISATIONS.map(file).to_vec()
}

/// Runs `genesis propose`; gives exit code, output and error.
fn propose(dir: &Path, out: &str) -> (Option<i32>, String, String) {
    let members = members();
    let mut propose = vec![
        "genesis",
        "propose",
        "--network",
        "network.toml",
        "--out",
        out,
    ];
    propose.push("--json");
    propose.extend(members.iter().map(String::as_str));
    wutong(dir, &propose)
}

fn digest(dir: &Path, proposal: &str) -> String {
    let shown = succeeds(dir, &["genesis", "show", proposal, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    shown["digest"].as_str().unwrap().to_owned()
}

fn sign(dir: &Path, who: &str, proposal: &str, out: &str) {
    let digest = digest(dir, proposal);
    let sign = [
        "genesis", "sign", proposal, "--folder", who, "--digest", &digest, "--out", out,
    ];
    let (code, _, said) = wutong_with(dir, &environment(who), &sign);
    assert_eq!(code, Some(0), "{said}");
}

/// Proposes and has all sign: `court.proposal` and `X.signature`.
fn propose_and_sign(dir: &Path) {
    join(dir);
    let (code, _, said) = propose(dir, "court.proposal");
    assert_eq!(code, Some(0), "{said}");
    for (who, _) in ORGANISATIONS {
        sign(dir, who, "court.proposal", &format!("{who}.signature"));
    }
}

fn assemble(dir: &Path, signatures: &[&str]) -> (Option<i32>, String, String) {
    let start = ["genesis", "assemble", "court.proposal", "--out", "founded"];
    wutong(dir, &[&start[..], signatures].concat())
}

const ALL: [&str; 4] = ["a.signature", "b.signature", "c.signature", "d.signature"];

#[test]
fn nothing_is_founded_unless_all_signed_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    propose_and_sign(dir);
    let refused = |signatures: &[&str], why: &str| {
        let (code, _, said) = assemble(dir, signatures);
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains(why) && said.contains("\nnext:  "),
            "{why}: {said}"
        );
        assert!(
            !dir.join("founded").exists(),
            "{why}: something was written"
        );
    };
    refused(
        &ALL[..3],
        "1 of 4 validators did not sign: validator-d (Court D)",
    );
    // Another proposal of the same members, a moment later.
    let (code, _, said) = propose(dir, "other.proposal");
    assert_eq!(code, Some(0), "{said}");
    sign(dir, "c", "other.proposal", "c-other.signature");
    let other = "validator-c (University C): expected its consensus key's signature over exactly";
    refused(
        &[
            "a.signature",
            "b.signature",
            "c-other.signature",
            "d.signature",
        ],
        other,
    );
    // The signature of another organisation under this name.
    let of_d = fs::read_to_string(dir.join("d.signature")).unwrap();
    let renamed = of_d.replace("validator-d", "validator-c");
    fs::write(dir.join("c-renamed.signature"), renamed).unwrap();
    refused(
        &[
            "a.signature",
            "b.signature",
            "c-renamed.signature",
            "d.signature",
        ],
        other,
    );
    let stranger = of_d.replace("validator-d", "validator-x");
    fs::write(dir.join("x.signature"), stranger).unwrap();
    refused(
        &[&ALL[..], &["x.signature"]].concat(),
        "validator-x signed, and is none of",
    );
    // A byte of the proposal that all signed.
    let mut bytes = fs::read(dir.join("court.proposal")).unwrap();
    let at = bytes.windows(6).position(|w| w == b"Bank A").unwrap();
    bytes[at] = b'T';
    fs::write(dir.join("changed.proposal"), bytes).unwrap();
    let (code, _, said) = wutong(dir, &["genesis", "show", "changed.proposal"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("expected a proof of possession"), "{said}");
    let (code, out, said) = assemble(dir, &ALL);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains("all 4 validators signed"), "{out}");
}

#[test]
fn a_key_that_serves_twice_or_is_not_held_is_refused_before_anybody_signs() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    join(dir);
    let refused = |why: &str| {
        let (code, _, said) = propose(dir, "court.proposal");
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains(why) && said.contains("\nnext:  "),
            "{why}: {said}"
        );
        assert!(!dir.join("court.proposal").exists());
    };
    let file = dir.join("c/validator-c.member.toml");
    let good = fs::read_to_string(&file).unwrap();
    let public = |text: &str, purpose: &str| {
        let part = text
            .split(&format!("[keys.{purpose}]\npublic = \""))
            .nth(1)
            .unwrap();
        part.split('"').next().unwrap().to_owned()
    };
    // A key of another organisation, whose proof cannot be for this one.
    let of_a = fs::read_to_string(dir.join("a/validator-a.member.toml")).unwrap();
    let stolen = good.replace(&public(&good, "receipt"), &public(&of_a, "receipt"));
    fs::write(&file, stolen).unwrap();
    refused("expected a proof of possession");
    // A point of small order, under which forged signatures verify.
    let weak = format!("01{}", "00".repeat(31));
    fs::write(&file, good.replace(&public(&good, "log"), &weak)).unwrap();
    refused("log key: weak key");
    fs::write(&file, good.replace("University C", "")).unwrap();
    refused("next:");
    // Two members of one name, each with keys of its own.
    fs::remove_dir_all(dir.join("c")).unwrap();
    let again = [
        "genesis",
        "join",
        "--name",
        "validator-a",
        "--organisation",
        "C",
        "--out",
        "c",
    ];
    succeeds(dir, &again);
    fs::rename(dir.join("c/validator-a.member.toml"), &file).unwrap();
    refused("two validators are called validator-a");
    fs::write(&file, good).unwrap();
    let network = fs::read_to_string(dir.join("network.toml")).unwrap();
    let named = network.replace("ledger.example.org", "demonstration.example.org");
    fs::write(dir.join("network.toml"), named).unwrap();
    refused("does not begin with \"demonstration.\"");
    let held = network.replace("holders = []", "holders = [\"validator-z\"]");
    fs::write(dir.join("network.toml"), held).unwrap();
    refused("expected the name of a validator, found validator-z");
}

#[test]
fn one_signs_what_it_reviewed_with_keys_that_are_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    join(dir);
    let (_, made, _) = propose(dir, "court.proposal");
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!((&made["quorum"], &made["faults"]), (&3.into(), &1.into()));
    let digest = digest(dir, "court.proposal");
    let refused = |who: &str, digest: &str, why: &str| {
        let sign = [
            "genesis",
            "sign",
            "court.proposal",
            "--folder",
            who,
            "--digest",
            digest,
        ];
        let (code, _, said) = wutong(dir, &[&sign[..], &["--out", "x.signature"]].concat());
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(why), "{why}: {said}");
        assert!(!dir.join("x.signature").exists());
    };
    refused(
        "a",
        &"0".repeat(64),
        "--digest: expected a genesis with digest 000",
    );
    refused(
        "b",
        &digest,
        "this key is encrypted, and no passphrase is given",
    );
    let outsider = [
        "genesis",
        "join",
        "--name",
        "validator-e",
        "--organisation",
        "E",
        "--out",
        "e",
    ];
    succeeds(dir, &outsider);
    refused("e", &digest, "no validator of this genesis has this key");
    // One key of ours is not the one we made.
    fs::copy(dir.join("e/keys/log.pem"), dir.join("c/keys/log.pem")).unwrap();
    refused(
        "c",
        &digest,
        "keys/log.pem is not the key of validator-c in genesis",
    );
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(dir.join("d/keys/consensus.pem"), open).unwrap();
    refused("d", &digest, "others may read this key");
    // Keys that are there are never made anew.
    let (code, _, said) = wutong(dir, &outsider);
    assert_eq!(code, Some(1));
    assert!(said.contains("there are keys already"), "{said}");
}

/// Puts together what each organisation has on its host; gives the configuration files.
fn hosts(dir: &Path, nats_port: u16, http_port: u16) -> Network {
    let (code, _, said) = assemble(dir, &ALL);
    assert_eq!(code, Some(0), "{said}");
    let url = format!("nats://127.0.0.1:{nats_port}");
    let nats = [
        "genesis",
        "nats",
        "founded/genesis.cbor",
        "--url",
        &url,
        "--out",
        "nats",
    ];
    succeeds(dir, &nats);
    let mut configs = Vec::new();
    for (i, (who, _)) in ORGANISATIONS.iter().enumerate() {
        for file in ["genesis.cbor", "genesis.signatures"] {
            fs::copy(dir.join("founded").join(file), dir.join(who).join(file)).unwrap();
        }
        let config = dir.join(who).join("node.toml");
        fs::copy(dir.join(format!("nats/validator-{who}/node.toml")), &config).unwrap();
        let text = fs::read_to_string(&config).unwrap();
        let http = format!("127.0.0.1:{}", http_port + i as u16);
        let mut text = text.replace("127.0.0.1:8100", &http);
        if *who == "b" {
            text = text.replace(
                "# passphrase_file = \"passphrase\"",
                "passphrase_file = \"secret\" #",
            );
            let secret = dir.join("b/secret");
            fs::write(&secret, format!("{}\n", PASSPHRASE.1)).unwrap();
            fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::write(&config, text).unwrap();
        configs.push(config);
    }
    Network::of_files(dir, configs, vec![dir.join("nats/nats.conf")])
}

fn check(dir: &Path, who: &str) -> (Option<i32>, String) {
    let config = format!("{who}/node.toml");
    let (code, out, said) = wutong(dir, &["node", "--config", &config, "--check"]);
    (code, out + &said)
}

#[test]
fn a_node_wants_the_signatures_of_all_founders_and_its_passphrase() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    propose_and_sign(dir);
    hosts(dir, 4222, 8100);
    for (who, _) in ORGANISATIONS {
        let (code, said) = check(dir, who);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("signed by all 4"), "{said}");
    }
    let signatures = dir.join("a/genesis.signatures");
    let good = fs::read_to_string(&signatures).unwrap();
    let refused = |who: &str, why: &str| {
        let (code, said) = check(dir, who);
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains(why) && said.contains("\nnext:  "),
            "{why}: {said}"
        );
    };
    // It does not start either.
    fs::remove_file(&signatures).unwrap();
    refused("a", "the signatures of this genesis are missing");
    let (code, _, said) = wutong(dir, &["node", "--config", "a/node.toml"]);
    assert_eq!(code, Some(1), "{said}");
    let three = good.rsplit_once("[[signature]]").unwrap().0;
    fs::write(&signatures, three).unwrap();
    refused("a", "validator-d (Court D)");
    // One key of the genesis is another: whoever changed it cannot sign for the others.
    fs::write(&signatures, &good).unwrap();
    let genesis = dir.join("a/genesis.cbor");
    let founded = fs::read(&genesis).unwrap();
    let outsider = [
        "genesis",
        "join",
        "--name",
        "validator-e",
        "--organisation",
        "E",
        "--out",
        "e",
    ];
    succeeds(dir, &outsider);
    let bytes_of = |file: &str, purpose: &str| {
        let text = fs::read_to_string(dir.join(file)).unwrap();
        let part = text
            .split(&format!("[keys.{purpose}]\npublic = \""))
            .nth(1)
            .unwrap();
        hex(part.split('"').next().unwrap())
    };
    let (old, new) = (
        bytes_of("d/validator-d.member.toml", "cosigner"),
        bytes_of("e/validator-e.member.toml", "cosigner"),
    );
    let at = founded.windows(32).position(|w| w == old).unwrap();
    let mut changed = founded.clone();
    changed[at..at + 32].copy_from_slice(&new);
    fs::write(&genesis, changed).unwrap();
    refused("a", "found one over other bytes or by another key");
    // And the passphrase of whoever encrypted.
    let secret = dir.join("b/secret");
    fs::write(&secret, "wrong horse battery staple\n").unwrap();
    refused("b", "the passphrase does not open this key");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    refused("b", "others may read this passphrase");
    fs::remove_file(&secret).unwrap();
    refused("b", "secret");
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |i: usize| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
    (0..text.len() / 2).map(byte).collect()
}

#[test]
fn four_organisations_found_a_network_and_its_receipts_are_no_demonstration() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (nats_port, http_port) = (free_ports(1), free_ports(4));
    propose_and_sign(dir);
    let nodes = hosts(dir, nats_port, http_port);
    nodes.start_servers();
    nodes.start_all();
    nodes.wait_until_all_hear();
    // A depositor with an encrypted key.
    let keygen = ["keygen", "--encrypt", "--out", "me.pem", "--json"];
    let (code, _, said) = wutong_with(dir, &[PASSPHRASE], &keygen);
    assert_eq!(code, Some(0), "{said}");
    fs::write(dir.join("deed.txt"), "a deed").unwrap();
    let url = nodes.url(2);
    let deposit = [
        "deposit",
        "deed.txt",
        "--url",
        &url,
        "--key",
        "me.pem",
        "--out",
        "receipts",
        "--policy",
        "founded/policy",
    ];
    let (code, _, said) = wutong(dir, &deposit);
    assert_eq!(code, Some(2), "without the passphrase: {said}");
    assert!(said.contains("this key is encrypted"), "{said}");
    let (code, out, said) = wutong_with(dir, &[PASSPHRASE], &deposit);
    assert_eq!(code, Some(0), "{out}{said}");
    let verify = [
        "verify",
        "deed.txt",
        "--receipt",
        "receipts/deed.txt.tlog-proof",
        "--policy",
        "founded/policy",
        "--json",
    ];
    let report: Value = serde_json::from_str(&succeeds(dir, &verify)).unwrap();
    assert_eq!(report["verdict"], "VERIFIED");
    assert_eq!(report["evidence"]["demonstration"], false);
    let signers = report["evidence"]["signers"].as_array().unwrap();
    let named = |s: &Value| ORGANISATIONS.iter().any(|(_, o)| s["organisation"] == *o);
    assert!(
        signers.len() >= 3 && signers.iter().all(named),
        "{signers:?}"
    );
    fs::write(dir.join("deed.txt"), "another deed").unwrap();
    let (code, out, _) = wutong(dir, &verify);
    assert_eq!(code, Some(1), "{out}");
    for i in 0..nodes.validators() {
        assert_eq!(nodes.terminate(i), Some(0));
    }
}
