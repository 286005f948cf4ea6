//! What every implementation of [`Journal`] and [`Store`] must do, as plain functions that panic
//! on a violation. The simulator's medium and the real one pass the same suite.

use crate::ports::{
    Commit, Completion, HeadSignatures, Journal, NewRecord, Store, StoredBlock, Stream,
};
use bytes::Bytes;
use messages::block::Header;
use messages::cbor::Canonical;
use messages::event::{BlockEvents, DEPOSITED, EventChains, EventFacts, EventTail};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, StatementId, TimeMs};
use messages::keys::{PrivateKey, Signature};
use messages::merkle::Frontier;
use messages::statement::{Deposit, DigestAlgorithm, Lodged, Statement};
use messages::stored::ReceiptSignature;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a write may take until the suite calls it lost.
const WRITE_MAX: Duration = Duration::from_secs(60);

/// Leaves under one hash of tile level 1.
const TILE_WIDTH: u64 = 256;

/// A completion, and what it sends to when it is called.
pub fn completion() -> (Completion, Receiver<()>) {
    let (sender, receiver) = channel();
    let done = move || {
        // The suite may have stopped listening.
        let _ = sender.send(());
    };
    (Box::new(done), receiver)
}

/// Waits for a completion.
///
/// # Panics
/// When it is not called within a minute.
pub fn wait(done: &Receiver<()>) {
    let called = done.recv_timeout(WRITE_MAX);
    called.expect("a completion is called once its write is durable");
}

/// A made-up chain of blocks with real statements: the genesis first, then as many as one asks.
pub struct Chain {
    network: Name,
    key: PrivateKey,
    next: Height,
    ordinal: u64,
    events: EventChains,
    tree: Frontier,
    leaves: Vec<Hash>,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            network: Name::try_new("conformance").expect("a name"),
            key: PrivateKey::from_seed(&[7; 32]),
            next: Height(0),
            ordinal: 0,
            events: EventChains::default(),
            tree: Frontier::empty(),
            leaves: Vec::new(),
        }
    }
}

impl Chain {
    /// A digest that some statements lodge; each is lodged by every seventh.
    pub fn value(ordinal: u64) -> Hash {
        Hash::of(&(ordinal % 7).to_be_bytes())
    }

    /// The next block, with this many statements; the genesis has none and two entries.
    pub fn next(&mut self, statements: usize, replay_from: u64) -> Arc<Commit> {
        let height = self.next;
        let first_leaf = LeafIndex(self.tree.size().0);
        let first_ordinal = self.ordinal;
        let before = self.tail();
        let statements = if height.0 == 0 { 0 } else { statements };
        let mut entries: Vec<Bytes> = Vec::new();
        let (mut ids, mut values) = (Vec::new(), Vec::new());
        for at in (first_leaf.0..).map(LeafIndex).take(statements) {
            let value = Self::value(self.ordinal);
            let entry: Bytes = self.statement(value).into();
            ids.push((StatementId::of_entry(&entry), at));
            values.push((value, at));
            self.add_event(height, at, StatementId::of_entry(&entry));
            entries.push(entry);
            self.ordinal += 1;
        }
        if height.0 == 0 {
            entries.push(Bytes::from_static(b"genesis"));
        }
        entries.push(format!("seal {height}").into());
        let tile_hashes = self.grow(&entries);
        let block = StoredBlock {
            height,
            header: self.header(height),
            certificate: Bytes::new(),
            previous_certificate: Bytes::new(),
            first_leaf,
            entry_count: entries.len() as u32,
            outcomes: vec![0; statements],
            peaks: self.tree.peaks().to_vec(),
            first_ordinal,
            replay_from,
        };
        let row = |key: String, value: String| (Bytes::from(key), Bytes::from(value));
        let every = row("every".into(), height.to_string());
        let own = row(format!("height-{:03}", height.0), "set".into());
        self.next = height.next();
        Arc::new(Commit {
            block,
            first_leaf,
            entries,
            tile_hashes,
            state_rows: vec![every, own],
            ids,
            values,
            events: BlockEvents {
                network: before,
                namespaces: vec![(self.network.clone(), before)],
            },
            event_tails: vec![(self.network.clone(), self.tail())],
        })
    }

