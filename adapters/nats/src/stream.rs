//! The JetStream stream that holds a network's events.

use async_nats::jetstream::stream::{Config, DiscardPolicy, Stream};
use async_nats::jetstream::{Context, context};
use messages::ids::Name;

/// Name of a network's stream: `WUTONG_<network, '-' as '_'>_EVENTS`.
pub fn stream_name(network: &Name) -> String {
    format!("WUTONG_{}_EVENTS", network.as_str().replace('-', "_"))
}

/// Subject of the deposits in a namespace: `wutong.<network>.v1.events.<namespace>.deposited`.
pub fn events_subject(network: &Name, namespace: &Name) -> String {
    format!("wutong.{network}.v1.events.{namespace}.deposited")
}

/// Where the stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// Stream sequence of the newest message; 0 when there was none.
    pub(crate) sequence: u64,
    /// Ordinal of the event to come.
    pub(crate) next_ordinal: u64,
}

/// Why the stream cannot be used now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error("{0}")]
    Create(#[from] context::CreateStreamError),
    #[error("stream state: {0}")]
    Info(#[from] async_nats::jetstream::stream::InfoError),
    #[error("newest event: {0}")]
    Newest(#[from] async_nats::jetstream::stream::RawMessageError),
    #[error("newest event: no ordinal in it: {0}")]
    Form(#[from] serde_json::Error),
}

/// The one field of an event that is read back.
#[derive(serde::Deserialize)]
struct Numbered {
    ordinal: u64,
}

/// Makes the stream, kept on `replicas` servers, unless it is there, and reads where it stands.
pub(crate) async fn position(
    context: &Context,
    network: &Name,
    replicas: usize,
) -> Result<Position, StreamError> {
    let config = Config {
        name: stream_name(network),
        subjects: vec![format!("wutong.{network}.v1.events.>")],
        // Full means refused: an event is never dropped for a newer one.
        discard: DiscardPolicy::New,
        num_replicas: replicas,
        ..Config::default()
    };
    let stream = context.get_or_create_stream(config).await?;
    read_position(&stream).await
}

async fn read_position(stream: &Stream) -> Result<Position, StreamError> {
    let state = stream.get_info().await?.state;
    let sequence = state.last_sequence;
    // A stream that somebody emptied gets everything again: readers drop what they have.
    if state.messages == 0 {
        return Ok(Position {
            sequence,
            next_ordinal: 1,
        });
    }
    let newest = stream.get_raw_message(sequence).await?;
    let Numbered { ordinal } = serde_json::from_slice(&newest.payload)?;
    Ok(Position {
        sequence,
        next_ordinal: ordinal + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_network() {
        let (network, namespace) = (Name::try_new("trial-1"), Name::try_new("court-a"));
        let (network, namespace) = (network.unwrap(), namespace.unwrap());
        assert_eq!(stream_name(&network), "WUTONG_trial_1_EVENTS");
        let subject = events_subject(&network, &namespace);
        assert_eq!(subject, "wutong.trial-1.v1.events.court-a.deposited");
    }
}
