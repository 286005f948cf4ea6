//! An observer follows every decision and signs nothing; neither does a validator below the
//! height from which it may sign again.

mod engine_world;
use engine_world::*;
use ledger::engine::{Engine, EngineConfig, EngineInput, EngineOutput};
use messages::consensus::VoteKind;
use messages::ids::Height;

/// All four validators decide without the engine's help.
fn follow(engine: &mut Engine, h: u64) -> Vec<EngineOutput> {
    let b = block("followed");
    let mut out = step(engine, start(h));
    out.extend(step(engine, body_input(4, h, 0, b, true)));
    out.extend(step(engine, proposal_input(4, h, 0, b)));
    for timer in engine.running_timers() {
        let EngineOutput::StartTimer {
            timer,
            height,
            generation,
            ..
        } = timer
        else {
            continue;
        };
        out.extend(step(
            engine,
            EngineInput::TimerFired {
                timer,
                height,
                generation,
            },
        ));
    }
    for kind in [VoteKind::Prevote, VoteKind::Precommit] {
        for i in 1..4 {
            out.extend(step(engine, vote_input(i, h, 0, kind, Some(b))));
        }
    }
    assert!(decided_in(&out).is_some(), "height {h} is decided");
    out
}

fn signs(out: &[EngineOutput]) -> bool {
    let ours = |o: &EngineOutput| {
        matches!(
            o,
            EngineOutput::Broadcast(_) | EngineOutput::RequestBlock { .. }
        )
    };
    out.iter().any(ours)
}

#[test]
fn an_observer_follows_in_silence() {
    let mut engine = observer(4);
    for h in 1..=4 {
        assert!(!signs(&follow(&mut engine, h)), "height {h}");
        assert!(!engine.is_voting());
    }
}

#[test]
fn a_validator_without_its_journal_signs_nothing_below_its_floor() {
    let config = EngineConfig {
        signs_from: Height(3),
        ..config(4, 0)
    };
    let mut engine = Engine::new(config, Some(signer(0)), verifier());
    for h in 1..=3 {
        assert_eq!(signs(&follow(&mut engine, h)), h >= 3, "height {h}");
    }
}
