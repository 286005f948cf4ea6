//! Who hears what: each machine's effects, turned into messages on the bus.

use crate::shell::Timers;
use crate::wiring::Wiring;
use bus::ports::EventSink;
use ledger::admission::{AdmissionEffect, AdmissionInput};
use ledger::bodies::{BodiesEffect, BodiesInput, FETCH_TICK_MS};
use ledger::checkpointing::{CheckpointEffect, CheckpointInput};
use ledger::following::{FollowingEffect, FollowingInput};
use ledger::gateway::{GatewayEffect, GatewayInput, TICK_MS};
use ledger::presence::{PresenceEffect, PresenceInput, STATUS_MS};
use ledger::publisher::{ASK_MS, PublisherEffect, PublisherInput};
use ledger::replica::{ReplicaEffect, ReplicaInput, ReplicaTimer};
use ledger::storage::{StorageEffect, StorageInput};
use messages::api::{Answer, Query, SubmitAnswer};
use messages::ids::StatementId;
use messages::wire::{PeerMessage, TraceContext};
use observability_names as names;
use std::sync::Arc;

/// Carries out what the gateway asks for.
pub(crate) fn gateway(w: &Wiring, effect: GatewayEffect, timers: &mut Timers<GatewayInput>) {
    match effect {
        GatewayEffect::Judge { token, entry } => {
            w.permissions.post(AdmissionInput::Judge { token, entry });
        }
        GatewayEffect::Answer { token, answer } => {
            match &answer {
                SubmitAnswer::Committed(committed) => w.traces.answered(&committed.id, true),
                SubmitAnswer::Pending(id) | SubmitAnswer::NoQuorum { id, .. } => {
                    w.traces.answered(id, false);
                }
                SubmitAnswer::Refused(_) => {}
            }
            w.replies.submitted(token, answer);
        }
        GatewayEffect::Reply { token, answer } => w.replies.answered(token, answer),
        GatewayEffect::Forward { token, query } => match query {
            Query::Validators | Query::Health => w.sync.post(PresenceInput::Ask { token, query }),
            Query::PutBody { digest, bytes } => {
                let put = BodiesInput::Put {
                    token,
                    digest,
                    bytes,
                };
                if w.bodies.send(put).is_err() {
                    let busy = ledger::gateway::busy();
                    w.replies.answered(token, Answer::Problem(busy));
                }
            }
            _ => w.storage.post(StorageInput::Ask { token, query }),
        },
        GatewayEffect::Fetch(ids) => w.storage.post(StorageInput::Fetch(ids)),
        GatewayEffect::TickAgain => timers.start(TICK_MS, GatewayInput::Tick),
    }
}

/// Carries out what the permissions actor asks for.
pub(crate) fn permissions(w: &Wiring, effect: AdmissionEffect) {
    match effect {
        AdmissionEffect::Admit { entries, local } => {
            w.traces
                .stage(names::SPAN_ADMISSION, entries.iter().map(|e| &e.id));
            w.consensus.post(ReplicaInput::Admit { entries, local });
        }
        AdmissionEffect::WantBody { body, source } => {
            w.bodies.post(BodiesInput::Want { body, source });
        }
        AdmissionEffect::Synced(block) => w.consensus.post(ReplicaInput::Synced(block)),
        AdmissionEffect::Passed { token, id } => w.gateway.post(GatewayInput::Passed { token, id }),
        AdmissionEffect::Refused { token, problem } => {
            w.gateway.post(GatewayInput::Refused { token, problem });
        }
        AdmissionEffect::Proposal { message, block } => {
            let entries = block.entries.iter().flatten();
            w.traces
                .proposal(names::SPAN_PROPOSAL, entries.map(|e| e.id));
            w.consensus.post(ReplicaInput::Proposal { message, block });
        }
    }
}

/// Carries out what the bodies actor asks for.
pub(crate) fn bodies(w: &Wiring, effect: BodiesEffect, timers: &mut Timers<BodiesInput>) {
    match effect {
        BodiesEffect::Answer { token, answer } => w.replies.answered(token, answer),
        BodiesEffect::Write { digest, bytes } => {
            let bodies = w.bodies.clone();
            let done = Box::new(move || bodies.post(BodiesInput::Written(digest)));
            w.body_store.put_body(digest, bytes, done);
        }
        BodiesEffect::Held(digest) => w.permissions.post(AdmissionInput::BodyHeld(digest)),
        BodiesEffect::Missing(digest) => w.permissions.post(AdmissionInput::BodyMissing(digest)),
        BodiesEffect::Send { to, message } => w.outbox.send(&to, message),
        BodiesEffect::TickAgain => timers.start(FETCH_TICK_MS, BodiesInput::Tick),
    }
}

