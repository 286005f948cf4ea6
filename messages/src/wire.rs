//! The versioned frame in which nodes talk and journals are written.
//!
//! A frame is `magic (4) | schema (u16) | version (u16) | length (u32) | rkyv bytes`, integers big
//! endian. rkyv has no schema of its own, so one frozen Rust type stands behind each (schema,
//! version); lengths are capped before anything is validated. Nothing here is signed or hashed:
//! whatever is, travels inside as opaque canonical bytes.

// rkyv's derive leaves fields of the archived counterparts undocumented.
#![allow(missing_docs)]

use crate::block::BlockBytes;
use crate::hash::Hash;
use crate::ids::{Height, Name, Round};
use crate::stored::HeadSignatures;
use bytes::Bytes;
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as RkyvError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::ser::{Positional, Writer};
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

const MAGIC: [u8; 4] = *b"WTNG";
const HEADER_BYTES: usize = 12;
/// Room that most frames fit into.
const FRAME_BYTES_USUAL: usize = 1024;

/// Largest frame a node accepts, in bytes.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// Why a frame was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than its header or its declared length, or longer.
    #[error("frame length: expected {expected} bytes, found {found}")]
    Length {
        /// Bytes the header promises.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// Does not start with the magic.
    #[error("not a frame of this protocol")]
    Magic,
    /// Another schema or version than the reader knows.
    #[error(
        "frame of schema {schema} version {version}: expected {expected_schema} version {expected_version}"
    )]
    Schema {
        /// Found.
        schema: u16,
        /// Found.
        version: u16,
        /// Known here.
        expected_schema: u16,
        /// Known here.
        expected_version: u16,
    },
    /// rkyv validation refused the content.
    #[error("frame content is not valid")]
    Content,
}

/// A type that travels in a frame; `SCHEMA` and `VERSION` name its frozen layout.
pub trait Framed: Sized {
    /// Number of the schema.
    const SCHEMA: u16;
    /// Version of the layout.
    const VERSION: u16;
}

/// A frame under construction: rkyv counts positions from behind the header.
pub struct FrameWriter(Vec<u8>);

impl Positional for FrameWriter {
    fn pos(&self) -> usize {
        self.0.len() - HEADER_BYTES
    }
}

impl<E> Writer<E> for FrameWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), E> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Encodes a value into a frame.
pub fn encode<T>(value: &T) -> Bytes
where
    T: Framed + for<'a> Serialize<HighSerializer<FrameWriter, ArenaHandle<'a>, RkyvError>>,
{
    let mut frame = Vec::with_capacity(FRAME_BYTES_USUAL);
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(&T::SCHEMA.to_be_bytes());
    frame.extend_from_slice(&T::VERSION.to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    let written = rkyv::api::high::to_bytes_in::<_, RkyvError>(value, FrameWriter(frame));
    let FrameWriter(mut frame) = written.expect("a flat value serialises to memory");
    let length = (frame.len() - HEADER_BYTES) as u32;
    frame[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&length.to_be_bytes());
    frame.into()
}

/// Decodes a frame, validating every byte.
///
/// # Errors
/// When it is no complete frame of this schema and version with valid content.
pub fn decode<T>(frame: &[u8]) -> Result<T, FrameError>
where
    T: Framed + Archive,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, RkyvError>>
        + Deserialize<T, HighDeserializer<RkyvError>>,
{
    let header = frame.get(..HEADER_BYTES).ok_or(FrameError::Length {
        expected: HEADER_BYTES,
        found: frame.len(),
    })?;
    if header[..4] != MAGIC {
        return Err(FrameError::Magic);
    }
    let half = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (schema, version) = (half(4), half(6));
    if (schema, version) != (T::SCHEMA, T::VERSION) {
        return Err(FrameError::Schema {
            schema,
            version,
            expected_schema: T::SCHEMA,
            expected_version: T::VERSION,
        });
    }
    let length = u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize;
    let content = &frame[HEADER_BYTES..];
    if content.len() != length || length > FRAME_BYTES_MAX {
        return Err(FrameError::Length {
            expected: length,
            found: content.len(),
        });
    }
    let mut aligned = AlignedVec::<16>::with_capacity(length);
    aligned.extend_from_slice(content);
    rkyv::from_bytes::<T, RkyvError>(&aligned).map_err(|_| FrameError::Content)
}

/// Trace context of W3C Trace Context level 1; neither signed nor journaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct TraceContext {
    /// Trace id; zeros when there is none.
    pub trace: [u8; 16],
    /// Id of the sending span.
    pub span: [u8; 8],
    /// Trace flags; bit 0 is "sampled".
    pub flags: u8,
}

