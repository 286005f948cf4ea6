//! The JSON bodies: numbers are integers, hashes and ids hexadecimal, times both for people
//! (RFC 3339, UTC) and for programs (milliseconds since the Unix epoch).

pub(crate) mod log;
pub(crate) mod state;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus::api::{BlockView, Committed, Health, StatementView, ValidatorStatus};
use messages::ids::{Name, StatementId, TimeMs};
use messages::receipt::PolicyLink;
use messages::report::utc_text;
use messages::statement::{DigestAlgorithm, Statement};
use serde::Serialize;

fn text(time: TimeMs) -> String {
    utc_text(time.seconds())
}

fn names(list: &[Name]) -> Vec<String> {
    list.iter().map(Name::to_string).collect()
}

/// Answer to a submission with its receipt.
#[derive(Serialize)]
pub(crate) struct CommittedView {
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
            block_time: text(committed.block_time),
            block_time_ms: committed.block_time.0,
            receipt: committed.receipt,
        }
    }
}

/// A statement that is admitted and has no receipt yet.
#[derive(Serialize)]
pub(crate) struct PendingView {
    id: String,
    status: &'static str,
    next_step: String,
}

impl PendingView {
    pub(crate) fn new(id: &StatementId) -> Self {
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

    /// As the answer to a question: not yet, ask again.
    pub(crate) fn accepted(self) -> Response {
        let retry = [(header::RETRY_AFTER, "1")];
        (StatusCode::ACCEPTED, retry, Json(self)).into_response()
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
            declared_time: deposit.declared_time.map(text),
            declared_time_ms: deposit.declared_time.map(|time| time.0),
            not_before: deposit.not_before.map(|hash| hash.to_string()),
            references: deposit.references.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A statement and where it stands. `entry` is its bytes in hexadecimal.
#[derive(Serialize)]
pub(crate) struct StatementJson {
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
            block_time: place.map(|(_, _, time)| text(time)),
            block_time_ms: place.map(|(_, _, time)| time.0),
            statement: Statement::parse(&view.entry).ok().map(Into::into),
            entry: hex::encode(&view.entry),
        }
    }
}

#[derive(Serialize)]
struct OutcomeJson {
    id: String,
    code: u32,
}

/// A block.
#[derive(Serialize)]
pub(crate) struct BlockJson {
    height: u64,
    id: String,
    time: String,
    time_ms: u64,
    proposer: Option<String>,
    round: u32,
    signers: Vec<String>,
    first_leaf: u64,
    log_size: u64,
    log_root: String,
    state_root: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    statements: Option<Vec<OutcomeJson>>,
}

impl From<BlockView> for BlockJson {
    fn from(view: BlockView) -> Self {
        let outcome = |(id, code): &(StatementId, u32)| OutcomeJson {
            id: id.to_string(),
            code: *code,
        };
        Self {
            height: view.height.0,
            id: view.id.to_string(),
            time: text(view.time),
            time_ms: view.time.0,
            proposer: view.proposer.map(|name| name.to_string()),
            round: view.round.0,
            signers: names(&view.signers),
            first_leaf: view.first_leaf.0,
            log_size: view.log_size.0,
            log_root: view.log_root.to_string(),
            state_root: view.state_root.to_string(),
            statements: Some(view.statements.iter().map(outcome).collect()),
        }
    }
}

impl BlockJson {
    /// For lists, which leave statements out.
    pub(crate) fn without_statements(view: BlockView) -> Self {
        Self {
            statements: None,
            ..Self::from(view)
        }
    }
}

#[derive(Serialize)]
struct ValidatorJson {
    name: String,
    organisation: String,
    present: bool,
    own: bool,
    height: u64,
    round: u32,
    silent_ms: Option<u64>,
}

/// The validators as the node sees them.
#[derive(Serialize)]
pub(crate) struct ValidatorsJson {
    validators: Vec<ValidatorJson>,
}

impl From<Vec<ValidatorStatus>> for ValidatorsJson {
    fn from(list: Vec<ValidatorStatus>) -> Self {
        let validators = list.into_iter().map(|v| ValidatorJson {
            name: v.name.to_string(),
            organisation: v.organisation,
            present: v.present,
            own: v.own,
            height: v.height.0,
            round: v.round.0,
            silent_ms: v.silent_ms,
        });
        Self {
            validators: validators.collect(),
        }
    }
}

/// How the node is; `published` is the height of the newest checkpoint with a quorum.
#[derive(Serialize)]
pub(crate) struct HealthJson {
    status: &'static str,
    network: String,
    node: String,
    version: &'static str,
    quorum: bool,
    quorum_size: usize,
    missing: Vec<String>,
    height: u64,
    round: u32,
    published: u64,
    log_size: u64,
    log_root: String,
    statements: u64,
    waiting: usize,
    amnesiac: Option<String>,
    voting: bool,
}

impl From<Health> for HealthJson {
    fn from(health: Health) -> Self {
        Self {
            status: if health.quorum { "ok" } else { "no quorum" },
            network: health.network.to_string(),
            node: health.node.to_string(),
            version: health.version,
            quorum: health.quorum,
            quorum_size: health.quorum_size,
            missing: names(&health.missing),
            height: health.height.0,
            round: health.round.0,
            published: health.published.0,
            log_size: health.log_size.0,
            log_root: health.log_root.to_string(),
            statements: health.statements.0,
            waiting: health.waiting,
            amnesiac: health.amnesiac,
            voting: health.voting,
        }
    }
}

/// The policy's entry in the log and what proves it.
#[derive(Serialize)]
pub(crate) struct PolicyProofJson {
    entry: String,
    index: u64,
    path: Vec<String>,
    checkpoint: String,
}

impl From<PolicyLink> for PolicyProofJson {
    fn from(link: PolicyLink) -> Self {
        Self {
            entry: hex::encode(&link.entry),
            index: link.index.0,
            path: link.path.iter().map(ToString::to_string).collect(),
            checkpoint: link.checkpoint,
        }
    }
}
