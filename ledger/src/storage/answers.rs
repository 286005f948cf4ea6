//! Answers to questions about committed data.

mod bodies;
mod log;
mod pages;
mod state;

use super::Storage;
use super::receipts::NoReceipt;
use messages::api::{Answer, BlockView, Problem, ProblemKind, Query, StatementView};
use messages::block::Header;
use messages::cbor::Canonical;
use messages::consensus::CommitCertificate;
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Round, StatementId, TimeMs, TreeSize};
use messages::merkle::Frontier;

impl Storage {
    /// Answers a question; those about the node itself are not for storage.
    pub(super) fn answer(&self, query: &Query) -> Answer {
        match query {
            Query::Receipt(id) => match self.receipt(id) {
                Ok(committed) => Answer::Receipt(Box::new(committed)),
                Err(NoReceipt::NotPublished) => Answer::Waiting(*id),
                Err(NoReceipt::Unknown) => unknown_statement(id),
            },
            Query::Statement(id) => self.statement(id),
            Query::Lookup { value, from, count } => self.lookup(value, *from, *count),
            Query::Block(height) => self.block(*height),
            Query::Checkpoint => match &self.published {
                Some(published) => Answer::Checkpoint(published.note.encode()),
                None => no_checkpoint(),
            },
            Query::CoseReceipt(id) => self.cose_receipt(id),
            Query::PolicyProof => self.policy_proof(),
            Query::Policy => Answer::Policy(self.policy_text.clone()),
            Query::Body { digest, reader } => self.body(digest, reader.as_ref()),
            Query::PolicyChain => self.policy_chain(),
            Query::ReceiptKeys => {
                let validators = self.genesis.validators.iter();
                Answer::ReceiptKeys(validators.map(|v| v.receipt).collect())
            }
            _ => self.answer_reading(query),
        }
    }

    /// Answers about log, history and state.
    fn answer_reading(&self, query: &Query) -> Answer {
        match query {
            Query::Tile(tile) => self.tile(tile),
            Query::Consistency { first, second } => self.consistency(*first, *second),
            Query::Inclusion { index, size } => self.inclusion(*index, *size),
            Query::BlockById(id) => self.block_by_id(id),
            Query::Blocks(page) => self.blocks(*page),
            Query::Entry(index) => self.entry(*index),
            Query::Entries(page) => self.entries(*page),
            Query::Statements(page) => self.statements(*page),
            Query::Outcome(id) => self.outcome(id),
            Query::Identity { key, namespace } => self.identity(key, namespace.as_ref()),
            Query::Namespaces { after, count } => self.namespaces(after.as_ref(), *count),
            Query::ListedKeys {
                namespace,
                after,
                count,
            } => self.listed_keys(namespace, after.as_ref(), *count),
            Query::State(key) => self.state_row(key),
            Query::Events(query) => self.events(query),
            Query::Receipt(_)
            | Query::Statement(_)
            | Query::Lookup { .. }
            | Query::Block(_)
            | Query::Checkpoint
            | Query::Policy
            | Query::Body { .. }
            | Query::PolicyChain
            | Query::PolicyProof
            | Query::ReceiptKeys
            | Query::CoseReceipt(_) => unreachable!("answered before"),
            Query::Validators | Query::Health | Query::PutBody { .. } => {
                unreachable!("other actors answer these")
            }
        }
    }

    fn view(&self, index: LeafIndex) -> Option<StatementView> {
        let entry = self.reader.entry(index)?;
        let height = self.height_of(index)?;
        let time = Header::from_bytes(&self.reader.block(height)?.header)
            .ok()?
            .time;
        let id = StatementId::of_entry(&entry);
        Some(StatementView {
            id,
            entry,
            place: Some((height, index, time)),
        })
    }

    fn statement(&self, id: &StatementId) -> Answer {
        let view = self.reader.position(id).and_then(|index| self.view(index));
        view.map_or_else(|| unknown_statement(id), Answer::Statement)
    }

    fn block(&self, height: Height) -> Answer {
        let view = match height {
            Height(0) => self.genesis_view(),
            _ => self.block_view(height, true),
        };
        view.map_or_else(
            || {
                Answer::Problem(Problem {
                    kind: ProblemKind::NotFound,
                    code: "unknown-height",
                    detail: format!("no block at height {height}; the newest is {}", self.head),
                    field: Some("height".into()),
                    next_step: format!("ask for a height from 0 to {}", self.head),
                })
            },
            |view| Answer::Block(Box::new(view)),
        )
    }

    fn genesis_view(&self) -> Option<BlockView> {
        let stored = self.reader.block(Height(0))?;
        let log_size = TreeSize(u64::from(stored.entry_count));
        let log = Frontier::from_peaks(log_size, stored.peaks).ok()?;
        Some(BlockView {
            height: Height(0),
            id: self.genesis.leaf_hash(),
            time: self.genesis.created,
            proposer: None,
            round: Round(0),
            signers: Vec::new(),
            first_leaf: LeafIndex(0),
            log_size,
            log_root: log.root(),
            state_root: Hash::ZERO,
            statements: Vec::new(),
        })
    }

    /// A block, with its statements when they are wanted.
    fn block_view(&self, height: Height, with_statements: bool) -> Option<BlockView> {
        let stored = self.reader.block(height)?;
        let header = Header::from_bytes(&stored.header).ok()?;
        let certificate = CommitCertificate::from_bytes(&stored.certificate).ok()?;
        let name = |key| self.genesis.validator_by_key(key).map(|v| v.name.clone());
        let count = if with_statements {
            stored.entry_count as usize - 1
        } else {
            0
        };
        let statements = self.reader.entries(stored.first_leaf, count);
        Some(BlockView {
            height,
            id: header.id().0,
            time: TimeMs(header.time.0),
            proposer: name(&header.proposer),
            round: certificate.round,
            signers: certificate
                .signatures
                .iter()
                .filter_map(|(key, _)| name(key))
                .collect(),
            first_leaf: stored.first_leaf,
            log_size: header.log_size,
            log_root: header.log_root,
            state_root: header.state_root,
            statements: statements
                .iter()
                .map(|entry| StatementId::of_entry(entry))
                .zip(stored.outcomes)
                .collect(),
        })
    }
}

pub(super) fn no_checkpoint() -> Answer {
    Answer::Problem(Problem {
        kind: ProblemKind::NotFound,
        code: "no-checkpoint",
        detail: "no checkpoint has a quorum of cosignatures yet".into(),
        field: None,
        next_step: "deposit something, or ask again after the first block".into(),
    })
}

pub(super) fn unknown_statement(id: &StatementId) -> Answer {
    not_found(
        "unknown-statement",
        format!("no statement {id} in this ledger"),
        "id",
        "check the id, or submit the statement",
    )
}

fn problem_not_found(code: &'static str, detail: String, field: &str, next_step: &str) -> Problem {
    Problem {
        kind: ProblemKind::NotFound,
        code,
        detail,
        field: Some(field.into()),
        next_step: next_step.into(),
    }
}

fn not_found(code: &'static str, detail: String, field: &str, next_step: &str) -> Answer {
    Answer::Problem(problem_not_found(code, detail, field, next_step))
}

fn malformed(field: &str, detail: String, next_step: &str) -> Answer {
    Answer::Problem(Problem {
        kind: ProblemKind::Malformed,
        code: "malformed-request",
        ..problem_not_found("", detail, field, next_step)
    })
}
