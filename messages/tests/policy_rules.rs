//! Policies: what is refused, who meets the quorum, and which time is proven.
#![allow(clippy::unwrap_used)]

mod support;

use messages::note::{VerifierKey, VerifierKeyType};
use messages::policy::{Policy, PolicyError};
use messages::quorum::{faults_tolerated, quorum};
use std::collections::{BTreeMap, BTreeSet};
use support::key;
use support::network::Network;

fn log() -> VerifierKey {
    VerifierKey::try_new("log.example", VerifierKeyType::Log, key("log").public()).unwrap()
}

fn cosigner(name: &str) -> VerifierKey {
    VerifierKey::try_new(name, VerifierKeyType::Cosigner, key(name).public()).unwrap()
}

fn nested() -> String {
    let mut text = format!("  log\t{} https://log.example/\n\n# a comment\n", log());
    for name in ["x1", "x2", "x3", "y1", "y2", "y3"] {
        text += &format!("witness {name} {} https://w.example/\n", cosigner(name));
    }
    text += "group x-witnesses 2 x1 x2 x3\ngroup y-witnesses any y1 y2 y3\n";
    text + "group both all x-witnesses y-witnesses\nquorum both\n"
}

#[test]
fn nested_groups_are_met_as_their_thresholds_say() {
    let policy = Policy::parse(&nested()).unwrap();
    let met = |signed: &[usize]| policy.is_met_by(&signed.iter().copied().collect());
    assert!(met(&[0, 1, 3]) && met(&[1, 2, 5]) && met(&[0, 1, 2, 3, 4, 5]));
    assert!(!met(&[0, 1, 2]) && !met(&[0, 3, 4, 5]) && !met(&[]));
    let again = Policy::parse(&policy.text()).unwrap();
    assert_eq!(again, policy);
    assert_eq!(again.text(), policy.text());
}

#[test]
fn malformed_policies_are_refused_at_their_line() {
    let (log, a, b) = (log(), cosigner("a"), cosigner("b"));
    let base = format!("log {log}\nwitness a {a}\nwitness b {b}\n");
    let with = |tail: &str| format!("{base}{tail}");
    let cases = [
        ("no quorum", with("")),
        ("quorum none", with("quorum none\n")),
        ("two quorums", with("quorum a\nquorum b\n")),
        ("an unknown quorum", with("quorum c\n")),
        ("threshold 0", with("group g 0 a b\nquorum g\n")),
        ("threshold above", with("group g 3 a b\nquorum g\n")),
        ("leading zero", with("group g 01 a b\nquorum g\n")),
        ("no members", with("group g 1\nquorum g\n")),
        ("a member twice", with("group g 1 a a\nquorum g\n")),
        (
            "a member of two groups",
            with("group g 1 a\ngroup h 1 a\nquorum g\n"),
        ),
        (
            "a later member",
            with("group g 1 h\ngroup h 1 a\nquorum g\n"),
        ),
        ("member none", with("group g 1 none\nquorum g\n")),
        ("a taken name", with("group a 1 b\nquorum a\n")),
        ("a group named none", with("group none 1 b\nquorum none\n")),
        (
            "a duplicate key",
            with(&format!("witness c {a}\nquorum a\n")),
        ),
        ("a duplicate log", with(&format!("log {log}\nquorum a\n"))),
        (
            "a log key as witness",
            format!("log {a}\nwitness b {b}\nquorum b\n"),
        ),
        (
            "a witness key as log",
            format!("log {log}\nwitness a {log}\nquorum a\n"),
        ),
        ("no log", format!("witness a {a}\nquorum a\n")),
        ("an unknown line", with("witnesses a\nquorum a\n")),
        ("a control character", with("quorum a\r\n")),
        ("a quorum of two", with("quorum a b\n")),
        ("no key", with("witness c\nquorum a\n")),
        (
            "a bad key",
            with("witness c example+00000000+AAAA\nquorum a\n"),
        ),
    ];
    for (what, text) in cases {
        assert!(Policy::parse(&text).is_err(), "{what} must be refused");
    }
    let error = Policy::parse(&with("quorum none\n")).unwrap_err();
    assert_eq!(error, PolicyError::NoneQuorum { line: 4 });
    assert!(
        error.to_string().contains("policy without quorum"),
        "{error}"
    );
    // One key under two names is one key: the cosigned message does not hold the name.
    let renamed = VerifierKey::try_new("other", VerifierKeyType::Cosigner, a.key()).unwrap();
    let error = Policy::parse(&with(&format!("witness c {renamed}\nquorum a\n"))).unwrap_err();
    assert_eq!(error, PolicyError::DuplicateKey { line: 4, first: 2 });
}

