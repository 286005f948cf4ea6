//! Two tree heads: who is convicted, and who is not.
#![allow(clippy::unwrap_used)]

mod support;

use messages::blame::{
    Anchor, BlameReport, Conflict, Exhibit, ExhibitError, KeyRole, NotProven, Subtree, judge,
};
use messages::checkpoint::{cosign, sign_log};
use messages::hash::Hash;
use messages::ids::TreeSize;
use messages::tlog_proof::TlogProof;
use support::misbehavior::*;
use support::network::{Network, ORIGIN, TIME_S};

const NONE: usize = usize::MAX;

fn anchor() -> Anchor {
    Anchor::of_policy(Network::of(4).policy())
}

/// Names of cosigners and key ids of log keys.
fn names(report: &BlameReport) -> Vec<String> {
    let named = |c: &messages::blame::Conviction| match c.holder.role {
        KeyRole::Log => format!("log of v{}", log_position(&c.holder.key) + 1),
        _ => c.holder.name.clone(),
    };
    report.convicted.iter().map(named).collect()
}

fn log_position(key: &messages::keys::PublicKey) -> usize {
    let logs = Network::of(4).logs;
    logs.iter().position(|k| k.public() == *key).unwrap()
}

fn spared(report: &BlameReport) -> Vec<&str> {
    report
        .not_convicted
        .iter()
        .map(|n| n.holder.name.as_str())
        .collect()
}

#[test]
fn who_signed_both_heads_of_one_size_is_convicted_and_nobody_else() {
    let network = Network::of(4);
    let a = head(note(&network, &entries(5, NONE), 0, &[0, 1, 2]), vec![]);
    let b = head(note(&network, &entries(5, 3), 0, &[1, 2, 3]), vec![]);
    let report = judge(&[a.clone(), b.clone()], &anchor());
    assert!(matches!(report.verdict, Ok(Conflict::SameSize(_))));
    assert_eq!(names(&report), ["v2", "v3", "log of v1"]);
    assert_eq!(spared(&report), ["v1", "v4"]);
    assert_eq!(report.ignored, []);
    for conviction in &report.convicted {
        for item in &conviction.signed {
            let key = conviction.holder.key;
            assert!(key.verify_strict(&item.signed_bytes, &item.signature));
        }
        assert_ne!(
            conviction.signed[0].signed_bytes,
            conviction.signed[1].signed_bytes
        );
    }
    assert_eq!(
        judge(&[b, a], &anchor()),
        report,
        "the order does not matter"
    );
}

#[test]
fn another_log_key_on_each_side_convicts_no_log_key() {
    let network = Network::of(4);
    let a = head(note(&network, &entries(5, NONE), 0, &[0, 1, 2]), vec![]);
    let b = head(note(&network, &entries(5, 3), 1, &[2, 3]), vec![]);
    let report = judge(&[a, b], &anchor());
    assert_eq!(names(&report), ["v3"]);
    assert_eq!(report.not_convicted.len(), 5);
}

#[test]
fn one_head_at_two_times_is_no_conflict() {
    let network = Network::of(4);
    let honest = entries(5, NONE);
    let (first, text) = (
        note(&network, &honest, 0, &[0, 1, 2]),
        checkpoint(&honest).text(),
    );
    let mut later = first.clone();
    let name = Network::cosigner_name(1);
    later
        .signatures
        .push(cosign(&network.cosigners[1], &name, TIME_S + 999, &text));
    let report = judge(&[head(first, vec![]), head(later, vec![])], &anchor());
    assert!(matches!(report.verdict, Err(NotProven::SameHead { .. })));
    assert!(report.convicted.is_empty());
}

#[test]
fn a_signature_that_does_not_verify_convicts_nobody() {
    let network = Network::of(4);
    let a = note(&network, &entries(5, NONE), 0, &[0, 1, 2]);
    let good = note(&network, &entries(5, 3), 0, &[0, 1, 2]);
    for line in 0..good.signatures.len() {
        for byte in [0, 8, 20, 63] {
            let mut bad = good.clone();
            bad.signatures[line].bytes[byte] ^= 1;
            let report = judge(&[head(a.clone(), vec![]), head(bad, vec![])], &anchor());
            assert_eq!(report.convicted.len(), 3, "line {line}, byte {byte}");
            assert_eq!(report.not_convicted.len(), 1, "line {line}, byte {byte}");
            assert_eq!(report.ignored.len(), 1);
            assert!(report.ignored[0].reason.contains("strict Ed25519"));
        }
    }
}

#[test]
fn a_signature_moved_to_another_head_convicts_nobody() {
    let network = Network::of(4);
    let a = note(&network, &entries(5, NONE), 0, &[0, 1, 2]);
    let mut b = note(&network, &entries(5, 3), 1, &[3]);
    b.signatures.extend(a.signatures.clone());
    let report = judge(&[head(a, vec![]), head(b, vec![])], &anchor());
    assert!(matches!(
        report.verdict,
        Err(NotProven::NobodySignedBoth { .. })
    ));
    assert_eq!(report.ignored.len(), 4);
}

