//! Proofs about the log (RFC 6962 section 2.1).

use crate::Node;
use crate::asking::{Parameters, ask};
use crate::conditional::{Freshness, Kept};
use crate::problem::HttpProblem;
use crate::views::log::{ConsistencyJson, InclusionJson};
use axum::extract::State;
use axum::response::Response;
use bus::api::{Answer, Query};
use messages::ids::{LeafIndex, TreeSize};

/// `GET /v1/proofs/consistency?first=M&second=N`.
pub(crate) async fn consistency(
    State(node): State<Node>,
    kept: Kept,
    parameters: Parameters,
) -> Result<Response, HttpProblem> {
    parameters.allow(&["first", "second"])?;
    let first = TreeSize(parameters.needed("first", "Give the size of the earlier checkpoint.")?);
    let second = parameters.number("second")?.map(TreeSize);
    match ask(&node, Query::Consistency { first, second }).await? {
        Answer::Consistency(proof) => Ok(kept.json(
            &ConsistencyJson::from(*proof),
            Freshness::immutable_if(second.is_some()),
        )),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/proofs/inclusion?index=I&size=N`.
pub(crate) async fn inclusion(
    State(node): State<Node>,
    kept: Kept,
    parameters: Parameters,
) -> Result<Response, HttpProblem> {
    parameters.allow(&["index", "size"])?;
    let index = LeafIndex(parameters.needed("index", "Give the place of an entry in the log.")?);
    let size = parameters.number("size")?.map(TreeSize);
    match ask(&node, Query::Inclusion { index, size }).await? {
        Answer::Inclusion(proof) => Ok(kept.json(
            &InclusionJson::from(&*proof),
            Freshness::immutable_if(size.is_some()),
        )),
        _ => Err(HttpProblem::no_answer()),
    }
}
