//! The storage actor's machine: committed blocks, what is read from them, and receipts.
//!
//! The decided block is this machine's own journal record: it is written in one durable batch,
//! and everything here is a function of what is on disk. No receipt leaves before the block is
//! durable and its checkpoint has a quorum.

mod answers;
mod cose;
mod events;
mod published;
mod receipts;
mod serving;
mod states;

use crate::log_tree::LogTree;
use crate::machine::{At, Keep, Machine};
use crate::permissions::Event;
use crate::replica::Decided;
use crate::state::StateTree;
use bytes::Bytes;
use messages::api::{Answer, Committed, EventPage, EventsQuery, Query};
use messages::cbor::Canonical;
use messages::event::{BlockEvents, EventChains};
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, StatementId, TimeMs, TreeSize};
use messages::stored::{BodyReader, Commit, HeadSignatures, LedgerReader, StoredBlock};
use messages::wire::PeerMessage;
use published::{Published, unpublished};
pub use serving::certified_block;
use states::RecentStates;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Blocks whose entries stay in memory, for receipts: at most so many blocks,
const RECENT_BLOCKS: usize = 64;
/// and no more blocks than hold so many statements, but always the newest one.
const RECENT_STATEMENTS: usize = 12_288;

/// What the machine receives.
#[derive(Clone, Debug)]
pub enum StorageInput {
    /// Write a decided block.
    Commit(Arc<Decided>),
    /// The block at this height is durable.
    Written(Height),
    /// The checkpoint of a head has a quorum.
    CheckpointFormed {
        /// The signed note.
        note: String,
        /// The head's height, and the receipt signatures of those whose cosignatures it carries.
        signatures: HeadSignatures,
    },
    /// Receipts wanted by waiting clients.
    Fetch(Vec<StatementId>),
    /// A question; the token goes back with the answer.
    Ask {
        /// Names the asker.
        token: u64,
        /// The question.
        query: Query,
    },
    /// Events for the publisher.
    Events(EventsQuery),
    /// A peer asks for the newest published checkpoint.
    ServeCheckpoint {
        /// The peer.
        to: Name,
        /// Only one of a greater height is news to it.
        above: Height,
    },
    /// A peer asks for certified blocks.
    Serve {
        /// The peer.
        to: Name,
        /// First height wanted.
        from: Height,
        /// Most blocks wanted.
        count: u32,
    },
}

/// A block that became durable, as the other actors need to know it.
#[derive(Clone, Debug)]
pub struct DurableBlock {
    /// Its height.
    pub height: Height,
    /// Its time.
    pub time: TimeMs,
    /// Size of the log after it.
    pub log_size: TreeSize,
    /// Root of the log after it.
    pub log_root: Hash,
    /// State after it.
    pub state: StateTree,
    /// Its statements.
    pub ids: Arc<Vec<StatementId>>,
    /// Statements committed up to and with it.
    pub ordinal: u64,
    /// Canonical certificate that decided it.
    pub certificate: Bytes,
}

/// What the machine asks for.
#[derive(Clone, Debug)]
pub enum StorageEffect {
    /// Write this in one durable batch.
    Write(Arc<Commit>),
    /// Tell everybody: this block is durable.
    Durable(DurableBlock),
    /// Write the note of a published checkpoint.
    PutCheckpoint {
        /// The signed note.
        note: String,
        /// Its height and receipt signatures.
        signatures: HeadSignatures,
    },
    /// Blocks up to this height have receipts now.
    Published {
        /// The height.
        height: Height,
        /// Statements of the blocks that just got theirs, block by block.
        ids: Vec<Arc<Vec<StatementId>>>,
    },
    /// Receipts for the waiting.
    Receipts {
        /// Those there are.
        ready: Vec<Committed>,
        /// Committed statements whose checkpoint still lacks a quorum.
        not_yet: Vec<StatementId>,
    },
    /// Answer to a question.
    Answer {
        /// Names the asker.
        token: u64,
        /// The answer.
        answer: Answer,
    },
    /// Events for the publisher.
    Events(EventPage),
    /// Send certified blocks or a checkpoint to a peer.
    Send {
        /// The peer.
        to: Name,
        /// What it asked for.
        message: PeerMessage,
    },
}

/// A recent block with what its receipts need.
struct Recent {
    decided: Arc<Decided>,
    /// Over the outcomes' leaves.
    outcomes: LogTree,
    positions: BTreeMap<StatementId, usize>,
}

