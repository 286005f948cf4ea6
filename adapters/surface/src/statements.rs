//! Statements and where they stand, as JSON: numbers are integers, hashes and ids hexadecimal, times
//! both for people (RFC 3339, UTC) and for programs (milliseconds since the Unix epoch).

use crate::time_text;
use bus::api::{Committed, StatementView};
use messages::hash::Hash;
use messages::ids::StatementId;
use messages::statement::{DigestAlgorithm, Statement};
use serde::Serialize;

/// Answer to a submission with its receipt.
#[derive(Serialize)]
pub struct CommittedView {
    id: String,
    status: &'static str,
    height: u64,
    index: u64,
    block_time: String,
    block_time_ms: u64,
    receipt: String,
}

impl From<Committed> for CommittedView {
    fn from(committed: Committed) -> Self {
        Self {
            id: committed.id.to_string(),
            status: "committed",
            height: committed.height.0,
            index: committed.index.0,
            block_time: time_text(committed.block_time),
            block_time_ms: committed.block_time.0,
            receipt: committed.receipt,
        }
    }
}

/// A statement that is admitted and has no receipt yet.
#[derive(Serialize)]
pub struct PendingView {
    id: String,
    status: &'static str,
    next_step: String,
}

impl PendingView {
    /// About this statement.
    pub fn new(id: &StatementId) -> Self {
        let next_step = format!(
            "Ask for /v1/statements/{id}/receipt later, or submit the same bytes again: \
             a statement commits once."
        );
        Self {
            id: id.to_string(),
            status: "pending",
            next_step,
        }
    }
}

/// What a deposit says.
#[derive(Serialize)]
struct DepositJson {
    content_type: &'static str,
    issuer: String,
    subject: String,
    key: String,
    network: String,
    namespace: String,
    mode: &'static str,
    algorithm: &'static str,
    value: String,
    declared_time: Option<String>,
    declared_time_ms: Option<u64>,
    not_before: Option<String>,
    references: Vec<String>,
}

impl From<Statement> for DepositJson {
    fn from(statement: Statement) -> Self {
        let deposit = statement.deposit;
        Self {
            content_type: statement.kind.content_type(),
            issuer: statement.issuer,
            subject: statement.subject,
            key: statement.key.to_string(),
            network: deposit.network.to_string(),
            namespace: deposit.namespace.to_string(),
            mode: deposit.lodged.mode().name(),
            algorithm: match deposit.algorithm {
                DigestAlgorithm::Sha256 => "sha-256",
            },
            value: deposit.lodged.value().to_string(),
            declared_time: deposit.declared_time.map(time_text),
            declared_time_ms: deposit.declared_time.map(|time| time.0),
            not_before: deposit.not_before.map(|hash| hash.to_string()),
            references: deposit.references.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A statement and where it stands. `entry` is its bytes in hexadecimal.
#[derive(Serialize)]
pub struct StatementJson {
    id: String,
    status: &'static str,
    height: Option<u64>,
    index: Option<u64>,
    block_time: Option<String>,
    block_time_ms: Option<u64>,
    statement: Option<DepositJson>,
    entry: String,
}

impl From<&StatementView> for StatementJson {
    fn from(view: &StatementView) -> Self {
        let place = view.place;
        Self {
            id: view.id.to_string(),
            status: if place.is_some() {
                "committed"
            } else {
                "pending"
            },
            height: place.map(|(height, _, _)| height.0),
            index: place.map(|(_, index, _)| index.0),
            block_time: place.map(|(_, _, time)| time_text(time)),
            block_time_ms: place.map(|(_, _, time)| time.0),
            statement: Statement::parse(&view.entry).ok().map(Into::into),
            entry: hex::encode(&view.entry),
        }
    }
}

/// Statements that lodge a value, oldest first.
#[derive(Serialize)]
pub struct LookupJson {
    value: String,
    statements: Vec<StatementJson>,
    next: Option<String>,
}

impl LookupJson {
    /// A page; `next` says where the page after it is.
    pub fn new(value: &Hash, statements: &[StatementView], next: Option<String>) -> Self {
        Self {
            value: value.to_string(),
            statements: statements.iter().map(Into::into).collect(),
            next,
        }
    }
}
