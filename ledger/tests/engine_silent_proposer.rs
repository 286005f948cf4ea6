//! A proposer that says nothing costs one round, not the height.

mod engine_world;
use engine_world::{Faults, World, block};
use messages::ids::{Height, Round};

#[test]
fn the_next_proposer_takes_over() {
    for n in 4..=7 {
        let mut world = World::new(n, &[1], 5, Faults::NONE);
        assert!(world.run(1, 30_000), "n = {n}");
        let certificate = &world.nodes[0].decided[&Height(1)];
        assert_eq!(certificate.round, Round(1), "n = {n}");
        assert_eq!(certificate.block, block("5/1/1/2"), "n = {n}");
    }
}