#[test]
fn people_see_organisations_and_demonstrations() {
    let text = format!(
        "# demonstration\nlog {}\n# organisation a 同济大学 (Tongji University)\n# organisation z no \
         one\nwitness a {}\nquorum a\n",
        log(),
        cosigner("a")
    );
    let policy = Policy::parse(&text).unwrap();
    assert!(policy.is_demonstration());
    assert_eq!(
        policy.witnesses()[0].display_name(),
        "同济大学 (Tongji University)"
    );
    assert_eq!(Policy::parse(&policy.text()).unwrap(), policy);
    let plain = Policy::parse(&text.replace("# demonstration\n", "")).unwrap();
    assert!(!plain.is_demonstration());
    assert_ne!(plain.fingerprint(), policy.fingerprint());
    let commented = Policy::parse(&format!("# hello\n\n{text}")).unwrap();
    assert_eq!(commented.fingerprint(), policy.fingerprint());
}

#[test]
fn an_organisation_cannot_write_lines_of_the_policy() {
    let good = Network::of(1).policy();
    for organisation in [
        "Court\n# demonstration",
        "Court ",
        " Court",
        "",
        "Court\nquorum v1",
    ] {
        let mut witnesses = good.witnesses().to_vec();
        witnesses[0].organisation = Some(organisation.into());
        let made = Policy::of_validators(good.logs().to_vec(), witnesses, false);
        assert!(made.is_err(), "{organisation:?} must be refused");
    }
}

/// All sets of witnesses of one to seven validators: a set meets the quorum exactly when it has
/// floor(2n/3) + 1 members, and f back-dating liars among them never move the proven time.
#[test]
fn one_to_seven_validators() {
    for n in 1..=7usize {
        let policy = Network::of(n).policy();
        assert_eq!(Policy::parse(&policy.text()).unwrap(), policy);
        let f = faults_tolerated(n);
        for set in 0u32..1 << n {
            let signed: BTreeSet<usize> = (0..n).filter(|i| set >> i & 1 == 1).collect();
            let met = policy.is_met_by(&signed);
            assert_eq!(met, signed.len() >= quorum(n), "n = {n}, set {signed:?}");
            let honest: BTreeMap<usize, u64> = signed.iter().map(|i| (*i, 100)).collect();
            for liars in (0u32..1 << n).filter(|l| l.count_ones() as usize <= f && met) {
                let mut times = honest.clone();
                times
                    .iter_mut()
                    .filter(|(i, _)| liars >> **i & 1 == 1)
                    .for_each(|(_, t)| *t = 1);
                assert_eq!(
                    policy.existed_before(&times),
                    Some(100),
                    "n = {n}, liars {liars:b}"
                );
            }
        }
    }
}

#[test]
fn the_proven_time_is_the_next_above_the_liars() {
    let policy = Network::of(4).policy();
    let times = |list: &[(usize, u64)]| policy.existed_before(&list.iter().copied().collect());
    assert_eq!(times(&[(0, 30), (1, 10), (2, 20)]), Some(20));
    assert_eq!(times(&[(0, 30), (1, 10), (2, 20), (3, 40)]), Some(20));
    assert_eq!(times(&[(0, 30)]), None);
}

#[test]
fn policy_text_is_frozen() {
    let policy = Network::of(4).policy();
    insta::assert_snapshot!("policy", format!("{policy}--\n{}", policy.fingerprint()));
}