    /// Where its one namespace stands, which has the events of the whole network.
    fn tail(&self) -> EventTail {
        self.events.network()
    }

    fn add_event(&mut self, height: Height, index: LeafIndex, id: StatementId) {
        self.events.add(&EventFacts {
            network: &self.network,
            namespace: &self.network,
            kind: DEPOSITED,
            height,
            index,
            block_time: TimeMs(height.0),
            id,
        });
    }

    /// A header that reads; the genesis has none.
    fn header(&self, height: Height) -> Bytes {
        if height.0 == 0 {
            return Bytes::new();
        }
        let header = Header {
            network: self.network.clone(),
            height,
            time: TimeMs(height.0),
            previous: Hash::ZERO,
            log_size: self.tree.size(),
            log_root: self.tree.root(),
            state_root: Hash::ZERO,
            outcomes_root: Hash::ZERO,
            proposer: self.key.public(),
            validator_set_hash: Hash::ZERO,
            certificate_hash: Hash::ZERO,
            protocol_version: 1,
        };
        header.to_bytes().into()
    }

    fn statement(&self, value: Hash) -> Vec<u8> {
        let deposit = Deposit {
            network: self.network.clone(),
            namespace: self.network.clone(),
            lodged: Lodged::Digest(value),
            algorithm: DigestAlgorithm::Sha256,
            declared_time: Some(TimeMs(self.ordinal)),
            not_before: None,
            references: Vec::new(),
        };
        let signed = Statement::sign(&self.key, "suite", "a document", deposit);
        signed.expect("the suite's deposits can be signed").entry()
    }

    /// Appends entries to the tree and returns the tile hashes that they complete.
    fn grow(&mut self, entries: &[Bytes]) -> Vec<(u8, u64, Hash)> {
        let mut hashes = Vec::new();
        for entry in entries {
            let leaf = Hash::leaf(entry);
            let at = self.leaves.len() as u64;
            hashes.push((0, at, leaf));
            self.tree.push(leaf);
            self.leaves.push(leaf);
            if (at + 1).is_multiple_of(TILE_WIDTH) {
                let full = &self.leaves[(at + 1 - TILE_WIDTH) as usize..];
                let root = messages::merkle::root_of_leaves(full);
                hashes.push((1, at / TILE_WIDTH, root));
            }
        }
        hashes.sort_unstable();
        hashes
    }
}

/// The whole suite. `open` opens the same medium each time, which is empty at first; the handles
/// of the time before are dropped by then.
///
/// # Panics
/// On a violation.
pub fn store_conformance(mut open: impl FnMut() -> (Arc<dyn Journal>, Arc<dyn Store>)) {
    let mut commits = Vec::new();
    let mut chain = Chain::default();
    {
        let (journal, store) = open();
        empty(&*journal, &*store);
        appends_in_order(&*journal);
        for statements in [0, 3, 0, 300, 5] {
            let commit = chain.next(statements, journal.next_seq());
            let (done, told) = completion();
            store.commit(commit.clone(), done);
            wait(&told);
            commits.push(commit);
            holds(&*store, &commits);
        }
        checkpoints(&*store, commits.last().expect("there are commits"));
    }
    let (journal, store) = open();
    holds(&*store, &commits);
    finds_checkpoints(&*store);
    holds_appended(&*journal);
    let (done, told) = completion();
    let next = journal.next_seq();
    let input = vec![NewRecord::plain(TimeMs(99), Bytes::from_static(b"after"))];
    assert_eq!(journal.append(Stream::Checkpoint, input, false, done), next);
    wait(&told);
    let records = journal.load(Stream::Checkpoint, next);
    assert_eq!(records.len(), 1, "the seqs go on after opening again");
    let commit = chain.next(1, 1);
    let (done, told) = completion();
    store.commit(commit.clone(), done);
    wait(&told);
    commits.push(commit);
    holds(&*store, &commits);
}

