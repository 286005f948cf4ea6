//! The JSON bodies: numbers are integers, hashes and ids hexadecimal, times both for people
//! (RFC 3339, UTC) and for programs (milliseconds since the Unix epoch).

pub(crate) mod log;
pub(crate) mod state;

use adapters_surface::time_text as text;
pub(crate) use adapters_surface::{CommittedView, LookupJson, PendingView, StatementJson};
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus::api::{BlockView, Health, NodeRole, ValidatorStatus};
use messages::ids::{Name, StatementId};
use messages::receipt::PolicyLink;
use serde::Serialize;

fn names(list: &[Name]) -> Vec<String> {
    list.iter().map(Name::to_string).collect()
}

/// As the answer to a question: not yet, ask again.
pub(crate) fn accepted(id: &StatementId) -> Response {
    let retry = [(header::RETRY_AFTER, "1")];
    (StatusCode::ACCEPTED, retry, Json(PendingView::new(id))).into_response()
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
    published: u64,
    silent_ms: Option<u64>,
    version: Option<String>,
    lag_ms: Option<u64>,
    peers: Option<u16>,
    votes: Option<bool>,
    disk_free: Option<u64>,
}

impl From<ValidatorStatus> for ValidatorJson {
    fn from(v: ValidatorStatus) -> Self {
        let about = v.about;
        Self {
            name: v.name.to_string(),
            organisation: v.organisation,
            present: v.present,
            own: v.own,
            height: v.height.0,
            round: v.round.0,
            published: v.published.0,
            silent_ms: v.silent_ms,
            lag_ms: about.as_ref().and_then(|about| about.lag_ms),
            peers: about.as_ref().map(|about| about.peers),
            votes: about.as_ref().map(|about| about.votes),
            disk_free: about.as_ref().and_then(|about| about.disk_free),
            version: about.map(|about| about.version),
        }
    }
}

/// The validators, and the observers that it knows, as the node sees them.
#[derive(Serialize)]
pub(crate) struct ValidatorsJson {
    validators: Vec<ValidatorJson>,
    observers: Vec<ValidatorJson>,
}

impl From<Vec<ValidatorStatus>> for ValidatorsJson {
    fn from(list: Vec<ValidatorStatus>) -> Self {
        let is_validator = |v: &ValidatorStatus| v.role == NodeRole::Validator;
        let (validators, observers): (Vec<_>, Vec<_>) = list.into_iter().partition(is_validator);
        Self {
            validators: validators.into_iter().map(Into::into).collect(),
            observers: observers.into_iter().map(Into::into).collect(),
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
