//! Opening the storage of a node.

use crate::failure::FailureHook;
use crate::index::{self, Tail};
use crate::journal::FjallJournal;
use crate::keyspaces::{Keyspaces, ReadError, expected_label, number};
use crate::record::anchor;
use crate::store::{Expected, FjallStore};
use crate::verify::{Chain, last_seq, verify_chain, verify_ends, verify_head};
use crate::vote_state::{Standing, VoteState, VoteStateFile};
use crate::writer::{ChainEnd, Shared, Work, Writer, WriterHandle};
use bus::ports::{BodyStore, Completion, Journal, Store, StoredBlock};
use messages::ids::{Height, Name};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

/// Folder of the database within the node's directory.
const DATABASE_FOLDER: &str = "db";

/// Why the storage of a node cannot be opened. None of these passes by waiting, but for a
/// database that another process holds open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no node here.
    #[error("{dir}: no node was initialised here")]
    NotInitialised {
        /// The directory.
        dir: PathBuf,
    },
    /// There is a node here already.
    #[error("{dir}: a node was initialised here before")]
    AlreadyInitialised {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory belongs to another network, or its database has another layout.
    #[error("expected the storage of {expected}, found {found}")]
    OtherNetwork {
        /// What was asked for.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Committed data is not what was written.
    #[error("{place}: {what}")]
    Corrupt {
        /// What is wrong.
        what: String,
        /// Where.
        place: String,
    },
    /// The database does not open or cannot be read.
    #[error("database: {0}")]
    Database(#[from] fjall::Error),
    /// A file or folder beside the database cannot be used.
    #[error("{path}: {error}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Database(error) => Self::Database(error),
            ReadError::Row { what, reason } => Self::Corrupt {
                what: reason,
                place: what,
            },
        }
    }
}

/// How a node's storage is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Cache of the database, in bytes.
    pub cache_bytes: u64,
    /// Most bytes that a keyspace holds in memory before it writes a table. Each database keeps
    /// the number it was created with.
    pub memtable_bytes_max: u64,
    /// When set, journal records that the newest block but this many needs no more are removed.
    pub retain_heights: Option<u64>,
    /// Index rows that gather in memory before they are written as one sorted run.
    pub index_run_rows: usize,
    /// The node is known to have run: an empty directory is a loss, not a mistake.
    pub expect_existing: bool,
    /// What happens when a write or a read fails.
    pub failure: FailureHook,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 32 << 20,
            // There are ten keyspaces per node, and a demonstration runs several nodes in one
            // process.
            memtable_bytes_max: 16 << 20,
            retain_heights: None,
            index_run_rows: 65_536,
            expect_existing: false,
            failure: FailureHook::default(),
        }
    }
}

/// Whether the node remembers everything it may have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalHealth {
    /// It does; or it forgot once and knows the floor below which it must not sign.
    Intact,
    /// It does not, and may sign nothing until it knows a floor
    /// ([`FjallNode::set_amnesia_floor`]).
    Amnesiac {
        /// What was found, for people.
        reason: String,
    },
}

/// The opened storage of a node.
pub struct Opened {
    /// The journal.
    pub journal: Arc<dyn Journal>,
    /// The store.
    pub store: Arc<dyn Store>,
    /// The bodies.
    pub bodies: Arc<dyn BodyStore>,
    /// Whether the node may vote.
    pub health: JournalHealth,
    /// Below this height the node must sign nothing, for it forgot once.
    pub floor: Option<Height>,
    /// What the ports do not have.
    pub node: FjallNode,
}

/// The storage of one node: what its ports do not have. The directory is free again when this and
/// both ports are dropped.
pub struct FjallNode {
    keyspaces: Keyspaces,
    writer: Arc<WriterHandle>,
    standing: Mutex<Standing>,
}

impl FjallNode {
    /// Creates the storage of a new node.
    ///
    /// # Errors
    /// When there is one already, or the directory cannot be written.
    pub fn init(dir: &Path, network: &Name) -> Result<(), OpenError> {
        Self::init_with(dir, network, &Options::default())
    }