fn empty(journal: &dyn Journal, store: &dyn Store) {
    assert_eq!(journal.next_seq(), 1, "seqs count from 1");
    assert!(journal.load(Stream::Consensus, 1).is_empty());
    assert_eq!(store.head(), None);
    assert_eq!(store.block(Height(0)), None);
    assert_eq!(store.entry(LeafIndex(0)), None);
    assert!(store.entries(LeafIndex(0), 10).is_empty());
    assert!(store.tile_hashes(0, 0, 10).is_empty());
    assert!(store.lookup(&Hash::ZERO, LeafIndex(0), 9).is_empty());
    assert_eq!(store.height_of_block(&Hash::ZERO), None);
    assert_eq!(store.position(&StatementId(Hash::ZERO)), None);
    assert_eq!(store.newest_checkpoint(), None);
    assert_eq!(store.checkpoint_from(Height(0)), None);
    assert_eq!(store.head_signatures(Height(0)), None);
    assert!(store.state_rows().is_empty());
    assert_eq!(store.block_events(Height(0)), None);
    assert_eq!(store.event_tail(&Chain::default().network), None);
}

/// Appends 30 groups: every third to the checkpoint stream, every fifth with votes.
fn appends_in_order(journal: &dyn Journal) {
    let mut waits = Vec::new();
    let mut expected = 1;
    for group in 0..30u64 {
        let count = group % 4;
        let inputs = (0..count).map(|i| NewRecord {
            now: TimeMs(group),
            input: format!("{group}/{i}").into(),
            effects: group,
        });
        let (done, told) = completion();
        let stream = stream_of(group);
        let first = journal.append(stream, inputs.collect(), group % 5 == 0, done);
        assert_eq!(first, expected, "seqs have no gap");
        expected += count;
        assert_eq!(journal.next_seq(), expected);
        waits.push(told);
    }
    waits.iter().for_each(wait);
    holds_appended(journal);
}

fn stream_of(group: u64) -> Stream {
    if group.is_multiple_of(3) {
        Stream::Checkpoint
    } else {
        Stream::Consensus
    }
}

fn holds_appended(journal: &dyn Journal) {
    let mut expected = Vec::new();
    let mut seq = 1;
    for group in 0..30u64 {
        for i in 0..group % 4 {
            expected.push((seq, stream_of(group), TimeMs(group), format!("{group}/{i}")));
            seq += 1;
        }
    }
    for stream in [Stream::Consensus, Stream::Checkpoint] {
        for from in [1, 2, 20, seq] {
            let found: Vec<_> = journal
                .load(stream, from)
                .into_iter()
                .map(|r| (r.seq, r.stream, r.now, r.input))
                .filter(|(s, ..)| *s < seq)
                .collect();
            let wanted = expected.iter().filter(|e| e.1 == stream && e.0 >= from);
            let wanted: Vec<_> = wanted
                .map(|(s, stream, now, text)| (*s, *stream, *now, Bytes::from(text.clone())))
                .collect();
            assert_eq!(found, wanted, "records of {stream:?} from {from}");
        }
    }
}

