//! Queries.

use crate::asking::{HeightOrId, Parameters, Segment, ask};
use crate::conditional::{Freshness, Kept, TEXT};
use crate::problem::HttpProblem;
use crate::state::POLICY_S;
use crate::views::{BlockJson, HealthJson, StatementJson, ValidatorsJson, accepted};
use crate::{Node, Surface};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bus::api::{Answer, Query};
use messages::ids::Height;

/// How long a checkpoint may be kept, in seconds.
const CHECKPOINT_S: u32 = 1;

pub(crate) type Answered = Result<Response, HttpProblem>;

/// `GET /v1/statements/{id}`.
pub(crate) async fn statement(
    State(node): State<Node>,
    segment: Segment,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&[])?;
    match ask(&node, Query::Statement(segment.id()?)).await? {
        Answer::Statement(view) => Ok(Json(StatementJson::from(&view)).into_response()),
        Answer::Waiting(id) => Ok(accepted(&id)),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/statements/{id}/receipt`.
pub(crate) async fn receipt(
    State(node): State<Node>,
    kept: Kept,
    segment: Segment,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&[])?;
    match ask(&node, Query::Receipt(segment.id()?)).await? {
        Answer::Receipt(committed) => Ok(kept.answer(TEXT, committed.receipt, Freshness::Ask)),
        Answer::Waiting(id) => Ok(accepted(&id)),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/blocks/{block}`.
pub(crate) async fn block(
    State(surface): State<Surface>,
    kept: Kept,
    segment: Segment,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&[])?;
    let query = match segment.height_or_id()? {
        HeightOrId::Height(height) => Query::Block(height),
        HeightOrId::Id(id) => Query::BlockById(id),
    };
    match ask(&surface.node, query).await? {
        Answer::Block(view) => {
            let is_published = view.height <= surface.published();
            let freshness = Freshness::immutable_if(is_published && view.height > Height(0));
            Ok(kept.json(&BlockJson::from(*view), freshness))
        }
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /checkpoint` and `GET /v1/checkpoint`.
pub(crate) async fn checkpoint(
    State(node): State<Node>,
    kept: Kept,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&[])?;
    match ask(&node, Query::Checkpoint).await? {
        Answer::Checkpoint(note) => Ok(kept.answer(TEXT, note, Freshness::Seconds(CHECKPOINT_S))),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/policy`.
pub(crate) async fn policy(
    State(node): State<Node>,
    kept: Kept,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&[])?;
    match ask(&node, Query::Policy).await? {
        Answer::Policy(text) => Ok(kept.answer(TEXT, text, Freshness::Seconds(POLICY_S))),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/validators`.
pub(crate) async fn validators(State(node): State<Node>) -> Answered {
    match ask(&node, Query::Validators).await? {
        Answer::Validators(list) => Ok(Json(ValidatorsJson::from(list)).into_response()),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/health`: 200 with a quorum, 503 without; the body is the same.
pub(crate) async fn health(State(node): State<Node>) -> Answered {
    let Answer::Health(health) = ask(&node, Query::Health).await? else {
        return Err(HttpProblem::no_answer());
    };
    let status = if health.quorum {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok((status, Json(HealthJson::from(*health))).into_response())
}
