//! The node's ends of its links: frames out, frames in.
//!
//! Every message between nodes passes through encode and decode, in one process too.

use crate::counts::Counts;
use crate::host::{Runnable, Turned, Wake};
use crate::trace;
use crate::wiring::Wiring;
use bus::mailbox::Mailbox;
use bus::ports::Transport;
use bytes::Bytes;
use ledger::admission::AdmissionInput;
use ledger::bodies::BodiesInput;
use ledger::checkpointing::CheckpointInput;
use ledger::following::FollowingInput;
use ledger::presence::PresenceInput;
use ledger::replica::ReplicaInput;
use ledger::storage::StorageInput;
use messages::ids::Name;
use messages::wire::{self, Envelope, FRAME_BYTES_MAX, PeerMessage, TraceContext};
use std::sync::Arc;
use tokio::time::Instant;

/// Frames handled in one turn.
const TURN_FRAMES_MAX: usize = 1024;

/// Wraps messages into envelopes and sends them.
#[derive(Clone)]
pub(crate) struct Outbox {
    pub(crate) network: Name,
    pub(crate) own: Name,
    pub(crate) transport: Arc<dyn Transport>,
}

impl Outbox {
    fn frame(&self, trace: TraceContext, message: PeerMessage) -> Bytes {
        wire::encode(&Envelope {
            network: self.network.clone(),
            from: self.own.clone(),
            trace,
            message,
        })
    }

    pub(crate) fn broadcast(&self, message: PeerMessage) {
        self.broadcast_within(trace::current(), message);
    }

    /// Sends to everybody within another context than that of the work under way.
    pub(crate) fn broadcast_within(&self, trace: TraceContext, message: PeerMessage) {
        self.transport.broadcast(self.frame(trace, message));
    }

    pub(crate) fn send(&self, to: &Name, message: PeerMessage) {
        self.transport
            .send(to, self.frame(trace::current(), message));
    }
}

/// A frame as it arrived.
pub(crate) struct Arrival {
    /// Who is known to have sent it; none on links that do not know.
    pub(crate) from: Option<Name>,
    pub(crate) frame: Bytes,
}

/// Decodes frames on the node's own thread and hands them to the actors.
pub(crate) struct Link {
    pub(crate) wiring: Arc<Wiring>,
    pub(crate) frames: Mailbox<Arrival>,
}

impl Runnable for Link {
    fn turn(&mut self, _: Instant) -> Turned {
        for arrival in self.frames.drain(TURN_FRAMES_MAX) {
            self.on_arrival(&arrival);
        }
        Turned {
            again: !self.frames.is_empty(),
            due: None,
        }
    }

    fn on_wake(&self, wake: Wake) {
        self.frames.on_wake(move || wake());
    }
}

impl Link {
    fn on_arrival(&self, arrival: &Arrival) {
        let frame = &arrival.frame;
        let envelope = if frame.len() > FRAME_BYTES_MAX {
            Err("larger than a frame may be".to_owned())
        } else {
            wire::decode::<Envelope>(frame).map_err(|e| e.to_string())
        };
        let wiring = self.wiring.clone();
        match envelope {
            Ok(envelope) if envelope.network != wiring.outbox.network => {
                self.refuse("a frame of another network");
            }
            Ok(envelope) if arrival.from.as_ref().is_some_and(|f| *f != envelope.from) => {
                self.refuse("a frame in the name of another node");
            }
            Ok(envelope) => {
                if let PeerMessage::Statements(entries) = &envelope.message {
                    wiring.traces.on_gossip(&envelope.trace, entries);
                }
                let _span = trace::attach(&envelope.trace);
                deliver(&wiring, envelope.from, envelope.message);
            }
            Err(reason) => self.refuse(&reason),
        }
    }

    fn refuse(&self, reason: &str) {
        let count = Counts::add(&self.wiring.counts.frames_refused);
        let metric = observability_names::FRAMES_REFUSED.name;
        tracing::warn!(metric, count, reason, "a frame was refused");
    }
}

fn deliver(w: &Wiring, from: Name, message: PeerMessage) {
    match message {
        PeerMessage::Consensus(bytes) => w.consensus.post(ReplicaInput::Message(bytes)),
        PeerMessage::Proposal { message, block } => {
            w.permissions.post(AdmissionInput::Proposal {
                from,
                message,
                block,
            });
        }
        PeerMessage::Statements(entries) => {
            // Shed when full: whoever admitted them tells them again.
            let _ = w.permissions.send(AdmissionInput::Gossip { from, entries });
        }
        PeerMessage::Cosignature {
            height,
            time_s,
            signature,
            receipt,
            wanted,
        } => {
            if w.following.is_some() {
                return; // An observer cosigns nothing and takes what validators publish.
            }
            let input = CheckpointInput::Cosignature {
                from,
                height,
                time_s,
                signature,
                receipt,
                wanted,
            };
            w.checkpoint.post(input);
        }
        PeerMessage::Status {
            height,
            round,
            published,
            certificate,
            about,
        } => {
            w.sync.post(PresenceInput::Status {
                from,
                height,
                round,
                published,
                certificate,
                about,
            });
        }
        PeerMessage::CheckpointRequest { above } => {
            w.storage
                .post(StorageInput::ServeCheckpoint { to: from, above });
        }
        PeerMessage::Checkpoint { note, signatures } => {
            // A validator forms its own.
            if let Some(following) = &w.following {
                following.post(FollowingInput::Checkpoint {
                    from,
                    note,
                    signatures,
                });
            }
        }
        PeerMessage::BlocksRequest { first, count } => {
            w.storage.post(StorageInput::Serve {
                to: from,
                from: first,
                count,
            });
        }
        PeerMessage::BodyRequest { digest } => {
            w.bodies.post(BodiesInput::Request { from, digest });
        }
        PeerMessage::BodyChunk {
            digest,
            index,
            count,
            bytes,
        } => {
            let chunk = BodiesInput::Chunk {
                from,
                digest,
                index,
                count,
                bytes,
            };
            // Shed when full: the body is asked for again.
            let _ = w.bodies.send(chunk);
        }
        PeerMessage::Blocks(blocks) => w.sync.post(PresenceInput::Blocks { from, blocks }),
    }
}
