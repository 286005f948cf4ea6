//! Four validators with Ed25519 keys decide ten heights, and strangers can verify each of them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod engine_world;
use engine_world::{block, network, start};
use ledger::engine::{Engine, EngineConfig, EngineInput, EngineOutput};
use messages::consensus::ValidatorSet;
use messages::ids::Height;
use messages::keys::PrivateKey;
use messages::ports::StrictVerifier;
use std::collections::VecDeque;
use std::sync::Arc;

/// Steps node `i` and queues what it says to the others.
fn feed(
    engines: &mut [Engine],
    queue: &mut VecDeque<(usize, EngineInput)>,
    i: usize,
    input: EngineInput,
) -> Option<messages::consensus::CommitCertificate> {
    let mut out = Vec::new();
    engines[i].step(input, &mut out).unwrap();
    let mut decided = None;
    let others = (0..engines.len()).filter(|to| *to != i);
    for output in out {
        match output {
            EngineOutput::Broadcast(m) => {
                queue.extend(
                    others
                        .clone()
                        .map(|to| (to, EngineInput::Message(m.clone()))),
                );
            }
            EngineOutput::RequestBlock { height, round } => {
                let block = block(&format!("real {height}"));
                let proposer = engines[i].validators().proposer(height, round);
                let (valid_round, valid) = (None, true);
                let body = EngineInput::BlockChecked {
                    height,
                    round,
                    block,
                    proposer,
                    valid_round,
                    valid,
                };
                queue.extend(others.clone().map(|to| (to, body.clone())));
                queue.push_back((
                    i,
                    EngineInput::Propose {
                        height,
                        round,
                        block,
                    },
                ));
            }
            EngineOutput::Decided { certificate } => decided = Some(certificate),
            _ => {}
        }
    }
    decided
}

#[test]
fn real_signatures_prove_each_decision() {
    let keys: Vec<_> = (1..=4u8).map(|i| PrivateKey::from_seed(&[i; 32])).collect();
    let set = ValidatorSet::try_new(keys.iter().map(PrivateKey::public).collect()).unwrap();
    let build = |key: &PrivateKey| {
        let config = EngineConfig::new(network(), set.clone(), Some(key.public()));
        Engine::new(
            config,
            Some(Arc::new(key.clone())),
            Arc::new(StrictVerifier),
        )
    };
    let mut engines: Vec<_> = keys.iter().map(build).collect();
    for h in 1..=10 {
        let mut queue: VecDeque<_> = (0..4).map(|i| (i, start(h))).collect();
        let mut certificates = Vec::new();
        while let Some((i, input)) = queue.pop_front() {
            certificates.extend(feed(&mut engines, &mut queue, i, input));
        }
        assert_eq!(certificates.len(), 4, "all decide height {h}");
        for certificate in certificates {
            assert_eq!(certificate.height, Height(h));
            assert_eq!(certificate.verify(&network(), &set), Ok(()));
        }
    }
}
