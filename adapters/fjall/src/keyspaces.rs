//! The database of a node: its keyspaces and how their keys are written.
//!
//! All integers in keys are big endian, so that the order of keys is the order of numbers.

use crate::events;
use crate::index::block_ids;
use crate::node::Options;
use bus::ports::{Commit, HeadSignatures, StoredBlock};
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions,
    OwnedWriteBatch, PersistMode,
};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name};
use messages::wire;
use std::fs::File;
use std::path::Path;

/// Layout of the keyspaces; a database of another layout is refused.
const FORMAT: &str = "2";
const FORMAT_KEY: &str = "format";
const INDEXED_KEY: &str = "indexed";
const BLOCK_IDS_KEY: &str = "block-ids";

/// What compresses badly is not compressed: most of what a node writes are digests and signatures.
const JOURNAL_COMPRESSION: CompressionType = CompressionType::None;

/// Keyspaces that cannot be made again from others.
const KEPT: [&str; 10] = [
    "meta",
    "journal",
    "blocks",
    "entries",
    "tiles",
    "checkpoints",
    "signatures",
    "bodies",
    "state",
    "events",
];

/// Bytes of a digest that stand in an index key.
pub(crate) const TRUNCATED_BYTES: usize = 16;

/// Handles of the database and its keyspaces; clones share them.
#[derive(Clone)]
pub(crate) struct Keyspaces {
    db: Database,
    meta: Keyspace,
    /// Journal records by seq.
    pub(crate) journal: Keyspace,
    /// Block records by height.
    pub(crate) blocks: Keyspace,
    /// Entries by index.
    pub(crate) entries: Keyspace,
    /// Hashes of complete tiles by level (one byte) and index.
    pub(crate) tiles: Keyspace,
    /// Notes of published checkpoints by height.
    pub(crate) checkpoints: Keyspace,
    /// Their receipt signatures by height.
    pub(crate) signatures: Keyspace,
    /// Bodies by digest: large, written once, kept apart from the keys.
    pub(crate) bodies: Keyspace,
    /// State rows by their own keys.
    pub(crate) state: Keyspace,
    /// Where the chains of events stood before each block, and stand now: see [`crate::events`].
    pub(crate) events: Keyspace,
    /// Truncated statement id and index; no value. Rebuildable.
    pub(crate) ids: Keyspace,
    /// Truncated digest or commitment and index; no value. Rebuildable.
    pub(crate) values: Keyspace,
    /// Heights by truncated block id. Rebuildable.
    pub(crate) block_ids: Keyspace,
}

impl Keyspaces {
    /// Opens the database at `path`, or creates it for a network.
    pub(crate) fn open(path: &Path, network: &Name, options: &Options) -> Result<Self, ReadError> {
        if !path.try_exists().map_err(fjall::Error::from)? {
            Self::create(path, network, options)?;
        }
        let db = database(path, options)?;
        // fjall forgets a keyspace whose folder is gone, and would make an empty one.
        let lost = KEPT.into_iter().find(|name| !db.keyspace_exists(name));
        if let Some(lost) = lost {
            return Err(ReadError::row(format!("keyspace {lost}"), "missing"));
        }
        let this = Self::of(db, options)?;
        this.sync_folders(path)?;
        Ok(this)
    }

    /// Creates the database under another name and renames it, so that it is there whole or not at
    /// all: fjall opens what an interrupted creation left, may give a keyspace the number of one
    /// that it lost, and takes the one for the other from the next opening on.
    pub(crate) fn create(
        path: &Path,
        network: &Name,
        options: &Options,
    ) -> Result<(), fjall::Error> {
        let fresh = path.with_extension("new");
        if fresh.try_exists()? {
            std::fs::remove_dir_all(&fresh)?;
        }
        let this = Self::of(database(&fresh, options)?, options)?;
        this.label(network)?;
        this.sync_folders(&fresh)?;
        drop(this);
        std::fs::rename(&fresh, path)?;
        Ok(sync_folder(path.parent())?)
    }

    /// The keyspaces of a database; those that it lacks are made.
    fn of(db: Database, options: &Options) -> Result<Self, fjall::Error> {
        let memtable_bytes_max = options.memtable_bytes_max;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(memtable_bytes_max);
        let keyspace = |name: &str| db.keyspace(name, options);
        Ok(Self {
            meta: keyspace("meta")?,
            journal: keyspace("journal")?,
            blocks: keyspace("blocks")?,
            entries: keyspace("entries")?,
            tiles: keyspace("tiles")?,
            checkpoints: keyspace("checkpoints")?,
            signatures: keyspace("signatures")?,
            bodies: db.keyspace("bodies", || {
                options().with_kv_separation(Some(KvSeparationOptions::default()))
            })?,
            state: keyspace("state")?,
            events: keyspace("events")?,
            ids: keyspace("ids")?,
            values: keyspace("values")?,
            block_ids: keyspace("block-ids")?,
            db,
        })
    }

