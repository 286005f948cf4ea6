//! The bus of one node: every actor's mailbox, and the ways out.

use crate::counts::Counts;
use crate::link::Outbox;
use crate::listeners::Listeners;
use crate::traced::Traces;
use bus::api::{Reply, SubmitAnswer};
use bus::mailbox::Mailbox;
use bus::ports::{BodyStore, Store};
use ledger::admission::AdmissionInput;
use ledger::bodies::BodiesInput;
use ledger::checkpointing::CheckpointInput;
use ledger::following::FollowingInput;
use ledger::gateway::GatewayInput;
use ledger::presence::PresenceInput;
use ledger::publisher::PublisherInput;
use ledger::replica::ReplicaInput;
use ledger::storage::StorageInput;
use messages::api::Answer;
use messages::consensus::EquivocationProof;
use messages::hash::Hash;
use messages::ids::{Height, Name, TreeSize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Clients' callbacks by token.
#[derive(Default)]
pub(crate) struct Replies {
    next: AtomicU64,
    pub(crate) submits: Mutex<BTreeMap<u64, Reply<SubmitAnswer>>>,
    pub(crate) queries: Mutex<BTreeMap<u64, Reply<Answer>>>,
}

impl Replies {
    pub(crate) fn token(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Hands a client the answer to its submission.
    pub(crate) fn submitted(&self, token: u64, answer: SubmitAnswer) {
        let reply = self
            .submits
            .lock()
            .expect("no reply panics under the lock")
            .remove(&token);
        if let Some(reply) = reply {
            reply(answer);
        }
    }

    /// Hands a client the answer to its question.
    pub(crate) fn answered(&self, token: u64, answer: Answer) {
        let reply = self
            .queries
            .lock()
            .expect("no reply panics under the lock")
            .remove(&token);
        if let Some(reply) = reply {
            reply(answer);
        }
    }
}

/// How much each machine of a node keeps in memory.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Vec<Arc<AtomicUsize>>>);

impl Kept {
    pub(crate) fn add(&self, counter: Arc<AtomicUsize>) {
        self.0
            .lock()
            .expect("no code panics under this lock")
            .push(counter);
    }

    pub(crate) fn sum(&self) -> usize {
        let counters = self.0.lock().expect("no code panics under this lock");
        counters.iter().map(|c| c.load(Ordering::Relaxed)).sum()
    }
}

/// The bus of one node: every actor's mailbox, and the ways out.
pub(crate) struct Wiring {
    pub(crate) gateway: Mailbox<GatewayInput>,
    pub(crate) permissions: Mailbox<AdmissionInput>,
    pub(crate) consensus: Mailbox<ReplicaInput>,
    pub(crate) storage: Mailbox<StorageInput>,
    pub(crate) checkpoint: Mailbox<CheckpointInput>,
    /// An observer's place of the checkpoint actor; none for validators.
    pub(crate) following: Option<Mailbox<FollowingInput>>,
    /// Observers that published checkpoints are told to.
    pub(crate) observers: Vec<Name>,
    pub(crate) disk_free: Arc<dyn Fn() -> Option<u64> + Send + Sync>,
    pub(crate) publisher: Mailbox<PublisherInput>,
    pub(crate) sync: Mailbox<PresenceInput>,
    pub(crate) bodies: Mailbox<BodiesInput>,
    pub(crate) outbox: Outbox,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) body_store: Arc<dyn BodyStore>,
    pub(crate) replies: Replies,
    pub(crate) listeners: Listeners,
    /// Somebody subscribes: without a sink nobody reads the publisher's mailbox.
    pub(crate) publishes: bool,
    pub(crate) clients_max: usize,
    pub(crate) kept: Kept,
    pub(crate) counts: Arc<Counts>,
    pub(crate) traces: Traces,
    pub(crate) on_misbehavior: Arc<dyn Fn(&EquivocationProof) + Send + Sync>,
    pub(crate) on_floor: Arc<dyn Fn(Height) + Send + Sync>,
    /// First height this node may sign; none while an amnesiac does not know it.
    pub(crate) floor: Mutex<Option<Height>>,
}

impl Wiring {
    /// First height this node may sign; none while an amnesiac does not know it.
    pub(crate) fn floor(&self) -> Option<Height> {
        *self.floor.lock().expect("no code panics under this lock")
    }

    /// Tells whoever looks after checkpoints that a head is durable.
    pub(crate) fn head(&self, height: Height, size: TreeSize, root: Hash) {
        match &self.following {
            Some(following) => following.post(FollowingInput::Head { height, size, root }),
            None => self
                .checkpoint
                .post(CheckpointInput::Head { height, size, root }),
        }
    }

    /// Makes a floor known: here, to those who sign, and to the disk.
    pub(crate) fn set_floor(&self, floor: Height) {
        *self.floor.lock().expect("no code panics under this lock") = Some(floor);
        (self.on_floor)(floor);
        self.consensus.post(ReplicaInput::Floor(floor));
        self.checkpoint.post(CheckpointInput::Floor(floor));
    }
}
