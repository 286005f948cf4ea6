//! State rows with proofs, and the policies of the network.

use crate::Node;
use crate::asking::{Parameters, Segment, ask};
use crate::conditional::{Freshness, Kept};
use crate::problem::HttpProblem;
use crate::views::state::{PolicyChainJson, StateJson};
use axum::extract::State;
use axum::response::Response;
use bus::api::{Answer, Query};

type Answered = Result<Response, HttpProblem>;

/// How long a policy may be kept, in seconds.
pub(crate) const POLICY_S: u32 = 60;

/// `GET /v1/state/{key}`.
pub(crate) async fn row(
    State(node): State<Node>,
    kept: Kept,
    segment: Segment,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&[])?;
    answer(&node, &kept, segment.text()).await
}

/// `GET /v1/state?key=HEX`.
pub(crate) async fn row_of_key(
    State(node): State<Node>,
    kept: Kept,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&["key"])?;
    answer(&node, &kept, parameters.text("key").unwrap_or_default()).await
}

async fn answer(node: &Node, kept: &Kept, text: &str) -> Answered {
    let key = hex::decode(text).ok().filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| {
        HttpProblem::malformed(
            "key",
            format!("key: expected the bytes of a state key in hexadecimal, found {text:?}"),
            "The key of an identity is `identity/NAMESPACE/` and the 32 bytes of the public key.",
        )
    })?;
    match ask(node, Query::State(key.into())).await? {
        Answer::State(view) => Ok(kept.json(&StateJson::from(*view), Freshness::Ask)),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/policy/chain`.
pub(crate) async fn policy_chain(
    State(node): State<Node>,
    kept: Kept,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&[])?;
    match ask(&node, Query::PolicyChain).await? {
        Answer::PolicyChain(chain) => {
            Ok(kept.json(&PolicyChainJson::from(*chain), Freshness::Seconds(POLICY_S)))
        }
        _ => Err(HttpProblem::no_answer()),
    }
}