    /// Creates the storage of a new node, with options for its database.
    ///
    /// # Errors
    /// When there is one already, or the directory cannot be written.
    pub fn init_with(dir: &Path, network: &Name, options: &Options) -> Result<(), OpenError> {
        let found = VoteStateFile::open(dir).map_err(|e| file_error(dir, e))?;
        if found.is_some() || dir.join(DATABASE_FOLDER).exists() {
            return Err(OpenError::AlreadyInitialised { dir: dir.into() });
        }
        std::fs::create_dir_all(dir).map_err(|e| file_error(dir, e))?;
        // First the vote-state file: a stop before the database exists leaves a node that has
        // signed nothing, and its first opening makes the database.
        let mut state = VoteState::first(network);
        VoteStateFile::create(dir, &mut state).map_err(|e| file_error(dir, e))?;
        Ok(Keyspaces::create(
            &dir.join(DATABASE_FOLDER),
            network,
            options,
        )?)
    }

    /// Opens the storage of a node and checks it.
    ///
    /// # Errors
    /// When there is none, it is another network's, or committed data is damaged. Damage to the
    /// journal is no error: [`Opened::health`] tells it.
    pub fn open(dir: &Path, network: &Name, options: Options) -> Result<Opened, OpenError> {
        let found = VoteStateFile::open(dir).map_err(|e| file_error(dir, e))?;
        let database = dir.join(DATABASE_FOLDER);
        if found.is_none() && !database.exists() && !options.expect_existing {
            return Err(OpenError::NotInitialised { dir: dir.into() });
        }
        std::fs::create_dir_all(dir).map_err(|e| file_error(dir, e))?;
        let rows = Keyspaces::open(&database, network, &options)?;
        expect_network(expected_label(network), rows.label(network)?)?;
        let head = rows.last_block()?;
        verify_ends(&rows, head.as_ref())?;
        if let Some(head) = &head {
            verify_head(&rows, head)?;
        }
        let ground = Ground {
            dir,
            network,
            rows: &rows,
            head: head.as_ref(),
        };
        let trusted = ground.trust(found)?;
        drop_journal_below(&rows, trusted.state.first_seq)?;
        index::block_ids::complete(&rows, head.as_ref())?;
        let tail = Tail::open(&rows, options.index_run_rows, options.failure.clone())?;
        let opened = assemble(rows, tail, trusted, head, options);
        opened.map_err(|e| file_error(dir, e))
    }

    /// Below which height the node must sign nothing; none when it never forgot, or when it
    /// forgot and does not know yet.
    pub fn amnesia_floor(&self) -> Option<Height> {
        floor_of(*self.standing())
    }

    /// Sets the floor of a node that forgot, and calls `done` when it is durable. From the next
    /// opening on the node is [`JournalHealth::Intact`] with this floor.
    pub fn set_amnesia_floor(&self, floor: Height, done: Completion) {
        self.set_standing(Standing::Floor(floor), done);
    }

    /// Says that this node may have signed what its journal does not know, and calls `done` when
    /// that is durable: for a store that is filled from elsewhere.
    pub fn set_amnesiac(&self, done: Completion) {
        self.set_standing(Standing::Amnesiac, done);
    }

    /// Forgets floor and loss, and calls `done` when that is durable: for when the chain has
    /// passed the floor.
    pub fn clear_amnesia(&self, done: Completion) {
        self.set_standing(Standing::Intact, done);
    }

    /// Makes the index of ids and values again from the entries; returns how many statements
    /// there are. Reads and commits may go on meanwhile.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub fn rebuild_index(&self) -> Result<u64, OpenError> {
        Ok(index::rebuild(&self.keyspaces)?)
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing
            .lock()
            .expect("no code panics while it holds the standing")
    }

    fn set_standing(&self, standing: Standing, done: Completion) {
        let mut held = self.standing();
        *held = standing;
        self.writer.send(Work::Standing { standing, done });
    }
}

/// Starts the writer and puts the ports around it.
fn assemble(
    keyspaces: Keyspaces,
    tail: Tail,
    trusted: Trusted,
    head: Option<StoredBlock>,
    options: Options,
) -> std::io::Result<Opened> {
    let Trusted {
        file,
        state,
        end,
        loss,
    } = trusted;
    let (standing, health) = (state.standing, health_of(&state, loss));
    let expected = Expected::after(head.as_ref());
    let shared = Arc::new(Shared {
        head: RwLock::new(head),
        ..Shared::default()
    });
    let tail = Arc::new(tail);
    let writer = Writer {
        keyspaces: keyspaces.clone(),
        file,
        state,
        end,
        shared: shared.clone(),
        tail: tail.clone(),
        retain_heights: options.retain_heights,
        oldest_seq: None,
        failure: options.failure.clone(),
    };
    let writer = Arc::new(writer.start()?);
    let journal = FjallJournal {
        keyspaces: keyspaces.clone(),
        writer: writer.clone(),
        next_seq: Mutex::new(end.next_seq),
        failure: options.failure.clone(),
    };
    let store = FjallStore {
        keyspaces: keyspaces.clone(),
        writer: writer.clone(),
        shared,
        tail,
        expected: Mutex::new(expected),
        failure: options.failure,
    };
    let store = Arc::new(store);
    Ok(Opened {
        journal: Arc::new(journal),
        bodies: store.clone(),
        store,
        health,
        floor: floor_of(standing),
        node: FjallNode {
            keyspaces,
            writer,
            standing: Mutex::new(standing),
        },
    })
}

