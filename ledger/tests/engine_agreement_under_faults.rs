//! Loss, delay, duplication and crashes with replay: nobody forks, nobody signs twice, and once
//! the faults end everybody decides.

mod engine_world;
use engine_world::{Faults, World};

fn draw_faults(seed: u64) -> Faults {
    Faults {
        loss: [0, 0, 50, 200, 350][(seed % 5) as usize],
        duplication: [0, 100, 400][(seed % 3) as usize],
        delay_ms_max: [20, 100, 600][(seed / 3 % 3) as usize],
        crashes: [0, 20, 100, 250][(seed / 2 % 4) as usize],
        heal_ms: 15_000,
    }
}

#[test]
fn all_agree_over_many_seeds_and_sizes() {
    let (mut replays, mut later_rounds) = (0, 0);
    for n in 1..=7 {
        for seed in 0..60 {
            let mut world = World::new(n, &[], seed, draw_faults(seed));
            world.run(u64::MAX, 15_000);
            let reached = world
                .nodes
                .iter()
                .flat_map(|node| node.decided.keys())
                .max();
            let goal = reached.map_or(1, |height| height.0) + 5;
            assert!(world.run(goal, 200_000), "stalled: n = {n}, seed = {seed}");
            replays += world.nodes.iter().map(|node| node.replays).sum::<u64>();
            later_rounds += world
                .nodes
                .iter()
                .flat_map(|node| node.rounds.values())
                .filter(|r| r.0 > 0)
                .count();
        }
    }
    assert!(replays > 1_000, "faults must bite: {replays} replays");
    assert!(
        later_rounds > 1_000,
        "faults must bite: {later_rounds} rounds after the first"
    );
}

#[test]
fn one_seed_gives_one_run_byte_for_byte() {
    for seed in [3, 7, 11] {
        let run = || {
            let mut world = World::new(4, &[], seed, draw_faults(seed));
            world.run(20, 30_000);
            world.trace
        };
        assert!(run() == run(), "seed {seed} gave two runs");
    }
}

#[test]
#[should_panic(expected = "replayed differently")]
fn canary_nodes_that_forget_future_inputs_are_found_out() {
    for seed in 0..60 {
        let mut world = World::new(4, &[], seed, draw_faults(seed));
        world.forgets = true;
        world.run(u64::MAX, 15_000);
    }
}
