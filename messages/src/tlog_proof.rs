//! Offline proofs of inclusion as text (C2SP tlog-proof).
//!
//! A first line, optional extra data, the index, the inclusion path, a blank line, the checkpoint
//! verbatim. Reading is strict, so that a proof is written back byte for byte. Nothing is judged.

use crate::checkpoint::parse_decimal;
use crate::hash::Hash;
use crate::ids::LeafIndex;
use crate::note::{Note, NoteError, decode_base64, encode_base64};

/// First line of a proof.
pub const TLOG_PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Most bytes of a proof that we read.
pub const TLOG_PROOF_BYTES_MAX: usize = 262_144;

/// Most hashes of a path: a tree of 2^64 leaves has no longer one.
pub const PATH_MAX: usize = 64;

/// Why a text is not a proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The proof is longer than we read.
    #[error("proof: expected at most {TLOG_PROOF_BYTES_MAX} bytes, found {found}")]
    TooLong {
        /// Bytes given.
        found: usize,
    },
    /// The first line is another.
    #[error("first line: expected {TLOG_PROOF_HEADER:?}, found {found:?}")]
    Header {
        /// The line.
        found: String,
    },
    /// No blank line before the checkpoint.
    #[error("proof: expected a blank line before the checkpoint, found none")]
    NoBlankLine,
    /// No index line where one must be.
    #[error("index: expected \"index <decimal>\", found {found:?}")]
    Index {
        /// The line.
        found: String,
    },
    /// A path line without exactly 32 bytes.
    #[error("path line {line}: expected 32 bytes in base64, found {found:?}")]
    PathHash {
        /// Line of the path, counted from 1.
        line: usize,
        /// The line.
        found: String,
    },
    /// The path is longer than any tree is high.
    #[error("path: expected at most {PATH_MAX} hashes, found {found}")]
    PathLength {
        /// Hashes given.
        found: usize,
    },
    /// The extra data or the checkpoint is malformed.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// An inclusion proof with its checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque data that the proof does not authenticate.
    pub extra: Option<Vec<u8>>,
    /// Position of the entry.
    pub index: LeafIndex,
    /// Inclusion path from leaf to root.
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl TlogProof {
    /// The proof's text.
    pub fn encode(&self) -> String {
        let mut text = format!("{TLOG_PROOF_HEADER}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", encode_base64(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.path {
            text.push_str(&encode_base64(&hash.0));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint.encode());
        text
    }

    /// Reads a proof strictly: [`TlogProof::encode`] gives the same bytes.
    ///
    /// # Errors
    /// When the text is no proof in canonical form.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        if text.len() > TLOG_PROOF_BYTES_MAX {
            return Err(TlogProofError::TooLong { found: text.len() });
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(TlogProofError::NoBlankLine)?;
        let mut lines = head.split('\n').peekable();
        let first = lines.next().unwrap_or_default();
        if first != TLOG_PROOF_HEADER {
            return Err(TlogProofError::Header {
                found: first.into(),
            });
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(encoded) => {
                lines.next();
                Some(decode_base64("extra", encoded)?)
            }
            None => None,
        };
        let line = lines.next().unwrap_or_default();
        let index = line
            .strip_prefix("index ")
            .and_then(parse_decimal)
            .ok_or_else(|| TlogProofError::Index { found: line.into() })?;
        let path = lines
            .enumerate()
            .map(path_hash)
            .collect::<Result<Vec<_>, _>>()?;
        if path.len() > PATH_MAX {
            return Err(TlogProofError::PathLength { found: path.len() });
        }
        let checkpoint = Note::parse(checkpoint)?;
        Ok(Self {
            extra,
            index: LeafIndex(index),
            path,
            checkpoint,
        })
    }
}

fn path_hash((position, line): (usize, &str)) -> Result<Hash, TlogProofError> {
    decode_base64("path", line)
        .ok()
        .and_then(|bytes| Hash::from_slice(&bytes))
        .ok_or_else(|| TlogProofError::PathHash {
            line: position + 1,
            found: line.into(),
        })
}
