//! Calls of the node with the answer awaited.

use crate::Refusal;
use bus::api::{Answer, NodeApi, Query, SubmitAnswer};
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Wait for the receipt when the client names none, in milliseconds.
pub const WAIT_MS_DEFAULT: u64 = 10_000;
/// Longest wait that a client may name, in milliseconds.
pub const WAIT_MS_MAX: u64 = 60_000;
/// Longest that a query may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest that an answer to a submission may stay out once its wait ended.
const SUBMIT_GRACE: Duration = Duration::from_secs(10);

/// Asks the node.
///
/// # Errors
/// The problem that the node answers, or a 503 when it does not answer in time.
pub async fn ask(node: &dyn NodeApi, query: Query) -> Result<Answer, Refusal> {
    ask_within(node, query, QUERY_TIMEOUT).await
}

/// [`ask`] with another patience.
///
/// # Errors
/// As [`ask`].
pub async fn ask_within(
    node: &dyn NodeApi,
    query: Query,
    patience: Duration,
) -> Result<Answer, Refusal> {
    let (reply, answer) = oneshot::channel();
    // A client that hung up has dropped the receiver, and needs no answer.
    node.query(query, Box::new(move |answer| drop(reply.send(answer))));
    match timeout(patience, answer).await {
        Ok(Ok(Answer::Problem(problem))) => Err(problem.into()),
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(Refusal::no_answer()),
    }
}

/// Submits a statement and awaits the answer, `wait_ms` and a little longer.
///
/// # Errors
/// A 503 when the node does not answer in time.
pub async fn submit(
    node: &dyn NodeApi,
    entry: Bytes,
    wait_ms: u64,
) -> Result<SubmitAnswer, Refusal> {
    let (reply, answer) = oneshot::channel();
    let wait = (wait_ms > 0).then_some(wait_ms);
    node.submit(entry, wait, Box::new(move |a| drop(reply.send(a))));
    match timeout(Duration::from_millis(wait_ms) + SUBMIT_GRACE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(Refusal::no_answer()),
    }
}

/// The wait in milliseconds that a client names in the field `name`; without one, the usual.
///
/// # Errors
/// A 400 about the field.
pub fn checked_wait_ms(name: &str, text: Option<&str>) -> Result<u64, Refusal> {
    let Some(text) = text else {
        return Ok(WAIT_MS_DEFAULT);
    };
    decimal(text)
        .filter(|ms| *ms <= WAIT_MS_MAX)
        .ok_or_else(|| {
            Refusal::malformed(
                name,
                format!("{name}: expected 0 to {WAIT_MS_MAX} milliseconds, found {text:?}"),
                "Use 0 to be answered as soon as the statement is admitted.",
            )
        })
}

/// A decimal number of digits alone.
pub fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_bounded_and_made_of_digits() {
        assert_eq!(checked_wait_ms("w", None).unwrap(), WAIT_MS_DEFAULT);
        assert_eq!(checked_wait_ms("w", Some("0")).unwrap(), 0);
        assert_eq!(checked_wait_ms("w", Some("60000")).unwrap(), WAIT_MS_MAX);
        for text in ["", "60001", "-1", "+1", "1s", "99999999999999999999"] {
            let refusal = checked_wait_ms("w", Some(text)).unwrap_err();
            assert_eq!(
                (refusal.status().as_u16(), refusal.field()),
                (400, Some("w"))
            );
        }
    }
}
