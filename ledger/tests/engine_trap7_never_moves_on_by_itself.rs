//! Trap 7: the core never moves on by itself. After a decision the engine waits, and a node that
//! missed decisions is started at a higher height by sync.

mod engine_world;
use engine_world::*;
use ledger::engine::{DropReason, EngineError};
use messages::consensus::VoteKind;
use messages::ids::Height;

#[test]
fn after_a_decision_it_waits_for_the_next_start() {
    let mut engine = engine(4, 0);
    decide(&mut engine, 4, 0, 1, block("one"));
    assert!(!engine.is_deciding());
    assert_eq!(engine.height(), Height(1));
    assert_eq!(
        step(&mut engine, vote_input(3, 1, 1, VoteKind::Prevote, None)),
        vec![]
    );
    assert_eq!(
        step(&mut engine, vote_input(3, 2, 0, VoteKind::Prevote, None)),
        vec![]
    );
    assert!(dropped(&engine, DropReason::NotDeciding) >= 1);
    assert_eq!(engine.height(), Height(1));
}

#[test]
fn a_node_that_missed_decisions_is_started_higher() {
    let mut engine = engine(4, 0);
    step(&mut engine, start(1));
    step(&mut engine, body_input(4, 1, 0, block("one"), true));
    step(&mut engine, proposal_input(4, 1, 0, block("one")));
    // Sync brought heights 1 to 6; some of height 7 was heard before.
    step(&mut engine, proposal_input(4, 7, 0, block("seven")));
    step(&mut engine, body_input(4, 7, 0, block("seven"), true));
    let out = step(&mut engine, start(7));
    assert_eq!(votes_in(&out)[0].block, Some(block("seven")));
    assert_eq!(engine.height(), Height(7));
    step(
        &mut engine,
        vote_input(1, 6, 0, VoteKind::Precommit, Some(block("six"))),
    );
    assert_eq!(dropped(&engine, DropReason::PastHeight), 1);
}

#[test]
fn a_height_is_never_started_twice() {
    let mut engine = engine(4, 0);
    decide(&mut engine, 4, 0, 5, block("five"));
    for asked in [Height(5), Height(4)] {
        let refused = engine.step(start(asked.0), &mut Vec::new());
        let current = Height(5);
        assert_eq!(refused, Err(EngineError::HeightNotAfter { current, asked }));
    }
}
