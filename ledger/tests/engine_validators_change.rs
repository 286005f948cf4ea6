//! New validators count from the next started height on, and a snapshot remembers them.

mod engine_world;
use engine_world::*;
use ledger::engine::{DropReason, Engine, EngineInput};
use messages::consensus::VoteKind;

#[test]
fn a_fifth_validator_joins_at_a_height_boundary() {
    let mut engine = engine(4, 0);
    decide(&mut engine, 4, 0, 1, block("one"));
    step(&mut engine, EngineInput::SetValidators(validators(5)));
    assert_eq!(
        engine.validators().len(),
        4,
        "the decided height keeps its validators"
    );
    let snapshot = engine.snapshot();
    decide(&mut engine, 5, 0, 2, block("two"));
    assert_eq!(engine.validators().len(), 5);
    let mut again = Engine::restore(config(4, 0), snapshot, Some(signer(0)), verifier());
    decide(&mut again, 5, 0, 2, block("two"));
}

#[test]
fn a_removed_validator_neither_votes_nor_counts() {
    let mut engine = engine(4, 3);
    assert!(engine.is_voting());
    step(&mut engine, EngineInput::SetValidators(validators(3)));
    step(&mut engine, start(1));
    assert!(!engine.is_voting());
    step(&mut engine, vote_input(3, 1, 0, VoteKind::Prevote, None));
    assert_eq!(dropped(&engine, DropReason::UnknownValidator), 1);
}