    /// Makes the folders of the database durable in the folders above them. fjall syncs what is in
    /// its folders and not the folders' own entries: a database that was acknowledged, or one
    /// keyspace of it, could be gone after a power cut.
    fn sync_folders(&self, path: &Path) -> Result<(), fjall::Error> {
        let of_keyspaces = self.meta.path().parent();
        for folder in [of_keyspaces, Some(path), path.parent()] {
            sync_folder(folder)?;
        }
        Ok(())
    }

    /// What the database says it is, written when it says nothing yet.
    pub(crate) fn label(&self, network: &Name) -> Result<String, fjall::Error> {
        if let Some(found) = self.meta.get(FORMAT_KEY)? {
            return Ok(String::from_utf8_lossy(&found).into_owned());
        }
        let label = expected_label(network);
        self.meta.insert(FORMAT_KEY, label.as_bytes())?;
        self.db.persist(PersistMode::SyncData)?;
        Ok(label)
    }

    /// The receipt signatures of the checkpoint at a height.
    pub(crate) fn head_signatures(
        &self,
        height: Height,
    ) -> Result<Option<HeadSignatures>, ReadError> {
        let Some(value) = self.signatures.get(number(height.0))? else {
            return Ok(None);
        };
        let what = || format!("receipt signatures {height}");
        let found: HeadSignatures = wire::decode(&value).map_err(|e| ReadError::row(what(), e))?;
        if found.height == height {
            Ok(Some(found))
        } else {
            let reason = format!("expected height {height}, found {}", found.height);
            Err(ReadError::row(what(), reason))
        }
    }

    /// A batch that is durable when its commit returns.
    pub(crate) fn durable_batch(&self) -> OwnedWriteBatch {
        self.db.batch().durability(Some(PersistMode::SyncData))
    }

    /// A batch that is durable with the next durable one.
    pub(crate) fn lazy_batch(&self) -> OwnedWriteBatch {
        self.db.batch()
    }

    /// Adds everything a block writes but its index rows, each keyspace in the order of its keys.
    pub(crate) fn add_commit(&self, batch: &mut OwnedWriteBatch, commit: &Commit) {
        let block = &commit.block;
        let record = wire::encode(block);
        batch.insert(&self.blocks, number(block.height.0), &record[..]);
        if let Some(key) = block_ids::key_of(block) {
            batch.insert(&self.block_ids, key, number(block.height.0));
        }
        for (index, entry) in (commit.first_leaf.0..).zip(&commit.entries) {
            batch.insert(&self.entries, number(index), &entry[..]);
        }
        for (level, index, hash) in &commit.tile_hashes {
            batch.insert(&self.tiles, tile(*level, *index), hash.0);
        }
        for (key, value) in &commit.state_rows {
            batch.insert(&self.state, &key[..], &value[..]);
        }
        events::add(self, batch, commit);
    }

    /// Where the next entry will stand.
    pub(crate) fn end(&self) -> Result<LeafIndex, ReadError> {
        let Some(guard) = self.entries.last_key_value() else {
            return Ok(LeafIndex(0));
        };
        Ok(LeafIndex(read_number(&guard.key()?)? + 1))
    }

    /// How many leaf hashes there are, as far as the last one says.
    pub(crate) fn leaf_hashes(&self) -> Result<u64, ReadError> {
        let mut leaves = self.tiles.range(tile(0, 0)..=tile(0, u64::MAX));
        let last = leaves.next_back().map(|guard| guard.key()).transpose()?;
        last.map_or(Ok(0), |key| Ok(read_number(&key[1..])? + 1))
    }

    /// Height of the newest checkpoint.
    pub(crate) fn newest_note(&self) -> Result<Option<Height>, ReadError> {
        last_height(&self.checkpoints)
    }

    /// Height of the newest receipt signatures.
    pub(crate) fn newest_signed(&self) -> Result<Option<Height>, ReadError> {
        last_height(&self.signatures)
    }

    /// All entries before this one have their index rows in the database.
    pub(crate) fn indexed(&self) -> Result<LeafIndex, ReadError> {
        let found = self.meta.get(INDEXED_KEY)?;
        found.map_or(Ok(LeafIndex(0)), |n| read_number(&n).map(LeafIndex))
    }

