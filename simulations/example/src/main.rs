//! Own faults and checkers in the simulator, with all commands of `wutong-sim`:
//!
//! ```text
//! cargo run --release --manifest-path simulations/example/Cargo.toml -- run --seeds 0..20
//! ```
//!
//! The fault: whenever a node is the first to reach a height divisible by five, its host stands
//! still for half a second. The checker: no node may be more than ten blocks behind another for
//! longer than five seconds once the network has been calm for a while.

use simulations::{Fault, MakeTester, Plan, Tester, View};
use std::process::ExitCode;
use std::sync::Arc;

/// How far behind is too far, in blocks.
const BEHIND_MAX: u64 = 10;
/// And for how long, in microseconds.
const BEHIND_US_MAX: u64 = 5_000_000;
/// How long after the faults have ended the rule begins, in microseconds.
const CALM_US: u64 = 10_000_000;

/// Pauses whoever leads.
#[derive(Default)]
struct PauseTheLeader {
    highest: u64,
}

impl Tester for PauseTheLeader {
    fn plan(&mut self, plan: &mut Plan) {
        // The leader is to be paused, and nothing else.
        plan.faults.clear();
    }

    fn on_event(&mut self, world: &mut View<'_>) {
        for node in 0..world.plan.nodes {
            let height = world.height(node);
            if height > self.highest {
                self.highest = height;
                if height.is_multiple_of(5) {
                    world.inject(Fault::Pause { node, for_ms: 500 });
                }
            }
        }
    }
}

/// Complains of nodes that stay behind.
#[derive(Default)]
struct NobodyStaysBehind {
    since_us: Option<u64>,
}

impl Tester for NobodyStaysBehind {
    fn on_event(&mut self, world: &mut View<'_>) {
        let now_us = world.now_us();
        if now_us < world.plan.faults_ms * 1_000 + CALM_US {
            return;
        }
        let honest = (0..world.plan.nodes).filter(|n| world.plan.is_honest(*n));
        let heights: Vec<u64> = honest.map(|node| world.height(node)).collect();
        let (least, most) = (heights.iter().min(), heights.iter().max());
        let behind = most.zip(least).map_or(0, |(most, least)| most - least);
        if behind <= BEHIND_MAX {
            self.since_us = None;
            return;
        }
        let since_us = *self.since_us.get_or_insert(now_us);
        if now_us - since_us > BEHIND_US_MAX {
            world.violate(format!("a node stays {behind} blocks behind: {heights:?}"));
        }
    }
}

fn main() -> ExitCode {
    let testers: [MakeTester; 2] = [
        Arc::new(|| Box::new(PauseTheLeader::default())),
        Arc::new(|| Box::new(NobodyStaysBehind::default())),
    ];
    simulations::cli::main(testers.into())
}
