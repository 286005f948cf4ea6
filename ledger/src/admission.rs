//! The permissions actor's machine: signatures and rights, judged once per statement and node.
//!
//! Signatures are judged in batches over everything that waited together. A verdict on a
//! signature does not depend on the state, so proposals get theirs here; rights do, so what is
//! said about rights here is an early answer to clients, and every validator decides again when
//! it executes the block.
//!
//! What lodges a body goes on only once this node holds it, if it must: a vote of this node means
//! that the bodies are here.

mod holding;
mod parked;
mod problems;

pub use holding::{BodyDuty, lodged_body};

use crate::bodies::LodgedBody;
use crate::bodies::Source;
use crate::execution::Entry;
use crate::machine::{At, Keep, Machine};
use crate::permissions::Permissions;
use crate::replica::JudgedBlock;
use crate::state::StateTree;
use bytes::Bytes;
use messages::api::Problem;
use messages::block::BlockBytes;
use messages::hash::Hash;
use messages::ids::{Height, Name, StatementId, TimeMs};
use messages::keys::{PublicKey, StatementCheck};
use messages::ports::SignatureChecker;
use messages::statement::StatementError;
use messages::wire::CertifiedBlock;
use parked::ParkedItems;
use problems::{bad_signature, body_missing, forbidden, malformed};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Verified statements that are remembered until their block comes.
const VERIFIED_MAX: usize = 400_000;
/// Keys that are remembered as registrable.
const KEYS_MAX: usize = 65_536;

/// What the machine receives.
#[derive(Clone, Debug)]
pub enum AdmissionInput {
    /// A client's statement.
    Judge {
        /// Names the waiting client.
        token: u64,
        /// The statement.
        entry: Bytes,
    },
    /// Statements a peer admitted.
    Gossip {
        /// The peer.
        from: Name,
        /// The statements.
        entries: Vec<Bytes>,
    },
    /// The next block in order, with the certificate that decides it.
    Synced(CertifiedBlock),
    /// A body is here, durable.
    BodyHeld(Hash),
    /// A body that a client's statement lodges was not handed over.
    BodyMissing(Hash),
    /// A peer's proposal with its block.
    Proposal {
        /// The peer.
        from: Name,
        /// Canonical consensus message.
        message: Bytes,
        /// The block.
        block: BlockBytes,
    },
    /// A block became durable.
    Durable {
        /// Its height.
        height: Height,
        /// The state after it.
        state: StateTree,
        /// Its statements.
        ids: Arc<Vec<StatementId>>,
    },
}

/// What the machine asks for.
#[derive(Clone, Debug)]
pub enum AdmissionEffect {
    /// Put these into the pool.
    Admit {
        /// Statements that passed all checks.
        entries: Vec<Entry>,
        /// They came from clients of this node.
        local: bool,
    },
    /// The client's statement passed and has this id.
    Passed {
        /// The client.
        token: u64,
        /// The statement.
        id: StatementId,
    },
    /// The client's statement is refused.
    Refused {
        /// The client.
        token: u64,
        /// Why.
        problem: Problem,
    },
    /// Have a body fetched, or taken from what clients handed over.
    WantBody {
        /// The body.
        body: LodgedBody,
        /// Where it may come from.
        source: Source,
    },
    /// Apply a certified block, whose bodies are here.
    Synced(CertifiedBlock),
    /// A proposal with the verdict on its statements.
    Proposal {
        /// Canonical consensus message.
        message: Bytes,
        /// The block.
        block: JudgedBlock,
    },
}

/// Statements that wait for the batch.
enum Waiting {
    Client {
        token: u64,
        entry: Entry,
    },
    Gossip {
        from: Name,
        entry: Entry,
    },
    Proposal {
        from: Name,
        message: Bytes,
        parts: BlockBytes,
        entries: Vec<Entry>,
    },
    /// Its certificate speaks for its statements; only its bodies are waited for.
    Synced(CertifiedBlock),
}

impl Waiting {
    fn entries(&self) -> &[Entry] {
        match self {
            Self::Client { entry, .. } | Self::Gossip { entry, .. } => std::slice::from_ref(entry),
            Self::Proposal { entries, .. } => entries,
            Self::Synced(_) => &[],
        }
    }
}

