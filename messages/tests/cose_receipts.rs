//! COSE receipts and transparent statements: frozen bytes, what holds, and what is refused.
#![allow(clippy::unwrap_used)]

mod support;

use messages::checkpoint::Checkpoint;
use messages::cose_receipt::*;
use messages::hash::Hash;
use messages::ids::{LeafIndex, Name, TreeSize};
use messages::keys::{PrivateKey, PublicKey};
use messages::merkle;
use messages::report::{Check, Verdict};
use messages::statement::Statement;
use messages::transparent::{TransparentError, TransparentStatement};
use messages::verify_transparent::{Opening, TransparentReport, verify_transparent};
use proptest::prelude::*;
use std::sync::LazyLock;
use support::network::*;
use support::*;

const QUORUM: usize = 3;

fn receipt_key(i: usize) -> PrivateKey {
    key(&format!("receipt {}", i + 1))
}

fn receipt_keys() -> Vec<(Name, PublicKey)> {
    let named = |i| (name(&format!("v{}", i + 1)), receipt_key(i).public());
    (0..4).map(named).collect()
}

/// A statement with receipts of these validators; the log is that of `Issue::receipt`.
fn transparent(issue: &Issue, signers: &[usize]) -> TransparentStatement {
    let receipt = issue.receipt(&Network::of(4));
    let head = receipt.tree_head().unwrap();
    let receipts = signers.iter().map(|i| InclusionReceipt {
        signed: HeadSignature::sign(&receipt_key(*i), &head),
        index: receipt.index,
        path: receipt.path.clone(),
    });
    TransparentStatement::new(issue.statement(), receipts.collect())
}

fn salted() -> Opening {
    Opening {
        salt: Some(SALT),
        ..Opening::from(document())
    }
}

fn judge(bytes: &[u8]) -> TransparentReport {
    verify_transparent(bytes, &receipt_keys(), QUORUM, Some(&salted()))
}

fn refused_by(bytes: &[u8]) -> Vec<Check> {
    let report = judge(bytes);
    assert!(!report.is_accepted());
    report.failures().map(|finding| finding.check).collect()
}

static GOOD: LazyLock<Vec<u8>> =
    LazyLock::new(|| transparent(&Issue::standard(), &[0, 2, 3]).encode());

fn heads() -> (Checkpoint, Checkpoint, Vec<Hash>) {
    let leaves: Vec<Hash> = (0..11_u8).map(|i| Hash::leaf(&[i])).collect();
    let head = |size: usize| Checkpoint {
        origin: ORIGIN.into(),
        size: TreeSize(size as u64),
        root: merkle::root_of_leaves(&leaves[..size]),
    };
    (head(6), head(11), leaves)
}

fn consistency() -> ConsistencyReceipt {
    let (old, new, leaves) = heads();
    ConsistencyReceipt {
        signed: HeadSignature::sign(&receipt_key(0), &new),
        old: old.size,
        path: merkle::consistency_path(&leaves, 6),
    }
}

#[test]
fn the_bytes_are_frozen() {
    let good = TransparentStatement::parse(&GOOD).unwrap();
    insta::assert_snapshot!("inclusion", hex_lines(&good.receipts[0].encode()));
    insta::assert_snapshot!("consistency", hex_lines(&consistency().encode()));
    insta::assert_snapshot!("transparent", hex_lines(&GOOD));
    let (old, ..) = heads();
    let message = good.receipts[0].signed.message(&old.root);
    insta::assert_snapshot!("message", hex_lines(&message));
}

#[test]
fn what_is_read_is_written_back() {
    for signers in [&[1][..], &[3, 0, 1], &[0, 1, 2, 3]] {
        let made = transparent(&Issue::plain(), signers);
        let bytes = made.encode();
        let read = TransparentStatement::parse(&bytes).unwrap();
        assert_eq!((read.encode(), &read), (bytes, &made));
        for receipt in &read.receipts {
            let bytes = receipt.encode();
            assert_eq!(&InclusionReceipt::parse(&bytes).unwrap(), receipt);
            assert!(ConsistencyReceipt::parse(&bytes).is_err(), "another kind");
        }
    }
    let made = consistency();
    assert_eq!(ConsistencyReceipt::parse(&made.encode()).unwrap(), made);
    assert!(InclusionReceipt::parse(&made.encode()).is_err());
}

#[test]
fn a_quorum_is_accepted_with_and_without_the_document() {
    let report = judge(&GOOD);
    let evidence = report.evidence.as_ref().expect("accepted");
    assert!(evidence.document_matched && evidence.strict);
    assert_eq!(evidence.signers, ["v1", "v3", "v4"].map(name));
    assert_eq!((evidence.index, evidence.size), (LeafIndex(4), TreeSize(8)));
    let noted = |check| {
        let found = report.findings.iter().find(|f| f.check == check);
        found.is_some_and(|f| f.verdict == Verdict::Noted)
    };
    assert!(
        noted(Check::Success) && noted(Check::Time),
        "what it does not prove"
    );
    let bare = verify_transparent(&GOOD, &receipt_keys(), QUORUM, None);
    assert!(bare.evidence.is_some_and(|e| !e.document_matched));
    let all = transparent(&Issue::plain(), &[0, 1, 2, 3]).encode();
    let plain = Opening::from(document());
    let report = verify_transparent(&all, &receipt_keys(), QUORUM, Some(&plain));
    assert!(report.is_accepted(), "{:?}", report.findings);
}