/// Carries out what consensus asks for.
pub(crate) fn consensus(w: &Wiring, effect: ReplicaEffect, timers: &mut Timers<ReplicaInput>) {
    let engine =
        |input: &ReplicaInput| matches!(input, ReplicaInput::Timer(ReplicaTimer::Engine { .. }));
    match effect {
        ReplicaEffect::Broadcast(message) => tell_peers(w, message),
        ReplicaEffect::Again(_) => unreachable!("the shell steps these itself"),
        ReplicaEffect::Commit(decided) => {
            #[cfg(feature = "mutants")]
            cosign_early(w, &decided);
            let entries = decided.executed.entries.iter();
            w.traces.stage(names::SPAN_DECIDE, entries.map(|e| &e.id));
            w.storage.post(StorageInput::Commit(decided));
        }
        ReplicaEffect::Accepted(ids) => {
            w.traces.stage(names::SPAN_POOL, &ids);
            w.gateway.post(GatewayInput::Accepted(ids));
        }
        ReplicaEffect::Already(ids) => w.gateway.post(GatewayInput::Already(ids)),
        ReplicaEffect::Busy(ids) => w.gateway.post(GatewayInput::Busy(ids)),
        ReplicaEffect::StartTimer { timer, after_ms } => {
            timers.start(after_ms, ReplicaInput::Timer(timer));
        }
        ReplicaEffect::CancelTimer(timer) => {
            timers.cancel(|input| matches!(input, ReplicaInput::Timer(t) if *t == timer));
        }
        ReplicaEffect::CancelEngineTimers => timers.cancel(engine),
        ReplicaEffect::Progress {
            height,
            round,
            waiting,
        } => {
            w.sync.post(PresenceInput::Progress {
                height,
                round,
                waiting,
            });
        }
        ReplicaEffect::Misbehavior(proof) => {
            tracing::warn!(validator = %proof.validator(), "a validator signed two things");
            (w.on_misbehavior)(&proof);
        }
    }
}

/// Tells all peers what consensus says; what is traced travels with its context.
fn tell_peers(w: &Wiring, message: PeerMessage) {
    if w.traces.is_idle() {
        return w.outbox.broadcast(message);
    }
    match message {
        PeerMessage::Statements(entries) => {
            // An envelope has room for one context: a traced statement gets one of its own.
            let (mut plain, none) = (Vec::new(), TraceContext::default());
            for entry in entries {
                let context = w.traces.context_of(&StatementId::of_entry(&entry));
                if context == none {
                    plain.push(entry);
                } else {
                    let message = PeerMessage::Statements(vec![entry]);
                    w.outbox.broadcast_within(context, message);
                }
            }
            if !plain.is_empty() {
                w.outbox.broadcast(PeerMessage::Statements(plain));
            }
        }
        PeerMessage::Proposal { message, block } => {
            let ids = block.statements.iter().map(|s| StatementId::of_entry(s));
            let context = w.traces.proposal(names::SPAN_PROPOSE, ids);
            let message = PeerMessage::Proposal { message, block };
            w.outbox.broadcast_within(context, message);
        }
        message => {
            if matches!(message, PeerMessage::Consensus(_)) {
                w.traces.vote();
            }
            w.outbox.broadcast(message);
        }
    }
}

/// A fault on purpose: the head is cosigned before its block is durable.
#[cfg(feature = "mutants")]
fn cosign_early(w: &Wiring, decided: &ledger::replica::Decided) {
    let header = &decided.executed.block.header;
    if messages::mutant!(CosignsEarly) {
        w.checkpoint.post(CheckpointInput::Head {
            height: header.height,
            size: header.log_size,
            root: header.log_root,
        });
    }
}

