//! Trap 1: the core's timeouts carry kind and round but no height. Ours carry height and
//! generation, stale ones are ignored, and both of the core's cancel effects are honoured.

mod engine_world;
use engine_world::*;
use ledger::engine::{DropReason, EngineInput, EngineOutput, EngineTimer, TimerKind};
use messages::consensus::VoteKind;
use messages::ids::{Height, Round};

fn started(out: &[EngineOutput], kind: TimerKind) -> EngineInput {
    let fired = |o: &EngineOutput| match o {
        EngineOutput::StartTimer {
            timer,
            height,
            generation,
            ..
        } if timer.kind == kind => {
            let (timer, height, generation) = (*timer, *height, *generation);
            Some(EngineInput::TimerFired {
                timer,
                height,
                generation,
            })
        }
        _ => None,
    };
    out.iter()
        .rev()
        .find_map(fired)
        .expect("the timer was started")
}

#[test]
fn a_timer_of_the_height_before_is_ignored() {
    let mut engine = engine(4, 0);
    let out = decide(&mut engine, 4, 0, 1, block("one"));
    let old = started(&out, TimerKind::Propose);
    step(&mut engine, start(2));
    assert_eq!(step(&mut engine, old), vec![]);
    assert_eq!(dropped(&engine, DropReason::StaleTimer), 1);
}

#[test]
fn a_timer_that_was_started_again_fires_once() {
    let mut engine = engine(4, 0);
    let begun = step(&mut engine, start(1));
    let first = started(&begun, TimerKind::Rebroadcast);
    let late = step(&mut engine, started(&begun, TimerKind::Propose));
    let again = started(&late, TimerKind::Rebroadcast);
    assert_eq!(step(&mut engine, first), vec![]);
    let repeated = step(&mut engine, again.clone());
    assert_eq!(votes_in(&repeated).len(), 1, "the prevote is said again");
    assert_eq!(step(&mut engine, again), vec![], "one start fires once");
    assert_eq!(dropped(&engine, DropReason::StaleTimer), 2);
}

#[test]
fn one_timer_is_cancelled_when_its_step_ends() {
    let mut engine = engine(4, 0);
    let propose = started(&step(&mut engine, start(1)), TimerKind::Propose);
    step(&mut engine, body_input(4, 1, 0, block("one"), true));
    let out = step(&mut engine, proposal_input(4, 1, 0, block("one")));
    let timer = EngineTimer {
        kind: TimerKind::Propose,
        round: Round(0),
    };
    let cancelled = EngineOutput::CancelTimer {
        timer,
        height: Height(1),
        generation: 2,
    };
    assert!(out.contains(&cancelled), "{out:?}");
    assert_eq!(step(&mut engine, propose), vec![]);
}

#[test]
fn all_timers_are_cancelled_by_a_new_round_and_by_the_decision() {
    let mut engine = engine(4, 0);
    step(&mut engine, start(1));
    step(&mut engine, vote_input(2, 1, 3, VoteKind::Prevote, None));
    let out = step(&mut engine, vote_input(3, 1, 3, VoteKind::Prevote, None));
    assert!(out.contains(&EngineOutput::CancelAllTimers), "{out:?}");
    assert_eq!(engine.round(), Round(3));
    let out = decide(&mut engine, 4, 0, 2, block("two"));
    let decided = out
        .iter()
        .position(|o| matches!(o, EngineOutput::Decided { .. }))
        .unwrap();
    assert_eq!(out[decided - 1], EngineOutput::CancelAllTimers);
    assert_eq!(engine.running_timers(), vec![]);
}