#[test]
fn each_receipt_holds_alone_and_for_its_entry_only() {
    let good = TransparentStatement::parse(&GOOD).unwrap();
    let leaf = Hash::leaf(&good.statement.entry());
    let key_of = |receipt: &InclusionReceipt| {
        let mut keys = receipt_keys().into_iter();
        keys.find(|(_, key)| messages::statement::cose_key_id(key) == receipt.signed.key_id)
            .map(|(_, key)| key)
            .unwrap()
    };
    for receipt in &good.receipts {
        let key = key_of(receipt);
        assert!(receipt.verify(&key, &leaf).is_ok());
        assert!(receipt.verify(&key, &Hash::leaf(b"another")).is_err());
        assert!(receipt.verify(&receipt_key(1).public(), &leaf).is_err());
    }
}

#[test]
fn one_signature_serves_every_entry_and_both_kinds_of_proof() {
    let (old, new, leaves) = heads();
    let signed = HeadSignature::sign(&receipt_key(0), &new);
    let key = receipt_key(0).public();
    for (i, leaf) in leaves.iter().enumerate() {
        let receipt = InclusionReceipt {
            signed: signed.clone(),
            index: LeafIndex(i as u64),
            path: merkle::inclusion_path(&leaves, i),
        };
        assert_eq!(receipt.verify(&key, leaf), Ok(new.root));
    }
    let receipt = consistency();
    assert_eq!(receipt.signed, signed);
    assert_eq!(receipt.verify(&key, &old, &new), Ok(()));
    assert!(
        receipt.verify(&key, &new, &new).is_err(),
        "another old head"
    );
    let wrong = Checkpoint {
        root: new.root,
        ..old.clone()
    };
    assert!(
        receipt.verify(&key, &wrong, &new).is_err(),
        "another old root"
    );
    assert!(
        receipt
            .verify(&receipt_key(1).public(), &old, &new)
            .is_err()
    );
    let elsewhere = Checkpoint {
        origin: "other.example".into(),
        ..new.clone()
    };
    assert!(receipt.verify(&key, &old, &elsewhere).is_err());
}

/// RFC 9942 signs the root alone, which leaf 2 of 3 and leaf 1 of 2 can share a path to. The size
/// among the claims tells them apart.
#[test]
fn size_and_index_are_bound_by_the_signature() {
    let leaves: Vec<Hash> = (0..3_u8).map(|i| Hash::leaf(&[i])).collect();
    let head = Checkpoint {
        origin: ORIGIN.into(),
        size: TreeSize(3),
        root: merkle::root_of_leaves(&leaves),
    };
    let honest = InclusionReceipt {
        signed: HeadSignature::sign(&receipt_key(0), &head),
        index: LeafIndex(2),
        path: merkle::inclusion_path(&leaves, 2),
    };
    let key = receipt_key(0).public();
    assert!(honest.verify(&key, &leaves[2]).is_ok());
    let mut moved = honest;
    (moved.signed.size, moved.index) = (TreeSize(2), LeafIndex(1));
    assert_eq!(
        moved.root(&leaves[2]),
        Ok(head.root),
        "the path alone says nothing"
    );
    assert!(moved.verify(&key, &leaves[2]).is_err());
}

#[test]
fn too_few_strangers_and_split_heads_are_refused() {
    let two = transparent(&Issue::standard(), &[0, 1]);
    assert_eq!(refused_by(&two.encode()), [Check::Quorum]);
    let good = TransparentStatement::parse(&GOOD).unwrap();
    let with = |receipts: Vec<InclusionReceipt>| {
        TransparentStatement::new(good.statement.clone(), receipts).encode()
    };
    // A stranger's receipt beside a whole quorum: nothing in the file may be free.
    let head = Issue::standard()
        .receipt(&Network::of(4))
        .tree_head()
        .unwrap();
    let mut stranger = good.receipts[0].clone();
    stranger.signed = HeadSignature::sign(&key("stranger"), &head);
    let spare = with([good.receipts.clone(), vec![stranger]].concat());
    assert_eq!(refused_by(&spare), [Check::CoseReceipts]);
    // One of the three is about an older tree of the same log.
    let mut split = good.receipts.clone();
    let leaf = Hash::leaf(&good.statement.entry());
    let sibling = Hash::leaf(b"another");
    let root = Hash::node(&sibling, &leaf);
    let place = (0..4).find(|i| {
        messages::statement::cose_key_id(&receipt_key(*i).public()) == split[1].signed.key_id
    });
    let old = Checkpoint {
        origin: ORIGIN.into(),
        size: TreeSize(2),
        root,
    };
    split[1] = InclusionReceipt {
        signed: HeadSignature::sign(&receipt_key(place.unwrap()), &old),
        index: LeafIndex(1),
        path: vec![sibling],
    };
    assert_eq!(refused_by(&with(split)), [Check::TreeHead]);
    let nobody = verify_transparent(&GOOD, &[], 0, None);
    assert!(!nobody.is_accepted(), "a quorum of nobody accepts nothing");
}

