//! A node's journal as one portable file, and the record that each opening of a node leaves in it.
//!
//! The file is a sequence of items: a frame ([`messages::wire`]) and, behind it, 32 bytes:
//! `SHA-256("wutong/journal-file/v1\0" || hash behind the item before || frame)`, with 32 zeros
//! before the first. So a changed byte is found in the item where it is, and a missing item at the
//! next. The items are one header, the certified blocks up to the height at which the journal
//! begins, the records, and one end with the number of both.

// rkyv's derive leaves fields of the archived counterparts undocumented.
#![allow(missing_docs)]

use crate::ports::{Record, Stream};
use bytes::Bytes;
use messages::hash::{Hash, domain_hash};
use messages::ids::{Height, Name, TimeMs};
use messages::wire::{self, CertifiedBlock, Framed};
use std::io::{self, Write};

/// What a node says of itself each time it opens; a record of [`Stream::Node`].
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Opening {
    /// Version of the software that steps the inputs from here on.
    pub version: String,
    /// Height of the durable head at which its machines were built.
    pub head: Height,
    /// First height that the node may sign; none while it does not know it.
    pub floor: Option<Height>,
}

impl Framed for Opening {
    const SCHEMA: u16 = 22;
    const VERSION: u16 = 1;
}

/// The first item of a journal file.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct FileHeader {
    /// The network.
    pub network: Name,
    /// The node whose journal it is.
    pub node: Name,
    /// Canonical genesis document of the network.
    pub genesis: Bytes,
    /// Height of the block behind which the records begin; the blocks up to it follow.
    pub base: Height,
    /// In a journal of the simulator, what its keyed hashes are made with in place of signatures.
    pub secret: Option<Hash>,
    /// Version of the software that wrote the file.
    pub version: String,
}

impl Framed for FileHeader {
    const SCHEMA: u16 = 30;
    const VERSION: u16 = 1;
}

/// A block before the journal's beginning.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct FileBlock(CertifiedBlock);

impl Framed for FileBlock {
    const SCHEMA: u16 = 31;
    const VERSION: u16 = 1;
}

/// A journal record.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct FileRecord {
    seq: u64,
    stream: Stream,
    now: TimeMs,
    input: Bytes,
    effects: u64,
}

impl Framed for FileRecord {
    const SCHEMA: u16 = 32;
    const VERSION: u16 = 1;
}

/// The last item.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct FileEnd {
    blocks: u64,
    records: u64,
}

impl Framed for FileEnd {
    const SCHEMA: u16 = 33;
    const VERSION: u16 = 1;
}

/// Bytes of a frame before its content.
const FRAME_HEADER_BYTES: usize = 12;
const HASH_BYTES: usize = 32;

/// Why a journal file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {reason}")]
pub struct JournalFileError {
    /// Where the item begins that cannot be used.
    pub offset: u64,
    /// Why.
    pub reason: String,
}

/// A journal file that was read, every byte of it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalFile {
    /// Whose journal.
    pub header: FileHeader,
    /// Blocks 1 to `header.base`.
    pub blocks: Vec<CertifiedBlock>,
    /// Records without gaps.
    pub records: Vec<Record>,
}

/// Writes a journal file item by item.
pub struct JournalFileWriter<W> {
    out: W,
    hash: Hash,
    end: FileEnd,
}

impl<W: Write> JournalFileWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, header: &FileHeader) -> io::Result<Self> {
        let end = FileEnd {
            blocks: 0,
            records: 0,
        };
        let mut writer = Self {
            out,
            hash: Hash::ZERO,
            end,
        };
        writer.item(&wire::encode(header))?;
        Ok(writer)
    }

    /// Adds a block before the journal's beginning.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn block(&mut self, block: CertifiedBlock) -> io::Result<()> {
        self.end.blocks += 1;
        self.item(&wire::encode(&FileBlock(block)))
    }

    /// Adds a record.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn record(&mut self, record: Record) -> io::Result<()> {
        self.end.records += 1;
        self.item(&wire::encode(&FileRecord {
            seq: record.seq,
            stream: record.stream,
            now: record.now,
            input: record.input,
            effects: record.effects,
        }))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        let end = wire::encode(&self.end.clone());
        self.item(&end)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn item(&mut self, frame: &[u8]) -> io::Result<()> {
        self.hash = item_hash(&self.hash, frame);
        self.out.write_all(frame)?;
        self.out.write_all(&self.hash.0)
    }
}

