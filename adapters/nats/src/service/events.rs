//! Events made anew from the ledger: for readers that were away for longer than the stream keeps
//! them, or that want the past from a height on.

use super::answers::{Reply, json};
use super::requests::{check_question, page_count};
use adapters_surface::{Refusal, ask};
use async_nats::Message;
use bus::api::{Answer, EventsFrom, EventsQuery, NodeApi, Query};
use messages::ids::{Height, Name};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Words of a subject before the namespace: `wutong.<network>.v1.tx.events`.
const WORDS_BEFORE: usize = 5;

/// What is wanted; all of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsRequest {
    /// Events of the block at this height and later ones.
    height: Option<u64>,
    /// Events with a greater ordinal in the network.
    after: Option<u64>,
    count: Option<u64>,
}

/// A page of events.
#[derive(Serialize)]
struct EventsJson<'e> {
    events: Vec<&'e RawValue>,
    /// All events up to this ordinal are here, or on pages before: the next page follows it.
    seen: u64,
    /// Ordinal of the newest event of the network.
    newest: u64,
}

impl EventsRequest {
    fn from(&self) -> Result<EventsFrom, Refusal> {
        match (self.height, self.after) {
            (Some(_), Some(_)) => Err(Refusal::malformed(
                "after",
                "after: expected height or after, found both".into(),
                "Ask with height first, and go on with after = seen of the answer.",
            )),
            (Some(height), None) => Ok(EventsFrom::Height(Height(height))),
            (None, after) => Ok(EventsFrom::After(after.unwrap_or(0))),
        }
    }
}

/// The namespace that a subject names; none for the whole network.
fn namespace(subject: &str) -> Result<Option<Name>, Refusal> {
    let Some(text) = subject.split('.').nth(WORDS_BEFORE) else {
        return Ok(None);
    };
    Name::try_new(text).map(Some).map_err(|error| {
        Refusal::malformed(
            "subject",
            format!("subject: {error}"),
            "End the subject with the name of a namespace.",
        )
    })
}

/// Answers a request for events.
pub(super) async fn answer(node: &dyn NodeApi, message: &Message) -> Reply {
    check_question(message)?;
    let wanted = match message.payload.len() {
        0 => Ok(EventsRequest::default()),
        _ => serde_json::from_slice(&message.payload),
    };
    let wanted = wanted.map_err(|error| {
        Refusal::malformed(
            "payload",
            format!("payload: expected a JSON object with height or after, and count: {error}"),
            r#"Send {"height": 1}, or nothing for all events."#,
        )
    })?;
    let query = EventsQuery {
        from: wanted.from()?,
        namespace: namespace(message.subject.as_str())?,
        receipts: true,
        count: page_count(wanted.count)?,
    };
    let Answer::Events(page) = ask(node, Query::Events(query)).await? else {
        return Err(Refusal::no_answer());
    };
    let events: Result<Vec<&RawValue>, _> = page
        .events
        .iter()
        .map(|event| serde_json::from_str(&event.json))
        .collect();
    Ok(json(&EventsJson {
        events: events.map_err(|_| Refusal::no_answer())?,
        seen: page.seen,
        newest: page.newest,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_names_the_namespace() {
        let of = |subject| namespace(subject).map(|n| n.map(|n| n.to_string())).ok();
        assert_eq!(of("wutong.trial.v1.tx.events"), Some(None));
        assert_eq!(
            of("wutong.trial.v1.tx.events.court"),
            Some(Some("court".into()))
        );
        assert_eq!(of("wutong.trial.v1.tx.events.Court"), None);
    }

    #[test]
    fn one_beginning_is_named() {
        let from = |text: &str| {
            serde_json::from_str::<EventsRequest>(text)
                .unwrap()
                .from()
                .ok()
        };
        assert_eq!(from("{}"), Some(EventsFrom::After(0)));
        assert_eq!(
            from(r#"{"height": 7}"#),
            Some(EventsFrom::Height(Height(7)))
        );
        assert_eq!(from(r#"{"after": 7}"#), Some(EventsFrom::After(7)));
        assert_eq!(from(r#"{"after": 7, "height": 1}"#), None);
    }
}
