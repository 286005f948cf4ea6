//! What the engine asks for, carried out.

use super::{Body, JudgedBlock, Replica, ReplicaEffect, ReplicaInput, ReplicaTimer};
use crate::engine::EngineOutput;
use crate::machine::At;
use messages::cbor::Canonical;
use messages::consensus::ConsensusMessage;
use messages::ids::{Height, Round};
use messages::wire::PeerMessage;
use std::sync::Arc;

impl Replica {
    pub(super) fn on_output(&mut self, at: At, output: EngineOutput, out: &mut Vec<ReplicaEffect>) {
        match output {
            EngineOutput::Broadcast(message) => self.broadcast(message, out),
            EngineOutput::StartTimer {
                timer,
                height,
                generation,
                duration_ms,
            } => {
                let timer = ReplicaTimer::Engine {
                    height,
                    timer,
                    generation,
                };
                out.push(ReplicaEffect::StartTimer {
                    timer,
                    after_ms: duration_ms,
                });
            }
            EngineOutput::CancelTimer {
                timer,
                height,
                generation,
            } => {
                let timer = ReplicaTimer::Engine {
                    height,
                    timer,
                    generation,
                };
                out.push(ReplicaEffect::CancelTimer(timer));
            }
            EngineOutput::CancelAllTimers => out.push(ReplicaEffect::CancelEngineTimers),
            EngineOutput::RequestBlock { height, round } => self.make(at, height, round, out),
            EngineOutput::RestreamBlock { .. } => {
                // Every proposal of ours travels with its block: there is nothing to repeat.
            }
            EngineOutput::RoundStarted { height, round, .. } => {
                let waiting = self.pool.len();
                out.push(ReplicaEffect::Progress {
                    height,
                    round,
                    waiting,
                });
            }
            EngineOutput::Decided { certificate } => self.on_decided(at, certificate, out),
            EngineOutput::Misbehavior(proof) => out.push(ReplicaEffect::Misbehavior(proof)),
        }
    }

    /// Sends a consensus message; a proposal takes its block along.
    fn broadcast(&mut self, message: ConsensusMessage, out: &mut Vec<ReplicaEffect>) {
        let bytes = message.to_bytes().into();
        let sent = match &message {
            ConsensusMessage::Proposal(signed) => {
                let key = (signed.proposal.height, signed.proposal.block);
                match self.bodies.get(&key) {
                    Some(body) => PeerMessage::Proposal {
                        message: bytes,
                        block: body.parts.clone(),
                    },
                    None => PeerMessage::Consensus(bytes),
                }
            }
            _ => PeerMessage::Consensus(bytes),
        };
        out.push(ReplicaEffect::Broadcast(sent));
    }

    /// Makes a block of what waits and hands it back as an input.
    fn make(&mut self, at: At, height: Height, round: Round, out: &mut Vec<ReplicaEffect>) {
        if height != self.chain.next_height() || self.proposed.contains(&(height, round)) {
            return;
        }
        let own = self
            .config
            .own
            .expect("only a validator is asked to propose");
        let candidates = self.pool.iter().cloned();
        let executed = self.chain.build(at.now, own, candidates, &self.committed());
        let block = JudgedBlock {
            parts: executed.block.to_parts(),
            entries: Some(executed.entries.clone()),
        };
        let body = Body {
            round,
            parts: block.parts.clone(),
            executed: Arc::new(executed),
            timely: true,
        };
        self.bodies.insert((height, body.executed.id), body);
        out.push(ReplicaEffect::Again(ReplicaInput::Propose {
            height,
            round,
            block,
        }));
    }
}
