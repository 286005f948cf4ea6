//! An event as it is read.

use super::Broken;
use crate::event::{EventFacts, EventLink, EventTail};
use crate::hash::Hash;
use crate::ids::{Height, LeafIndex, Name, StatementId, TimeMs};
use serde::Deserialize;

/// Longest name of a type of events.
const TYPE_CHARS_MAX: usize = 32;

/// An event of version 2. What its hash does not cover (`mode`, `value`, `key`) follows from the
/// statement that `id` names, and is proven by the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainEvent {
    /// Its type: `deposited`.
    pub kind: String,
    /// The network.
    pub network: Name,
    /// The namespace.
    pub namespace: Name,
    /// Dense number within the network, from 1.
    pub ordinal: u64,
    /// Dense number within the namespace, from 1.
    pub namespace_ordinal: u64,
    /// Hash of the network's event before; zeros before the first.
    pub previous: Hash,
    /// Hash of the namespace's event before; zeros before the first.
    pub namespace_previous: Hash,
    /// Hash of this event, as it says.
    pub hash: Hash,
    /// Height of the block.
    pub height: Height,
    /// Place of the statement in the log.
    pub index: LeafIndex,
    /// Time of the block.
    pub block_time: TimeMs,
    /// The statement.
    pub id: StatementId,
    /// What kind of deposit it is.
    pub mode: String,
    /// The digest, commitment or root that was lodged.
    pub value: String,
    /// Key of the depositor in hexadecimal.
    pub key: String,
    /// The receipt (C2SP tlog-proof), where the event carries one.
    pub receipt: Option<String>,
}

/// The JSON; members that are not known are passed over.
#[derive(Deserialize)]
struct Members {
    version: u64,
    r#type: String,
    network: String,
    namespace: String,
    ordinal: u64,
    namespace_ordinal: u64,
    previous: String,
    namespace_previous: String,
    hash: String,
    height: u64,
    index: u64,
    block_time_ms: u64,
    id: String,
    mode: String,
    value: String,
    key: String,
    #[serde(default)]
    receipt: Option<String>,
}

impl ChainEvent {
    /// Reads an event's JSON.
    ///
    /// # Errors
    /// [`Broken`] with the field that is not of its form.
    pub fn parse(json: &[u8]) -> Result<Self, Broken> {
        let value = serde_json::from_slice(json);
        let value: serde_json::Value =
            value.map_err(|e| Broken::new("form", "an event of version 2", e))?;
        Self::from_value(value)
    }

    /// Reads an event's JSON that is parsed already.
    ///
    /// # Errors
    /// [`Broken`] with the field that is not of its form.
    pub fn from_value(value: serde_json::Value) -> Result<Self, Broken> {
        if !value.is_object() {
            return Err(Broken::new("form", "an event of version 2", value));
        }
        // Told first: events of another version have other members.
        if value["version"] != 2 {
            return Err(Broken::new("version", 2, &value["version"]));
        }
        let members = Members::deserialize(value);
        let members = members.map_err(|e| Broken::new("form", "an event of version 2", e))?;
        debug_assert_eq!(members.version, 2);
        Ok(Self {
            kind: kind(members.r#type)?,
            network: name("network", &members.network)?,
            namespace: name("namespace", &members.namespace)?,
            ordinal: counted("ordinal", members.ordinal)?,
            namespace_ordinal: counted("namespace_ordinal", members.namespace_ordinal)?,
            previous: hash("previous", &members.previous)?,
            namespace_previous: hash("namespace_previous", &members.namespace_previous)?,
            hash: hash("hash", &members.hash)?,
            height: Height(members.height),
            index: LeafIndex(members.index),
            block_time: TimeMs(members.block_time_ms),
            id: StatementId(hash("id", &members.id)?),
            mode: members.mode,
            value: members.value,
            key: members.key,
            receipt: members.receipt,
        })
    }

    /// The hash that its fields have.
    pub fn computed_hash(&self) -> Hash {
        let tail = |ordinal: u64, hash| EventTail {
            count: ordinal.saturating_sub(1),
            hash,
        };
        let facts = EventFacts {
            network: &self.network,
            namespace: &self.namespace,
            kind: &self.kind,
            height: self.height,
            index: self.index,
            block_time: self.block_time,
            id: self.id,
        };
        let before = tail(self.ordinal, self.previous);
        let namespace_before = tail(self.namespace_ordinal, self.namespace_previous);
        EventLink::after(&before, &namespace_before, &facts).hash
    }
}

/// A type of events is a word, so that no line of what is hashed can look like two.
fn kind(text: String) -> Result<String, Broken> {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=TYPE_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_word) {
        return Ok(text);
    }
    Err(Broken::new("type", "a word", format!("{text:?}")))
}

fn name(field: &'static str, text: &str) -> Result<Name, Broken> {
    Name::try_new(text).map_err(|e| Broken::new(field, "a name", e))
}

fn counted(field: &'static str, number: u64) -> Result<u64, Broken> {
    match number {
        0 => Err(Broken::new(field, "1 or more", 0)),
        number => Ok(number),
    }
}

/// A hash has one form: two texts for one hash would be two hashes of an event.
fn hash(field: &'static str, text: &str) -> Result<Hash, Broken> {
    let hash = Hash::from_hex(text).filter(|hash| hash.to_string() == text);
    hash.ok_or_else(|| {
        let expected = "64 hexadecimal characters in lower case";
        Broken::new(field, expected, format!("{text:?}"))
    })
}
