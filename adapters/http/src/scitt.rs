//! SCITT reference endpoints (draft-ietf-scitt-scrapi): registration, receipts and keys.
//!
//! Refusals are concise problem details (RFC 9290). Registration that is still running is told by
//! redirects, as the draft says: 303 after `POST`, 302 after `GET`, each with `Location`.

use crate::Node;
use crate::asking::{self, Segment, ask};
use crate::conditional::{Freshness, Kept};
use crate::problem::HttpProblem;
use crate::submitting::{check_media_type, read};
use crate::tracing::SubmitSpan;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus::api::{Answer, Query, SubmitAnswer};
use bytes::Bytes;
use messages::cbor;
use messages::cose_receipt::InclusionReceipt;
use messages::ids::StatementId;
use messages::keys::PublicKey;
use messages::statement::cose_key_id;
use messages::transparent::TransparentStatement;

/// Media type of a receipt.
pub(crate) const RECEIPT: &str = "application/scitt-receipt+cose";
/// Media type of keys.
pub(crate) const CBOR: &str = "application/cbor";
/// Media type of refusals.
pub(crate) const CONCISE: &str = "application/concise-problem-details+cbor";

/// How long a registration is waited for, in milliseconds.
const WAIT_MS: u64 = 10_000;
/// How long keys may be kept, in seconds.
const KEYS_S: u32 = 3600;

/// A refusal in concise form.
pub(crate) struct Concise(HttpProblem);

