//! The bytes of every journaled input: a change of any is a new version.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use ledger::checkpointing::CheckpointInput;
use ledger::engine::{EngineTimer, TimerKind};
use ledger::replica::{JournaledInput, ReplicaTimer};
use messages::block::BlockBytes;
use messages::hash::Hash;
use messages::ids::{Height, Name, Round, TreeSize};
use messages::wire::{self, CertifiedBlock};

fn some(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn consensus() -> Vec<JournaledInput> {
    let block = BlockBytes {
        header: some("a header"),
        statements: vec![some("one"), some("another")],
        certificate: some("a certificate"),
    };
    let (height, round) = (Height(5), Round(1));
    let timer = EngineTimer {
        kind: TimerKind::Prevote,
        round,
    };
    vec![
        JournaledInput::Message(some("a vote")),
        JournaledInput::Proposal {
            message: some("a proposal"),
            block: block.clone(),
            judged_good: true,
        },
        JournaledInput::Admit(vec![some("one"), some("two")]),
        JournaledInput::Propose {
            height,
            round,
            block: block.clone(),
        },
        JournaledInput::Start(height),
        JournaledInput::Timer(ReplicaTimer::Engine {
            height,
            timer,
            generation: 7,
        }),
        JournaledInput::Timer(ReplicaTimer::Heartbeat(height)),
        JournaledInput::Timer(ReplicaTimer::Regossip),
        JournaledInput::Synced(CertifiedBlock {
            block,
            certificate: some("its certificate"),
        }),
        JournaledInput::Floor(height),
    ]
}

fn checkpoint() -> Vec<CheckpointInput> {
    vec![
        CheckpointInput::Head {
            height: Height(5),
            size: TreeSize(12),
            root: Hash([6; 32]),
        },
        CheckpointInput::Cosignature {
            from: Name::try_new("node-1").unwrap(),
            height: Height(5),
            time_s: 1_800_000_000,
            signature: Bytes::from(vec![1; 64]),
            receipt: Bytes::from(vec![2; 64]),
            wanted: false,
        },
        CheckpointInput::Retry,
        CheckpointInput::Floor(Height(5)),
    ]
}

#[test]
fn the_inputs_are_frozen() {
    let mut lines = Vec::new();
    for input in consensus() {
        let bytes = wire::encode(&input);
        assert_eq!(wire::decode::<JournaledInput>(&bytes).unwrap(), input);
        lines.push(format!("{input:?}: {}", Hash::of(&bytes)));
    }
    for input in checkpoint() {
        let bytes = wire::encode(&input);
        assert_eq!(wire::decode::<CheckpointInput>(&bytes).unwrap(), input);
        lines.push(format!("{input:?}: {}", Hash::of(&bytes)));
    }
    insta::assert_snapshot!(lines.join("\n"));
}
