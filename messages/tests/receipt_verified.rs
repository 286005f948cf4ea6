//! What a good receipt proves, and which check refuses each way of being wrong.
#![allow(clippy::unwrap_used)]

mod support;

use messages::checkpoint::{Checkpoint, cosign, sign_log};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex};
use messages::outcome::OutcomeCode;
use messages::policy::Policy;
use messages::quorum::{faults_tolerated, quorum};
use messages::receipt::{Receipt, ReceiptError};
use messages::statement::{Deposit, DigestAlgorithm, Lodged, commit};
use messages::verify::{Check, DocumentDigest, Report, Verdict, verify, verify_bytes};
use support::network::*;
use support::{key, name};

fn judge(receipt: &Receipt) -> Report {
    verify(receipt, &Network::of(4).policy(), Some(&document()))
}

fn refused_by(report: &Report) -> Vec<Check> {
    assert!(!report.is_accepted());
    report
        .failures()
        .for_each(|f| assert!(!f.next_step.is_empty(), "{f:?}"));
    report.failures().map(|f| f.check).collect()
}

#[test]
fn a_good_receipt_proves_who_what_and_when() {
    for issue in [Issue::standard(), Issue::plain()] {
        let receipt = issue.receipt(&Network::of(4));
        assert_eq!(Receipt::parse(&receipt.encode()).unwrap(), receipt);
        let report = judge(&receipt);
        assert_eq!(refusals(&report), Vec::<String>::new());
        let evidence = report.evidence.unwrap();
        assert_eq!(evidence.id, issue.statement().id());
        assert_eq!(evidence.issuer, "urn:example:notary");
        assert_eq!(evidence.depositor_key, key("depositor").public());
        assert_eq!((evidence.height, evidence.index), (Height(2), LeafIndex(4)));
        assert_eq!(evidence.existed_before_s, Some(TIME_S + 1));
        let names: Vec<_> = evidence
            .signers
            .iter()
            .map(|s| s.organisation.as_str())
            .collect();
        assert_eq!(names, ["Court 1", "Court 2", "Court 3"]);
        assert!(evidence.strict && evidence.document_matched && !evidence.demonstration);
    }
}

fn refusals(report: &Report) -> Vec<String> {
    report.failures().map(|f| format!("{f:?}")).collect()
}

#[test]
fn every_network_size_has_its_quorum() {
    for n in 1..=7 {
        let network = Network::of(n);
        let issue = Issue {
            signers: (0..quorum(n)).collect(),
            ..Issue::standard()
        };
        let report = verify(
            &issue.receipt(&network),
            &network.policy(),
            Some(&document()),
        );
        assert_eq!(refusals(&report), Vec::<String>::new());
        let expected = TIME_S + faults_tolerated(n) as u64;
        assert_eq!(
            report.evidence.unwrap().existed_before_s,
            Some(expected),
            "n = {n}"
        );
        let issue = Issue {
            signers: (1..quorum(n)).collect(),
            ..Issue::standard()
        };
        let report = verify(
            &issue.receipt(&network),
            &network.policy(),
            Some(&document()),
        );
        assert_eq!(refused_by(&report), [Check::Quorum], "n = {n}");
    }
}

#[test]
fn without_a_document_only_the_statement_is_proven() {
    let receipt = Issue::standard().receipt(&Network::of(4));
    let report = verify(&receipt, &Network::of(4).policy(), None);
    assert!(!report.evidence.as_ref().unwrap().document_matched);
    assert_eq!(
        report.finding(Check::Document).unwrap().verdict,
        Verdict::Noted
    );
}

