//! One validator of four runs as twins: two nodes with one key, which propose and vote apart. The
//! honest three never fork, keep deciding, and prove the twin's double votes.

mod engine_world;
use engine_world::{Faults, World, key, verifier};

#[test]
fn twins_neither_fork_nor_stop_the_honest() {
    let mut proofs = 0;
    for seed in 0..60 {
        let delay_ms_max = [20, 300][(seed % 2) as usize];
        let loss = [0, 100, 250][(seed % 3) as usize];
        let faults = Faults {
            loss,
            duplication: 50,
            delay_ms_max,
            crashes: 30,
            heal_ms: 10_000,
        };
        let mut world = World::with_twins(4, 1, &[], seed, faults);
        assert!(world.run(12, 300_000), "stalled: seed = {seed}");
        for proof in world.nodes[..3].iter().flat_map(|node| &node.proofs) {
            assert!(proof.holds(&*verifier()), "seed {seed}: {proof:?}");
            assert_eq!(proof.validator(), key(3), "only the twin misbehaves");
            proofs += 1;
        }
    }
    assert!(proofs > 20, "the twins must be caught: {proofs} proofs");
}
