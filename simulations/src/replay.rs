//! Replaying a journal: the same machines, the same inputs, and the proof that they lead to the
//! same.
//!
//! Each record carries a digest of what its input led to when the node lived. The replay steps
//! the inputs through new machines that hold no key of anybody, and compares. Where the journal
//! says that the node was opened, the machines are built anew from the head it had then, as the
//! node built its own.

mod machines;

pub use machines::NetworkOf;

use bus::journal_file::{JournalFile, Opening};
use bus::ports::{Record, Stream};
use ledger::checkpointing::{CheckpointEffect, CheckpointInput};
use ledger::machine::{At, Machine, effects_digest};
use ledger::replica::{ReplicaEffect, ReplicaInput};
use machines::Machines;
use messages::cbor::Canonical;
use messages::genesis::Genesis;
use messages::ids::Height;
use messages::ports::{ConsensusVerifier, FakeVerifier, StrictVerifier};
use messages::wire;
use std::sync::Arc;

/// The first place where a replay differs from the life it repeats.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {seq}: {what}")]
pub struct Difference {
    /// The record.
    pub seq: u64,
    /// What differs.
    pub what: String,
}

/// Where a replay stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Records stepped.
    pub records: u64,
    /// Records whose effects count and were found identical.
    pub compared: u64,
    /// Times the machines were built anew.
    pub openings: u64,
    /// Height of the chain.
    pub height: Height,
    /// Root of the log after it.
    pub log_root: String,
    /// Root of the state after it.
    pub state_root: String,
    /// Size of the log.
    pub log_size: u64,
    /// Statements that wait.
    pub waiting: usize,
}

/// A replay under way.
pub struct Replay {
    network: NetworkOf,
    machines: Machines,
    records: Vec<Record>,
    blocks: u64,
    next: usize,
    standing: Standing,
    /// Software that stepped the inputs, as the journal says.
    pub version: String,
}

impl Replay {
    /// Begins to replay a file.
    ///
    /// # Errors
    /// When the file is of another network than it says, its blocks do not hold, or its node is
    /// none of the network's.
    pub fn of_file(file: JournalFile) -> Result<Self, String> {
        let genesis = Genesis::from_bytes(&file.header.genesis)
            .map_err(|e| format!("the genesis document in the file: {e}"))?;
        if genesis.network != file.header.network {
            return Err(format!(
                "the file is of network {}, its genesis document founds {}",
                file.header.network, genesis.network
            ));
        }
        let verifier: Arc<dyn ConsensusVerifier> = match file.header.secret {
            None => Arc::new(StrictVerifier),
            Some(secret) => Arc::new(FakeVerifier::new(secret)),
        };
        let network = NetworkOf::new(genesis, file.header.node.clone(), verifier)?;
        let mut replay = Self::new(network, file.records);
        for block in file.blocks {
            replay.machines.prepend(block)?;
            replay.blocks += 1;
        }
        replay.version = file.header.version;
        Ok(replay)
    }

    /// Begins to replay records from genesis on.
    pub fn new(network: NetworkOf, records: Vec<Record>) -> Self {
        let floor = None;
        Self {
            machines: Machines::new(&network, floor),
            network,
            records,
            blocks: 0,
            next: 0,
            standing: Standing::default(),
            version: String::new(),
        }
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        let chain = self.machines.chain();
        Standing {
            height: chain.height,
            log_root: chain.log.root().to_string(),
            state_root: chain.state.root().to_string(),
            log_size: chain.log.size().0,
            waiting: self.machines.waiting(),
            ..self.standing.clone()
        }
    }

    /// The record that is stepped next.
    pub fn upcoming(&self) -> Option<&Record> {
        self.records.get(self.next)
    }

    /// Steps one record; gives whether there was one.
    ///
    /// # Errors
    /// The difference, when it leads to something else than it led to before.
    pub fn step(&mut self) -> Result<bool, Difference> {
        let Some(record) = self.records.get(self.next).cloned() else {
            return Ok(false);
        };
        self.next += 1;
        self.standing.records += 1;
        let seq = record.seq;
        let differ = |what: String| Difference { seq, what };
        if record.stream == Stream::Node {
            self.on_opening(&record).map_err(differ)?;
            return Ok(true);
        }
        let found = self.machines.step(&record).map_err(differ)?;
        if found.digest != record.effects {
            return Err(differ(format!(
                "{} leads to {}, and led to something else (digest {:016x}, expected {:016x})",
                found.input, found.effects, found.digest, record.effects
            )));
        }
        self.standing.compared += u64::from(record.effects != 0);
        Ok(true)
    }

    /// Steps all records.
    ///
    /// # Errors
    /// The first difference.
    pub fn run(&mut self) -> Result<Standing, Difference> {
        while self.step()? {}
        Ok(self.standing())
    }