#[test]
fn another_document_or_salt_is_refused() {
    let network = Network::of(4);
    let other = DocumentDigest::sha256(b"another document");
    for issue in [Issue::standard(), Issue::plain()] {
        let report = verify(&issue.receipt(&network), &network.policy(), Some(&other));
        assert_eq!(refused_by(&report), [Check::Document]);
    }
    for salt in [None, Some([1; 32])] {
        let issue = Issue {
            salt,
            ..Issue::standard()
        };
        assert_eq!(
            refused_by(&judge(&issue.receipt(&network))),
            [Check::Document]
        );
    }
    let issue = Issue {
        salt: Some(SALT),
        ..Issue::plain()
    };
    assert_eq!(
        refused_by(&judge(&issue.receipt(&network))),
        [Check::Document]
    );
    // A node hands the receipt out without salt; the depositor's client adds it.
    let without = Issue {
        salt: None,
        ..Issue::standard()
    }
    .receipt(&network);
    assert!(judge(&without.with_salt(SALT)).is_accepted());
}

#[test]
fn a_failed_outcome_is_no_success() {
    let issue = Issue {
        code: OutcomeCode(3),
        ..Issue::standard()
    };
    assert_eq!(
        refused_by(&judge(&issue.receipt(&Network::of(4)))),
        [Check::Success]
    );
}

#[test]
fn another_ledger_is_refused() {
    let network = Network::of(4);
    let issue = Issue {
        seal_network: "other".into(),
        ..Issue::standard()
    };
    assert_eq!(
        refused_by(&judge(&issue.receipt(&network))),
        [Check::SealPlace]
    );
    let mut receipt = Issue::standard().receipt(&network);
    let head = Checkpoint {
        origin: "other.example".into(),
        ..receipt.tree_head().unwrap()
    };
    receipt.checkpoint = network.sign(&head, &[0, 1, 2]);
    receipt.checkpoint.signatures[0] = sign_log(&network.logs[0], "other.example", &head.text());
    assert_eq!(refused_by(&judge(&receipt)), [Check::Origin]);
}

#[test]
fn a_false_log_key_is_refused() {
    let network = Network::of(4);
    let mut receipt = Issue::standard().receipt(&network);
    let text = receipt.checkpoint.text.clone();
    receipt.checkpoint.signatures[0] = sign_log(&key("stranger"), ORIGIN, &text);
    assert_eq!(refused_by(&judge(&receipt)), [Check::LogSignature]);
    receipt.checkpoint.signatures[0] = sign_log(&network.logs[3], ORIGIN, &text);
    assert!(
        judge(&receipt).is_accepted(),
        "any log key of the policy may sign"
    );
    receipt.checkpoint.signatures[0].bytes[5] ^= 1;
    assert_eq!(refused_by(&judge(&receipt)), [Check::LogSignature]);
}

#[test]
fn spare_unknown_and_invalid_cosignatures_are_refused_or_counted_once() {
    let network = Network::of(4);
    let good = Issue::standard().receipt(&network);
    let text = good.checkpoint.text.clone();
    let with = |line| {
        let mut receipt = good.clone();
        receipt.checkpoint.signatures.push(line);
        receipt
    };
    let stranger = cosign(&key("stranger"), "stranger.example", TIME_S, &text);
    assert_eq!(refused_by(&judge(&with(stranger))), [Check::Cosignatures]);
    let mut invalid = cosign(
        &network.cosigners[3],
        &Network::cosigner_name(3),
        TIME_S,
        &text,
    );
    assert!(
        judge(&with(invalid.clone())).is_accepted(),
        "more than a quorum is no harm"
    );
    invalid.bytes[30] ^= 1;
    assert_eq!(refused_by(&judge(&with(invalid))), [Check::Cosignatures]);
    let mut twice = good.clone();
    twice.checkpoint.signatures[3] = twice.checkpoint.signatures[2].clone();
    assert_eq!(refused_by(&judge(&twice)), [Check::Quorum]);
    let second_log_line = sign_log(&network.logs[1], ORIGIN, &text);
    assert_eq!(
        refused_by(&judge(&with(second_log_line))),
        [Check::ReceiptForm]
    );
    let mut log_last = good.clone();
    log_last.checkpoint.signatures.rotate_left(1);
    let error = Receipt::parse(&log_last.encode()).unwrap_err();
    assert!(
        matches!(error, ReceiptError::LogLine { found: 1, .. }),
        "{error}"
    );
}