#[test]
fn one_validator_twice_has_no_form() {
    let mut twice = transparent(&Issue::standard(), &[0, 2, 3]);
    let first = twice.receipts[0].clone();
    twice.receipts.insert(0, first);
    let error = TransparentStatement::parse(&twice.encode()).unwrap_err();
    assert!(matches!(error, TransparentError::Order { .. }), "{error}");
    twice.receipts.clear();
    assert!(
        TransparentStatement::parse(&twice.encode()).is_err(),
        "none at all"
    );
    assert!(TransparentStatement::parse(&twice.statement.entry()).is_err());
    assert!(Statement::parse(&GOOD).is_err(), "no entry is transparent");
}

#[test]
fn the_document_is_judged_as_in_a_receipt() {
    let keys = receipt_keys();
    let failing = |opening: &Opening| {
        let report = verify_transparent(&GOOD, &keys, QUORUM, Some(opening));
        report.failures().map(|f| f.check).collect::<Vec<_>>()
    };
    let other_salt = Opening {
        salt: Some([1; 32]),
        ..salted()
    };
    assert_eq!(failing(&other_salt), [Check::Document]);
    assert_eq!(failing(&Opening::from(document())), [Check::Document]);
    let member = transparent(&Issue::member(), &[0, 1, 2]).encode();
    let issue = Issue::member();
    let opening = Opening {
        document: document(),
        salt: issue.salt,
        batch: issue.batch,
    };
    assert!(verify_transparent(&member, &keys, QUORUM, Some(&opening)).is_accepted());
}

#[test]
fn every_flipped_bit_cut_and_added_byte_is_refused() {
    assert!(judge(&GOOD).is_accepted());
    let mut altered = GOOD.clone();
    for position in 0..altered.len() {
        for bit in 0..8 {
            altered[position] ^= 1 << bit;
            assert!(!judge(&altered).is_accepted(), "byte {position}, bit {bit}");
            altered[position] ^= 1 << bit;
        }
        assert!(!judge(&GOOD[..position]).is_accepted(), "cut at {position}");
        let mut doubled = GOOD.clone();
        doubled.insert(position, GOOD[position]);
        assert!(!judge(&doubled).is_accepted(), "byte {position} doubled");
    }
    assert!(!judge(&[&GOOD[..], &[0]].concat()).is_accepted(), "a tail");
}

#[test]
fn every_altered_consistency_receipt_is_refused() {
    let (old, new, _) = heads();
    let key = receipt_key(0).public();
    let bytes = consistency().encode();
    let holds = |bytes: &[u8]| {
        ConsistencyReceipt::parse(bytes).is_ok_and(|r| r.verify(&key, &old, &new).is_ok())
    };
    assert!(holds(&bytes));
    let mut altered = bytes.clone();
    for position in 0..bytes.len() {
        for bit in 0..8 {
            altered[position] ^= 1 << bit;
            assert!(!holds(&altered), "byte {position}, bit {bit}");
            altered[position] ^= 1 << bit;
        }
        assert!(!holds(&bytes[..position]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn random_edits_are_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..8)
    ) {
        let mut bytes = GOOD.clone();
        for (at, value, what) in edits {
            let position = at.index(bytes.len());
            match what {
                0 => bytes[position] = value,
                1 => bytes.insert(position, value),
                _ if bytes.len() > 1 => drop(bytes.remove(position)),
                _ => {}
            }
        }
        prop_assert!(bytes == *GOOD || !judge(&bytes).is_accepted());
    }

    #[test]
    fn random_trees_give_receipts_that_hold(size in 2..200_usize, at in any::<prop::sample::Index>()) {
        let leaves: Vec<Hash> = (0..size).map(|i| Hash::of(&i.to_be_bytes())).collect();
        let head = Checkpoint {
            origin: ORIGIN.into(),
            size: TreeSize(size as u64),
            root: merkle::root_of_leaves(&leaves),
        };
        let index = at.index(size);
        let made = InclusionReceipt {
            signed: HeadSignature::sign(&receipt_key(0), &head),
            index: LeafIndex(index as u64),
            path: merkle::inclusion_path(&leaves, index),
        };
        let read = InclusionReceipt::parse(&made.encode()).unwrap();
        prop_assert_eq!(read.verify(&receipt_key(0).public(), &leaves[index]), Ok(head.root));
    }
}
