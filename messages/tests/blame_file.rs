//! The blame file: frozen, altered in every byte, and checked by strangers.
#![allow(clippy::unwrap_used)]

mod support;

use messages::blame::{
    Anchor, BlameFile, BlameFileError, BlameReport, Exhibit, NotProven, from_equivocation, judge,
};
use messages::cbor::Canonical;
use messages::checkpoint::cosign;
use messages::consensus::EquivocationProof;
use messages::hash::Hash;
use messages::keys::{PublicKey, Signature};
use messages::note::decode_base64;
use std::path::Path;
use support::misbehavior::*;
use support::network::{Network, TIME_S};

const NONE: usize = usize::MAX;

fn policy() -> Anchor {
    Anchor::of_policy(Network::of(4).policy())
}

fn founded() -> Anchor {
    Anchor::of_genesis(genesis(4)).unwrap()
}

/// Each kind of conviction, with an anchor that judges it.
fn convictions() -> Vec<(&'static str, BlameReport, Anchor)> {
    let network = Network::of(4);
    let (small, large) = (entries(5, NONE), entries(9, 2));
    let one_size = [
        head(note(&network, &small, 0, &[0, 1, 2]), vec![]),
        head(note(&network, &entries(5, 3), 0, &[1, 2, 3]), vec![]),
    ];
    let one_place = [(&small, [0, 1]), (&large, [1, 3])].map(|(log, signers)| {
        let text = receipt(log, 3, note(&network, log, 0, &signers)).encode();
        Exhibit::parse(text.as_bytes()).unwrap().remove(0)
    });
    let certificates = [
        Exhibit::Commit(certificate(2, "a", &[0, 1, 2])),
        Exhibit::Commit(certificate(2, "b", &[1, 2, 3])),
    ];
    let proposals = [
        proposed(proposal(3, 1, "a", None)),
        proposed(proposal(3, 1, "a", Some(0))),
    ];
    vec![
        ("one_size", judge(&one_size, &policy()), policy()),
        ("one_place", judge(&one_place, &policy()), policy()),
        ("votes", judge(&certificates, &founded()), founded()),
        ("proposals", judge(&proposals, &founded()), founded()),
    ]
}

/// A file as generated equals the file as committed; `UPDATE_CORPUS=1` writes it again.
fn compare(name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/blame");
    let path = folder.join(name);
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
    let committed = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(committed, bytes, "{} drifted", path.display());
}

#[test]
fn the_format_is_frozen() {
    compare("policy", Network::of(4).policy().text().as_bytes());
    compare("genesis.cbor", &genesis(4).to_bytes());
    for (name, report, _) in convictions() {
        let text = BlameFile::of(&report).unwrap().encode();
        compare(&format!("{name}.json"), text.as_bytes());
    }
}

#[test]
fn a_stranger_checks_a_file_and_finds_the_same_verdict() {
    for (name, report, anchor) in convictions() {
        let text = BlameFile::of(&report).unwrap().encode();
        let checked = BlameFile::check(text.as_bytes(), &anchor).unwrap();
        assert_eq!(checked.verdict, report.verdict, "{name}");
        assert_eq!(checked.convicted, report.convicted, "{name}");
        // The file is an exhibit too, and convicts the same.
        let again = judge(&Exhibit::parse(text.as_bytes()).unwrap(), &anchor);
        assert_eq!(again.convicted, report.convicted, "{name}");
    }
}

