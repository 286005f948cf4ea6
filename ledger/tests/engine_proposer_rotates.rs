//! The turn to propose moves by one validator per height.

mod engine_world;
use engine_world::{Faults, World, block};
use messages::ids::Round;

#[test]
fn each_validator_proposes_in_its_turn() {
    for n in 1..=7 {
        let mut world = World::new(n, &[], 9, Faults::NONE);
        assert!(world.run(2 * n as u64, 60_000), "n = {n}");
        for (height, certificate) in &world.nodes[0].decided {
            let turn = height.0 as usize % n;
            assert_eq!(certificate.round, Round(0));
            assert_eq!(
                certificate.block,
                block(&format!("9/{height}/0/{turn}")),
                "n = {n}"
            );
        }
    }
}
