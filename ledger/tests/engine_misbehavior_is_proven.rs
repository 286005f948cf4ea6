//! Two signed messages for one step are told once, at once, as a proof that holds.

mod engine_world;
use engine_world::*;
use ledger::engine::EngineOutput;
use messages::cbor::Canonical;
use messages::consensus::{EquivocationProof, VoteKind};

fn proofs(out: &[EngineOutput]) -> Vec<EquivocationProof> {
    let proof = |o: &EngineOutput| match o {
        EngineOutput::Misbehavior(proof) => Some(proof.clone()),
        _ => None,
    };
    out.iter().filter_map(proof).collect()
}

#[test]
fn a_double_vote_is_proven_once() {
    let mut engine = engine(4, 0);
    let mut out = step(&mut engine, start(1));
    out.extend(step(
        &mut engine,
        vote_input(3, 1, 0, VoteKind::Prevote, Some(block("a"))),
    ));
    assert_eq!(proofs(&out), vec![]);
    let conflict = vote_input(3, 1, 0, VoteKind::Prevote, Some(block("b")));
    out.extend(step(&mut engine, conflict.clone()));
    out.extend(step(&mut engine, conflict));
    for input in inputs_to_decide(4, 0, 1, block("a")) {
        out.extend(step(&mut engine, input));
    }
    let found = proofs(&out);
    assert_eq!(found.len(), 1);
    assert!(found[0].holds(&*verifier()));
    assert_eq!(found[0].validator(), key(3));
    assert_eq!(
        EquivocationProof::from_bytes(&found[0].to_bytes()).unwrap(),
        found[0]
    );
}

#[test]
fn a_double_proposal_is_proven() {
    let mut engine = engine(4, 0);
    let mut out = step(&mut engine, start(1));
    for tag in ["a", "b"] {
        out.extend(step(&mut engine, body_input(4, 1, 0, block(tag), true)));
        out.extend(step(&mut engine, proposal_input(4, 1, 0, block(tag))));
    }
    let found = proofs(&out);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].holds(&*verifier()));
    assert_eq!(found[0].validator(), key(1));
}
