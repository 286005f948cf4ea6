//! Seeds that failed once; each names what was wrong.

use simulations::{Verdict, run};

/// What a replay must not do: step inputs of a height to come in another order than the first time.
const ORDER: &str = "a replay stepped inputs that had waited for their height in another order";

/// Seeds and what they found.
const SEEDS: [(u64, &str); 5] = [
    (
        29,
        "a replay judged a step by the effects of the steps before, and the node never started",
    ),
    (
        10_244,
        "a proposal that was told again after ten seconds turned from valid to invalid",
    ),
    (21_061, ORDER),
    (22_238, ORDER),
    (23_137, ORDER),
];

#[test]
fn they_hold_now() {
    for (seed, what) in SEEDS {
        assert_eq!(run(seed).verdict, Verdict::Held, "seed {seed}: {what}");
    }
}