    /// Remembers how far the index was written; durable with the next block at the latest, and
    /// until then the rows are written again.
    pub(crate) fn set_indexed(&self, end: LeafIndex) -> Result<(), fjall::Error> {
        self.meta.insert(INDEXED_KEY, number(end.0))
    }

    /// Whether the block ids of all blocks stand in their keyspace.
    pub(crate) fn has_block_ids(&self) -> Result<bool, fjall::Error> {
        self.meta.contains_key(BLOCK_IDS_KEY)
    }

    /// Remembers that they do.
    pub(crate) fn set_block_ids(&self) -> Result<(), fjall::Error> {
        self.meta.insert(BLOCK_IDS_KEY, [1])
    }

    /// The newest block record.
    pub(crate) fn last_block(&self) -> Result<Option<StoredBlock>, ReadError> {
        let Some(guard) = self.blocks.last_key_value() else {
            return Ok(None);
        };
        let (key, value) = guard.into_inner()?;
        decode_block(Height(read_number(&key)?), &value).map(Some)
    }

    /// The block record at a height.
    pub(crate) fn block(&self, height: Height) -> Result<Option<StoredBlock>, ReadError> {
        let value = self.blocks.get(number(height.0))?;
        value.map(|v| decode_block(height, &v)).transpose()
    }
}

fn sync_folder(folder: Option<&Path>) -> std::io::Result<()> {
    let folder = folder.expect("the database lies in the folder of its node");
    File::open(folder)?.sync_all()
}

fn database(path: &Path, options: &Options) -> Result<Database, fjall::Error> {
    Database::builder(path)
        .worker_threads(1)
        .journal_compression(JOURNAL_COMPRESSION)
        .cache_size(options.cache_bytes)
        .open()
}

/// A read that did not give what was once written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Database(#[from] fjall::Error),
    #[error("{what}: {reason}")]
    Row { what: String, reason: String },
}

impl ReadError {
    /// A row that is there and wrong.
    pub(crate) fn row(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Row {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}

pub(crate) fn decode_block(height: Height, bytes: &[u8]) -> Result<StoredBlock, ReadError> {
    let what = || format!("block record {height}");
    let block: StoredBlock = wire::decode(bytes).map_err(|e| ReadError::row(what(), e))?;
    if block.height == height {
        Ok(block)
    } else {
        let reason = format!("expected height {height}, found {}", block.height);
        Err(ReadError::row(what(), reason))
    }
}

/// What the database of a network says it is.
pub(crate) fn expected_label(network: &Name) -> String {
    format!("wutong {FORMAT} {network}")
}

/// Bytes of an index key of a value at a position.
pub(crate) const PLACE_BYTES: usize = TRUNCATED_BYTES + 8;

fn last_height(rows: &Keyspace) -> Result<Option<Height>, ReadError> {
    let last = rows.last_key_value().map(|guard| guard.key()).transpose()?;
    last.map(|key| read_number(&key).map(Height)).transpose()
}

/// Key of a number.
pub(crate) fn number(n: u64) -> [u8; 8] {
    n.to_be_bytes()
}

/// The number of a key.
pub(crate) fn read_number(key: &[u8]) -> Result<u64, ReadError> {
    let bytes = key.try_into();
    bytes.map(u64::from_be_bytes).map_err(|_| {
        let reason = format!("expected 8 bytes, found {}", key.len());
        ReadError::row("numbered key", reason)
    })
}

/// Key of a tile hash.
pub(crate) fn tile(level: u8, index: u64) -> [u8; 9] {
    let mut key = [level; 9];
    key[1..].copy_from_slice(&number(index));
    key
}

/// Bytes of a statement id that stand in its index key. A second statement with the same ones
/// costs 2^80 hashes to make, and a block could then hold its first statement twice.
pub(crate) const ID_BYTES: usize = 20;

/// Index key of a statement id. One statement stands in one place, so that a look-up is one point
/// read, which a filter answers for statements that are not there: every new one is looked up.
pub(crate) fn id_key(id: &Hash) -> [u8; ID_BYTES] {
    let mut key = [0; ID_BYTES];
    key.copy_from_slice(&id.0[..ID_BYTES]);
    key
}

/// Index key of a digest at a position.
pub(crate) fn place(digest: &Hash, at: LeafIndex) -> [u8; PLACE_BYTES] {
    let mut key = [0; PLACE_BYTES];
    key[..TRUNCATED_BYTES].copy_from_slice(&digest.0[..TRUNCATED_BYTES]);
    key[TRUNCATED_BYTES..].copy_from_slice(&number(at.0));
    key
}
