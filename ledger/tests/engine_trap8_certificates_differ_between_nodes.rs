//! Trap 8: two nodes may hold different quorums of signatures for one decision. Both prove it,
//! and each is in canonical order; the one in the next block is the canonical one.
#![allow(clippy::unwrap_used, reason = "a test")]

mod engine_world;
use engine_world::*;
use messages::cbor::Canonical;
use messages::consensus::{CommitCertificate, VoteKind};

fn decided_by(me: usize, helpers: [usize; 2]) -> CommitCertificate {
    let mut engine = engine(4, me);
    let one = block("one");
    let mut out = step(&mut engine, start(1));
    step(&mut engine, body_input(4, 1, 0, one, true));
    step(&mut engine, proposal_input(4, 1, 0, one));
    for kind in [VoteKind::Prevote, VoteKind::Precommit] {
        for i in helpers {
            out.extend(step(&mut engine, vote_input(i, 1, 0, kind, Some(one))));
        }
    }
    decided_in(&out).unwrap()
}

#[test]
fn different_signature_sets_prove_one_decision() {
    let (a, b) = (decided_by(0, [1, 3]), decided_by(2, [3, 1]));
    assert_eq!((a.height, a.round, a.block), (b.height, b.round, b.block));
    assert_ne!(a.signatures, b.signatures);
    assert_ne!(a.hash(), b.hash());
    for certificate in [a, b] {
        let judged = certificate.verify_with(&network(), &validators(4), &*verifier());
        assert_eq!(judged, Ok(()));
        assert!(certificate.signatures.is_sorted());
        let again = CommitCertificate::from_bytes(&certificate.to_bytes()).unwrap();
        assert_eq!(again, certificate);
    }
}