/// What was found to build on.
struct Trusted {
    file: VoteStateFile,
    state: VoteState,
    end: ChainEnd,
    /// What was lost, when it was found just now.
    loss: Option<String>,
}

/// What the judgement needs.
struct Ground<'a> {
    dir: &'a Path,
    network: &'a Name,
    rows: &'a Keyspaces,
    head: Option<&'a StoredBlock>,
}

impl Ground<'_> {
    /// Judges the journal by the vote-state file, and begins a new chain when either is damaged.
    fn trust(
        &self,
        found: Option<(VoteStateFile, Option<VoteState>)>,
    ) -> Result<Trusted, OpenError> {
        let Some((file, state)) = found else {
            let reason = "the vote-state file is missing";
            return self.restart(None, None, reason.into());
        };
        let Some(state) = state else {
            let reason = "neither slot of the vote-state file is valid";
            return self.restart(Some(file), None, reason.into());
        };
        expect_network(self.network.to_string(), state.network.to_string())?;
        match verify_chain(self.rows, &state, self.head)? {
            Chain::Broken(reason) => self.restart(Some(file), Some(state), reason),
            Chain::Whole(end) => Ok(Trusted {
                file,
                state,
                end,
                loss: None,
            }),
        }
    }

    /// Begins a new chain behind everything that was, and remembers durably that something was
    /// lost. The records of the old chain are removed afterwards: a stop between the two leaves
    /// them below the chain's beginning, where the next opening removes them.
    fn restart(
        &self,
        file: Option<VoteStateFile>,
        old: Option<VoteState>,
        reason: String,
    ) -> Result<Trusted, OpenError> {
        tracing::error!(
            reason,
            "the journal is damaged; this node signs nothing for now"
        );
        let replay_from = self.head.map_or(1, |b| b.replay_from);
        let watermark = old.as_ref().map_or(0, |s| s.seq);
        let first_seq = last_seq(self.rows)?.max(watermark).max(replay_from - 1) + 1;
        let mut state = VoteState {
            counter: old.map_or(0, |s| s.counter),
            seq: first_seq - 1,
            hash: anchor(self.network, first_seq),
            head: self.head.map(|b| b.height),
            first_seq,
            standing: Standing::Amnesiac,
            ..VoteState::first(self.network)
        };
        let written = match file {
            Some(file) => file.write_both(&mut state).map(|()| file),
            None => VoteStateFile::create(self.dir, &mut state),
        };
        Ok(Trusted {
            file: written.map_err(|e| file_error(self.dir, e))?,
            end: ChainEnd {
                next_seq: first_seq,
                hash: state.hash,
            },
            state,
            loss: Some(reason),
        })
    }
}

fn health_of(state: &VoteState, loss: Option<String>) -> JournalHealth {
    match (state.standing, loss) {
        (_, Some(reason)) => JournalHealth::Amnesiac { reason },
        (Standing::Amnesiac, None) => JournalHealth::Amnesiac {
            reason: "a loss was found before, and no floor was set since".into(),
        },
        (Standing::Intact | Standing::Floor(_), None) => JournalHealth::Intact,
    }
}

fn floor_of(standing: Standing) -> Option<Height> {
    match standing {
        Standing::Floor(height) => Some(height),
        Standing::Intact | Standing::Amnesiac => None,
    }
}

fn expect_network(expected: String, found: String) -> Result<(), OpenError> {
    if expected == found {
        Ok(())
    } else {
        Err(OpenError::OtherNetwork { expected, found })
    }
}

/// Removes what an abandoned chain left.
fn drop_journal_below(rows: &Keyspaces, first_seq: u64) -> Result<(), OpenError> {
    let mut batch = rows.durable_batch();
    for guard in rows.journal.range(..number(first_seq)) {
        batch.remove(&rows.journal, guard.key()?);
    }
    Ok(batch.commit()?)
}

fn file_error(path: &Path, error: std::io::Error) -> OpenError {
    OpenError::File {
        path: path.into(),
        error,
    }
}
