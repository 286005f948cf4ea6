//! Trap 6: the core may panic. The engine lets the panic through, so that the shell halts and
//! replays; it never turns it into a skipped input.

mod engine_world;
use engine_world::*;
use ledger::engine::Engine;
use messages::consensus::{Proposal, Vote};
use messages::keys::Signature;
use messages::ports::ConsensusSigner;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A signer whose key store is gone.
struct Gone;

impl ConsensusSigner for Gone {
    fn sign_vote(&self, _: &Vote) -> Signature {
        panic!("the key store is gone")
    }

    fn sign_proposal(&self, _: &Proposal) -> Signature {
        panic!("the key store is gone")
    }
}

#[test]
fn a_panic_within_the_core_reaches_the_shell() {
    let mut engine = Engine::new(config(4, 0), Some(Arc::new(Gone)), verifier());
    step(&mut engine, start(1));
    step(&mut engine, body_input(4, 1, 0, block("one"), true));
    let mut out = Vec::new();
    let stepped = catch_unwind(AssertUnwindSafe(|| {
        engine.step(proposal_input(4, 1, 0, block("one")), &mut out)
    }));
    assert!(
        stepped.is_err(),
        "the panic must not be swallowed: {stepped:?}"
    );
}