/// The machine. Its state is soft: lost on a restart, it is judged again.
pub struct Admission {
    permissions: Permissions,
    state: StateTree,
    height: Height,
    /// Statements whose signatures are good, as they were read.
    verified: BTreeMap<StatementId, Entry>,
    verified_order: VecDeque<StatementId>,
    waiting: Vec<Waiting>,
    /// Keys that were found registrable and may not be registered yet.
    registrable: BTreeSet<PublicKey>,
    checker: Arc<dyn SignatureChecker>,
    duty: BodyDuty,
    parked: ParkedItems,
    dropped: u64,
}

impl Admission {
    /// A machine at the durable state of `height`.
    pub fn new(
        permissions: Permissions,
        state: StateTree,
        height: Height,
        checker: Arc<dyn SignatureChecker>,
        duty: BodyDuty,
    ) -> Self {
        Self {
            checker,
            duty,
            parked: ParkedItems::default(),
            permissions,
            state,
            height,
            verified: BTreeMap::new(),
            verified_order: VecDeque::new(),
            waiting: Vec::new(),
            registrable: BTreeSet::new(),
            dropped: 0,
        }
    }

    /// Statements of peers dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn on_judge(&mut self, token: u64, entry: &Bytes, out: &mut Vec<AdmissionEffect>) {
        match Entry::parse(entry.clone()) {
            Ok(entry) => self.waiting.push(Waiting::Client { token, entry }),
            Err(error) => {
                out.push(AdmissionEffect::Refused {
                    token,
                    problem: malformed(&error),
                });
            }
        }
    }

    fn on_gossip(&mut self, from: &Name, entries: &[Bytes]) {
        for bytes in entries {
            match self.read(bytes) {
                Ok(entry) => self.waiting.push(Waiting::Gossip {
                    from: from.clone(),
                    entry,
                }),
                Err(_) => self.dropped += 1,
            }
        }
    }

    fn on_proposal(
        &mut self,
        from: &Name,
        message: &Bytes,
        parts: &BlockBytes,
        out: &mut Vec<AdmissionEffect>,
    ) {
        let entries: Result<Vec<Entry>, _> =
            parts.statements.iter().map(|s| self.read(s)).collect();
        let (message, parts) = (message.clone(), parts.clone());
        match entries {
            Ok(entries) => self.waiting.push(Waiting::Proposal {
                from: from.clone(),
                message,
                parts,
                entries,
            }),
            Err(_) => {
                self.dropped += 1;
                let block = JudgedBlock {
                    parts,
                    entries: None,
                };
                out.push(AdmissionEffect::Proposal { message, block });
            }
        }
    }

    fn on_durable(&mut self, height: Height, state: &StateTree, ids: &[StatementId]) {
        if height > self.height {
            self.height = height;
            self.state = state.clone();
        }
        for id in ids {
            self.verified.remove(id);
        }
        while self
            .verified_order
            .front()
            .is_some_and(|id| !self.verified.contains_key(id))
        {
            self.verified_order.pop_front();
        }
    }

    /// Reads a statement, unless it was read and verified before.
    fn read(&self, bytes: &Bytes) -> Result<Entry, StatementError> {
        let id = StatementId::of_entry(bytes);
        match self.verified.get(&id) {
            Some(entry) => Ok(entry.clone()),
            None => Entry::parse_as(id, bytes.clone()),
        }
    }

    fn remember(&mut self, entry: Entry) {
        let id = entry.id;
        if self.verified.insert(id, entry).is_none() {
            self.verified_order.push_back(id);
            if self.verified_order.len() > VERIFIED_MAX
                && let Some(oldest) = self.verified_order.pop_front()
            {
                self.verified.remove(&oldest);
            }
        }
    }

    /// Judges every statement of the batch whose verdict is not known yet; gives the bad ones.
    fn judge_batch(&mut self, waiting: &[Waiting]) -> BTreeSet<StatementId> {
        let mut fresh: Vec<&Entry> = waiting.iter().flat_map(Waiting::entries).collect();
        let mut seen = BTreeSet::new();
        fresh.retain(|e| !self.verified.contains_key(&e.id) && seen.insert(e.id));
        let messages: Vec<Vec<u8>> = fresh
            .iter()
            .map(|e| e.statement.sig_structure_in(&e.bytes))
            .collect();
        let checks: Vec<StatementCheck<'_>> = fresh
            .iter()
            .zip(&messages)
            .map(|(e, message)| StatementCheck {
                key: e.statement.key,
                message,
                signature: e.statement.signature,
            })
            .collect();
        let verdicts = self.checker.check(&checks);
        let (mut bad, mut fine) = (BTreeSet::new(), Vec::new());
        for (entry, good) in fresh.iter().zip(verdicts) {
            if good {
                fine.push((*entry).clone());
            } else {
                bad.insert(entry.id);
            }
        }
        fine.into_iter().for_each(|entry| self.remember(entry));
        bad
    }

    fn client_verdict(
        &mut self,
        entry: &Entry,
        bad: &BTreeSet<StatementId>,
    ) -> Result<(), Problem> {
        if bad.contains(&entry.id) {
            return Err(bad_signature());
        }
        let known = &mut self.registrable;
        let check = |key: &PublicKey| {
            if known.contains(key) {
                return Ok(());
            }
            key.check_registrable()?;
            if known.len() >= KEYS_MAX {
                known.clear();
            }
            known.insert(*key);
            Ok(())
        };
        self.permissions
            .decide_with(&self.state, &entry.statement, self.height.next(), check)
            .map(drop)
            .map_err(|rejection| forbidden(&rejection))
    }
}

