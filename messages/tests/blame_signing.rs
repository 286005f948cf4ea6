//! Votes and proposals: who is convicted, and who is not.
#![allow(clippy::unwrap_used)]

mod support;

use messages::blame::{
    Anchor, BlameReport, Conflict, Exhibit, NotProven, from_equivocation, judge,
};
use messages::cbor::Canonical;
use messages::consensus::{
    ConsensusMessage, EquivocationProof, PolkaCertificate, RoundCertificate, RoundCertificateKind,
    RoundSignature, VoteKind,
};
use messages::ids::{Height, Round};
use messages::ports::{ConsensusSigner, StrictVerifier};
use support::misbehavior::*;
use support::name;
use support::network::Network;

fn anchor() -> Anchor {
    Anchor::of_genesis(genesis(4)).unwrap()
}

fn names(report: &BlameReport) -> Vec<&str> {
    let name = |c| -> &str {
        let conviction: &messages::blame::Conviction = c;
        &conviction.holder.name
    };
    report.convicted.iter().map(name).collect()
}

#[test]
fn two_votes_of_one_step_convict_their_signer_alone() {
    let exhibits = [
        voted(precommit(1, 0, "a")),
        voted(precommit(2, 0, "a")),
        voted(precommit(1, 0, "b")),
    ];
    let report = judge(&exhibits, &anchor());
    assert!(matches!(report.verdict, Ok(Conflict::DoubleSigning(_))));
    assert_eq!(names(&report), ["v2"]);
    assert_eq!(report.not_convicted.len(), 1);
    assert_eq!(report.not_convicted[0].holder.name, "v3");
}

#[test]
fn other_steps_and_repeats_convict_nobody() {
    let prevote = |text| voted(vote(1, 0, VoteKind::Prevote, Some(block(text))));
    let honest = [
        voted(precommit(1, 0, "a")),
        voted(precommit(1, 0, "a")),
        prevote("b"),
        voted(precommit(1, 1, "a")),
        voted(vote(1, 2, VoteKind::Precommit, None)),
        proposed(proposal(1, 0, "c", None)),
    ];
    let report = judge(&honest, &anchor());
    assert_eq!(report.verdict, Err(NotProven::NoDoubleSigning));
    assert!(report.not_convicted[0].signed_only.contains("4 further"));
    let nil = [
        voted(vote(1, 0, VoteKind::Precommit, None)),
        honest[0].clone(),
    ];
    assert_eq!(
        names(&judge(&nil, &anchor())),
        ["v2"],
        "nil and a block are two votes"
    );
}

#[test]
fn two_proposals_of_one_round_convict_the_proposer() {
    let (a, b) = (proposal(3, 1, "a", None), proposal(3, 1, "a", Some(0)));
    let report = judge(&[proposed(a.clone()), proposed(b.clone())], &anchor());
    assert_eq!(names(&report), ["v4"]);
    let read = |signed| {
        let bytes = ConsensusMessage::Proposal(signed).to_bytes();
        Exhibit::parse(&bytes).unwrap().remove(0)
    };
    assert_eq!(judge(&[read(b), read(a)], &anchor()), report);
}

#[test]
fn two_certificates_of_one_round_convict_whoever_is_in_both() {
    let parts = [
        certificate(2, "a", &[0, 1, 2]),
        certificate(2, "b", &[1, 2, 3]),
    ];
    let read = parts.map(|c| Exhibit::parse(&c.to_bytes()).unwrap().remove(0));
    let report = judge(&read, &anchor());
    assert_eq!(names(&report), ["v2", "v3"]);
    assert_eq!(report.not_convicted.len(), 2);
}

#[test]
fn two_certificates_of_different_rounds_convict_nobody_and_say_so() {
    let exhibits = [
        Exhibit::Commit(certificate(0, "a", &[0, 1, 2])),
        Exhibit::Commit(certificate(3, "b", &[1, 2, 3])),
    ];
    let report = judge(&exhibits, &anchor());
    let across = NotProven::AcrossRounds {
        height: Height(7),
        first: Round(0),
        second: Round(3),
        validators: 2,
    };
    assert!(across.next_step().contains("broke its lock"));
    assert_eq!(report.verdict, Err(across));
    assert!(report.convicted.is_empty());
}