#[test]
fn another_place_in_log_or_block_is_refused() {
    let good = Issue::standard().receipt(&Network::of(4));
    let with = |spoil: fn(&mut Receipt)| {
        let mut receipt = good.clone();
        spoil(&mut receipt);
        refused_by(&judge(&receipt))
    };
    assert!(with(|r| r.index = LeafIndex(5)).contains(&Check::Inclusion));
    assert!(with(|r| r.index = LeafIndex(u64::MAX)).contains(&Check::Inclusion));
    assert_eq!(with(|r| r.path.truncate(1)), [Check::Inclusion]);
    assert_eq!(
        with(|r| r.extra.seal.index = LeafIndex(5)),
        [Check::SealInclusion]
    );
    assert_eq!(
        with(|r| r.extra.seal.path[0] = Hash::ZERO),
        [Check::SealInclusion]
    );
    assert_eq!(with(|r| r.extra.seal.bytes.push(0)), [Check::SealForm]);
    assert_eq!(with(|r| r.extra.outcome.index = 0), [Check::Outcome]);
    // The same path also fits a tree of four outcomes; the seal's place says three.
    assert_eq!(with(|r| r.extra.outcome.count = 4), [Check::Outcome]);
    assert_eq!(
        with(|r| r.extra.outcome.path[0] = Hash::ZERO),
        [Check::Outcome]
    );
    assert_eq!(with(|r| r.extra.outcome.bytes[35] ^= 1), [Check::Outcome]);
    assert_eq!(with(|r| r.extra.entry.push(0)), [Check::StatementForm]);
}

#[test]
fn a_statement_by_another_key_is_refused() {
    let network = Network::of(4);
    let mut issue = Issue::standard();
    let good = issue.receipt(&network);
    issue.deposit = Deposit {
        namespace: name("other"),
        ..issue.deposit
    };
    let mut forged = issue.statement();
    forged.signature = Issue::standard().statement().signature;
    let mut receipt = good;
    receipt.extra.entry = forged.entry();
    let checks = refused_by(&judge(&receipt));
    assert!(checks.contains(&Check::DepositorSignature), "{checks:?}");
    assert!(checks.contains(&Check::Inclusion), "{checks:?}");
}

#[test]
fn a_signature_by_zip_215_only_is_accepted_and_noted() {
    let receipt = Issue::zip215_only().receipt(&Network::of(4));
    let report = judge(&receipt);
    let finding = report.finding(Check::SignatureRule).unwrap();
    assert_eq!(
        (finding.verdict, finding.found.as_str()),
        (Verdict::Noted, "ZIP-215 only")
    );
    assert!(!report.evidence.unwrap().strict);
}

#[test]
fn a_demonstration_says_so() {
    let network = Network::of(4);
    let policy = Policy::parse(&format!("# demonstration\n{}", network.policy())).unwrap();
    let receipt = Issue::standard().receipt(&network);
    let report = verify(&receipt, &policy, Some(&document()));
    assert!(report.evidence.as_ref().unwrap().demonstration);
    assert_eq!(
        report.finding(Check::Anchor).unwrap().verdict,
        Verdict::Noted
    );
}

#[test]
fn salted_and_plain_values_are_not_confused() {
    let network = Network::of(4);
    let mut issue = Issue::plain();
    issue.deposit.lodged =
        Lodged::Digest(commit(&SALT, DigestAlgorithm::Sha256, &Hash::of(DOCUMENT)));
    assert_eq!(
        refused_by(&judge(&issue.receipt(&network))),
        [Check::Document]
    );
}

#[test]
fn receipt_and_report_are_frozen() {
    let receipt = Issue::standard().receipt(&Network::of(4)).encode();
    insta::assert_snapshot!("receipt", receipt);
    let report = verify_bytes(
        receipt.as_bytes(),
        &Network::of(4).policy(),
        Some(&document()),
    );
    let lines: Vec<String> = report
        .findings
        .iter()
        .map(|f| format!("{:?} {}: {}", f.verdict, f.check, f.found))
        .collect();
    insta::assert_snapshot!("report", lines.join("\n"));
}
