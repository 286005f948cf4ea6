//! Where a reader stands.

use messages::event_chain::{Broken, EventChain};
use messages::ids::Name;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Where a reader stands: the last event that was taken, and the message that carried it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderPosition {
    /// The last event: its ordinal and hash.
    pub chain: EventChain,
    /// Sequence of its message in the stream; 0 before the first.
    pub sequence: u64,
}

/// The saved form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    sequence: u64,
    chain: Box<RawValue>,
}

impl ReaderPosition {
    /// Before the first event of a network; of one namespace when that is given.
    pub fn new(network: Name, namespace: Option<Name>) -> Self {
        Self {
            chain: EventChain::new(network, namespace),
            sequence: 0,
        }
    }

    /// As JSON to be saved.
    pub fn to_json(&self) -> String {
        format!(
            r#"{{"sequence":{},"chain":{}}}"#,
            self.sequence,
            self.chain.to_json()
        )
    }

    /// Goes on where a saved reader stood.
    ///
    /// # Errors
    /// When it is not what [`ReaderPosition::to_json`] writes.
    pub fn from_json(text: &str) -> Result<Self, Broken> {
        let saved: Result<Saved, _> = serde_json::from_str(text);
        let saved = saved.map_err(|e| Broken {
            field: "form",
            expected: "a saved position of a reader".into(),
            found: e.to_string(),
        })?;
        Ok(Self {
            chain: EventChain::from_json(saved.chain.get())?,
            sequence: saved.sequence,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_position_is_read_again_and_nothing_else() {
        let network = Name::try_new("trial").unwrap();
        let mut position = ReaderPosition::new(network, None);
        position.sequence = 9;
        let text = position.to_json();
        assert_eq!(ReaderPosition::from_json(&text).unwrap(), position);
        for (from, to) in [
            ("9", "-9"),
            ("trial", "tr/al"),
            ("sequence", "number"),
            ("}", ""),
        ] {
            assert!(ReaderPosition::from_json(&text.replacen(from, to, 1)).is_err());
        }
    }
}
