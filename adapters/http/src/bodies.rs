//! Bodies: handing one over ahead of its statement, and reading one.
//!
//! A body of a public namespace is anybody's. Another is read by listed keys: the reader signs
//! [`read_request`] and sends key, time and signature in headers, so that no secret stands in a
//! URL and no session exists.

use crate::Node;
use crate::asking::{Segment, ask, decimal};
use crate::problem::HttpProblem;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bus::api::{Answer, Query};
use bytes::Bytes;
use futures::StreamExt;
use messages::deposit::BODY_BYTES_MAX;
use messages::hash::Hash;
use messages::ids::{Name, TimeMs};
use messages::keys::{PublicKey, Signature};
use messages::reading::{READ_REQUEST_MS, read_request};
use messages::statement::{Lodged, Statement};
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest that a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Headers of a signed request to read.
const KEY: &str = "wutong-key";
const TIME: &str = "wutong-time";
const SIGNATURE: &str = "wutong-signature";

/// A body that was taken.
#[derive(Serialize)]
struct TakenView {
    digest: String,
    size: u64,
    next_step: &'static str,
}

/// `PUT /v1/bodies/{digest}`.
pub(crate) async fn put(
    State(node): State<Node>,
    segment: Segment,
    body: Body,
) -> Result<Response, HttpProblem> {
    let digest = digest(&segment)?;
    let bytes = tokio::time::timeout(BODY_TIMEOUT, read(body))
        .await
        .unwrap_or_else(|_| {
            Err(HttpProblem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body-too-slow",
                format!("body: expected within {BODY_TIMEOUT:?}, found an unfinished one"),
                "Send it again: nothing was changed.",
            )
            .about("body"))
        })?;
    match ask(&node, Query::PutBody { digest, bytes }).await? {
        Answer::BodyTaken { digest, size } => {
            let view = TakenView {
                digest: digest.to_string(),
                size,
                next_step: "Submit the statement that lodges it to this node, soon.",
            };
            Ok((StatusCode::CREATED, Json(view)).into_response())
        }
        _ => Err(HttpProblem::no_answer()),
    }
}

async fn read(body: Body) -> Result<Bytes, HttpProblem> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| {
            HttpProblem::malformed("body", format!("body: {e}"), "Send it again, whole.")
        })?;
        if bytes.len() + chunk.len() > BODY_BYTES_MAX as usize {
            return Err(HttpProblem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body-too-large",
                format!("body: expected at most {BODY_BYTES_MAX} bytes, found more"),
                "Lodge a digest or commitment of the content, not the content itself.",
            )
            .about("body"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

/// `GET /v1/statements/{id}/content`: the document that a statement lodges, from its entry or from
/// beside the log.
pub(crate) async fn content(
    State(node): State<Node>,
    segment: Segment,
    headers: HeaderMap,
) -> Result<Response, HttpProblem> {
    let id = segment.id()?;
    let Answer::Statement(view) = ask(&node, Query::Statement(id)).await? else {
        return Err(HttpProblem::no_answer());
    };
    match Statement::parse(&view.entry).map(|s| s.deposit.lodged) {
        Ok(Lodged::Content(content)) => {
            let digest = Hash::of(&content);
            Ok(as_download(&headers, &digest, content.into(), true))
        }
        Ok(Lodged::Body { digest, .. }) => serve(&node, digest, &headers).await,
        _ => Err(HttpProblem::new(
            StatusCode::NOT_FOUND,
            "no-content",
            format!("statement {id} lodges no content, only what a document is compared with"),
            "Ask the depositor for the document.",
        )
        .about("id")),
    }
}

/// `GET /v1/bodies/{digest}`.
pub(crate) async fn get(
    State(node): State<Node>,
    segment: Segment,
    headers: HeaderMap,
) -> Result<Response, HttpProblem> {
    serve(&node, digest(&segment)?, &headers).await
}

async fn serve(node: &Node, digest: Hash, headers: &HeaderMap) -> Result<Response, HttpProblem> {
    let reader = reader(node, &digest, headers).await?;
    match ask(node, Query::Body { digest, reader }).await? {
        Answer::Body(bytes) => Ok(as_download(headers, &digest, bytes, reader.is_none())),
        _ => Err(HttpProblem::no_answer()),
    }
}

/// Bytes that a browser saves and never runs; unchangeable, so cached for good when public.
fn as_download(asked: &HeaderMap, digest: &Hash, bytes: Bytes, public: bool) -> Response {
    let caching = match public {
        true => "public, max-age=31536000, immutable",
        false => "private, no-store",
    };
    let etag = format!("\"{digest}\"");
    let known = asked.get(header::IF_NONE_MATCH);
    if known.is_some_and(|value| value.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'",
        ),
        (header::CACHE_CONTROL, caching),
    ];
    (headers, [(header::ETAG, etag)], bytes).into_response()
}

fn digest(segment: &Segment) -> Result<Hash, HttpProblem> {
    Hash::from_hex(&segment.0).ok_or_else(|| {
        HttpProblem::malformed(
            "digest",
            format!(
                "digest: expected 64 hexadecimal characters, found {:?}",
                segment.0
            ),
            "Use the SHA-256 of the body.",
        )
    })
}

/// The key that signed the request, if the request is signed at all.
async fn reader(
    node: &Node,
    digest: &Hash,
    headers: &HeaderMap,
) -> Result<Option<PublicKey>, HttpProblem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(key), Some(time), Some(signature)) = (text(KEY), text(TIME), text(SIGNATURE)) else {
        return match [KEY, TIME, SIGNATURE]
            .iter()
            .any(|name| headers.contains_key(*name))
        {
            false => Ok(None),
            true => Err(unsigned("not all three headers")),
        };
    };
    let Answer::Health(health) = ask(node, Query::Health).await? else {
        return Err(HttpProblem::no_answer());
    };
    signed_by(&health.network, digest, (key, time, signature)).map(Some)
}

