//! Bodies about the log. What stands beside checkpoints is written as they write it: paths, roots
//! and entries in base64.

use super::{BlockJson, StatementJson, text};
use bus::api::{BlockSummary, ConsistencyProof, InclusionProof, NumberedStatement, OutcomeView};
use bytes::Bytes;
use messages::cbor::Canonical;
use messages::hash::Hash;
use messages::ids::{LeafIndex, StatementId};
use messages::note::encode_base64;
use messages::seal::Seal;
use serde::Serialize;

/// First byte of a COSE_Sign1 with its tag: of all entries only statements begin with it.
const STATEMENT_TAG: u8 = 0xd2;

/// Hashes in base64.
pub(crate) fn path(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| encode_base64(&hash.0)).collect()
}

/// Proof that a tree extends another.
#[derive(Serialize)]
pub(crate) struct ConsistencyJson {
    first: u64,
    second: u64,
    first_root: String,
    root: String,
    path: Vec<String>,
}

impl From<ConsistencyProof> for ConsistencyJson {
    fn from(proof: ConsistencyProof) -> Self {
        Self {
            first: proof.first.0,
            second: proof.second.0,
            first_root: encode_base64(&proof.first_root.0),
            root: encode_base64(&proof.root.0),
            path: path(&proof.path),
        }
    }
}

/// Proof that an entry is in the log.
#[derive(Serialize)]
pub(crate) struct InclusionJson {
    index: u64,
    size: u64,
    leaf_hash: String,
    root: String,
    path: Vec<String>,
}

impl From<&InclusionProof> for InclusionJson {
    fn from(proof: &InclusionProof) -> Self {
        Self {
            index: proof.index.0,
            size: proof.size.0,
            leaf_hash: encode_base64(&proof.leaf.0),
            root: encode_base64(&proof.root.0),
            path: path(&proof.path),
        }
    }
}

#[derive(Serialize)]
struct BlockSummaryJson {
    #[serde(flatten)]
    block: BlockJson,
    statement_count: usize,
}

/// A page of blocks.
#[derive(Serialize)]
pub(crate) struct BlocksJson {
    blocks: Vec<BlockSummaryJson>,
    next: Option<String>,
}

impl BlocksJson {
    pub(crate) fn new(items: Vec<BlockSummary>, next: Option<String>) -> Self {
        let blocks = items.into_iter().map(|summary| BlockSummaryJson {
            block: BlockJson::without_statements(summary.block),
            statement_count: summary.statement_count,
        });
        Self {
            blocks: blocks.collect(),
            next,
        }
    }
}

#[derive(Serialize)]
struct EntryJson {
    index: u64,
    kind: &'static str,
    id: Option<String>,
    leaf_hash: String,
    entry: String,
}

impl EntryJson {
    fn new(index: LeafIndex, entry: &Bytes) -> Self {
        let is_statement = entry.first() == Some(&STATEMENT_TAG);
        let kind = if index == LeafIndex(0) {
            "genesis"
        } else if is_statement {
            "statement"
        } else if Seal::from_bytes(entry).is_ok() {
            "seal"
        } else {
            "policy"
        };
        let id = is_statement.then(|| StatementId::of_entry(entry).to_string());
        Self {
            index: index.0,
            kind,
            id,
            leaf_hash: encode_base64(&Hash::leaf(entry).0),
            entry: encode_base64(entry),
        }
    }
}

/// A page of entries.
#[derive(Serialize)]
pub(crate) struct EntriesJson {
    entries: Vec<EntryJson>,
    next: Option<String>,
}

impl EntriesJson {
    pub(crate) fn new(items: &[(LeafIndex, Bytes)], next: Option<String>) -> Self {
        let entries = items.iter().map(|(i, entry)| EntryJson::new(*i, entry));
        Self {
            entries: entries.collect(),
            next,
        }
    }
}

#[derive(Serialize)]
struct NumberedJson {
    ordinal: u64,
    #[serde(flatten)]
    statement: StatementJson,
}

/// A page of statements.
#[derive(Serialize)]
pub(crate) struct StatementsJson {
    statements: Vec<NumberedJson>,
    next: Option<String>,
}

impl StatementsJson {
    /// Numbers count from 1 here, and from 0 within the node.
    pub(crate) fn new(items: &[NumberedStatement], next: Option<String>) -> Self {
        let statements = items.iter().map(|item| NumberedJson {
            ordinal: item.ordinal.0 + 1,
            statement: StatementJson::from(&item.view),
        });
        Self {
            statements: statements.collect(),
            next,
        }
    }
}

/// What became of a statement, and its proof under the seal of its block.
#[derive(Serialize)]
pub(crate) struct OutcomeJson {
    id: String,
    height: u64,
    index: u64,
    block_time: String,
    block_time_ms: u64,
    code: u32,
    done: bool,
    outcome: String,
    position: u64,
    count: u64,
    path: Vec<String>,
    outcomes_root: Option<String>,
    seal: String,
    seal_index: u64,
}

impl From<OutcomeView> for OutcomeJson {
    fn from(view: OutcomeView) -> Self {
        let seal = Seal::from_bytes(&view.seal).ok();
        Self {
            id: view.id.to_string(),
            height: view.height.0,
            index: view.index.0,
            block_time: text(view.block_time),
            block_time_ms: view.block_time.0,
            code: view.code,
            done: view.code == 0,
            outcome: encode_base64(&view.outcome),
            position: view.position,
            count: view.count,
            path: path(&view.path),
            outcomes_root: seal.map(|seal| encode_base64(&seal.outcomes_root.0)),
            seal: encode_base64(&view.seal),
            seal_index: view.seal_index.0,
        }
    }
}