/// The machine.
pub struct Storage {
    reader: Arc<dyn LedgerReader>,
    genesis: Arc<Genesis>,
    policy_text: String,
    bodies: Arc<dyn BodyReader>,
    /// Tree over everything handed to the disk, durable or not yet.
    tree: LogTree,
    /// Last durable height.
    head: Height,
    writing: BTreeMap<Height, Arc<Decided>>,
    recent: BTreeMap<Height, Recent>,
    /// Durable blocks without a published checkpoint.
    unpublished: BTreeMap<Height, Arc<Vec<StatementId>>>,
    /// Newest published checkpoint.
    published: Option<Published>,
    /// State after recent blocks.
    states: RecentStates,
    /// Events of everything handed to the disk, durable or not yet.
    chains: EventChains,
}

impl Storage {
    /// A machine over what is on disk; `tree` is loaded from there.
    ///
    /// # Panics
    /// When the store lacks what its head promises.
    pub fn new(
        reader: Arc<dyn LedgerReader>,
        bodies: Arc<dyn BodyReader>,
        genesis: Arc<Genesis>,
        policy_text: String,
    ) -> Self {
        let head = reader
            .head()
            .expect("a store is opened with its genesis written");
        let size = TreeSize(head.first_leaf.0 + u64::from(head.entry_count));
        let tree = LogTree::load(&*reader, size);
        let newest = reader.newest_checkpoint();
        let published = newest.map(|newest| Published::stored(&*reader, newest));
        Self {
            tree,
            chains: events::chains_at_head(&*reader, &head),
            head: head.height,
            writing: BTreeMap::new(),
            recent: BTreeMap::new(),
            unpublished: unpublished(&*reader, head.height, published.as_ref().map(|p| p.height)),
            published,
            states: RecentStates::default(),
            reader,
            bodies,
            genesis,
            policy_text,
        }
    }

    /// Last durable height.
    pub fn head(&self) -> Height {
        self.head
    }

    /// The write that lays down the genesis of a network.
    pub fn genesis_commit(genesis: &Genesis, policy_text: &str) -> Commit {
        let entries: Vec<Bytes> = vec![
            genesis.to_bytes().into(),
            genesis.policy_entry(policy_text).into(),
        ];
        let leaves: Vec<Hash> = entries.iter().map(|e| Hash::leaf(e)).collect();
        let tree = LogTree::of_leaves(&leaves);
        let mut log = messages::merkle::Frontier::empty();
        leaves.iter().for_each(|leaf| log.push(*leaf));
        Commit {
            block: StoredBlock {
                height: Height(0),
                header: Bytes::new(),
                certificate: Bytes::new(),
                previous_certificate: Bytes::new(),
                first_leaf: LeafIndex(0),
                entry_count: entries.len() as u32,
                outcomes: Vec::new(),
                peaks: log.peaks().to_vec(),
                first_ordinal: 0,
                replay_from: 1,
            },
            first_leaf: LeafIndex(0),
            entries,
            tile_hashes: tree.tile_hashes(0, 0..2),
            state_rows: Vec::new(),
            ids: Vec::new(),
            values: Vec::new(),
            events: BlockEvents::default(),
            event_tails: Vec::new(),
        }
    }

    fn on_commit(&mut self, decided: &Arc<Decided>, out: &mut Vec<StorageEffect>) {
        let height = decided.executed.block.header.height;
        if height <= self.head || self.writing.contains_key(&height) {
            return; // Released again after a restart: it is on disk or on its way.
        }
        let commit = self.commit_of(decided);
        self.writing.insert(height, decided.clone());
        out.push(StorageEffect::Write(Arc::new(commit)));
    }

    /// Turns a decided block into the rows to write, and grows the tree.
    fn commit_of(&mut self, decided: &Decided) -> Commit {
        let executed = &decided.executed;
        let first = executed.first_leaf;
        assert_eq!(first.0, self.tree.size().0, "blocks are written in order");
        let before = self.tree.size().0;
        executed
            .leaves
            .iter()
            .for_each(|leaf| self.tree.push(*leaf));
        let after = self.tree.size().0;
        let mut tile_hashes = Vec::new();
        for tile in 0..self.tree.tile_levels() {
            let width = 8 * tile;
            tile_hashes.extend(self.tree.tile_hashes(tile, before >> width..after >> width));
        }
        let (events, event_tails) = self.link_events(executed);
        let at = |i: usize| LeafIndex(first.0 + i as u64);
        let mut entries: Vec<Bytes> = executed.block.statements.clone();
        entries.push(executed.seal.clone());
        let header = &executed.block;
        Commit {
            block: StoredBlock {
                height: header.header.height,
                header: header.header.to_bytes().into(),
                certificate: decided.certificate.to_bytes().into(),
                previous_certificate: header.to_parts().certificate,
                first_leaf: first,
                entry_count: entries.len() as u32,
                outcomes: executed.outcomes.iter().map(|o| o.code.0).collect(),
                peaks: executed.next.log.peaks().to_vec(),
                first_ordinal: executed.next.ordinal - executed.entries.len() as u64,
                replay_from: decided.replay_from,
            },
            first_leaf: first,
            ids: executed
                .entries
                .iter()
                .enumerate()
                .map(|(i, e)| (e.id, at(i)))
                .collect(),
            values: executed
                .entries
                .iter()
                .enumerate()
                .map(|(i, e)| (e.statement.deposit.lodged.value(), at(i)))
                .collect(),
            state_rows: rows_of(&executed.events),
            entries,
            tile_hashes,
            events,
            event_tails,
        }
    }

