//! Calls of the node with the answer awaited and the inputs checked.

use crate::Node;
use crate::problem::HttpProblem;
use axum::extract::{FromRequestParts, Path, Query as UrlQuery};
use axum::http::request::Parts;
use bus::api::{Answer, Query, SubmitAnswer};
use bytes::Bytes;
use messages::hash::Hash;
use messages::ids::{Height, StatementId};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Longest that a query may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest that an answer to a submission may stay out once its wait ended.
const SUBMIT_GRACE: Duration = Duration::from_secs(10);

/// Asks the node; a problem is the error.
pub(crate) async fn ask(node: &Node, query: Query) -> Result<Answer, HttpProblem> {
    let (reply, answer) = oneshot::channel();
    // A client that hung up has dropped the receiver, and needs no answer.
    node.query(query, Box::new(move |answer| drop(reply.send(answer))));
    match timeout(QUERY_TIMEOUT, answer).await {
        Ok(Ok(Answer::Problem(problem))) => Err(problem.into()),
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(HttpProblem::no_answer()),
    }
}

/// Submits a statement and awaits the answer, `wait_ms` and a little longer.
pub(crate) async fn submit(
    node: &Node,
    entry: Bytes,
    wait_ms: u64,
) -> Result<SubmitAnswer, HttpProblem> {
    let (reply, answer) = oneshot::channel();
    let wait = (wait_ms > 0).then_some(wait_ms);
    node.submit(entry, wait, Box::new(move |a| drop(reply.send(a))));
    match timeout(Duration::from_millis(wait_ms) + SUBMIT_GRACE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(HttpProblem::no_answer()),
    }
}

/// The one variable segment of a path, percent-decoded.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = HttpProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpProblem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(segment)) => Ok(Self(segment)),
            Err(error) => Err(HttpProblem::malformed(
                "path",
                format!("path: expected percent-encoded UTF-8, found {error}"),
                "Encode the path as UTF-8.",
            )),
        }
    }
}

impl Segment {
    /// The segment as a statement id.
    pub(crate) fn id(&self) -> Result<StatementId, HttpProblem> {
        StatementId::from_hex(&self.0).ok_or_else(|| {
            HttpProblem::malformed(
                "id",
                format!("id: expected 64 hexadecimal characters, found {:?}", self.0),
                "Use the id that the submission answered, or look a digest up at /v1/lookup.",
            )
        })
    }

    /// The segment as a height.
    pub(crate) fn height(&self) -> Result<Height, HttpProblem> {
        decimal(&self.0).map(Height).ok_or_else(|| {
            HttpProblem::malformed(
                "height",
                format!(
                    "height: expected a decimal number from 0, found {:?}",
                    self.0
                ),
                "Ask /v1/health for the last height.",
            )
        })
    }
}

/// The parameters of a URL; each may be given once, and unknown ones are refused.
pub(crate) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = HttpProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpProblem> {
        match UrlQuery::<Vec<(String, String)>>::from_request_parts(parts, state).await {
            Ok(UrlQuery(pairs)) => Ok(Self(pairs)),
            Err(error) => Err(HttpProblem::malformed(
                "query",
                format!("query: expected name=value pairs, found {error}"),
                "Write parameters as name=value, percent-encoded.",
            )),
        }
    }
}

impl Parameters {
    /// The value of `name`, the only parameter that the route has.
    pub(crate) fn only(&self, name: &str) -> Result<Option<&str>, HttpProblem> {
        let unknown = self.0.iter().find(|(found, _)| found != name);
        if let Some((found, _)) = unknown.or(self.0.get(1)) {
            return Err(HttpProblem::malformed(
                found,
                format!("query: expected {name} at most once and nothing else, found {found:?}"),
                "Remove the parameter.",
            ));
        }
        Ok(self.0.first().map(|(_, value)| value.as_str()))
    }

    /// The value of the hash parameter `name`.
    pub(crate) fn hash(&self, name: &str) -> Result<Hash, HttpProblem> {
        let text = self.only(name)?;
        text.and_then(Hash::from_hex).ok_or_else(|| {
            HttpProblem::malformed(
                name,
                format!(
                    "{name}: expected 64 hexadecimal characters, found {:?}",
                    text.unwrap_or("")
                ),
                "Give the digest or commitment as logged; a salted deposit is found only by its \
                 commitment, which needs the salt in its receipt.",
            )
        })
    }
}

/// A decimal number of digits alone.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
