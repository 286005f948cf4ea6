//! Namespaces, and what a key may do.

use crate::Node;
use crate::asking::{Parameters, Segment, ask};
use crate::pages::count;
use crate::problem::HttpProblem;
use crate::views::state::{IdentityJson, ListedKeysJson, NamespacesJson};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bus::api::{Answer, Query, Start};
use messages::hash::Hash;
use messages::ids::Name;
use messages::keys::PublicKey;

type Answered = Result<Response, HttpProblem>;

/// `GET /v1/identities/{key}`.
pub(crate) async fn identity(
    State(node): State<Node>,
    segment: Segment,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&["namespace"])?;
    let key = key("key", segment.text())?;
    let namespace = parameters.text("namespace");
    let namespace = namespace.map(|text| name("namespace", text)).transpose()?;
    match ask(&node, Query::Identity { key, namespace }).await? {
        Answer::Identity(view) => Ok(Json(IdentityJson::from(*view)).into_response()),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/namespaces`.
pub(crate) async fn namespaces(State(node): State<Node>, parameters: Parameters) -> Answered {
    parameters.allow(&["after", "count"])?;
    let after = parameters.text("after");
    let after = after.map(|text| name("after", text)).transpose()?;
    let count = count(&parameters)?;
    match ask(&node, Query::Namespaces { after, count }).await? {
        Answer::Namespaces(page) => {
            let next = page.next.as_ref().and_then(last);
            let next = next.map(|name| format!("/v1/namespaces?after={name}&count={count}"));
            Ok(Json(NamespacesJson::new(page.items, next)).into_response())
        }
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/namespaces/{name}/keys`.
pub(crate) async fn listed_keys(
    State(node): State<Node>,
    segment: Segment,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&["after", "count"])?;
    let namespace = name("namespace", segment.text())?;
    let after = parameters.text("after");
    let after = after.map(|text| key("after", text)).transpose()?;
    let count = count(&parameters)?;
    let path = format!("/v1/namespaces/{namespace}/keys");
    let query = Query::ListedKeys {
        namespace,
        after,
        count,
    };
    match ask(&node, query).await? {
        Answer::ListedKeys(page) => {
            let next = page.next.as_ref().and_then(last);
            let next = next.map(|key| format!("{path}?after={key}&count={count}"));
            Ok(Json(ListedKeysJson::new(page.items, next)).into_response())
        }
        _ => Err(HttpProblem::no_answer()),
    }
}

/// The last item of the page before: these pages go upwards.
fn last<T>(next: &Start<T>) -> Option<&T> {
    match next {
        Start::From(last) => Some(last),
        Start::Newest | Start::Before(_) => None,
    }
}

fn name(field: &str, text: &str) -> Result<Name, HttpProblem> {
    Name::try_new(text).map_err(|error| {
        let detail = format!("{field}: {error}");
        HttpProblem::malformed(field, detail, "Take a name from /v1/namespaces.")
    })
}

fn key(field: &str, text: &str) -> Result<PublicKey, HttpProblem> {
    let bytes = Hash::from_hex(text).map(|hash| hash.0);
    bytes.map(PublicKey).ok_or_else(|| {
        HttpProblem::malformed(
            field,
            format!(
                "{field}: expected an Ed25519 key of 64 hexadecimal characters, found {text:?}"
            ),
            "`wutong keygen` prints the public key.",
        )
    })
}