    fn on_written(&mut self, height: Height, out: &mut Vec<StorageEffect>) {
        let Some(decided) = self.writing.remove(&height) else {
            return;
        };
        assert_eq!(height, self.head.next(), "blocks become durable in order");
        self.head = height;
        let executed = &decided.executed;
        let ids: Vec<StatementId> = executed.entries.iter().map(|e| e.id).collect();
        let positions = ids.iter().enumerate().map(|(i, id)| (*id, i)).collect();
        let durable = DurableBlock {
            height,
            time: executed.block.header.time,
            log_size: executed.block.header.log_size,
            log_root: executed.block.header.log_root,
            state: executed.next.state.clone(),
            ids: Arc::new(ids),
            ordinal: executed.next.ordinal,
            certificate: decided.certificate.to_bytes().into(),
        };
        let leaves = messages::outcome::outcome_leaves(&executed.outcomes);
        let outcomes = LogTree::of_leaves(&leaves);
        self.recent.insert(
            height,
            Recent {
                decided,
                outcomes,
                positions,
            },
        );
        self.trim_recent();
        self.unpublished.insert(height, durable.ids.clone());
        self.states.add(height, durable.state.clone());
        out.push(StorageEffect::Durable(durable));
    }

    /// Forgets the oldest blocks; their receipts are made from the disk from now on.
    fn trim_recent(&mut self) {
        let statements = |recent: &Recent| recent.positions.len();
        let mut held: usize = self.recent.values().map(statements).sum();
        while self.recent.len() > RECENT_BLOCKS
            || (self.recent.len() > 1 && held > RECENT_STATEMENTS)
        {
            held -= self
                .recent
                .pop_first()
                .map_or(0, |(_, recent)| statements(&recent));
        }
    }

    fn on_checkpoint(
        &mut self,
        note: &str,
        signatures: &HeadSignatures,
        out: &mut Vec<StorageEffect>,
    ) {
        let height = signatures.height;
        let known = self.published.as_ref().map(|published| published.height);
        let newer = known.is_none_or(|known| height > known);
        if !newer || height > self.head {
            return;
        }
        self.published = Some(Published::read(note, signatures.clone()));
        self.states.published(height);
        out.push(StorageEffect::PutCheckpoint {
            note: note.to_owned(),
            signatures: signatures.clone(),
        });
        let later = self.unpublished.split_off(&height.next());
        let published = std::mem::replace(&mut self.unpublished, later);
        let ids = published.into_values().collect();
        out.push(StorageEffect::Published { height, ids });
    }
}

/// State rows of events, ordered by key, the last word for each key.
fn rows_of(events: &[Event]) -> Vec<(Bytes, Bytes)> {
    events
        .iter()
        .map(Event::row)
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect()
}

impl Machine for Storage {
    type Input = StorageInput;
    type Effect = StorageEffect;

    fn step(&mut self, _at: At, input: &StorageInput, out: &mut Vec<StorageEffect>) -> Keep {
        match input {
            StorageInput::Commit(decided) => self.on_commit(decided, out),
            StorageInput::Written(height) => self.on_written(*height, out),
            StorageInput::CheckpointFormed { note, signatures } => {
                self.on_checkpoint(note, signatures, out);
            }
            StorageInput::Fetch(ids) => {
                let (mut ready, mut not_yet) = (Vec::new(), Vec::new());
                for id in ids {
                    match self.receipt(id) {
                        Ok(committed) => ready.push(committed),
                        Err(_) => not_yet.push(*id),
                    }
                }
                out.push(StorageEffect::Receipts { ready, not_yet });
            }
            StorageInput::Ask { token, query } => {
                if matches!(query, Query::State(_) | Query::Identity { .. }) {
                    self.load_state();
                }
                let answer = self.answer(query);
                out.push(StorageEffect::Answer {
                    token: *token,
                    answer,
                });
            }
            StorageInput::ServeCheckpoint { to, above } => self.serve_checkpoint(to, *above, out),
            StorageInput::Events(query) => {
                let page = self.event_page(query);
                out.push(StorageEffect::Events(page));
            }
            StorageInput::Serve { to, from, count } => self.serve(to, *from, *count, out),
        }
        Keep::No
    }
}
