//! A node's ledger as one portable file, from which a node can begin again.
//!
//! The file is a sequence of items: a frame ([`messages::wire`]) and, behind it, 32 bytes:
//! `SHA-256("wutong/backup-file/v1\0" || hash behind the item before || frame)`, with 32 zeros
//! before the first. So a changed byte is found in the item where it is, and a missing item at the
//! next. The items are one header, keys if they were asked for, then height by height the bodies
//! that the block lodges, the block, and the checkpoint if one was published there; and one end
//! with their numbers. It can be written and read as a stream.
//!
//! The journal is not in it: whoever begins again from a backup may have signed more than the
//! backup knows, and must come up as one who forgot.

// rkyv's derive leaves fields of the archived counterparts undocumented.
#![allow(missing_docs)]

use bytes::Bytes;
use messages::hash::{Hash, domain_hash};
use messages::ids::{Height, Name, TimeMs};
use messages::stored::HeadSignatures;
use messages::wire::{self, CertifiedBlock, FRAME_BYTES_MAX, Framed};
use std::io::{self, Read, Write};

/// The first item.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct BackupHeader {
    /// The network.
    pub network: Name,
    /// The node that was backed up.
    pub node: Name,
    /// Canonical genesis document of the network.
    pub genesis: Bytes,
    /// Height of the newest block in the file.
    pub height: Height,
    /// When it was made, by the node's clock.
    pub made: TimeMs,
    /// Version of the software that wrote the file.
    pub version: String,
}

impl Framed for BackupHeader {
    const SCHEMA: u16 = 40;
    const VERSION: u16 = 1;
}

/// A private key of the node.
#[derive(Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct BackupKey {
    /// What it is for.
    pub purpose: String,
    /// The key (PKCS #8, PEM).
    pub pem: String,
}

impl std::fmt::Debug for BackupKey {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} key", self.purpose)
    }
}

impl Framed for BackupKey {
    const SCHEMA: u16 = 41;
    const VERSION: u16 = 1;
}

/// A content kept beside the log.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct FileBody(Bytes);

impl Framed for FileBody {
    const SCHEMA: u16 = 42;
    const VERSION: u16 = 1;
}

#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct FileBlock(CertifiedBlock);

impl Framed for FileBlock {
    const SCHEMA: u16 = 43;
    const VERSION: u16 = 1;
}

/// The checkpoint that was published at the height of the block before it.
#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct BackupCheckpoint {
    /// The signed note.
    pub note: String,
    /// Its height and receipt signatures.
    pub signatures: HeadSignatures,
}

impl Framed for BackupCheckpoint {
    const SCHEMA: u16 = 44;
    const VERSION: u16 = 1;
}

/// The last item.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct BackupEnd {
    /// Blocks in the file.
    pub blocks: u64,
    /// Checkpoints in it.
    pub checkpoints: u64,
    /// Bodies in it.
    pub bodies: u64,
    /// Bodies that the node should hold and could not give.
    pub bodies_missing: u64,
}

impl Framed for BackupEnd {
    const SCHEMA: u16 = 45;
    const VERSION: u16 = 1;
}

/// What stands in a file between its header and its end, and the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupItem {
    /// A key.
    Key(BackupKey),
    /// A body.
    Body(Bytes),
    /// The next block.
    Block(CertifiedBlock),
    /// The checkpoint of the newest block so far.
    Checkpoint(BackupCheckpoint),
    /// Nothing follows.
    End(BackupEnd),
}

const FRAME_HEADER_BYTES: usize = 12;
const HASH_BYTES: usize = 32;

/// Why a file was refused.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}, {item}: {reason}")]
pub struct BackupFileError {
    /// Where the item begins that cannot be used.
    pub offset: u64,
    /// Which item it is, for people.
    pub item: String,
    /// Why.
    pub reason: String,
}

/// Writes a file item by item.
pub struct BackupWriter<W> {
    out: W,
    hash: Hash,
    /// What was written so far, and what could not be.
    pub end: BackupEnd,
}

impl<W: Write> BackupWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, header: &BackupHeader) -> io::Result<Self> {
        let mut writer = Self {
            out,
            hash: Hash::ZERO,
            end: BackupEnd::default(),
        };
        writer.frame(&wire::encode(header))?;
        Ok(writer)
    }

    /// Adds an item; an end item ends the file, with the numbers of this writer.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn item(&mut self, item: BackupItem) -> io::Result<()> {
        let frame = match item {
            BackupItem::Key(key) => wire::encode(&key),
            BackupItem::Body(bytes) => {
                self.end.bodies += 1;
                wire::encode(&FileBody(bytes))
            }
            BackupItem::Block(block) => {
                self.end.blocks += 1;
                wire::encode(&FileBlock(block))
            }
            BackupItem::Checkpoint(checkpoint) => {
                self.end.checkpoints += 1;
                wire::encode(&checkpoint)
            }
            BackupItem::End(end) => {
                self.end.bodies_missing = end.bodies_missing;
                wire::encode(&self.end)
            }
        };
        self.frame(&frame)
    }

    /// The writer below, with everything handed to it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn frame(&mut self, frame: &[u8]) -> io::Result<()> {
        self.hash = item_hash(&self.hash, frame);
        self.out.write_all(frame)?;
        self.out.write_all(&self.hash.0)
    }
}

fn item_hash(previous: &Hash, frame: &[u8]) -> Hash {
    domain_hash("backup-file", &[&previous.0[..], frame].concat())
}

/// Reads a file item by item and checks every byte of it.
pub struct BackupReader<R> {
    input: R,
    hash: Hash,
    /// Where the item at hand begins.
    at: u64,
    items: u64,
    seen: BackupEnd,
    header: BackupHeader,
}

