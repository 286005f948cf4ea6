//! Trap 5: the core asks about its own votes and about the certificate it just built. Those
//! answers come from memory: each signature of another validator is verified once.

mod engine_world;
use engine_world::*;
use ledger::engine::{Engine, EngineConfig};
use messages::consensus::VoteKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[test]
fn a_height_of_four_validators_costs_five_verifications() {
    let counting = Arc::new(Counting::default());
    let mut engine = Engine::new(config(4, 0), Some(signer(0)), counting.clone());
    step(&mut engine, start(1));
    let one = block("one");
    step(&mut engine, body_input(4, 1, 0, one, true));
    step(&mut engine, proposal_input(4, 1, 0, one));
    let mut out = Vec::new();
    for kind in [VoteKind::Prevote, VoteKind::Precommit] {
        for i in 1..3 {
            out.extend(step(&mut engine, vote_input(i, 1, 0, kind, Some(one))));
            // The same vote again costs nothing.
            out.extend(step(&mut engine, vote_input(i, 1, 0, kind, Some(one))));
        }
    }
    assert!(decided_in(&out).is_some());
    assert_eq!(counting.calls.load(Ordering::SeqCst), 5);
}

#[test]
fn a_message_that_waited_for_its_height_is_verified_once() {
    let counting = Arc::new(Counting::default());
    let config = EngineConfig::new(network(), validators(4), None);
    let mut engine = Engine::new(config, None, counting.clone());
    step(&mut engine, start(1));
    for _ in 0..3 {
        step(&mut engine, vote_input(1, 2, 0, VoteKind::Prevote, None));
    }
    step(&mut engine, start(2));
    assert_eq!(counting.calls.load(Ordering::SeqCst), 1);
}

#[test]
fn one_validator_alone_verifies_nothing() {
    let counting = Arc::new(Counting::default());
    let mut engine = Engine::new(config(1, 0), Some(signer(0)), counting.clone());
    decide(&mut engine, 1, 0, 1, block("alone"));
    assert_eq!(counting.calls.load(Ordering::SeqCst), 0);
}