/// What a node says of itself beside where it stands; nobody relies on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Version of the software.
    pub version: String,
    /// Free bytes where its ledger lies; none when it cannot tell.
    pub disk_free: Option<u64>,
    /// 99th percentile, over recent blocks, of the time from a block's own time until its receipts
    /// can be read there, in milliseconds; none before the first.
    pub lag_ms: Option<u64>,
    /// Nodes that it hears.
    pub peers: u16,
    /// Whether it votes: an amnesiac validator does not, and no observer does.
    pub votes: bool,
}

impl NodeFacts {
    /// Longest version text that is shown.
    const VERSION_MAX: usize = 32;

    /// What a peer said, fit to be shown: it may say anything.
    #[must_use]
    pub fn shown(&self) -> Self {
        let plain = self.version.chars().filter(char::is_ascii_graphic);
        Self {
            version: plain.take(Self::VERSION_MAX).collect(),
            ..self.clone()
        }
    }
}

/// What one node says to another, version 4.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum PeerMessage {
    /// A canonical consensus message without a body.
    Consensus(Bytes),
    /// A canonical signed proposal with the block it proposes beside it.
    Proposal {
        /// Canonical consensus message (a proposal).
        message: Bytes,
        /// The block.
        block: BlockBytes,
    },
    /// Statements admitted by the sender, for everybody's pool.
    Statements(Vec<Bytes>),
    /// A cosignature of the tree head at a height.
    Cosignature {
        /// Height whose head is cosigned.
        height: Height,
        /// Seconds since the Unix epoch, as signed.
        time_s: u64,
        /// Ed25519 signature of the C2SP cosignature message.
        signature: Bytes,
        /// Ed25519 signature of the sender's COSE receipts over the same head.
        receipt: Bytes,
        /// The sender still lacks a quorum for this head and asks for the receiver's own.
        wanted: bool,
    },
    /// Sent at an interval: where the sender stands.
    Status {
        /// Last durable height.
        height: Height,
        /// Round being decided at the next height.
        round: Round,
        /// Height of the newest checkpoint with a quorum.
        published: Height,
        /// Canonical certificate of the block at `height`; empty at height 0.
        certificate: Bytes,
        /// What it says of itself.
        about: NodeFacts,
    },
    /// Asks for certified blocks from a height on.
    BlocksRequest {
        /// First height wanted.
        first: Height,
        /// Most blocks wanted.
        count: u32,
    },
    /// Certified blocks in order.
    Blocks(Vec<CertifiedBlock>),
    /// Asks for a body.
    BodyRequest {
        /// SHA-256 of the body.
        digest: Hash,
    },
    /// A part of a body.
    BodyChunk {
        /// SHA-256 of the body.
        digest: Hash,
        /// Which part, from 0.
        index: u32,
        /// Parts in all.
        count: u32,
        /// The part.
        bytes: Bytes,
    },
    /// Asks for the newest published checkpoint.
    CheckpointRequest {
        /// Only one of a greater height is news to the sender.
        above: Height,
    },
    /// A published checkpoint, for those who cannot form one: observers hold no log key.
    Checkpoint {
        /// The signed note.
        note: String,
        /// The head's height, and the receipt signatures of those who cosigned.
        signatures: HeadSignatures,
    },
}

/// A block and the certificate that decides it.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct CertifiedBlock {
    /// The block.
    pub block: BlockBytes,
    /// Canonical commit certificate.
    pub certificate: Bytes,
}

/// Envelope of a message between nodes.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Envelope {
    /// Network, so that frames of another are refused before they are looked at.
    pub network: Name,
    /// Sender's node name, as authenticated by the link.
    pub from: Name,
    /// Trace of the work that caused the message.
    pub trace: TraceContext,
    /// The message.
    pub message: PeerMessage,
}

impl Framed for Envelope {
    const SCHEMA: u16 = 1;
    const VERSION: u16 = 4;
}
