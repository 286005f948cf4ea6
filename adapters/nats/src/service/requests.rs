//! Requests: what a payload asks, and the node's answer to it.

use super::answers::{Body, Reply, json, text};
use super::{api_subject, events};
use adapters_surface::{
    CommittedView, LookupJson, PendingView, Refusal, StatementJson, ask, check_entry_size,
    checked_wait_ms, logged_hash, statement_id, submit,
};
use async_nats::Message;
use bus::api::{Answer, NodeApi, PAGE_MAX, Query, Start, SubmitAnswer};
use bytes::Bytes;
use http::StatusCode;
use messages::ids::{LeafIndex, Name, StatementId};
use serde::Deserialize;

/// Header with the wait for a receipt in milliseconds.
pub(super) const WAIT_HEADER: &str = "Wutong-Wait-Ms";
/// Name of the endpoint for the events of one namespace.
const EVENTS_OF_NAMESPACE: &str = "events-of-namespace";
/// Most bytes of a question.
const QUESTION_BYTES_MAX: usize = 1_024;

/// What a client may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    /// Takes a statement.
    Submit,
    /// Tells where a statement stands.
    Status,
    /// Hands a receipt out.
    Receipt,
    /// Finds statements by what they lodge.
    Lookup,
    /// Makes events anew from the ledger.
    Events,
}

impl Verb {
    pub(super) const ALL: [Self; 5] = [
        Self::Submit,
        Self::Status,
        Self::Receipt,
        Self::Lookup,
        Self::Events,
    ];

    /// Last word of its subject.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Status => "status",
            Self::Receipt => "receipt",
            Self::Lookup => "lookup",
            Self::Events => "events",
        }
    }

    /// Endpoints on which it is asked, by name and subject. Events have one for each namespace besides, so that a server
    /// can hold a client to its own.
    pub(super) fn endpoints(self, network: &Name) -> Vec<(&'static str, String)> {
        let own = api_subject(network, self.name());
        match self {
            Self::Events => vec![
                (EVENTS_OF_NAMESPACE, format!("{own}.*")),
                (self.name(), own),
            ],
            _ => vec![(self.name(), own)],
        }
    }

    /// What its payload is, for those who discover the service.
    pub(super) fn payload(self) -> &'static str {
        match self {
            Self::Submit => "statement, application/scitt-statement+cose",
            Self::Status | Self::Receipt => "id of a statement, 64 hexadecimal characters",
            Self::Lookup => r#"JSON: {"value": HEX, "from": INDEX, "count": NUMBER}"#,
            Self::Events => r#"JSON: {"height": NUMBER} or {"after": ORDINAL}, "count": NUMBER"#,
        }
    }
}

/// Answers a request. Nothing that a client sends is more than a refusal.
pub(super) async fn answer(node: &dyn NodeApi, verb: Verb, message: &Message) -> Reply {
    match verb {
        Verb::Submit => submitted(node, message).await,
        Verb::Status => status(node, id(message)?).await,
        Verb::Receipt => receipt(node, id(message)?).await,
        Verb::Lookup => lookup(node, message).await,
        Verb::Events => events::answer(node, message).await,
    }
}

async fn submitted(node: &dyn NodeApi, message: &Message) -> Reply {
    check_entry_size(message.payload.len())?;
    let headers = message.headers.as_ref();
    let wait = headers.and_then(|headers| headers.get(WAIT_HEADER));
    let wait_ms = checked_wait_ms(WAIT_HEADER, wait.map(|value| value.as_str()))?;
    // The payload is a part of what was read from the connection, which must not live as long.
    let entry = Bytes::copy_from_slice(&message.payload);
    match submit(node, entry, wait_ms).await? {
        SubmitAnswer::Committed(committed) => Ok(json(&CommittedView::from(*committed))),
        SubmitAnswer::Pending(id) => Ok(json(&PendingView::new(&id))),
        SubmitAnswer::NoQuorum {
            id,
            missing,
            quorum,
        } => Err(Refusal::no_quorum(&id, &missing, quorum)),
        SubmitAnswer::Refused(problem) => Err(problem.into()),
    }
}

async fn status(node: &dyn NodeApi, id: StatementId) -> Reply {
    match ask(node, Query::Statement(id)).await? {
        Answer::Statement(view) => Ok(json(&StatementJson::from(&view))),
        Answer::Waiting(id) => Ok(pending(&id)),
        _ => Err(Refusal::no_answer()),
    }
}

async fn receipt(node: &dyn NodeApi, id: StatementId) -> Reply {
    match ask(node, Query::Receipt(id)).await? {
        Answer::Receipt(committed) => Ok(text(committed.receipt)),
        Answer::Waiting(id) => Ok(pending(&id)),
        _ => Err(Refusal::no_answer()),
    }
}

fn pending(id: &StatementId) -> Body {
    json(&PendingView::new(id))
}

/// Payload of a lookup.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupRequest {
    value: String,
    #[serde(default)]
    from: u64,
    count: Option<u64>,
}

async fn lookup(node: &dyn NodeApi, message: &Message) -> Reply {
    check_question(message)?;
    let wanted = serde_json::from_slice(&message.payload);
    let wanted: LookupRequest = wanted.map_err(|error| {
        Refusal::malformed(
            "payload",
            format!("payload: expected a JSON object with value, from and count: {error}"),
            r#"Send {"value": "64 hexadecimal characters"}."#,
        )
    })?;
    let value = logged_hash("value", Some(&wanted.value))?;
    let count = page_count(wanted.count)?;
    let from = LeafIndex(wanted.from);
    match ask(node, Query::Lookup { value, from, count }).await? {
        Answer::Lookup(found) if found.items.is_empty() => Err(Refusal::nothing_lodged(&value)),
        Answer::Lookup(found) => {
            let next = found.next.and_then(|next| match next {
                Start::From(LeafIndex(from)) => Some(from),
                Start::Newest | Start::Before(_) => None,
            });
            let path =
                next.map(|from| format!("/v1/lookup?from={from}&count={count}&value={value}"));
            Ok(json(&LookupJson::new(&value, &found.items, path)))
        }
        _ => Err(Refusal::no_answer()),
    }
}

/// How many items a page may have.
pub(super) fn page_count(wanted: Option<u64>) -> Result<usize, Refusal> {
    match wanted.unwrap_or(PAGE_MAX as u64) {
        0 => Err(Refusal::malformed(
            "count",
            format!("count: expected 1 to {PAGE_MAX}, found 0"),
            "Leave it out for a whole page.",
        )),
        count => Ok(count.min(PAGE_MAX as u64) as usize),
    }
}

fn id(message: &Message) -> Result<StatementId, Refusal> {
    check_question(message)?;
    // What is no UTF-8 is no hexadecimal either.
    statement_id(String::from_utf8_lossy(&message.payload).trim())
}

pub(super) fn check_question(message: &Message) -> Result<(), Refusal> {
    let found = message.payload.len();
    if found <= QUESTION_BYTES_MAX {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "question-too-large",
        format!("payload: expected at most {QUESTION_BYTES_MAX} bytes, found {found}"),
        "Send an id, or the JSON of a lookup.",
    )
    .about("payload"))
}
