//! How each machine meets the shell: its name, its journal, who answers for its inputs.

use crate::shell::{Core, Origin};
use bus::ports::Stream;
use bus::supervision::ActorName;
use bytes::Bytes;
use ledger::admission::Admission;
use ledger::bodies::{Bodies, BodiesInput};
use ledger::checkpointing::{CheckpointInput, Checkpointing};
use ledger::following::{Following, FollowingInput};
use ledger::gateway::{Gateway, GatewayInput};
use ledger::presence::{Presence, PresenceInput};
use ledger::publisher::Publisher;
use ledger::replica::{Replica, ReplicaEffect, ReplicaInput};
use ledger::storage::{Storage, StorageInput};
use messages::hash::Hash;

impl Core for Replica {
    const NAME: ActorName = ActorName::Consensus;
    const STREAM: Option<Stream> = Some(Stream::Consensus);

    fn to_journal(input: &ReplicaInput) -> Bytes {
        input.to_journal()
    }

    fn from_journal(bytes: &[u8]) -> Result<ReplicaInput, String> {
        ReplicaInput::from_journal(bytes).map_err(|e| e.to_string())
    }

    fn again(effect: ReplicaEffect) -> Result<ReplicaInput, ReplicaEffect> {
        match effect {
            ReplicaEffect::Again(input) => Ok(input),
            other => Err(other),
        }
    }

    fn fingerprint(input: &ReplicaInput) -> Option<Hash> {
        match input {
            ReplicaInput::Message(bytes) => Some(Hash::of(bytes)),
            ReplicaInput::Proposal { .. } | ReplicaInput::Synced(_) => {
                Some(Hash::of(&input.to_journal()))
            }
            _ => None,
        }
    }

    fn origin(input: &ReplicaInput) -> Origin {
        match input {
            ReplicaInput::Message(_)
            | ReplicaInput::Proposal { .. }
            | ReplicaInput::Synced(_)
            | ReplicaInput::Admit { .. } => Origin::Outsider,
            ReplicaInput::Propose { .. }
            | ReplicaInput::Start(_)
            | ReplicaInput::Timer(_)
            | ReplicaInput::Durable(_)
            | ReplicaInput::Floor(_) => Origin::Fact,
        }
    }
}

impl Core for Checkpointing {
    const NAME: ActorName = ActorName::Checkpoint;
    const STREAM: Option<Stream> = Some(Stream::Checkpoint);

    fn to_journal(input: &CheckpointInput) -> Bytes {
        messages::wire::encode(input)
    }

    fn from_journal(bytes: &[u8]) -> Result<CheckpointInput, String> {
        messages::wire::decode(bytes).map_err(|e| e.to_string())
    }

    fn fingerprint(input: &CheckpointInput) -> Option<Hash> {
        Some(Hash::of(&messages::wire::encode(input)))
    }

    fn origin(input: &CheckpointInput) -> Origin {
        match input {
            CheckpointInput::Cosignature { .. } => Origin::Outsider,
            CheckpointInput::Head { .. } | CheckpointInput::Retry | CheckpointInput::Floor(_) => {
                Origin::Fact
            }
        }
    }
}

/// Machines whose state is soft or is itself the disk: they keep no inputs.
macro_rules! unjournaled {
    ($machine:ty, $name:expr, |$input:ident| $origin:expr) => {
        impl Core for $machine {
            const NAME: ActorName = $name;
            const STREAM: Option<Stream> = None;

            fn to_journal(_: &Self::Input) -> Bytes {
                unreachable!("this machine keeps no inputs")
            }

            fn from_journal(_: &[u8]) -> Result<Self::Input, String> {
                Err("this machine keeps no inputs".into())
            }

            fn origin($input: &Self::Input) -> Origin {
                $origin
            }
        }
    };
}

unjournaled!(Gateway, ActorName::Gateway, |input| match input {
    GatewayInput::Submit { .. } | GatewayInput::Ask { .. } => Origin::Outsider,
    _ => Origin::Fact,
});
unjournaled!(Admission, ActorName::Permissions, |_input| Origin::Outsider);
unjournaled!(Storage, ActorName::Storage, |input| match input {
    StorageInput::Ask { .. }
    | StorageInput::ServeCheckpoint { .. }
    | StorageInput::Serve { .. }
    | StorageInput::Fetch(_)
    | StorageInput::Events(_) => Origin::Outsider,
    _ => Origin::Fact,
});
unjournaled!(Bodies, ActorName::Bodies, |input| match input {
    BodiesInput::Put { .. } | BodiesInput::Request { .. } | BodiesInput::Chunk { .. } => {
        Origin::Outsider
    }
    _ => Origin::Fact,
});
unjournaled!(Following, ActorName::Checkpoint, |input| match input {
    FollowingInput::Checkpoint { .. } => Origin::Outsider,
    _ => Origin::Fact,
});
unjournaled!(Publisher, ActorName::Publisher, |_input| Origin::Fact);
unjournaled!(Presence, ActorName::Sync, |input| match input {
    PresenceInput::Status { .. } | PresenceInput::Blocks { .. } | PresenceInput::Ask { .. } => {
        Origin::Outsider
    }
    _ => Origin::Fact,
});