    /// The node was opened: its machines begin at the head it had, and fold what the journal held.
    fn on_opening(&mut self, record: &Record) -> Result<(), String> {
        let opening: Opening = wire::decode(&record.input).map_err(|e| e.to_string())?;
        self.version = opening.version;
        if opening.head.0 < self.blocks {
            return Ok(()); // From before the blocks of the file end.
        }
        self.standing.openings += 1;
        self.machines
            .reopen(&self.network, opening.head, opening.floor)?;
        let from = self.machines.replay_from();
        for earlier in &self.records[..self.next - 1] {
            if earlier.seq >= from && earlier.stream != Stream::Node {
                self.machines.step(earlier)?;
            }
        }
        Ok(())
    }
}

/// What a step came to.
struct Stepped {
    digest: u64,
    /// For people: the input and what it led to.
    input: String,
    effects: String,
}

fn at(record: &Record) -> At {
    At {
        now: record.now,
        seq: record.seq,
    }
}

/// Steps a machine and describes what came of it.
fn stepped<M: Machine>(
    machine: &mut M,
    record: &Record,
    input: &M::Input,
    describe: impl Fn(&M::Effect) -> Option<String>,
    told: String,
) -> (Stepped, Vec<M::Effect>) {
    let mut effects = Vec::new();
    machine.step(at(record), input, &mut effects);
    let described: Vec<String> = effects.iter().filter_map(describe).collect();
    let found = Stepped {
        digest: effects_digest::<M>(&effects),
        input: told,
        effects: match described.is_empty() {
            true => "nothing that counts".into(),
            false => described.join(", "),
        },
    };
    (found, effects)
}

fn describe_replica(effect: &ReplicaEffect) -> Option<String> {
    match effect {
        ReplicaEffect::Broadcast(message) => Some(crate::meets::step_of(message).into()),
        ReplicaEffect::Commit(decided) => {
            let header = &decided.executed.block.header;
            Some(format!("the commit of height {}", header.height))
        }
        _ => None,
    }
}

fn describe_checkpoint(effect: &CheckpointEffect) -> Option<String> {
    match effect {
        CheckpointEffect::Broadcast(_) => Some("a cosignature".into()),
        CheckpointEffect::Formed { signatures, .. } => {
            Some(format!("the checkpoint of height {}", signatures.height))
        }
        CheckpointEffect::Send { .. } | CheckpointEffect::RetryAfter { .. } => None,
    }
}

/// One line about a record, for people.
pub fn describe(record: &Record) -> String {
    let what = match record.stream {
        Stream::Node => wire::decode::<Opening>(&record.input).map(|o| {
            format!(
                "the node opens at height {} with version {}",
                o.head, o.version
            )
        }),
        Stream::Consensus => ReplicaInput::from_journal(&record.input).map(|i| told_replica(&i)),
        Stream::Checkpoint => {
            wire::decode::<CheckpointInput>(&record.input).map(|i| told_checkpoint(&i))
        }
    };
    what.unwrap_or_else(|e| format!("unreadable: {e}"))
}

fn told_replica(input: &ReplicaInput) -> String {
    match input {
        ReplicaInput::Message(bytes) => {
            let message = messages::wire::PeerMessage::Consensus(bytes.clone());
            format!("a peer's {}", crate::meets::step_of(&message))
        }
        ReplicaInput::Proposal { block, .. } => format!("a proposal: {:?}", block.parts),
        ReplicaInput::Admit { entries, .. } => format!("{} statements admitted", entries.len()),
        ReplicaInput::Propose { height, round, .. } => {
            format!("its own block for height {height} round {}", round.0)
        }
        ReplicaInput::Start(height) => format!("the start of height {height}"),
        ReplicaInput::Timer(timer) => format!("{timer:?}"),
        ReplicaInput::Synced(block) => format!("a certified block: {:?}", block.block),
        ReplicaInput::Durable(height) => format!("height {height} durable"),
        ReplicaInput::Floor(height) => format!("the floor {height}"),
    }
}

fn told_checkpoint(input: &CheckpointInput) -> String {
    match input {
        CheckpointInput::Head { height, size, .. } => {
            format!("the head of height {height} with size {size}")
        }
        CheckpointInput::Cosignature { from, height, .. } => {
            format!("{from}'s cosignature of height {height}")
        }
        CheckpointInput::Retry => "the time to ask again".into(),
        CheckpointInput::Floor(height) => format!("the floor {height}"),
    }
}

/// Replays the journal of a node of this world.
///
/// # Errors
/// The first difference.
pub fn check(
    genesis: &Genesis,
    node: &messages::ids::Name,
    verifier: Arc<dyn ConsensusVerifier>,
    records: Vec<Record>,
) -> Result<Standing, String> {
    let network = NetworkOf::new(genesis.clone(), node.clone(), verifier)?;
    Replay::new(network, records)
        .run()
        .map_err(|d| d.to_string())
}