impl From<HttpProblem> for Concise {
    fn from(problem: HttpProblem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Concise {
    /// `{-1: title, -2: detail, "urn:wutong:problem": {"code": code}}` (RFC 9290 sections 2, 3.2;
    /// its response code is one of CoAP, so it is left out).
    fn into_response(self) -> Response {
        let problem = self.0;
        let status = problem.status();
        let title = match (problem.code(), status) {
            ("invalid-locator", _) => "Invalid locator",
            ("unknown-key", _) => "No such key",
            (_, StatusCode::FORBIDDEN) => "Rejected",
            (_, StatusCode::BAD_REQUEST) => "Malformed request",
            _ => status.canonical_reason().unwrap_or("Problem"),
        };
        let (detail, next_step) = problem.texts();
        let body = cbor::to_vec(|w| {
            w.map(3)?.i8(-1)?.str(title)?;
            w.i8(-2)?.str(&format!("{detail}. {next_step}"))?;
            w.str("urn:wutong:problem")?.map(1)?;
            w.str("code")?.str(problem.code())?;
            Ok(())
        });
        let mut response = (status, Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONCISE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = problem.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

type Answered = Result<Response, Concise>;

/// `POST /entries`.
pub(crate) async fn register(State(node): State<Node>, headers: HeaderMap, body: Body) -> Answered {
    let entry = read(body).await?;
    check_media_type(&headers)?;
    let span = SubmitSpan::of(&headers);
    match asking::submit(&node, entry, WAIT_MS, &span).await? {
        SubmitAnswer::Committed(committed) => {
            let id = committed.id;
            match cose_receipt(&node, id).await {
                Ok(Some(receipt)) => Ok(created(&id, receipt)),
                // It is registered whatever became of its receipt: the location tells.
                Ok(None) | Err(_) => Ok(running(StatusCode::SEE_OTHER, &id)),
            }
        }
        SubmitAnswer::Pending(id) => Ok(running(StatusCode::SEE_OTHER, &id)),
        SubmitAnswer::NoQuorum {
            id,
            missing,
            quorum,
        } => Err(HttpProblem::no_quorum(&id, &missing, quorum).into()),
        SubmitAnswer::Refused(problem) => Err(HttpProblem::from(problem).into()),
    }
}

/// `GET /entries/{id}`.
pub(crate) async fn receipt(
    State(node): State<Node>,
    kept: Kept,
    segment: Result<Segment, HttpProblem>,
) -> Answered {
    let segment = segment?;
    let id = StatementId::from_hex(segment.text());
    let id = id.ok_or_else(|| invalid_locator(segment.text()))?;
    match cose_receipt(&node, id).await? {
        Some(receipt) => {
            let mut response = kept.answer(RECEIPT, receipt, Freshness::Ask);
            let location = HeaderValue::from_str(&location(&id)).expect("hexadecimal fits");
            response.headers_mut().insert(header::LOCATION, location);
            Ok(response)
        }
        None => Ok(running(StatusCode::FOUND, &id)),
    }
}

/// The receipt of a statement; none while it is not committed.
async fn cose_receipt(node: &Node, id: StatementId) -> Result<Option<Bytes>, HttpProblem> {
    match ask(node, Query::CoseReceipt(id)).await? {
        // One of the quorum's receipts: each verifies alone. All are at
        // `/v1/statements/{id}/transparent`.
        Answer::CoseReceipt(transparent) => TransparentStatement::parse(&transparent)
            .ok()
            .and_then(|statement| statement.receipts.first().map(InclusionReceipt::encode))
            .map(|receipt| Some(receipt.into()))
            .ok_or_else(HttpProblem::no_answer),
        Answer::Waiting(_) => Ok(None),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// `GET /.well-known/scitt-keys`: a COSE key set.
pub(crate) async fn keys(State(node): State<Node>, kept: Kept) -> Answered {
    let keys = receipt_keys(&node).await?;
    let body = cbor::to_vec(|w| {
        w.array(keys.len() as u64)?;
        keys.iter().try_for_each(|key| write_key(w, key))
    });
    Ok(kept.answer(CBOR, body, Freshness::Seconds(KEYS_S)))
}

/// `GET /.well-known/scitt-keys/{kid}`: one COSE key, by its kid in base64url.
pub(crate) async fn key(
    State(node): State<Node>,
    kept: Kept,
    segment: Result<Segment, HttpProblem>,
) -> Answered {
    let segment = segment?;
    let keys = receipt_keys(&node).await?;
    let found = keys
        .iter()
        .find(|key| base64url(&cose_key_id(key)) == segment.text());
    let Some(key) = found else {
        return Err(HttpProblem::new(
            StatusCode::NOT_FOUND,
            "unknown-key",
            format!("No key could be found for the kid {:?}", segment.text()),
            "Take a kid from /.well-known/scitt-keys and write it in base64url.",
        )
        .into());
    };
    let body = cbor::to_vec(|w| write_key(w, key));
    Ok(kept.answer(CBOR, body, Freshness::Seconds(KEYS_S)))
}

async fn receipt_keys(node: &Node) -> Result<Vec<PublicKey>, HttpProblem> {
    match ask(node, Query::ReceiptKeys).await? {
        Answer::ReceiptKeys(keys) => Ok(keys),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// As receipts name it: `{1: 1 (OKP), 2: kid, 3: -8 (EdDSA), -1: 6 (Ed25519), -2: x}`.
fn write_key(w: &mut cbor::Writer<'_>, key: &PublicKey) -> cbor::Written {
    w.map(5)?.u8(1)?.u8(1)?;
    w.u8(2)?.bytes(&cose_key_id(key))?;
    w.u8(3)?.i8(-8)?;
    w.i8(-1)?.u8(6)?;
    w.i8(-2)?.bytes(&key.0)?;
    Ok(())
}

/// Base64url without padding (RFC 7515 section 2).
fn base64url(bytes: &[u8]) -> String {
    let text = messages::note::encode_base64(bytes);
    let text = text.trim_end_matches('=');
    text.replace('+', "-").replace('/', "_")
}

fn location(id: &StatementId) -> String {
    format!("/entries/{id}")
}

fn created(id: &StatementId, receipt: Bytes) -> Response {
    let headers = [
        (header::LOCATION, location(id)),
        (header::CONTENT_TYPE, RECEIPT.into()),
    ];
    (StatusCode::CREATED, headers, Body::from(receipt)).into_response()
}

fn running(status: StatusCode, id: &StatementId) -> Response {
    let headers = [
        (header::LOCATION, location(id)),
        (header::RETRY_AFTER, "1".into()),
        (header::CACHE_CONTROL, "no-store".into()),
    ];
    (status, headers).into_response()
}

fn invalid_locator(found: &str) -> HttpProblem {
    HttpProblem::new(
        StatusCode::BAD_REQUEST,
        "invalid-locator",
        format!("id: expected 64 hexadecimal characters, found {found:?}"),
        "Use the Location that the registration answered",
    )
    .about("id")
}
