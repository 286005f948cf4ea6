//! Answers on their way to the client.

use adapters_surface::Refusal;
use async_nats::HeaderMap;
use async_nats::service::{NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE, Request};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

/// Header with the media type of the body.
const CONTENT_TYPE: &str = "Content-Type";
/// Header with the seconds after which a client may come back.
const RETRY_AFTER: &str = "Retry-After";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const PROBLEM_JSON: &str = "application/problem+json";

/// An answer.
#[derive(Debug)]
pub(super) struct Body {
    media_type: &'static str,
    bytes: Bytes,
}

/// An answer or a refusal.
pub(super) type Reply = Result<Body, Refusal>;

/// JSON of a view.
pub(super) fn json(view: &impl Serialize) -> Body {
    Body {
        media_type: JSON,
        bytes: to_json(view),
    }
}

/// Plain text.
pub(super) fn text(text: String) -> Body {
    Body {
        media_type: TEXT,
        bytes: text.into(),
    }
}

fn to_json(view: &impl Serialize) -> Bytes {
    let bytes = serde_json::to_vec(view);
    bytes.expect("views are made of text and numbers").into()
}

/// Refuses what is more than the node works on at once.
pub(super) fn busy() -> Reply {
    Err(Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        "busy",
        "this node works on as many requests as it takes at once",
        "Try again in a second: nothing was changed.",
    ))
}

/// Headers and body of a reply. The service protocol puts a refusal into headers; its body is that
/// of HTTP.
fn parts(reply: Reply) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::new();
    match reply {
        Ok(body) => {
            headers.insert(CONTENT_TYPE, body.media_type);
            (headers, body.bytes)
        }
        Err(refusal) => {
            let code = refusal.status().as_u16().to_string();
            headers.insert(NATS_SERVICE_ERROR, refusal.code());
            headers.insert(NATS_SERVICE_ERROR_CODE, code.as_str());
            headers.insert(CONTENT_TYPE, PROBLEM_JSON);
            if let Some(seconds) = refusal.retry_after_s() {
                headers.insert(RETRY_AFTER, seconds.to_string().as_str());
            }
            (headers, to_json(&refusal))
        }
    }
}

/// Sends a reply; a client that cannot be reached asks again.
pub(super) async fn send(request: &Request, reply: Reply) {
    let (headers, body) = parts(reply);
    if let Err(error) = request.respond_with_headers(Ok(body), headers).await {
        tracing::debug!(%error, "a reply was not sent");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_number_of_http_and_says_what_to_do() {
        let (headers, body) = parts(busy());
        let header = |name: &str| headers.get(name).map(ToString::to_string);
        assert_eq!(header("Nats-Service-Error").as_deref(), Some("busy"));
        assert_eq!(header("Nats-Service-Error-Code").as_deref(), Some("429"));
        assert_eq!(header("Retry-After").as_deref(), Some("1"));
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["status"], &body["code"]),
            (&429.into(), &"busy".into())
        );
        assert!(body["next_step"].as_str().unwrap().contains("again"));
    }
}