#[test]
fn a_genesis_document_judges_whatever_its_policy_does() {
    let (founded, network) = (genesis(4), Network::of(4));
    let of_policy = Anchor::of_policy(founded.policy().unwrap());
    let cosigned = |entries: &[Vec<u8>]| {
        let (mut note, v2) = (note(&network, entries, 0, &[]), &founded.validators[1].name);
        let name = founded.cosigner_name(v2);
        let line = cosign(&network.cosigners[1], &name, TIME_S, &note.text);
        note.signatures.push(line);
        head(note, vec![])
    };
    let exhibits = [cosigned(&entries(5, NONE)), cosigned(&entries(5, 3))];
    let text = BlameFile::of(&judge(&exhibits, &of_policy))
        .unwrap()
        .encode();
    let anchor = Anchor::of_genesis(founded.clone()).unwrap();
    let report = BlameFile::check(text.as_bytes(), &anchor).unwrap();
    assert_eq!(
        report.anchor,
        of_policy.id(),
        "tree heads are judged by the policy"
    );
    assert_eq!(report.convicted[0].holder.name, "v2");
    let log_key = report.convicted[1].holder.key;
    assert_eq!(
        anchor.holder_of_log_key(&log_key),
        Some(&founded.validators[0])
    );
    assert_eq!(of_policy.holder_of_log_key(&log_key), None);
}

/// What the page tells a stranger to do, without any of our judging.
#[test]
fn every_signature_in_a_file_verifies_over_the_bytes_beside_it() {
    for (name, report, _) in convictions() {
        let text = BlameFile::of(&report).unwrap().encode();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let bytes = |v: &serde_json::Value| decode_base64("", v.as_str().unwrap()).unwrap();
        for convicted in json["convicted"].as_array().unwrap() {
            let key = hex::decode(convicted["public_key"].as_str().unwrap()).unwrap();
            let key = PublicKey(key.try_into().unwrap());
            for (side, signed) in convicted["signed"].as_array().unwrap().iter().enumerate() {
                let (over, signature) =
                    (bytes(&signed["signed_bytes"]), bytes(&signed["signature"]));
                let signature = Signature(signature.try_into().unwrap());
                assert!(key.verify_strict(&over, &signature), "{name}");
                if signed["message"].is_null() {
                    let note = json["heads"][side]["note"].as_str().unwrap();
                    let text = note.split_once("\n\n").unwrap().0;
                    assert!(over.ends_with(format!("{text}\n").as_bytes()), "{name}");
                } else {
                    let kind = if name == "votes" { "vote" } else { "proposal" };
                    let domain = format!("wutong/{kind}/v1\0");
                    let hash = Hash::of(&[domain.as_bytes(), &bytes(&signed["message"])].concat());
                    assert_eq!(hash.0.to_vec(), over, "{name}");
                }
            }
        }
    }
}

#[test]
fn every_flipped_byte_is_refused_or_changes_no_verdict() {
    for (name, report, anchor) in convictions() {
        let good = BlameFile::of(&report).unwrap().encode().into_bytes();
        let (mut altered, mut accepted) = (good.clone(), 0);
        for position in 0..good.len() {
            for mask in [1, 0x20, 1 << (position % 8)] {
                altered[position] ^= mask;
                if let Ok(checked) = BlameFile::check(&altered, &anchor) {
                    accepted += 1;
                    assert_eq!(checked.verdict.is_ok(), report.verdict.is_ok());
                    assert_eq!(
                        checked.convicted, report.convicted,
                        "{name}, byte {position}"
                    );
                }
                altered[position] = good[position];
            }
        }
        // Only lines of a note that convict nobody can change unseen.
        let spared = report.not_convicted.len();
        assert!(accepted <= spared * 3 * 200, "{name}: {accepted} accepted");
        assert!(spared > 0 || accepted == 0, "{name}: {accepted} accepted");
    }
}

#[test]
fn every_cut_and_added_or_swapped_line_is_refused() {
    for (name, report, anchor) in convictions() {
        let good = BlameFile::of(&report).unwrap().encode();
        let lines: Vec<&str> = good.split_inclusive('\n').collect();
        let refuse = |lines: &[&str], what: &str| {
            let refused = BlameFile::check(lines.concat().as_bytes(), &anchor);
            assert!(refused.is_err(), "{name}: {what}");
        };
        for i in 0..lines.len() {
            refuse(&lines[..i], "cut");
            let mut other = lines.clone();
            other.remove(i);
            refuse(&other, "without a line");
            let mut other = lines.clone();
            other.insert(i, " \n");
            refuse(&other, "with a line");
            if i > 0 && lines[i] != lines[i - 1] {
                let mut other = lines.clone();
                other.swap(i, i - 1);
                refuse(&other, "with two lines swapped");
            }
        }
    }
}

