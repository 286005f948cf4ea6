//! Journal records on disk and the chain that links them.

use bus::ports::{Record, Stream};
use bytes::Bytes;
use messages::hash::{Hash, domain_hash};
use messages::ids::{Name, TimeMs};
use messages::wire::{self, FrameError, Framed};

/// One journaled input as it lies on disk, in a frame of schema 11 version 2.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct JournalRecord {
    /// Position in the node's journal, from 1.
    pub seq: u64,
    /// Whose input.
    pub stream: Stream,
    /// The time the machine was told.
    pub now: TimeMs,
    /// The input, in its journal encoding.
    pub input: Bytes,
    /// Digest of what it led to ([`bus::ports::NewRecord::effects`]).
    pub effects: u64,
    /// [`JournalRecord::chain_hash`] of the record before; an anchor before the first.
    pub previous: Hash,
}

impl Framed for JournalRecord {
    const SCHEMA: u16 = 11;
    const VERSION: u16 = 2;
}

impl JournalRecord {
    /// The bytes on disk.
    pub fn to_bytes(&self) -> Bytes {
        wire::encode(self)
    }

    /// Reads the bytes on disk.
    ///
    /// # Errors
    /// When they are no frame of this schema and version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrameError> {
        wire::decode(bytes)
    }

    /// Hash of a record's bytes, which the next record names:
    /// `SHA-256("wutong/journal-record/v1\0" || bytes)`.
    pub fn chain_hash(bytes: &[u8]) -> Hash {
        domain_hash("journal-record", bytes)
    }

    /// The record as its reader gets it.
    pub fn into_record(self) -> Record {
        Record {
            seq: self.seq,
            stream: self.stream,
            now: self.now,
            input: self.input,
            effects: self.effects,
        }
    }
}

/// What the first record of a chain names as the one before. A chain that is begun again after a
/// loss differs from the lost one in its first seq.
pub(crate) fn anchor(network: &Name, first_seq: u64) -> Hash {
    let mut bytes = first_seq.to_be_bytes().to_vec();
    bytes.extend_from_slice(network.as_str().as_bytes());
    domain_hash("journal-anchor", &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_on_disk_is_frozen() {
        let network = Name::try_new("trial").unwrap();
        let record = JournalRecord {
            seq: 7,
            stream: Stream::Checkpoint,
            now: TimeMs(9),
            input: Bytes::from_static(b"an input"),
            effects: 11,
            previous: anchor(&network, 7),
        };
        let bytes = record.to_bytes();
        assert_eq!(JournalRecord::from_bytes(&bytes), Ok(record));
        let hash = JournalRecord::chain_hash(&bytes);
        let text = format!("{}\nchain hash {hash}", hex::encode(&bytes));
        insta::assert_snapshot!("journal_record", text);
    }
}
