//! Trap 4: the core's state can be neither cloned nor stored. A snapshot stands at each height
//! boundary; within a height the few journaled inputs are stepped again, from their bytes.

mod engine_world;
use engine_world::*;
use ledger::engine::{Engine, EngineInput};
use messages::cbor::Canonical;

#[test]
fn a_height_of_four_validators_is_nine_inputs_and_replays_at_each_of_them() {
    let mut live = engine(4, 0);
    decide(&mut live, 4, 0, 1, block("one"));
    let snapshot = live.snapshot();
    let mut inputs = vec![start(2)];
    inputs.extend(inputs_to_decide(4, 0, 2, block("two")));
    assert_eq!(inputs.len(), 9);
    let mut journal = Vec::new();
    let mut lived = Vec::new();
    for input in inputs {
        journal.push(input.to_bytes());
        live.step(input, &mut lived).unwrap();
        let snapshot = snapshot.clone();
        let mut again = Engine::restore(config(4, 0), snapshot, Some(signer(0)), verifier());
        let mut replayed = Vec::new();
        for bytes in &journal {
            again
                .step(EngineInput::from_bytes(bytes).unwrap(), &mut replayed)
                .unwrap();
        }
        assert_eq!(replayed, lived);
        assert_eq!(again.running_timers(), live.running_timers());
        assert_eq!(
            (again.height(), again.round()),
            (live.height(), live.round())
        );
    }
    assert!(decided_in(&lived).is_some());
}
