//! Calls of the node with the answer awaited and the inputs checked.

use crate::Node;
use crate::problem::HttpProblem;
use crate::tracing::SubmitSpan;
pub(crate) use adapters_surface::decimal;
use axum::extract::{FromRequestParts, Path, Query as UrlQuery};
use axum::http::request::Parts;
use bus::api::{Answer, Query, SubmitAnswer};
use bytes::Bytes;
use messages::hash::Hash;
use messages::ids::{Height, StatementId};
use opentelemetry::context::FutureExt;
use std::time::Duration;

/// Asks the node; a problem is the error.
pub(crate) async fn ask(node: &Node, query: Query) -> Result<Answer, HttpProblem> {
    Ok(adapters_surface::ask(&**node, query).await?)
}

/// The same with another patience.
pub(crate) async fn ask_within(
    node: &Node,
    query: Query,
    patience: Duration,
) -> Result<Answer, HttpProblem> {
    Ok(adapters_surface::ask_within(&**node, query, patience).await?)
}

/// Submits a statement and awaits the answer, `wait_ms` and a little longer.
pub(crate) async fn submit(
    node: &Node,
    entry: Bytes,
    wait_ms: u64,
    span: &SubmitSpan,
) -> Result<SubmitAnswer, HttpProblem> {
    let answer = adapters_surface::submit(&**node, entry, wait_ms);
    Ok(answer.with_context(span.context()).await?)
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

/// The variable segments of a path, percent-decoded.
pub(crate) struct Segments<const N: usize>(pub(crate) [String; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Segments<N> {
    type Rejection = HttpProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpProblem> {
        let found = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let error = match found {
            Ok(Path(pairs)) => {
                let values: Vec<String> = pairs.into_iter().map(|(_, value)| value).collect();
                match values.try_into() {
                    Ok(values) => return Ok(Self(values)),
                    Err(_) => "other segments".to_owned(),
                }
            }
            Err(error) => error.to_string(),
        };
        Err(HttpProblem::malformed(
            "path",
            format!("path: expected percent-encoded UTF-8, found {error}"),
            "Encode the path as UTF-8.",
        ))
    }
}

impl Segment {
    /// The segment as it is.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The segment as a number called `field`.
    pub(crate) fn number(&self, field: &str, next_step: &str) -> Result<u64, HttpProblem> {
        decimal(&self.0).ok_or_else(|| not_a_number(field, &self.0, next_step))
    }

    /// The segment as a statement id.
    pub(crate) fn id(&self) -> Result<StatementId, HttpProblem> {
        Ok(adapters_surface::statement_id(&self.0)?)
    }

    /// The segment as a height or, with 64 characters, as the id of a block.
    pub(crate) fn height_or_id(&self) -> Result<HeightOrId, HttpProblem> {
        if let Some(id) = Hash::from_hex(&self.0) {
            return Ok(HeightOrId::Id(id));
        }
        let height = decimal(&self.0).map(|height| HeightOrId::Height(Height(height)));
        height.ok_or_else(|| {
            HttpProblem::malformed(
                "height",
                format!(
                    "height: expected a decimal number from 0, or a block id of 64 hexadecimal \
                     characters, found {:?}",
                    self.0
                ),
                "Ask /v1/health for the last height.",
            )
        })
    }
}

/// What names a block.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HeightOrId {
    /// Its height.
    Height(Height),
    /// Its id.
    Id(Hash),
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
    /// Refuses parameters that the route has not, and those given twice.
    pub(crate) fn allow(&self, names: &[&str]) -> Result<(), HttpProblem> {
        let is_known = |name: &str| names.contains(&name);
        let again = |i: usize, name: &str| self.0[..i].iter().any(|(n, _)| n == name);
        let mut found = self.0.iter().enumerate();
        let refused = found.find(|(i, (name, _))| !is_known(name) || again(*i, name));
        let Some((_, (found, _))) = refused else {
            return Ok(());
        };
        let expected = if names.is_empty() {
            "no parameters".to_owned()
        } else {
            format!("{}, each at most once", names.join(", "))
        };
        Err(HttpProblem::malformed(
            found,
            format!("query: expected {expected}; found {found:?}"),
            "Remove the parameter.",
        ))
    }

    /// The value of `name`, the only parameter that the route has.
    pub(crate) fn only(&self, name: &str) -> Result<Option<&str>, HttpProblem> {
        self.allow(&[name])?;
        Ok(self.text(name))
    }

    /// The value of `name` as it is.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value of the number `name`.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, HttpProblem> {
        let number = |text| {
            decimal(text).ok_or_else(|| not_a_number(name, text, "Give a number, or leave it out."))
        };
        self.text(name).map(number).transpose()
    }

    /// The value of the number `name`, which must be given.
    pub(crate) fn needed(&self, name: &str, next_step: &str) -> Result<u64, HttpProblem> {
        let text = self.text(name).unwrap_or_default();
        decimal(text).ok_or_else(|| not_a_number(name, text, next_step))
    }

    /// The value of the hash parameter `name`.
    pub(crate) fn hash(&self, name: &str) -> Result<Hash, HttpProblem> {
        Ok(adapters_surface::logged_hash(name, self.text(name))?)
    }
}

fn not_a_number(field: &str, found: &str, next_step: &str) -> HttpProblem {
    let detail = format!("{field}: expected a decimal number from 0, found {found:?}");
    HttpProblem::malformed(field, detail, next_step)
}