impl<R: Read> BackupReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When there is none that can be used.
    pub fn new(input: R) -> Result<Self, BackupFileError> {
        let nothing = BackupHeader {
            network: Name::try_new("none").expect("a short name of allowed characters"),
            node: Name::try_new("none").expect("a short name of allowed characters"),
            genesis: Bytes::new(),
            height: Height(0),
            made: TimeMs(0),
            version: String::new(),
        };
        let mut reader = Self {
            input,
            hash: Hash::ZERO,
            at: 0,
            items: 0,
            seen: BackupEnd::default(),
            header: nothing,
        };
        let (frame, begins) = reader.frame()?;
        reader.header = reader.decoded(begins, &frame)?;
        Ok(reader)
    }

    /// The header.
    pub fn header(&self) -> &BackupHeader {
        &self.header
    }

    /// Blocks, checkpoints and bodies read so far.
    pub fn seen(&self) -> BackupEnd {
        self.seen
    }

    /// The next item.
    ///
    /// # Errors
    /// Where the file cannot be used, and why: cut short, changed, or of another version.
    pub fn item(&mut self) -> Result<BackupItem, BackupFileError> {
        let (frame, begins) = self.frame()?;
        let schema = u16::from_be_bytes([frame[4], frame[5]]);
        Ok(match schema {
            BackupKey::SCHEMA => BackupItem::Key(self.decoded(begins, &frame)?),
            FileBody::SCHEMA => {
                self.seen.bodies += 1;
                let FileBody(bytes) = self.decoded(begins, &frame)?;
                BackupItem::Body(bytes)
            }
            FileBlock::SCHEMA => {
                self.seen.blocks += 1;
                let FileBlock(block) = self.decoded(begins, &frame)?;
                BackupItem::Block(block)
            }
            BackupCheckpoint::SCHEMA => {
                self.seen.checkpoints += 1;
                BackupItem::Checkpoint(self.decoded(begins, &frame)?)
            }
            BackupEnd::SCHEMA => {
                let end: BackupEnd = self.decoded(begins, &frame)?;
                self.seen.bodies_missing = end.bodies_missing;
                if end != self.seen || end.blocks != self.header.height.0 {
                    let reason = "it does not hold as much as it says";
                    return Err(self.error(begins, reason));
                }
                self.expect_nothing()?;
                BackupItem::End(end)
            }
            other => {
                let reason = format!("an item of schema {other}, which is not known");
                return Err(self.error(begins, reason));
            }
        })
    }

    /// An error about the item that was read last, for whoever judges what is in it.
    pub fn refuse(&self, reason: impl Into<String>) -> BackupFileError {
        self.error(self.at, reason)
    }

    fn error(&self, offset: u64, reason: impl Into<String>) -> BackupFileError {
        let seen = self.seen;
        let item = match self.items {
            0 | 1 => "the header".into(),
            number => format!("item {number} (behind block {})", seen.blocks),
        };
        BackupFileError {
            offset,
            item,
            reason: reason.into(),
        }
    }

    fn decoded<T>(&self, begins: u64, frame: &[u8]) -> Result<T, BackupFileError>
    where
        T: Decoded,
    {
        T::decoded(frame).map_err(|reason| self.error(begins, reason))
    }

    /// The next frame, and where it begins.
    fn frame(&mut self) -> Result<(Vec<u8>, u64), BackupFileError> {
        let begins = self.at;
        self.items += 1;
        let mut frame = vec![0; FRAME_HEADER_BYTES];
        self.fill(begins, &mut frame)?;
        if frame[..4] != *b"WTNG" {
            let reason = "here should begin an item of a backup and does not";
            return Err(self.error(begins, reason));
        }
        let length = u32::from_be_bytes([frame[8], frame[9], frame[10], frame[11]]) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(self.error(begins, format!("it claims {length} bytes")));
        }
        frame.resize(FRAME_HEADER_BYTES + length, 0);
        let mut content = std::mem::take(&mut frame);
        self.fill(begins, &mut content[FRAME_HEADER_BYTES..])?;
        let mut hash = [0; HASH_BYTES];
        self.fill(begins, &mut hash)?;
        let expected = item_hash(&self.hash, &content);
        if expected.0 != hash {
            let reason = "these bytes are not those that were written";
            return Err(self.error(begins, reason));
        }
        self.hash = expected;
        self.at = begins + (content.len() + HASH_BYTES) as u64;
        Ok((content, begins))
    }

    fn fill(&mut self, begins: u64, bytes: &mut [u8]) -> Result<(), BackupFileError> {
        self.input.read_exact(bytes).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => self.error(
                begins,
                "it ends here, before its end item: it was cut short",
            ),
            _ => self.error(begins, e.to_string()),
        })
    }

    fn expect_nothing(&mut self) -> Result<(), BackupFileError> {
        match self.input.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.error(self.at, "there are bytes behind the end")),
            Err(e) => Err(self.error(self.at, e.to_string())),
        }
    }
}

/// What an item's frame holds.
trait Decoded: Sized {
    fn decoded(frame: &[u8]) -> Result<Self, String>;
}

macro_rules! decoded {
    ($($item:ty),*) => {
        $(impl Decoded for $item {
            fn decoded(frame: &[u8]) -> Result<Self, String> {
                wire::decode(frame).map_err(|e| e.to_string())
            }
        })*
    };
}

decoded!(
    BackupHeader,
    BackupKey,
    FileBody,
    FileBlock,
    BackupCheckpoint,
    BackupEnd
);

#[cfg(test)]
#[path = "backup_file_tests.rs"]
mod tests;