/// Everything committed, from the genesis on, is read as it was written, and nothing else is there.
///
/// # Panics
/// When it is not.
pub fn holds(store: &dyn Store, commits: &[Arc<Commit>]) {
    let newest = commits.last().expect("there are commits");
    assert_eq!(store.head().as_ref(), Some(&newest.block));
    assert_eq!(store.block(newest.block.height.next()), None);
    let entries: Vec<Bytes> = commits.iter().flat_map(|c| c.entries.clone()).collect();
    let size = entries.len();
    assert_eq!(store.entries(LeafIndex(0), size + 5), entries);
    assert_eq!(store.entries(LeafIndex(1), 2), entries[1..size.min(3)]);
    assert_eq!(store.entry(LeafIndex(size as u64)), None);
    let tiles = |level| commits.iter().flat_map(move |c| tiles_of(c, level));
    for level in [0, 1, 2] {
        let expected: Vec<Hash> = tiles(level).collect();
        assert_eq!(store.tile_hashes(level, 0, size + 5), expected);
    }
    for commit in commits {
        let block = &commit.block;
        assert_eq!(store.block(block.height).as_ref(), Some(block));
        let events = store.block_events(block.height);
        assert_eq!(events.as_ref(), Some(&commit.events));
        if let Ok(header) = Header::from_bytes(&block.header) {
            let id = header.id().0;
            assert_eq!(store.height_of_block(&id), Some(block.height));
        }
        for (at, entry) in (commit.first_leaf.0..).zip(&commit.entries) {
            assert_eq!(store.entry(LeafIndex(at)).as_ref(), Some(entry));
        }
        for (id, at) in &commit.ids {
            assert_eq!(store.position(id), Some(*at), "position of {id}");
        }
    }
    let all: Vec<_> = commits.iter().flat_map(|c| c.values.clone()).collect();
    for ordinal in 0..7 {
        let value = Chain::value(ordinal);
        let expected = all.iter().filter(|(v, _)| *v == value).map(|(_, at)| *at);
        let expected: Vec<LeafIndex> = expected.collect();
        let first = LeafIndex(0);
        assert_eq!(store.lookup(&value, first, expected.len() + 1), expected);
        if let [_, second, ..] = expected[..] {
            assert_eq!(store.lookup(&value, first, 1), expected[..1]);
            assert_eq!(store.lookup(&value, second, 1), [second]);
            let rest = store.lookup(&value, second, expected.len());
            assert_eq!(rest, expected[1..]);
        }
    }
    for (namespace, tail) in &newest.event_tails {
        assert_eq!(store.event_tail(namespace), Some(*tail));
    }
    let mut rows = std::collections::BTreeMap::new();
    rows.extend(commits.iter().flat_map(|c| c.state_rows.clone()));
    assert_eq!(store.state_rows(), rows.into_iter().collect::<Vec<_>>());
    assert_eq!(store.position(&StatementId(Hash::of(b"unknown"))), None);
}

fn tiles_of(commit: &Commit, level: u8) -> Vec<Hash> {
    let of_level = commit.tile_hashes.iter().filter(|(l, ..)| *l == level);
    of_level.map(|(_, _, hash)| *hash).collect()
}

/// Receipt signatures to go with the note of a height: as many as its number.
fn signatures(height: u64) -> HeadSignatures {
    let made = |i: u64| ReceiptSignature {
        key_id: (height + i).to_be_bytes(),
        signature: Signature([i as u8; 64]),
    };
    HeadSignatures {
        height: Height(height),
        signatures: (0..height).map(made).collect(),
    }
}

fn checkpoints(store: &dyn Store, newest: &Commit) {
    for height in [1, 2, 4] {
        store.put_checkpoint(format!("note {height}\n"), signatures(height));
    }
    assert!(
        newest.block.height >= Height(4),
        "the suite has blocks for its notes"
    );
    finds_checkpoints(store);
}

fn finds_checkpoints(store: &dyn Store) {
    let note = |height| Some((Height(height), format!("note {height}\n")));
    assert_eq!(store.newest_checkpoint(), note(4));
    assert_eq!(store.checkpoint_from(Height(0)), note(1));
    assert_eq!(store.checkpoint_from(Height(2)), note(2));
    assert_eq!(store.checkpoint_from(Height(3)), note(4));
    assert_eq!(store.checkpoint_from(Height(5)), None);
    for height in [1, 2, 4] {
        let found = store.head_signatures(Height(height));
        assert_eq!(found, Some(signatures(height)), "as written with the note");
    }
    assert_eq!(store.head_signatures(Height(3)), None, "of that head alone");
}