#[test]
fn unknown_keys_are_ignored_with_a_reason() {
    let (network, strangers) = (Network::of(4), Network::later(4));
    let a = head(note(&strangers, &entries(5, NONE), 0, &[0, 1, 2]), vec![]);
    let b = head(note(&network, &entries(5, 3), 0, &[0, 1, 2]), vec![]);
    let report = judge(&[a, b], &anchor());
    assert!(matches!(
        report.verdict,
        Err(NotProven::NobodySignedBoth { .. })
    ));
    assert!(report.convicted.is_empty());
    assert_eq!(report.ignored.len(), 4);
    assert!(report.ignored[0].reason.contains("does not list the key"));
}

#[test]
fn heads_of_other_logs_do_not_conflict() {
    let network = Network::of(4);
    let ours = note(&network, &entries(5, NONE), 0, &[0, 1, 2]);
    let mut other = checkpoint(&entries(5, 3));
    other.origin = "ledger.example/other".into();
    let text = other.text();
    let names = (0..3).map(|i| (i, Network::cosigner_name(i)));
    let lines = names.map(|(i, name)| cosign(&network.cosigners[i], &name, TIME_S, &text));
    let foreign = other.note(
        sign_log(&network.logs[0], &other.origin, &text),
        lines.collect(),
    );
    let pair = [head(ours, vec![]), head(foreign.clone(), vec![])];
    let report = judge(&pair, &anchor());
    assert!(matches!(report.verdict, Err(NotProven::OtherOrigin { .. })));
    let pair = [head(foreign.clone(), vec![]), head(foreign, vec![])];
    let report = judge(&pair, &anchor());
    assert!(matches!(
        report.verdict,
        Err(NotProven::UnknownOrigin { .. })
    ));
}

#[test]
fn sizes_alone_prove_nothing() {
    let network = Network::of(4);
    let a = head(note(&network, &entries(5, NONE), 0, &[0, 1, 2]), vec![]);
    let b = head(note(&network, &entries(9, 2), 0, &[0, 1, 2]), vec![]);
    let report = judge(&[a, b], &anchor());
    let nothing = NotProven::NothingInCommon {
        first: TreeSize(5),
        second: TreeSize(9),
    };
    assert_eq!(report.verdict, Err(nothing.clone()));
    assert!(
        nothing
            .next_step()
            .contains("consistency proof that fails proves nothing")
    );
}

#[test]
fn receipts_of_one_place_with_other_entries_convict() {
    let network = Network::of(4);
    let (small, large) = (entries(5, NONE), entries(9, 2));
    let proof = |entries: &[Vec<u8>], index, signers: &[usize]| {
        let text = receipt(entries, index, note(&network, entries, 0, signers)).encode();
        Exhibit::parse(text.as_bytes()).unwrap().remove(0)
    };
    let report = judge(
        &[proof(&small, 3, &[0, 1, 2]), proof(&large, 3, &[1, 2, 3])],
        &anchor(),
    );
    let Ok(Conflict::OtherTree(heads, divergence)) = &report.verdict else {
        panic!("{report:?}");
    };
    assert_eq!(divergence.at, Subtree { level: 0, index: 3 });
    assert_eq!(divergence.hashes[0], leaves(&small)[3]);
    assert_eq!(divergence.hashes[1], leaves(&large)[3]);
    assert_eq!(heads[0].proofs().len(), 1);
    assert_eq!(names(&report), ["v2", "v3", "log of v1"]);
    // Of two neighbours each is on the way of the other.
    let pair = [proof(&small, 3, &[0, 1, 2]), proof(&large, 2, &[1, 2, 3])];
    let report = judge(&pair, &anchor());
    let neighbour = Subtree { level: 0, index: 2 };
    assert!(matches!(&report.verdict, Ok(Conflict::OtherTree(_, d)) if d.at == neighbour));
    // The seal of the small tree stands where the large one has another entry.
    let report = judge(
        &[proof(&small, 0, &[0, 1, 2]), proof(&large, 4, &[1, 2, 3])],
        &anchor(),
    );
    assert!(matches!(&report.verdict, Ok(Conflict::OtherTree(_, d)) if d.at.index == 4));
}

