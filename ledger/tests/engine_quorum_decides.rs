//! Exactly a quorum of live validators decides; one fewer decides nothing.

mod engine_world;
use engine_world::{Faults, World};
use messages::quorum::quorum;

#[test]
fn a_quorum_decides_and_one_fewer_does_not() {
    for n in 1..=7 {
        let silent: Vec<_> = (quorum(n)..n).collect();
        let mut world = World::new(n, &silent, 1, Faults::NONE);
        assert!(world.run(3, 120_000), "n = {n}: a quorum must decide");

        let silent: Vec<_> = (quorum(n) - 1..n).collect();
        let mut world = World::new(n, &silent, 1, Faults::NONE);
        world.run(u64::MAX, 60_000);
        let none = world.nodes.iter().all(|node| node.decided.is_empty());
        assert!(none, "n = {n}: fewer than a quorum must not decide");
    }
}
