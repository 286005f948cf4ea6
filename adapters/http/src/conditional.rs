//! Answers that a client may keep, and ask again about (RFC 9110 section 13, RFC 9111).

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use messages::hash::Hash;
use serde::Serialize;
use std::convert::Infallible;

/// Media type of bytes.
pub(crate) const OCTETS: &str = "application/octet-stream";
/// Media type of texts.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
/// Media type of records.
pub(crate) const JSON: &str = "application/json";

/// How long an answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// For ever: it never changes.
    Immutable,
    /// For so many seconds.
    Seconds(u32),
    /// Only to be asked about again.
    Ask,
}

impl Freshness {
    /// Immutable when it is, else to be asked about again.
    pub(crate) fn immutable_if(is_immutable: bool) -> Self {
        if is_immutable {
            Self::Immutable
        } else {
            Self::Ask
        }
    }

    fn header(self) -> HeaderValue {
        match self {
            Self::Immutable => HeaderValue::from_static("public, max-age=31536000, immutable"),
            Self::Seconds(seconds) => HeaderValue::from_str(&format!("public, max-age={seconds}"))
                .expect("digits fit a header"),
            Self::Ask => HeaderValue::from_static("no-cache"),
        }
    }
}

/// The entity tags that a client has already.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Vec<String>);

impl<S: Send + Sync> FromRequestParts<S> for Kept {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(header::IF_NONE_MATCH).iter();
        let tags = values.filter_map(|value| value.to_str().ok());
        // Our tags hold no comma, so a part of another server's tag matches none of ours.
        let tags = tags.flat_map(|value| value.split(','));
        Ok(Self(tags.map(|tag| tag.trim().to_owned()).collect()))
    }
}

impl Kept {
    /// Weak comparison, as RFC 9110 section 13.1.2 asks for.
    fn holds(&self, tag: &str) -> bool {
        let opaque = |kept: &String| kept.strip_prefix("W/").unwrap_or(kept) == tag;
        self.0.iter().any(|kept| kept == "*" || opaque(kept))
    }

    /// 200 with the bytes, or 304 when the client has them.
    pub(crate) fn answer(
        &self,
        media: &'static str,
        body: impl Into<Bytes>,
        freshness: Freshness,
    ) -> Response {
        let body = body.into();
        let tag = format!("\"{}\"", hex::encode(&Hash::of(&body).0[..16]));
        let etag = HeaderValue::from_str(&tag).expect("hexadecimal fits a header");
        let cache = freshness.header();
        let headers: [(HeaderName, HeaderValue); 2] =
            [(header::ETAG, etag), (header::CACHE_CONTROL, cache)];
        if self.holds(&tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let media = [(header::CONTENT_TYPE, HeaderValue::from_static(media))];
        (headers, media, Body::from(body)).into_response()
    }

    /// The same of a record.
    pub(crate) fn json(&self, record: &impl Serialize, freshness: Freshness) -> Response {
        let body = serde_json::to_vec(record).expect("records have text keys and no failing part");
        self.answer(JSON, body, freshness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        let kept = |text: &str| Kept(text.split(',').map(|t| t.trim().to_owned()).collect());
        for (given, holds) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(kept(given).holds("\"a\""), holds, "{given}");
        }
    }
}
