//! Refusals as problem details (RFC 9457), with the headers that HTTP wants.

use adapters_surface::Refusal;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bus::api::Problem;
use messages::hash::Hash;
use messages::ids::{Name, StatementId};
use std::ops::Deref;

/// Media type of problem details.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What caches are told of a refusal.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A refusal on its way to the client.
#[derive(Debug)]
pub(crate) struct HttpProblem(Refusal);

impl HttpProblem {
    /// A refusal about nothing in particular.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Self {
        Self(Refusal::new(status, code, detail, next_step))
    }

    /// A 400 about `field`, whose expected form and found value `detail` gives.
    pub(crate) fn malformed(field: &str, detail: String, next_step: &str) -> Self {
        Self(Refusal::malformed(field, detail, next_step))
    }

    /// Names the field that the refusal is about.
    pub(crate) fn about(self, field: &str) -> Self {
        Self(self.0.about(field))
    }

    /// The node admitted the statement, yet too few validators are present to decide.
    pub(crate) fn no_quorum(id: &StatementId, missing: &[Name], quorum: usize) -> Self {
        Self(Refusal::no_quorum(id, missing, quorum))
    }

    /// The node gave no answer, or one to another question.
    pub(crate) fn no_answer() -> Self {
        Self(Refusal::no_answer())
    }

    /// No statement lodges this value.
    pub(crate) fn nothing_lodged(value: &Hash) -> Self {
        Self(Refusal::nothing_lodged(value))
    }
}

impl Deref for HttpProblem {
    type Target = Refusal;

    fn deref(&self) -> &Refusal {
        &self.0
    }
}

impl From<Refusal> for HttpProblem {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<Problem> for HttpProblem {
    fn from(problem: Problem) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for HttpProblem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), axum::Json(&self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        // What is refused now may be there in a moment.
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Answers a path that is none of ours.
pub(crate) async fn unknown_route(uri: Uri) -> HttpProblem {
    HttpProblem::new(
        StatusCode::NOT_FOUND,
        "unknown-route",
        format!("no such path: {}", uri.path()),
        "GET /v1/openapi.json lists all paths.",
    )
    .about("path")
}

/// Answers a path of ours with a method that it has not.
pub(crate) async fn wrong_method(method: Method, uri: Uri) -> HttpProblem {
    HttpProblem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong-method",
        format!("{} does not answer {method}", uri.path()),
        "The Allow header lists the methods.",
    )
    .about("method")
}