/// Carries out what storage asks for.
pub(crate) fn storage(w: &Wiring, effect: StorageEffect) {
    match effect {
        StorageEffect::Write(commit) => {
            let height = commit.block.height;
            let storage = w.storage.clone();
            let done = Box::new(move || storage.post(StorageInput::Written(height)));
            w.store.commit(commit, done);
        }
        StorageEffect::Durable(block) => {
            w.traces.stage(names::SPAN_STORE, block.ids.iter());
            w.consensus.post(ReplicaInput::Durable(block.height));
            w.permissions.post(AdmissionInput::Durable {
                height: block.height,
                state: block.state.clone(),
                ids: block.ids.clone(),
            });
            w.head(block.height, block.log_size, block.log_root);
            w.sync.post(PresenceInput::Durable(block));
        }
        StorageEffect::PutCheckpoint { note, signatures } => {
            w.store.put_checkpoint(note, signatures);
        }
        StorageEffect::Published { height, ids } => {
            w.traces
                .published(ids.iter().flat_map(|block| block.iter()));
            w.gateway.post(GatewayInput::Published(ids));
            w.sync.post(PresenceInput::Published(height));
            w.listeners.published(height);
            if w.publishes {
                w.publisher.post(PublisherInput::Published(height));
            }
        }
        StorageEffect::Receipts { ready, not_yet } => {
            w.gateway.post(GatewayInput::Receipts { ready, not_yet });
        }
        StorageEffect::Answer { token, answer } => w.replies.answered(token, answer),
        StorageEffect::Events(page) => w.publisher.post(PublisherInput::Page(page)),
        StorageEffect::Send { to, message } => w.outbox.send(&to, message),
    }
}

/// Carries out what the checkpoint actor asks for.
pub(crate) fn checkpoint(
    w: &Wiring,
    effect: CheckpointEffect,
    timers: &mut Timers<CheckpointInput>,
) {
    match effect {
        CheckpointEffect::Broadcast(message) => w.outbox.broadcast(message),
        CheckpointEffect::Send { to, message } => w.outbox.send(&to, message),
        CheckpointEffect::Formed { note, signatures } => {
            for observer in &w.observers {
                let (note, signatures) = (note.clone(), signatures.clone());
                w.outbox
                    .send(observer, PeerMessage::Checkpoint { note, signatures });
            }
            w.storage
                .post(StorageInput::CheckpointFormed { note, signatures });
        }
        CheckpointEffect::RetryAfter { ms } => timers.start(ms, CheckpointInput::Retry),
    }
}

/// Carries out what an observer's follower of checkpoints asks for.
pub(crate) fn following(w: &Wiring, effect: FollowingEffect, timers: &mut Timers<FollowingInput>) {
    match effect {
        FollowingEffect::Broadcast(message) => w.outbox.broadcast(message),
        FollowingEffect::Formed { note, signatures } => {
            w.storage
                .post(StorageInput::CheckpointFormed { note, signatures });
        }
        FollowingEffect::RetryAfter { ms } => timers.start(ms, FollowingInput::Retry),
    }
}

/// Carries out what the publisher asks for.
pub(crate) fn publisher(
    w: &Wiring,
    sink: &Arc<dyn EventSink>,
    effect: PublisherEffect,
    timers: &mut Timers<PublisherInput>,
) {
    match effect {
        PublisherEffect::TickLater => timers.start(ASK_MS, PublisherInput::Tick),
        PublisherEffect::AskSink => {
            w.publisher
                .post(PublisherInput::SinkAt(sink.next_ordinal()));
        }
        PublisherEffect::Read(query) => w.storage.post(StorageInput::Events(query)),
        PublisherEffect::Publish(events) => {
            let publisher = w.publisher.clone();
            // A sink that lost what it had, or got it from elsewhere, says so here.
            let asked = Arc::downgrade(sink);
            let done = move || {
                let next = asked.upgrade().and_then(|sink| sink.next_ordinal());
                publisher.post(PublisherInput::SinkAt(next));
            };
            sink.publish(events, Box::new(done));
        }
    }
}

/// Carries out what the sync actor asks for.
pub(crate) fn sync(w: &Wiring, effect: PresenceEffect, timers: &mut Timers<PresenceInput>) {
    match effect {
        PresenceEffect::Broadcast(message) => w.outbox.broadcast(message),
        PresenceEffect::Send { to, message } => w.outbox.send(&to, message),
        // By way of the permissions actor: a block is applied once its bodies are here.
        PresenceEffect::Apply(block) => w.permissions.post(AdmissionInput::Synced(block)),
        PresenceEffect::Changed { missing, quorum } => {
            w.gateway.post(GatewayInput::Presence { missing, quorum });
        }
        PresenceEffect::Floor(height) => w.set_floor(height),
        PresenceEffect::Answer { token, answer } => w.replies.answered(token, answer),
        PresenceEffect::TickAgain => {
            let disk_free = (w.disk_free)();
            timers.start(STATUS_MS, PresenceInput::Tick { disk_free });
        }
    }
}