#[test]
fn proofs_that_a_node_serves_count_under_the_head_they_name() {
    let network = Network::of(4);
    let (small, large) = (entries(5, NONE), entries(9, 2));
    let a = head(
        note(&network, &small, 0, &[0, 1, 2]),
        vec![inclusion(&small, 3)],
    );
    let b = head(note(&network, &large, 1, &[1, 2, 3]), vec![]);
    let served = |log: &[Vec<u8>], index| {
        let base64 = |hash: &Hash| messages::note::encode_base64(&hash.0);
        let (proof, of) = (inclusion(log, index), checkpoint(log));
        let path: Vec<String> = proof.path.iter().map(base64).collect();
        let (leaf, root) = (base64(&proof.leaf), base64(&of.root));
        let served = serde_json::json!({
            "index": index, "size": of.size.0, "leaf_hash": leaf, "root": root, "path": path,
        });
        served.to_string()
    };
    let read = |text: &str| Exhibit::parse(text.as_bytes()).unwrap().remove(0);
    let proof = read(&served(&large, 3));
    let report = judge(&[a.clone(), proof, b.clone()], &anchor());
    assert_eq!(names(&report), ["v2", "v3"]);
    // Of another tree, or altered: ignored.
    let stray = read(&served(&entries(9, 4), 3));
    let broken = read(&served(&large, 3).replace("\"index\":3", "\"index\":2"));
    for (proof, reason) in [(stray, "neither tree head"), (broken, "does not lead")] {
        let report = judge(&[a.clone(), b.clone(), proof.clone()], &anchor());
        assert!(!report.is_proven());
        assert!(report.ignored[0].reason.contains(reason));
        let alone = judge(&[proof], &anchor());
        assert_eq!(alone.verdict, Err(NotProven::NeedsTwo { found: 0 }));
    }
    let short = served(&large, 3).replace("\"leaf_hash\":\"", "\"leaf_hash\":\"AAAA");
    assert!(Exhibit::parse(short.as_bytes()).is_err());
}

#[test]
fn a_head_of_a_whole_subtree_needs_no_receipt() {
    let network = Network::of(4);
    let (small, large) = (entries(8, NONE), entries(13, 2));
    let a = head(note(&network, &small, 0, &[0, 1, 2]), vec![]);
    // Entry 10 has the tree of entries 0 to 7 beside its way to the root.
    let b = head(
        note(&network, &large, 0, &[0, 1, 2]),
        vec![inclusion(&large, 10)],
    );
    let report = judge(&[b, a], &anchor());
    let Ok(Conflict::OtherTree(heads, divergence)) = &report.verdict else {
        panic!("{report:?}");
    };
    assert_eq!(divergence.at, Subtree { level: 3, index: 0 });
    assert_eq!((heads[0].proofs().len(), heads[1].proofs().len()), (0, 1));
    assert_eq!(report.convicted.len(), 4);
}

#[test]
fn a_path_that_does_not_lead_to_the_root_proves_nothing() {
    let network = Network::of(4);
    let (small, large) = (entries(5, NONE), entries(9, NONE));
    let mut forged = inclusion(&large, 3);
    forged.leaf = leaves(&entries(9, 2))[3];
    let a = head(
        note(&network, &small, 0, &[0, 1, 2]),
        vec![inclusion(&small, 3)],
    );
    let b = head(note(&network, &large, 0, &[0, 1, 2]), vec![forged]);
    let report = judge(&[a, b], &anchor());
    assert!(matches!(
        report.verdict,
        Err(NotProven::NothingInCommon { .. })
    ));
    assert!(
        report.ignored[0]
            .what
            .contains("inclusion proof of entry 3")
    );
}

#[test]
fn proofs_without_their_entry_serve_as_heads_only() {
    let network = Network::of(4);
    let honest = entries(5, NONE);
    let at = inclusion(&honest, 3);
    let proof = TlogProof {
        extra: None,
        index: at.index,
        path: at.path,
        checkpoint: note(&network, &honest, 0, &[0]),
    };
    let read = Exhibit::parse(proof.encode().as_bytes()).unwrap();
    assert_eq!(read, [head(proof.checkpoint, vec![])]);
    let shown = serde_json::json!({ "checkpoint": note(&network, &honest, 0, &[0]).encode() });
    assert_eq!(Exhibit::parse(shown.to_string().as_bytes()).unwrap(), read);
}

#[test]
fn what_is_no_exhibit_is_refused_by_name() {
    let refused = |bytes: &[u8]| Exhibit::parse(bytes).unwrap_err();
    assert_eq!(refused(b""), ExhibitError::Unknown);
    assert_eq!(refused(b"hello"), ExhibitError::Unknown);
    assert_eq!(refused(&[0xff; 9]), ExhibitError::Unknown);
    assert!(matches!(refused(b"{}"), ExhibitError::File(_)));
    assert!(matches!(refused(b"{\xff"), ExhibitError::NotText));
    assert!(matches!(refused(&[0x82, 0x01]), ExhibitError::Cbor(_)));
    assert!(matches!(
        refused(b"c2sp.org/tlog-proof@v1\n"),
        ExhibitError::Proof(_)
    ));
    let broken = format!("{ORIGIN}\n5\nx\n\n\u{2014} a AAAAAAA=\n");
    assert!(matches!(
        refused(broken.as_bytes()),
        ExhibitError::Checkpoint(_)
    ));
}
