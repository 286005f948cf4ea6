//! Lists, page by page. A page holds at most 100 items; `next` is the path of the page after it.

use crate::Node;
use crate::asking::{Parameters, Segment, ask};
use crate::conditional::{Freshness, Kept, OCTETS};
use crate::problem::HttpProblem;
use crate::views::log::{BlocksJson, EntriesJson, OutcomeJson, StatementsJson};
use crate::views::{LookupJson, accepted};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bus::api::{Answer, PAGE_MAX, Page, Query, Start};
use messages::ids::{Height, LeafIndex, Ordinal};

type Answered = Result<Response, HttpProblem>;

/// Items of a page when the client names no number.
const COUNT_DEFAULT: u64 = 20;

/// How many items a client wants: more than a page holds are cut to a page.
pub(crate) fn count(parameters: &Parameters) -> Result<usize, HttpProblem> {
    count_or(parameters, COUNT_DEFAULT)
}

fn count_or(parameters: &Parameters, default: u64) -> Result<usize, HttpProblem> {
    match parameters.number("count")?.unwrap_or(default) {
        0 => Err(HttpProblem::malformed(
            "count",
            format!("count: expected 1 to {PAGE_MAX}, found 0"),
            "Leave it out for a page of the usual size.",
        )),
        count => Ok(count.min(PAGE_MAX as u64) as usize),
    }
}

/// Where a page begins: at `upwards` when that is given, below `before`, or at the newest.
fn start(parameters: &Parameters, upwards: &str) -> Result<Start<u64>, HttpProblem> {
    parameters.allow(&[upwards, "before", "count"])?;
    match (parameters.number(upwards)?, parameters.number("before")?) {
        (Some(_), Some(_)) => Err(HttpProblem::malformed(
            "before",
            format!("query: expected {upwards} or before, found both"),
            "Use one: pages go upwards from the one and downwards from the other.",
        )),
        (Some(from), None) => Ok(Start::From(from)),
        (None, Some(before)) => Ok(Start::Before(before)),
        (None, None) => Ok(Start::Newest),
    }
}

/// Path of the next page.
fn link(path: &str, upwards: &str, next: Option<Start<u64>>, count: usize) -> Option<String> {
    let (name, value) = match next? {
        Start::From(from) => (upwards, from),
        Start::Before(before) => ("before", before),
        Start::Newest => return Some(path.into()),
    };
    Some(format!("{path}?{name}={value}&count={count}"))
}

fn map<A, B>(start: Start<A>, number: impl Fn(A) -> B) -> Start<B> {
    match start {
        Start::Newest => Start::Newest,
        Start::Before(bound) => Start::Before(number(bound)),
        Start::From(first) => Start::From(number(first)),
    }
}

/// `GET /v1/blocks`.
pub(crate) async fn blocks(State(node): State<Node>, parameters: Parameters) -> Answered {
    let page = Page {
        start: map(start(&parameters, "from")?, Height),
        count: count(&parameters)?,
    };
    match ask(&node, Query::Blocks(page)).await? {
        Answer::Blocks(found) => {
            let next = found.next.map(|next| map(next, |height| height.0));
            let next = link("/v1/blocks", "from", next, page.count);
            Ok(Json(BlocksJson::new(found.items, next)).into_response())
        }
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/entries`.
pub(crate) async fn entries(State(node): State<Node>, parameters: Parameters) -> Answered {
    let page = Page {
        start: map(start(&parameters, "from")?, LeafIndex),
        count: count(&parameters)?,
    };
    match ask(&node, Query::Entries(page)).await? {
        Answer::Entries(found) => {
            let next = found.next.map(|next| map(next, |index| index.0));
            let next = link("/v1/entries", "from", next, page.count);
            Ok(Json(EntriesJson::new(&found.items, next)).into_response())
        }
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/entries/{index}`.
pub(crate) async fn entry(
    State(node): State<Node>,
    kept: Kept,
    segment: Segment,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&[])?;
    let index = LeafIndex(segment.number("index", "Ask /v1/health for the size of the log.")?);
    match ask(&node, Query::Entry(index)).await? {
        Answer::Entry(entry) => Ok(kept.answer(OCTETS, entry, Freshness::Immutable)),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/statements`. Ordinals count from 1 here, and from 0 within the node.
pub(crate) async fn statements(State(node): State<Node>, parameters: Parameters) -> Answered {
    let start = match start(&parameters, "after")? {
        Start::Newest => Start::Newest,
        Start::From(after) => Start::From(Ordinal(after)),
        Start::Before(before) => Start::Before(Ordinal(before.saturating_sub(1))),
    };
    let page = Page {
        start,
        count: count(&parameters)?,
    };
    match ask(&node, Query::Statements(page)).await? {
        Answer::Statements(found) => {
            let next = found.next.map(|next| match next {
                Start::Before(Ordinal(bound)) => Start::Before(bound + 1),
                other => map(other, |ordinal| ordinal.0),
            });
            let next = link("/v1/statements", "after", next, page.count);
            Ok(Json(StatementsJson::new(&found.items, next)).into_response())
        }
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/statements/{id}/outcome`.
pub(crate) async fn outcome(
    State(node): State<Node>,
    kept: Kept,
    segment: Segment,
    parameters: Parameters,
) -> Answered {
    parameters.allow(&[])?;
    match ask(&node, Query::Outcome(segment.id()?)).await? {
        Answer::Outcome(view) => Ok(kept.json(&OutcomeJson::from(*view), Freshness::Immutable)),
        Answer::Waiting(id) => Ok(accepted(&id)),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /v1/lookup?value=HEX`.
pub(crate) async fn lookup(State(node): State<Node>, parameters: Parameters) -> Answered {
    parameters.allow(&["value", "from", "count"])?;
    let value = parameters.hash("value")?;
    let from = LeafIndex(parameters.number("from")?.unwrap_or(0));
    // Most values are lodged once or twice: a whole page by default is what most clients want.
    let count = count_or(&parameters, PAGE_MAX as u64)?;
    let query = Query::Lookup { value, from, count };
    match ask(&node, query).await? {
        Answer::Lookup(found) if found.items.is_empty() => Err(HttpProblem::nothing_lodged(&value)),
        Answer::Lookup(found) => {
            let next = found.next.map(|next| map(next, |index| index.0));
            let next = link("/v1/lookup", "from", next, count);
            let next = next.map(|next| format!("{next}&value={value}"));
            Ok(Json(LookupJson::new(&value, &found.items, next)).into_response())
        }
        _ => Err(HttpProblem::no_answer()),
    }
}
