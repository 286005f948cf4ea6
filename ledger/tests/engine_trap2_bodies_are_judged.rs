//! Trap 2: in one of its modes the core calls every value valid. In ours a proposal counts only
//! with a checked body beside it.

mod engine_world;
use engine_world::*;
use ledger::engine::EngineOutput;
use messages::consensus::VoteKind;

#[test]
fn an_invalid_body_is_prevoted_nil() {
    let mut engine = engine(4, 0);
    step(&mut engine, start(1));
    step(&mut engine, body_input(4, 1, 0, block("bad"), false));
    let votes = votes_in(&step(&mut engine, proposal_input(4, 1, 0, block("bad"))));
    assert_eq!(votes.len(), 1);
    assert_eq!((votes[0].kind, votes[0].block), (VoteKind::Prevote, None));
}

#[test]
fn a_proposal_without_its_body_waits_for_it() {
    let mut engine = engine(4, 0);
    step(&mut engine, start(1));
    let out = step(&mut engine, proposal_input(4, 1, 0, block("late")));
    assert_eq!(votes_in(&out), vec![]);
    let votes = votes_in(&step(&mut engine, body_input(4, 1, 0, block("late"), true)));
    assert_eq!(votes.len(), 1);
    assert_eq!(votes[0].block, Some(block("late")));
}

#[test]
fn precommits_without_a_checked_body_do_not_decide() {
    let mut engine = engine(4, 0);
    step(&mut engine, start(1));
    step(&mut engine, proposal_input(4, 1, 0, block("unseen")));
    for i in 1..4 {
        let vote = vote_input(i, 1, 0, VoteKind::Precommit, Some(block("unseen")));
        let out = step(&mut engine, vote);
        assert!(
            !out.iter()
                .any(|o| matches!(o, EngineOutput::Decided { .. }))
        );
    }
    let out = step(&mut engine, body_input(4, 1, 0, block("unseen"), true));
    assert!(
        decided_in(&out).is_some(),
        "the body completes the decision"
    );
}