fn signed_by(
    network: &Name,
    digest: &Hash,
    (key, time, signature): (&str, &str, &str),
) -> Result<PublicKey, HttpProblem> {
    let key = Hash::from_hex(key).map(|bytes| PublicKey(bytes.0));
    let key = key.ok_or_else(|| unsigned("a key that is not 64 hexadecimal characters"))?;
    let time = decimal(time).ok_or_else(|| unsigned("a time that is not in milliseconds"))?;
    let mut bytes = [0; 64];
    hex::decode_to_slice(signature, &mut bytes)
        .map_err(|_| unsigned("a signature that is not 128 hexadecimal characters"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis() as u64);
    if now.abs_diff(time) > READ_REQUEST_MS {
        return Err(unsigned("a time more than a minute from this node's clock"));
    }
    let message = read_request(network, digest, TimeMs(time));
    if key.verify_strict(&message, &Signature(bytes)) {
        Ok(key)
    } else {
        Err(unsigned("a signature that does not verify"))
    }
}

fn unsigned(found: &str) -> HttpProblem {
    HttpProblem::new(
        StatusCode::FORBIDDEN,
        "bad-read-request",
        format!("{KEY}, {TIME}, {SIGNATURE}: expected a signed request, found {found}"),
        "Sign it anew (`wutong show body --key FILE` does), or send none of the headers.",
    )
    .about(SIGNATURE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::keys::PrivateKey;

    fn now_ms() -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_millis() as u64
    }

    #[test]
    fn only_a_fresh_request_for_this_body_and_network_names_its_key() {
        let key = PrivateKey::from_seed(&[5; 32]);
        let (trial, other) = (
            Name::try_new("trial").unwrap(),
            Name::try_new("other").unwrap(),
        );
        let digest = Hash::of(b"a body");
        let judge = |signed_for: (&Name, &Hash), time: u64| {
            let message = read_request(signed_for.0, signed_for.1, TimeMs(time));
            let signature = hex::encode(key.sign(&message).0);
            let public = hex::encode(key.public().0);
            signed_by(&trial, &digest, (&public, &time.to_string(), &signature))
        };
        assert_eq!(judge((&trial, &digest), now_ms()).unwrap(), key.public());
        assert!(judge((&other, &digest), now_ms()).is_err());
        assert!(judge((&trial, &Hash::ZERO), now_ms()).is_err());
        assert!(judge((&trial, &digest), now_ms() - READ_REQUEST_MS - 5_000).is_err());
    }
}
