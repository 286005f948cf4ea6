//! Queries.

use crate::Node;
use crate::asking::{Parameters, Segment, ask};
use crate::problem::HttpProblem;
use crate::views::{BlockJson, HealthJson, LookupJson, PendingView, StatementJson, ValidatorsJson};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus::api::{Answer, Query};

/// Media type of all text answers.
const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];

pub(crate) type Answered = Result<Response, HttpProblem>;

/// `GET /v1/statements/{id}`.
pub(crate) async fn statement(State(node): State<Node>, segment: Segment) -> Answered {
    match ask(&node, Query::Statement(segment.id()?)).await? {
        Answer::Statement(view) => Ok(Json(StatementJson::from(&view)).into_response()),
        Answer::Waiting(id) => Ok(waiting(PendingView::new(&id))),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/statements/{id}/receipt`.
pub(crate) async fn receipt(State(node): State<Node>, segment: Segment) -> Answered {
    match ask(&node, Query::Receipt(segment.id()?)).await? {
        Answer::Receipt(committed) => Ok((TEXT, committed.receipt).into_response()),
        Answer::Waiting(id) => Ok(waiting(PendingView::new(&id))),
        _ => Err(HttpProblem::no_answer()),
    }
}

pub(crate) fn waiting(view: PendingView) -> Response {
    let retry = [(header::RETRY_AFTER, "1")];
    (StatusCode::ACCEPTED, retry, Json(view)).into_response()
}

/// `GET /v1/lookup?value=HEX`.
pub(crate) async fn lookup(State(node): State<Node>, parameters: Parameters) -> Answered {
    let value = parameters.hash("value")?;
    match ask(&node, Query::Lookup(value)).await? {
        Answer::Lookup(found) if found.is_empty() => Err(HttpProblem::new(
            StatusCode::NOT_FOUND,
            "nothing-lodged",
            format!("no statement here lodges {value}"),
            "A salted deposit is found only by its commitment: compute it from the document and \
             the salt in its receipt (`wutong show lookup FILE --receipt R`).",
        )
        .about("value")),
        Answer::Lookup(found) => Ok(Json(LookupJson::new(&value, &found)).into_response()),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/blocks/{height}`.
pub(crate) async fn block(State(node): State<Node>, segment: Segment) -> Answered {
    match ask(&node, Query::Block(segment.height()?)).await? {
        Answer::Block(view) => Ok(Json(BlockJson::from(*view)).into_response()),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /checkpoint` and `GET /v1/checkpoint`.
pub(crate) async fn checkpoint(State(node): State<Node>) -> Answered {
    match ask(&node, Query::Checkpoint).await? {
        Answer::Checkpoint(note) => Ok((TEXT, note).into_response()),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/policy`.
pub(crate) async fn policy(State(node): State<Node>) -> Answered {
    match ask(&node, Query::Policy).await? {
        Answer::Policy(text) => Ok((TEXT, text).into_response()),
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
