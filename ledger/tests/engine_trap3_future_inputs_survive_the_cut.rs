//! Trap 3: messages of a height to come arrive before the journal is cut at its start. Losing
//! them makes the replay differ, and the validator signs twice. The snapshot carries them.

mod engine_world;
use engine_world::*;
use ledger::engine::{Engine, EngineInput, EngineOutput, EngineSnapshot, TimerKind};
use messages::cbor::Canonical;
use messages::consensus::VoteKind;
use messages::ids::{Height, Round};

/// What the validator did: at height 1 it hears all of height 2, then height 2 starts.
fn lived() -> (EngineSnapshot, Vec<EngineOutput>) {
    let mut engine = engine(4, 0);
    step(&mut engine, start(1));
    let two = block("two");
    step(&mut engine, proposal_input(4, 2, 0, two));
    step(&mut engine, body_input(4, 2, 0, two, true));
    step(
        &mut engine,
        vote_input(2, 2, 0, VoteKind::Prevote, Some(two)),
    );
    for input in inputs_to_decide(4, 0, 1, block("one")) {
        step(&mut engine, input);
    }
    let snapshot = engine.snapshot();
    (snapshot, step(&mut engine, start(2)))
}

fn replayed(snapshot: EngineSnapshot) -> (Engine, Vec<EngineOutput>) {
    let mut engine = Engine::restore(config(4, 0), snapshot, Some(signer(0)), verifier());
    let out = step(&mut engine, start(2));
    (engine, out)
}

#[test]
fn with_the_carried_inputs_the_replay_is_the_same() {
    let (snapshot, lived) = lived();
    assert_eq!(snapshot.carried.len(), 3);
    assert_eq!(replayed(snapshot).1, lived);
    assert_eq!(
        votes_in(&lived)[0].block,
        Some(block("two")),
        "it prevoted at once"
    );
}

#[test]
fn without_them_the_replay_would_equivocate() {
    let (mut snapshot, lived) = lived();
    snapshot.carried.clear();
    let (mut engine, out) = replayed(snapshot);
    assert_ne!(out, lived);
    let fired = out.iter().find_map(|o| match o {
        EngineOutput::StartTimer {
            timer,
            height,
            generation,
            ..
        } if timer.kind == TimerKind::Propose => {
            let (timer, height, generation) = (*timer, *height, *generation);
            Some(EngineInput::TimerFired {
                timer,
                height,
                generation,
            })
        }
        _ => None,
    });
    let second = votes_in(&step(&mut engine, fired.unwrap())).remove(0);
    let first = votes_in(&lived).remove(0);
    let step_of = |v: &messages::consensus::Vote| (v.height, v.round, v.kind);
    assert_eq!(step_of(&first), step_of(&second));
    assert_ne!(
        first.block, second.block,
        "this is the double vote the snapshot prevents"
    );
}

#[test]
fn carried_inputs_keep_their_order_across_two_cuts() {
    let mut live = engine(4, 0);
    step(&mut live, start(1));
    step(&mut live, vote_input(3, 3, 0, VoteKind::Prevote, None));
    step(&mut live, vote_input(1, 3, 0, VoteKind::Prevote, None));
    step(&mut live, vote_input(2, 2, 0, VoteKind::Prevote, None));
    let before = live.snapshot();
    assert_eq!(before.height, Height(1));
    step(&mut live, start(2));
    let after = live.snapshot();
    assert_eq!(after.carried.len(), 2);
    assert_eq!(
        EngineSnapshot::from_bytes(&after.to_bytes()).unwrap(),
        after
    );
    let restored = Engine::restore(config(4, 0), after.clone(), Some(signer(0)), verifier());
    assert_eq!(restored.snapshot(), after);
    assert_eq!(restored.round(), Round(0));
}
