//! HTTP to nodes: bounded bodies, a time limit on every call, no redirects, no proxies.

use crate::exit::{Exit, Failure};
use crate::problem::Problem;
use crate::url::NodeUrl;
use messages::ids::Name;
use serde_json::Value;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

/// Longest that a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest that a query may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest that an answer may stay out after the wait that it was asked for.
const SUBMIT_GRACE: Duration = Duration::from_secs(2);
/// Most bytes of an answer.
const BODY_BYTES_MAX: usize = 16 << 20;

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// The body as text.
    pub(crate) body: String,
}

/// What a node made of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Submitted {
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

/// A client of nodes.
pub(crate) struct Client(reqwest::Client);

impl Client {
    pub(crate) fn new() -> Result<Self, Failure> {
        reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map(Self)
            .map_err(|e| {
                Failure::usage(
                    format!("cannot set up HTTP: {}", reason(&e)),
                    "Check this machine's network settings.",
                )
            })
    }

    /// Fetches `path`; the error says why there is no answer.
    pub(crate) async fn get(&self, node: &NodeUrl, path: &str) -> Result<Reply, String> {
        let request = self.0.get(node.join(path)).timeout(QUERY_TIMEOUT);
        receive(request).await
    }

    /// Submits a statement and waits up to `wait` for its receipt.
    pub(crate) async fn submit(&self, node: &NodeUrl, entry: &[u8], wait: Duration) -> Submitted {
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

    /// The answer of the first node that gives one; else all their reasons.
    pub(crate) async fn first(&self, nodes: &[NodeUrl], path: &str) -> Result<Reply, Failure> {
        let mut reasons = Vec::new();
        for node in nodes {
            match self.get(node, path).await {
                Ok(reply) => return Ok(reply),
                Err(reason) => reasons.push(format!("{node}: {reason}")),
            }
        }
        Err(Failure::new(
            Exit::Pending,
            format!("no node answered: {}", reasons.join("; ")),
            "Check the addresses, or name further nodes: --url A,B,C.",
        ))
    }

    /// The name of the network that the first reachable node belongs to.
    pub(crate) async fn network(&self, nodes: &[NodeUrl]) -> Result<Name, Failure> {
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
        let (exit, what) = if answered {
            (Exit::Refused, reasons.join("; "))
        } else {
            (
                Exit::Pending,
                format!("no node answered: {}", reasons.join("; ")),
            )
        };
        Err(Failure::new(
            exit,
            what,
            "Check that the addresses are Wutong nodes', name further ones: --url A,B,C.",
        ))
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
    let mut response = request.send().await.map_err(|e| reason(&e))?;
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| reason(&e))? {
        if bytes.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(format!("the answer is longer than {BODY_BYTES_MAX} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    let body = String::from_utf8(bytes).map_err(|_| "the answer is not text".to_owned())?;
    Ok(Reply { status, body })
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

/// Runs a future to its end on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|e| {
        Failure::usage(
            format!("cannot set up networking: {e}"),
            "Check this machine's limits on open files.",
        )
    })?;
    Ok(runtime.block_on(future))
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