#[test]
fn the_votes_within_certificates_count_and_their_signatures_are_judged() {
    let prevote = |i, text| vote(i, 0, VoteKind::Prevote, Some(block(text)));
    let signed = |i, text| (consensus_key(i).public(), prevote(i, text).signature);
    let mut signatures = vec![signed(0, "a"), signed(1, "a"), signed(2, "a")];
    signatures.sort_unstable();
    let polka = PolkaCertificate {
        height: Height(7),
        round: Round(0),
        block: block("a"),
        signatures,
    };
    let entry = |i| RoundSignature {
        validator: consensus_key(i).public(),
        kind: VoteKind::Prevote,
        block: Some(block("b")),
        signature: prevote(i, "b").signature,
    };
    let mut signatures = vec![entry(1), entry(3)];
    signatures.sort_unstable();
    let skip = RoundCertificate {
        height: Height(7),
        round: Round(0),
        kind: RoundCertificateKind::Skip,
        signatures,
    };
    let exhibits = [
        Exhibit::Message(ConsensusMessage::Polka(polka.clone())),
        Exhibit::Message(ConsensusMessage::RoundCertificate(skip)),
    ];
    assert_eq!(names(&judge(&exhibits, &anchor())), ["v2"]);
    // The same bytes read as a commit certificate hold no valid precommit.
    let commit = Exhibit::parse(&polka.to_bytes()).unwrap();
    let report = judge(&commit, &anchor());
    assert_eq!(report.verdict, Err(NotProven::NothingValid));
    assert_eq!(report.ignored.len(), 3);
}

#[test]
fn forgeries_strangers_and_other_networks_are_ignored() {
    let good = precommit(1, 0, "a");
    let mut forged = precommit(1, 0, "b");
    forged.signature = good.signature;
    let stranger = precommit(6, 0, "b");
    let mut foreign = precommit(1, 0, "b");
    foreign.vote.network = name("other");
    foreign.signature = consensus_key(1).sign_vote(&foreign.vote);
    for (bad, reason) in [
        (forged, "strict Ed25519"),
        (stranger, "lists no validator"),
        (foreign, "network other"),
    ] {
        let report = judge(&[voted(good.clone()), voted(bad)], &anchor());
        assert_eq!(report.verdict, Err(NotProven::NoDoubleSigning), "{reason}");
        assert!(report.ignored[0].reason.contains(reason));
    }
}

#[test]
fn a_policy_does_not_judge_votes_and_kinds_do_not_mix() {
    let votes = [voted(precommit(1, 0, "a")), voted(precommit(1, 0, "b"))];
    let policy = Anchor::of_policy(Network::of(4).policy());
    assert_eq!(judge(&votes, &policy).verdict, Err(NotProven::NoGenesis));
    let tree = head(note(&Network::of(4), &entries(3, 9), 0, &[0]), vec![]);
    let verdict = |exhibits: &[Exhibit]| judge(exhibits, &anchor()).verdict.unwrap_err();
    assert_eq!(
        verdict(&[tree.clone(), votes[0].clone()]),
        NotProven::OtherThings
    );
    assert_eq!(verdict(&[tree]), NotProven::NeedsTwo { found: 1 });
    assert_eq!(verdict(&[]), NotProven::NeedsTwo { found: 0 });
}

#[test]
fn a_proof_that_a_node_saw_becomes_a_file() {
    let proof = EquivocationProof::Votes(precommit(2, 1, "a"), precommit(2, 1, "b"));
    assert!(proof.holds(&StrictVerifier));
    let file = from_equivocation(&proof, &genesis(4)).unwrap();
    let exhibits = Exhibit::parse(&proof.to_bytes()).unwrap();
    let same = messages::blame::BlameFile::of(&judge(&exhibits, &anchor())).unwrap();
    assert_eq!(file, same);
    let repeated = EquivocationProof::Votes(precommit(2, 1, "a"), precommit(2, 1, "a"));
    assert_eq!(from_equivocation(&repeated, &genesis(4)), None);
    let stranger = EquivocationProof::Votes(precommit(5, 1, "a"), precommit(5, 1, "b"));
    assert_eq!(from_equivocation(&stranger, &genesis(4)), None);
    let proposals =
        EquivocationProof::Proposals(proposal(0, 0, "a", None), proposal(0, 0, "b", None));
    assert!(from_equivocation(&proposals, &genesis(4)).is_some());
}