impl Machine for Admission {
    type Input = AdmissionInput;
    type Effect = AdmissionEffect;

    fn kept(&self) -> usize {
        self.verified.len() + self.waiting.len() + self.registrable.len() + self.parked.len()
    }

    fn step(&mut self, _at: At, input: &AdmissionInput, out: &mut Vec<AdmissionEffect>) -> Keep {
        match input {
            AdmissionInput::Judge { token, entry } => self.on_judge(*token, entry, out),
            AdmissionInput::Gossip { from, entries } => self.on_gossip(from, entries),
            AdmissionInput::Proposal {
                from,
                message,
                block,
            } => self.on_proposal(from, message, block, out),
            AdmissionInput::Synced(block) => self.waiting.push(Waiting::Synced(block.clone())),
            AdmissionInput::BodyHeld(digest) => {
                let released = self.parked.release(digest);
                self.go_on(released, out);
            }
            AdmissionInput::BodyMissing(digest) => {
                for waiting in self.parked.give_up(digest) {
                    if let Waiting::Client { token, .. } = waiting {
                        let problem = body_missing(digest);
                        out.push(AdmissionEffect::Refused { token, problem });
                    }
                }
            }
            AdmissionInput::Durable { height, state, ids } => self.on_durable(*height, state, ids),
        }
        Keep::No
    }

    fn flush(&mut self, _now: TimeMs, out: &mut Vec<AdmissionEffect>) {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return;
        }
        let bad = self.judge_batch(&waiting);
        let mut passed = Vec::with_capacity(waiting.len());
        for item in waiting {
            match &item {
                Waiting::Client { token, entry } => match self.client_verdict(entry, &bad) {
                    Ok(()) => passed.push(item),
                    Err(problem) => {
                        let token = *token;
                        out.push(AdmissionEffect::Refused { token, problem });
                    }
                },
                Waiting::Gossip { entry, .. } if self.client_verdict(entry, &bad).is_ok() => {
                    passed.push(item);
                }
                Waiting::Gossip { .. } => self.dropped += 1,
                Waiting::Synced(_) => passed.push(item),
                Waiting::Proposal { entries, .. } if bad.is_empty() || all_good(entries, &bad) => {
                    passed.push(item);
                }
                Waiting::Proposal { message, parts, .. } => {
                    let (message, parts) = (message.clone(), parts.clone());
                    let block = JudgedBlock {
                        parts,
                        entries: None,
                    };
                    out.push(AdmissionEffect::Proposal { message, block });
                }
            }
        }
        let ready = self.park(passed, out);
        self.go_on(ready, out);
    }
}

fn all_good(entries: &[Entry], bad: &BTreeSet<StatementId>) -> bool {
    entries.iter().all(|entry| !bad.contains(&entry.id))
}