#[test]
fn a_name_put_into_the_file_is_found() {
    for (name, report, anchor) in convictions() {
        let good = BlameFile::of(&report).unwrap().encode();
        let last = &report.convicted.last().unwrap().holder.name;
        let framed = good.replace(&format!("\"name\": \"{last}\""), "\"name\": \"v1\"");
        assert_ne!(framed, good);
        let refused = BlameFile::check(framed.as_bytes(), &anchor).unwrap_err();
        assert!(
            matches!(refused, BlameFileError::Differs { .. }),
            "{name}: {refused}"
        );
        assert!(
            refused.to_string().contains("\\\"name\\\""),
            "{name}: {refused}"
        );
    }
}

#[test]
fn a_convict_left_out_or_copied_is_found() {
    let (_, mut report, anchor) = convictions().remove(2);
    assert_eq!(report.convicted.len(), 2);
    let spared = report.convicted.pop();
    // Of votes the file holds nothing but the convicted, so what is left is true.
    let shorter = BlameFile::of(&report).unwrap().encode();
    assert!(BlameFile::check(shorter.as_bytes(), &anchor).is_ok());
    report.convicted = vec![spared.unwrap(); 2];
    let twice = BlameFile::of(&report).unwrap().encode();
    assert!(BlameFile::check(twice.as_bytes(), &anchor).is_err());
    let (_, mut report, anchor) = convictions().remove(0);
    report.convicted.pop();
    let shorter = BlameFile::of(&report).unwrap().encode();
    assert!(BlameFile::check(shorter.as_bytes(), &anchor).is_err());
}

#[test]
fn another_anchor_is_named_and_convicts_nobody() {
    let others = Anchor::of_policy(Network::later(4).policy());
    let (_, report, _) = convictions().remove(0);
    let text = BlameFile::of(&report).unwrap().encode();
    let refused = BlameFile::check(text.as_bytes(), &others).unwrap_err();
    let (mine, its) = (others.id().fingerprint, policy().id().fingerprint);
    assert!(refused.to_string().contains(&mine.to_string()));
    assert!(refused.to_string().contains(&its.to_string()));
    let again = judge(&Exhibit::parse(text.as_bytes()).unwrap(), &others);
    assert!(again.convicted.is_empty());
    let (_, report, _) = convictions().remove(2);
    let text = BlameFile::of(&report).unwrap().encode();
    let refused = BlameFile::check(text.as_bytes(), &policy()).unwrap_err();
    assert_eq!(refused, BlameFileError::NotProven(NotProven::NoGenesis));
}

#[test]
fn forms_that_are_none_are_refused() {
    let refused = |text: &str| BlameFile::check(text.as_bytes(), &founded()).unwrap_err();
    assert!(matches!(refused("{}"), BlameFileError::Form { .. }));
    assert!(matches!(refused(""), BlameFileError::Form { .. }));
    let proof = EquivocationProof::Votes(precommit(2, 1, "a"), precommit(2, 1, "b"));
    let text = from_equivocation(&proof, &genesis(4)).unwrap().encode();
    let other = text.replace("wutong-blame/v1", "wutong-blame/v2");
    assert!(matches!(refused(&other), BlameFileError::Format { .. }));
    let packed: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(BlameFile::parse(packed.to_string().as_bytes()).is_err());
    let windows = text.replace('\n', "\r\n");
    assert_eq!(refused(&windows), BlameFileError::NotCanonical { line: 1 });
    assert!(BlameFile::parse(&proof.to_bytes()).is_err());
}
