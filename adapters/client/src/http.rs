//! HTTP to nodes: bounded bodies, a time limit on every call, no redirects, no proxies.

use crate::error::ClientError;
use crate::problem::Problem;
use crate::url::NodeUrl;
use messages::hash::Hash;
use messages::ids::{Name, TimeMs};
use messages::keys::PrivateKey;
use messages::reading::read_request;
use serde_json::Value;
use std::error::Error;
use std::time::Duration;

/// Longest that a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest that a query may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest that an answer may stay out after the wait that it was asked for.
const SUBMIT_GRACE: Duration = Duration::from_secs(2);
/// Longest that handing over a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes of an answer.
const BODY_BYTES_MAX: usize = 16 << 20;

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// What a node made of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// Committed, with this receipt.
    Committed(String),
    /// Admitted; the wait ended.
    Pending,
    /// Admitted; too few validators are present.
    NoQuorum {
        /// Those missing.
        missing: Vec<String>,
        /// Validators needed.
        quorum: u64,
    },
    /// Refused for good.
    Refused {
        /// What is wrong.
        detail: String,
        /// What to do.
        next_step: String,
    },
    /// The node cannot be reached or cannot serve now.
    Unavailable(String),
}

/// Who asks for a body that is not public.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// A key that the namespace lists.
    pub key: &'a PrivateKey,
    /// The network.
    pub network: &'a Name,
    /// The time of the request; it is good for a minute.
    pub now: TimeMs,
}

/// A client of nodes.
pub struct Client(reqwest::Client);

impl Client {
    /// A client with time limits on everything.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn try_new() -> Result<Self, ClientError> {
        reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map(Self)
            .map_err(|e| ClientError::Setup(reason(&e)))
    }

    /// Fetches `path`.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn get(&self, node: &NodeUrl, path: &str) -> Result<Reply, String> {
        let request = self.0.get(node.join(path)).timeout(QUERY_TIMEOUT);
        receive(request).await
    }

    /// Fetches `path` as bytes, with the status.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn get_bytes(&self, node: &NodeUrl, path: &str) -> Result<(u16, Vec<u8>), String> {
        let request = self.0.get(node.join(path)).timeout(QUERY_TIMEOUT);
        receive_bytes(request).await
    }

    /// Submits a statement and waits up to `wait` for its receipt.
    pub async fn submit(&self, node: &NodeUrl, entry: &[u8], wait: Duration) -> Submitted {
        let path = format!("/v1/statements?wait_ms={}", wait.as_millis());
        let request = self
            .0
            .post(node.join(&path))
            .header("content-type", "application/scitt-statement+cose")
            .body(entry.to_vec())
            .timeout(wait + SUBMIT_GRACE);
        match receive(request).await {
            Ok(reply) => submitted(&reply),
            Err(reason) => Submitted::Unavailable(reason),
        }
    }

    /// Hands over a body, ahead of the statement that lodges it; digest in hexadecimal.
    ///
    /// # Errors
    /// [`ClientError::Refused`] or [`ClientError::Unreachable`].
    pub async fn put_body(
        &self,
        node: &NodeUrl,
        digest: &Hash,
        body: Vec<u8>,
    ) -> Result<(), ClientError> {
        let request = self
            .0
            .put(node.join(&format!("/v1/bodies/{digest}")))
            .header("content-type", "application/octet-stream")
            .body(body)
            .timeout(BODY_TIMEOUT);
        let reply = receive(request)
            .await
            .map_err(|reason| ClientError::Unreachable {
                reasons: format!("{node}: {reason}"),
            })?;
        if matches!(reply.status, 200 | 201) {
            return Ok(());
        }
        let problem = Problem::read(reply.status, &reply.body);
        Err(ClientError::Refused {
            detail: format!("{node}: {}", problem.detail()),
            next_step: problem.next_step,
        })
    }

    /// A body; one of a namespace that is not public with a listed key, which signs the request.
    ///
    /// # Errors
    /// [`ClientError::Refused`], or [`ClientError::Unreachable`] when the node does not answer or
    /// gives other bytes.
    pub async fn body(
        &self,
        node: &NodeUrl,
        digest: &Hash,
        reader: Option<Reader<'_>>,
    ) -> Result<Vec<u8>, ClientError> {
        let mut request = self.0.get(node.join(&format!("/v1/bodies/{digest}")));
        if let Some(reader) = reader {
            let message = read_request(reader.network, digest, reader.now);
            request = request
                .header("wutong-key", hex::encode(reader.key.public().0))
                .header("wutong-time", reader.now.0.to_string())
                .header("wutong-signature", hex::encode(reader.key.sign(&message).0));
        }
        let unreachable = |reason: String| ClientError::Unreachable {
            reasons: format!("{node}: {reason}"),
        };
        let received = receive_bytes(request.timeout(BODY_TIMEOUT)).await;
        let (status, bytes) = received.map_err(unreachable)?;
        if status == 200 && Hash::of(&bytes) == *digest {
            return Ok(bytes);
        }
        if status == 200 {
            return Err(unreachable("it gave another body".into()));
        }
        let problem = Problem::read(status, &String::from_utf8_lossy(&bytes));
        Err(ClientError::Refused {
            detail: format!("{node}: {}", problem.detail()),
            next_step: problem.next_step,
        })
    }

    /// Opens a stream of server-sent events, without a limit on its length.
    pub(crate) async fn open(
        &self,
        node: &NodeUrl,
        path: &str,
    ) -> Result<reqwest::Response, String> {
        let request = self
            .0
            .get(node.join(path))
            .header("accept", "text/event-stream");
        let response = tokio::time::timeout(QUERY_TIMEOUT, request.send());
        let response = response.await.map_err(|_| "no answer in time".to_owned())?;
        let response = response.map_err(|e| reason(&e))?;
        match response.status().as_u16() {
            200 => Ok(response),
            status => Err(format!("status {status}")),
        }
    }

    /// The answer of the first node that gives one.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] with all their reasons.
    pub async fn first(&self, nodes: &[NodeUrl], path: &str) -> Result<Reply, ClientError> {
        let mut reasons = Vec::new();
        for node in nodes {
            match self.get(node, path).await {
                Ok(reply) => return Ok(reply),
                Err(reason) => reasons.push(format!("{node}: {reason}")),
            }
        }
        Err(ClientError::Unreachable {
            reasons: reasons.join("; "),
        })
    }

    /// The name of the network that the first reachable node belongs to.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] or [`ClientError::Unusable`].
    pub async fn network(&self, nodes: &[NodeUrl]) -> Result<Name, ClientError> {
        let (mut reasons, mut answered) = (Vec::new(), false);
        for node in nodes {
            let reply = match self.get(node, "/v1/health").await {
                Ok(reply) => reply,
                Err(reason) => {
                    reasons.push(format!("{node}: {reason}"));
                    continue;
                }
            };
            answered = true;
            // Without a quorum the status is 503 and the body the same.
            let health: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            match health["network"].as_str().map(Name::try_new) {
                Some(Ok(name)) => return Ok(name),
                _ => reasons.push(format!(
                    "{node}: /v1/health: expected the network's name, found status {}",
                    reply.status
                )),
            }
        }
        let reasons = reasons.join("; ");
        Err(match answered {
            true => ClientError::Unusable { reasons },
            false => ClientError::Unreachable { reasons },
        })
    }
}

