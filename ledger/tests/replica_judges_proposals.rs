//! What a proposal must be before it reaches the engine, and that nothing else leaves a trace.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod replica_world;

use bytes::Bytes;
use ledger::machine::Keep;
use ledger::replica::{JudgedBlock, ReplicaInput};
use messages::ids::{Round, TimeMs};
use replica_world::{World, votes_for};

#[test]
fn a_garbled_copy_that_comes_first_leaves_no_trace() {
    let mut world = World::new();
    let (id, good) = world.proposal(Round(0), None, TimeMs(world.now.0));
    let ReplicaInput::Proposal { message, block } = &good else {
        unreachable!()
    };
    let mut parts = block.parts.clone();
    parts.statements.clear();
    let garbled = ReplicaInput::Proposal {
        message: message.clone(),
        block: JudgedBlock {
            parts,
            entries: Some(Vec::new()),
        },
    };
    let unreadable = ReplicaInput::Proposal {
        message: message.clone(),
        block: JudgedBlock {
            parts: block.parts.clone(),
            entries: None,
        },
    };
    for bad in [garbled, unreadable] {
        let (keep, effects) = world.step(&bad);
        assert_eq!((keep, effects.len()), (Keep::No, 0));
    }
    let (keep, effects) = world.step(&good);
    assert_eq!(keep, Keep::Vote);
    assert_eq!(votes_for(&effects, id), 1, "the good copy is prevoted for");
}

#[test]
fn a_valid_round_does_not_carry_a_block_past_the_clock() {
    let mut world = World::new();
    let future = TimeMs(world.now.0 + 3_600_000);
    let (id, fresh) = world.proposal(Round(0), None, future);
    let again = world.proposal_of(&fresh, Round(4), Some(Round(0)));
    let mut votes = 0;
    for input in [again, fresh.clone(), fresh] {
        votes += votes_for(&world.step(&input).1, id);
    }
    assert_eq!(
        votes, 0,
        "its time is an hour ahead of this validator's clock"
    );
}

#[test]
fn a_forged_or_oversized_proposal_is_not_kept() {
    let mut world = World::new();
    let (_, good) = world.proposal(Round(0), None, TimeMs(world.now.0));
    let ReplicaInput::Proposal { message, block } = &good else {
        unreachable!()
    };
    let mut forged = message.to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let forged = ReplicaInput::Proposal {
        message: forged.into(),
        block: block.clone(),
    };
    let mut parts = block.parts.clone();
    parts.statements = vec![Bytes::from(vec![0; 3 << 20])];
    let oversized = ReplicaInput::Proposal {
        message: message.clone(),
        block: JudgedBlock {
            parts,
            entries: Some(Vec::new()),
        },
    };
    for bad in [forged, oversized] {
        let (keep, effects) = world.step(&bad);
        assert_eq!((keep, effects.len()), (Keep::No, 0));
    }
}

#[test]
fn a_block_with_an_unauthorised_statement_gets_no_vote() {
    let mut world = World::closed();
    let (id, unauthorised) = world.proposal(Round(0), None, TimeMs(world.now.0));
    let (keep, effects) = world.step(&unauthorised);
    assert_eq!((keep, votes_for(&effects, id)), (Keep::No, 0));
    assert_eq!(world.replica.dropped().invalid_blocks, 1);
    // Where the namespace is open, the same statement in the same place is voted for.
    let mut open = World::new();
    let (id, authorised) = open.proposal(Round(0), None, TimeMs(open.now.0));
    assert_eq!(votes_for(&open.step(&authorised).1, id), 1);
}

#[test]
fn an_amnesiac_signs_nothing() {
    let mut world = World::amnesiac();
    let (id, good) = world.proposal(Round(0), None, TimeMs(world.now.0));
    let (_, effects) = world.step(&good);
    assert_eq!(votes_for(&effects, id), 0);
    // The machine itself is the same: with its floor known it votes.
    let mut sound = World::new();
    assert_eq!(votes_for(&sound.step(&good).1, id), 1);
}
