//! Checkpoints (C2SP tlog-checkpoint) and their signatures (signed-note, tlog-cosignature).
//!
//! A checkpoint's text is origin, tree size and root, one line each. Ours has no extension lines.
//! A log key signs the text itself; a cosigner signs its clock and the text.

use crate::hash::Hash;
use crate::ids::TreeSize;
use crate::keys::Signature;
use crate::note::{
    self, Note, NoteError, NoteSignature, VerifierKey, VerifierKeyType, decode_base64,
    encode_base64,
};
use crate::ports::{ConsensusVerifier, MessageSigner, StrictVerifier};
use core::fmt;

/// Why a text is not a checkpoint of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not three lines.
    #[error("checkpoint: expected three lines (origin, size, root), found {found}")]
    Lines {
        /// Lines given, counting a last one without newline.
        found: usize,
    },
    /// The origin cannot be a key name, or the root is no base64.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The size is not a decimal number without leading zeros.
    #[error("tree size: expected a decimal number, found {found:?}")]
    Size {
        /// The line.
        found: String,
    },
    /// The root has not 32 bytes.
    #[error("root: expected 32 bytes, found {found}")]
    Root {
        /// Bytes given.
        found: usize,
    },
}

/// A tree head of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Identity of the log: a schema-less URL, the name of its log keys.
    pub origin: String,
    /// Leaves of the tree.
    pub size: TreeSize,
    /// Root of the tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The note text: three lines, the last newline included.
    pub fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            encode_base64(&self.root.0)
        )
    }

    /// SHA-256 of the note text: what a statement's "not before" names.
    pub fn hash(&self) -> Hash {
        Hash::of(self.text().as_bytes())
    }

    /// Reads a note text strictly: [`Checkpoint::text`] gives the same bytes.
    ///
    /// # Errors
    /// When it is not three lines of a valid origin, size and root.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, ""] = lines[..] else {
            return Err(CheckpointError::Lines { found: lines.len() });
        };
        note::check_key_name(origin)?;
        let size =
            parse_decimal(size).ok_or_else(|| CheckpointError::Size { found: size.into() })?;
        let root = decode_base64("root", root)?;
        let root = Hash::from_slice(&root).ok_or(CheckpointError::Root { found: root.len() })?;
        Ok(Self {
            origin: origin.into(),
            size: TreeSize(size),
            root,
        })
    }

    /// The signed checkpoint as written for a quorum: the log line, then the cosignatures in the
    /// order of their lines.
    pub fn note(&self, log: NoteSignature, mut cosignatures: Vec<NoteSignature>) -> Note {
        cosignatures.sort_by_key(NoteSignature::line);
        cosignatures.insert(0, log);
        Note {
            text: self.text(),
            signatures: cosignatures,
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Reads a decimal number without sign or leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if canonical && digits {
        text.parse().ok()
    } else {
        None
    }
}

/// Signs a checkpoint's text with a log key named `name`, which equals the origin.
pub fn sign_log(key: &dyn MessageSigner, name: &str, text: &str) -> NoteSignature {
    NoteSignature {
        name: name.into(),
        key_id: note::key_id(name, VerifierKeyType::Log, &key.public()),
        bytes: key.sign(text.as_bytes()).0.to_vec(),
    }
}

/// Cosigns a checkpoint's text at `time_s` (seconds since the Unix epoch, the signer's clock).
pub fn cosign(key: &dyn MessageSigner, name: &str, time_s: u64, text: &str) -> NoteSignature {
    let signature = key.sign(cosigned_message(time_s, text).as_bytes());
    let mut bytes = time_s.to_be_bytes().to_vec();
    bytes.extend_from_slice(&signature.0);
    let key_id = note::key_id(name, VerifierKeyType::Cosigner, &key.public());
    NoteSignature {
        name: name.into(),
        key_id,
        bytes,
    }
}

/// Whether `signature` is a log key's valid signature of `text`, judged strictly.
pub fn verify_log(key: &VerifierKey, text: &str, signature: &NoteSignature) -> bool {
    verify_log_with(&StrictVerifier, key, text, signature)
}

/// The same as [`verify_log`] by the rule of `verifier`.
pub fn verify_log_with(
    verifier: &dyn ConsensusVerifier,
    key: &VerifierKey,
    text: &str,
    signature: &NoteSignature,
) -> bool {
    let Ok(bytes) = <[u8; 64]>::try_from(signature.bytes.as_slice()) else {
        return false;
    };
    key.key_type() == VerifierKeyType::Log
        && key.made(signature)
        && verifier.verify_message(&key.key(), text.as_bytes(), &Signature(bytes))
}

/// The time (seconds since the Unix epoch) of a cosigner's valid cosignature of `text`, judged
/// strictly; none when it is not valid.
pub fn verify_cosignature(key: &VerifierKey, text: &str, signature: &NoteSignature) -> Option<u64> {
    cosignature_time(&StrictVerifier, key, text, signature)
}

/// The same as [`verify_cosignature`] by the rule of `verifier`.
pub fn cosignature_time(
    verifier: &dyn ConsensusVerifier,
    key: &VerifierKey,
    text: &str,
    signature: &NoteSignature,
) -> Option<u64> {
    let (time, bytes) = signature.bytes.split_first_chunk::<8>()?;
    let bytes = <[u8; 64]>::try_from(bytes).ok()?;
    let time_s = u64::from_be_bytes(*time);
    let valid = key.key_type() == VerifierKeyType::Cosigner
        && key.made(signature)
        && i64::try_from(time_s).is_ok()
        && verifier.verify_message(
            &key.key(),
            cosigned_message(time_s, text).as_bytes(),
            &Signature(bytes),
        );
    valid.then_some(time_s)
}

pub(crate) fn cosigned_message(time_s: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}