fn item_hash(previous: &Hash, frame: &[u8]) -> Hash {
    domain_hash("journal-file", &[&previous.0[..], frame].concat())
}

/// Goes through the items of a file.
struct Items<'a> {
    bytes: &'a [u8],
    at: usize,
    hash: Hash,
}

impl<'a> Items<'a> {
    fn fail<T>(&self, reason: impl Into<String>) -> Result<T, JournalFileError> {
        Err(JournalFileError {
            offset: self.at as u64,
            reason: reason.into(),
        })
    }

    /// The schema and the frame of the next item.
    fn next(&mut self) -> Result<(u16, &'a [u8], usize), JournalFileError> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return self.fail("the file ends before its end item: it was cut short");
        }
        let Some(header) = rest.first_chunk::<FRAME_HEADER_BYTES>() else {
            return self.fail("the file ends within an item: it was cut short");
        };
        if header[..4] != *b"WTNG" {
            return self.fail("here should begin an item of a journal file and does not");
        }
        let schema = u16::from_be_bytes([header[4], header[5]]);
        let content = u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let length = FRAME_HEADER_BYTES + content;
        let (Some(frame), Some(hash)) = (rest.get(..length), rest.get(length..length + HASH_BYTES))
        else {
            return self.fail("the file ends within an item: it was cut short");
        };
        let expected = item_hash(&self.hash, frame);
        if expected.0 != *hash {
            return self.fail("these bytes are not those that were written");
        }
        self.hash = expected;
        let begins = self.at;
        self.at += length + HASH_BYTES;
        Ok((schema, frame, begins))
    }
}

fn content<T>(offset: usize, decoded: Result<T, wire::FrameError>) -> Result<T, JournalFileError> {
    decoded.map_err(|error| JournalFileError {
        offset: offset as u64,
        reason: error.to_string(),
    })
}

impl JournalFile {
    /// Reads a file and checks every byte of it.
    ///
    /// # Errors
    /// Where it cannot be used, and why: cut short, changed, or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, JournalFileError> {
        let mut items = Items {
            bytes,
            at: 0,
            hash: Hash::ZERO,
        };
        let (_, frame, at) = items.next()?;
        let header: FileHeader = content(at, wire::decode(frame))?;
        let (mut blocks, mut records) = (Vec::new(), Vec::<Record>::new());
        loop {
            let (schema, frame, at) = items.next()?;
            let fail = |reason: String| {
                let offset = at as u64;
                Err(JournalFileError { offset, reason })
            };
            match schema {
                FileBlock::SCHEMA => {
                    let FileBlock(block) = content(at, wire::decode(frame))?;
                    if !records.is_empty() {
                        return fail("a block after the records".into());
                    }
                    blocks.push(block);
                }
                FileRecord::SCHEMA => {
                    let record: FileRecord = content(at, wire::decode(frame))?;
                    let expected = records.last().map(|last| last.seq + 1);
                    if expected.is_some_and(|expected| record.seq != expected) {
                        return fail(format!("record {} does not follow", record.seq));
                    }
                    records.push(Record {
                        seq: record.seq,
                        stream: record.stream,
                        now: record.now,
                        input: record.input,
                        effects: record.effects,
                    });
                }
                FileEnd::SCHEMA => {
                    let end: FileEnd = content(at, wire::decode(frame))?;
                    if end.blocks != blocks.len() as u64
                        || end.records != records.len() as u64
                        || header.base.0 != end.blocks
                    {
                        return fail(
                            "it does not hold as many blocks and records as it says".into(),
                        );
                    }
                    if items.at != bytes.len() {
                        return items.fail("there are bytes behind the end");
                    }
                    return Ok(Self {
                        header,
                        blocks,
                        records,
                    });
                }
                other => return fail(format!("an item of schema {other}, which is not known")),
            }
        }
    }
}

#[cfg(test)]
#[path = "journal_file_tests.rs"]
mod tests;
