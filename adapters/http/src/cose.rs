//! Evidence in the COSE forms of RFC 9942 and RFC 9943, and what proves the keys that sign it.

use crate::Node;
use crate::asking::{Segment, ask};
use crate::problem::HttpProblem;
use crate::reading::Answered;
use crate::views::{PolicyProofJson, accepted};
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bus::api::{Answer, Query};
use messages::transparent::STATEMENT_MEDIA_TYPE;

/// `GET /v1/statements/{id}/transparent`: the statement with a quorum of COSE receipts.
pub(crate) async fn transparent(State(node): State<Node>, segment: Segment) -> Answered {
    match ask(&node, Query::CoseReceipt(segment.id()?)).await? {
        Answer::CoseReceipt(bytes) => {
            Ok(([(CONTENT_TYPE, STATEMENT_MEDIA_TYPE)], bytes).into_response())
        }
        Answer::Waiting(id) => Ok(accepted(&id)),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/policy/proof`: the policy entry, which lists the receipt keys, under a checkpoint.
pub(crate) async fn policy_proof(State(node): State<Node>) -> Answered {
    match ask(&node, Query::PolicyProof).await? {
        Answer::PolicyProof(link) => Ok(Json(PolicyProofJson::from(*link)).into_response()),
        _ => Err(HttpProblem::no_answer()),
    }
}
