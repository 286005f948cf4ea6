//! Submission of a statement.

use crate::Node;
use crate::asking::{self, Parameters};
use crate::problem::HttpProblem;
use crate::tracing::SubmitSpan;
use crate::views::{CommittedView, PendingView};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus::api::SubmitAnswer;
use bytes::Bytes;
use futures::StreamExt;
use messages::ids::StatementId;
use messages::statement::ENTRY_BYTES_MAX;
use std::time::Duration;

/// Longest that a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an over-long body that are read and thrown away, so that its client reads the refusal.
const DISCARD_BYTES_MAX: usize = 1 << 20;

/// Media types of a statement. The last is what common clients send when told nothing.
const MEDIA_TYPES: [&str; 4] = [
    "application/scitt-statement+cose",
    "application/cose",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
];

/// `POST /v1/statements`.
pub(crate) async fn submit(
    State(node): State<Node>,
    parameters: Parameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpProblem> {
    let wait_ms = wait_ms(&parameters)?;
    let entry = read(body).await?;
    check_media_type(&headers)?;
    let span = SubmitSpan::of(&headers);
    match asking::submit(&node, entry, wait_ms, &span).await? {
        SubmitAnswer::Committed(committed) => {
            let location = location(&committed.id);
            let body = Json(CommittedView::from(*committed));
            Ok((StatusCode::CREATED, location, body).into_response())
        }
        SubmitAnswer::Pending(id) => {
            let body = Json(PendingView::new(&id));
            Ok((StatusCode::ACCEPTED, location(&id), body).into_response())
        }
        SubmitAnswer::NoQuorum {
            id,
            missing,
            quorum,
        } => Err(HttpProblem::no_quorum(&id, &missing, quorum)),
        SubmitAnswer::Refused(problem) => Err(problem.into()),
    }
}

fn location(id: &StatementId) -> [(header::HeaderName, String); 1] {
    [(header::LOCATION, format!("/v1/statements/{id}"))]
}

fn wait_ms(parameters: &Parameters) -> Result<u64, HttpProblem> {
    let text = parameters.only("wait_ms")?;
    Ok(adapters_surface::checked_wait_ms("wait_ms", text)?)
}

/// Reads a body of 1 to [`ENTRY_BYTES_MAX`] bytes and never holds more.
pub(crate) async fn read(body: Body) -> Result<Bytes, HttpProblem> {
    tokio::time::timeout(BODY_TIMEOUT, read_all(body))
        .await
        .unwrap_or_else(|_| {
            Err(HttpProblem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body-too-slow",
                format!("body: expected within {BODY_TIMEOUT:?}, found an unfinished one"),
                "Submit again: nothing was changed.",
            )
            .about("body"))
        })
}

async fn read_all(body: Body) -> Result<Bytes, HttpProblem> {
    let (mut entry, mut found) = (Vec::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| {
            HttpProblem::malformed(
                "body",
                format!("body: {e}"),
                "Submit again, with all bytes.",
            )
        })?;
        found += chunk.len();
        if found <= ENTRY_BYTES_MAX {
            entry.extend_from_slice(&chunk);
        } else if found > DISCARD_BYTES_MAX {
            break;
        }
    }
    adapters_surface::check_entry_size(found)?;
    Ok(entry.into())
}

/// Refuses bodies that say they are something else; a body that says nothing is taken.
pub(crate) fn check_media_type(headers: &HeaderMap) -> Result<(), HttpProblem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or("no text");
    let essence = text.split(';').next().unwrap_or_default().trim();
    if MEDIA_TYPES.iter().any(|t| t.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    Err(HttpProblem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        format!("content-type: expected {}, found {text:?}", MEDIA_TYPES[0]),
        "Send the COSE_Sign1 bytes as they are, not wrapped in another format.",
    )
    .about("content-type"))
}