fn submitted(reply: &Reply) -> Submitted {
    if matches!(reply.status, 200 | 201) {
        let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
        return match body["receipt"].as_str() {
            Some(receipt) => Submitted::Committed(receipt.into()),
            None => Submitted::Unavailable("it answered without a receipt".into()),
        };
    }
    if reply.status == 202 {
        return Submitted::Pending;
    }
    let problem = Problem::read(reply.status, &reply.body);
    let detail = problem.detail().to_owned();
    match (reply.status, problem.missing) {
        (503, Some(missing)) => Submitted::NoQuorum {
            missing,
            quorum: problem.quorum.unwrap_or_default(),
        },
        (408 | 429 | 500.., _) => Submitted::Unavailable(detail),
        _ => Submitted::Refused {
            detail,
            next_step: problem.next_step,
        },
    }
}

async fn receive(request: reqwest::RequestBuilder) -> Result<Reply, String> {
    let (status, bytes) = receive_bytes(request).await?;
    let body = String::from_utf8(bytes).map_err(|_| "the answer is not text".to_owned())?;
    Ok(Reply { status, body })
}

async fn receive_bytes(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), String> {
    let mut response = request.send().await.map_err(|e| reason(&e))?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| reason(&e))? {
        if bytes.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(format!("the answer is longer than {BODY_BYTES_MAX} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((status, bytes))
}

/// The innermost cause: outer ones only repeat the address.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Submitted {
        submitted(&Reply {
            status,
            body: body.into(),
        })
    }

    #[test]
    fn every_status_has_a_meaning() {
        assert_eq!(
            judged(201, r#"{"receipt":"r"}"#),
            Submitted::Committed("r".into())
        );
        assert_eq!(judged(202, "{}"), Submitted::Pending);
        let no_quorum = judged(503, r#"{"detail":"d","missing":["v4"],"quorum":3}"#);
        let missing = vec!["v4".to_owned()];
        assert_eq!(no_quorum, Submitted::NoQuorum { missing, quorum: 3 });
        for status in [429, 500, 502, 503] {
            assert!(
                matches!(judged(status, ""), Submitted::Unavailable(_)),
                "{status}"
            );
        }
        assert!(matches!(judged(201, "{}"), Submitted::Unavailable(_)));
        let refused = judged(403, r#"{"detail":"not listed","next_step":"ask"}"#);
        let (detail, next_step) = ("not listed".to_owned(), "ask".to_owned());
        assert_eq!(refused, Submitted::Refused { detail, next_step });
    }
}
