//! Signed notes (C2SP signed-note): a text, a blank line, signature lines.
//!
//! Reading is strict, so that a note is written back byte for byte: canonical base64, no other
//! control character than newline, no trailing bytes. Reading judges no signature.

use crate::hash::Hash;
use crate::keys::PublicKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use core::fmt;

/// Most signature lines of a note; the specification asks for at least 16.
pub const SIGNATURES_MAX: usize = 64;

/// Most bytes of a note.
pub const NOTE_BYTES_MAX: usize = 65_536;

/// Begins a signature line: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why a text is not a signed note, a signature line or a verifier key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The note is longer than we read.
    #[error("note: expected at most {NOTE_BYTES_MAX} bytes, found {found}")]
    TooLong {
        /// Bytes given.
        found: usize,
    },
    /// A control character other than newline.
    #[error("note: expected no control characters but newline, found {found:?}")]
    Control {
        /// The character.
        found: char,
    },
    /// No blank line between text and signatures.
    #[error("note: expected a blank line between text and signatures, found none")]
    NoBlankLine,
    /// No signature line, or more than we read.
    #[error("signatures: expected 1 to {SIGNATURES_MAX}, found {found}")]
    SignatureCount {
        /// Signature lines given.
        found: usize,
    },
    /// A line below the blank line is not a signature line.
    #[error("signature line: expected \"\u{2014} <name> <base64>\" and a newline, found {found:?}")]
    SignatureLine {
        /// The line.
        found: String,
    },
    /// A key name is empty or has a space or plus.
    #[error("key name: expected a text without spaces and '+', found {found:?}")]
    KeyName {
        /// The name.
        found: String,
    },
    /// Not the canonical base64 of enough bytes.
    #[error("{field}: expected canonical base64, found {found:?}")]
    Base64 {
        /// Where.
        field: &'static str,
        /// The text.
        found: String,
    },
    /// Not `<name>+<8 hexadecimal digits>+<base64>`.
    #[error("verifier key: expected \"<name>+<8 hex digits>+<base64>\", found {found:?}")]
    VerifierKey {
        /// The text.
        found: String,
    },
    /// A verifier key of another type than we read.
    #[error("verifier key: expected type 1 or 4 with an Ed25519 key, found type {found}")]
    KeyType {
        /// The type byte.
        found: u8,
    },
    /// The key id does not belong to name, type and key.
    #[error("verifier key: expected key id {expected:08x}, found {found:08x}")]
    KeyId {
        /// The computed id.
        expected: u32,
        /// The written id.
        found: u32,
    },
}

/// One signature line of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name: no spaces, no plus.
    pub name: String,
    /// The key's id, [`VerifierKey::key_id`].
    pub key_id: u32,
    /// The signature after the key id; its form is the key type's matter.
    pub bytes: Vec<u8>,
}

impl NoteSignature {
    /// The signature line with its newline.
    pub fn line(&self) -> String {
        let mut blob = self.key_id.to_be_bytes().to_vec();
        blob.extend_from_slice(&self.bytes);
        format!(
            "{SIGNATURE_PREFIX}{} {}\n",
            self.name,
            STANDARD.encode(blob)
        )
    }

    /// Reads a signature line, given without its newline.
    ///
    /// # Errors
    /// When it is no canonical signature line.
    pub fn parse_line(line: &str) -> Result<Self, NoteError> {
        let malformed = || NoteError::SignatureLine { found: line.into() };
        let rest = line.strip_prefix(SIGNATURE_PREFIX).ok_or_else(malformed)?;
        let (name, encoded) = rest.split_once(' ').ok_or_else(malformed)?;
        check_key_name(name)?;
        let blob = decode_base64("signature", encoded)?;
        let (id, bytes) = blob.split_first_chunk::<4>().ok_or_else(malformed)?;
        if bytes.is_empty() {
            return Err(malformed());
        }
        Ok(Self {
            name: name.into(),
            key_id: u32::from_be_bytes(*id),
            bytes: bytes.to_vec(),
        })
    }
}

/// A text and its signatures, none of them judged yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The signed text with its last newline.
    pub text: String,
    /// The signature lines in order.
    pub signatures: Vec<NoteSignature>,
}

impl Note {
    /// Reads a note strictly: [`Note::encode`] gives the same bytes.
    ///
    /// # Errors
    /// When the text is no note in canonical form.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong { found: note.len() });
        }
        if let Some(found) = note.chars().find(|c| *c < ' ' && *c != '\n') {
            return Err(NoteError::Control { found });
        }
        let blank = note.rfind("\n\n").ok_or(NoteError::NoBlankLine)?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        let signatures = lines
            .split_inclusive('\n')
            .map(|line| match line.strip_suffix('\n') {
                Some(line) => NoteSignature::parse_line(line),
                None => Err(NoteError::SignatureLine { found: line.into() }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if !(1..=SIGNATURES_MAX).contains(&signatures.len()) {
            return Err(NoteError::SignatureCount {
                found: signatures.len(),
            });
        }
        Ok(Self {
            text: text.into(),
            signatures,
        })
    }

    /// The note's text form.
    pub fn encode(&self) -> String {
        let mut note = format!("{}\n", self.text);
        for signature in &self.signatures {
            note.push_str(&signature.line());
        }
        note
    }
}

/// What a key signs; the type byte of signed-note and tlog-cosignature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerifierKeyType {
    /// Ed25519 over the note text (0x01): a log's key.
    Log,
    /// Timestamped Ed25519 cosignature (0x04): a cosigner's key.
    Cosigner,
}

impl VerifierKeyType {
    /// The type byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Cosigner => 0x04,
        }
    }
}

/// A named public key as written in policies: `<name>+<key id>+<base64(type || key)>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerifierKey {
    name: String,
    key_type: VerifierKeyType,
    key: PublicKey,
}

impl VerifierKey {
    /// Names a key.
    ///
    /// # Errors
    /// When the name is empty or has a space, a control character or a plus.
    pub fn try_new(
        name: &str,
        key_type: VerifierKeyType,
        key: PublicKey,
    ) -> Result<Self, NoteError> {
        check_key_name(name)?;
        Ok(Self {
            name: name.into(),
            key_type,
            key,
        })
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// When it is malformed, of another type, or its key id belongs to another key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let malformed = || NoteError::VerifierKey { found: text.into() };
        let mut parts = text.splitn(3, '+');
        let name = parts.next().ok_or_else(malformed)?;
        let id = parts.next().ok_or_else(malformed)?;
        let encoded = parts.next().ok_or_else(malformed)?;
        if id.len() != 8 || !id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(malformed());
        }
        let found = u32::from_str_radix(id, 16).map_err(|_| malformed())?;
        let blob = decode_base64("verifier key", encoded)?;
        let (type_byte, key) = blob.split_first().ok_or_else(malformed)?;
        let key_type = match type_byte {
            0x01 => VerifierKeyType::Log,
            0x04 => VerifierKeyType::Cosigner,
            other => return Err(NoteError::KeyType { found: *other }),
        };
        let key: [u8; 32] = key.try_into().map_err(|_| malformed())?;
        let parsed = Self::try_new(name, key_type, PublicKey(key))?;
        if parsed.key_id() == found {
            Ok(parsed)
        } else {
            Err(NoteError::KeyId {
                expected: parsed.key_id(),
                found,
            })
        }
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    pub fn key_type(&self) -> VerifierKeyType {
        self.key_type
    }

    /// The public key.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// The first four bytes of `SHA-256(name || 0x0A || type || key)`, big endian.
    pub fn key_id(&self) -> u32 {
        key_id(&self.name, self.key_type, &self.key)
    }

    /// Whether name and key id of a signature line are this key's.
    pub fn made(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name && self.key_id() == signature.key_id
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blob = vec![self.key_type.byte()];
        blob.extend_from_slice(&self.key.0);
        write!(
            f,
            "{}+{:08x}+{}",
            self.name,
            self.key_id(),
            STANDARD.encode(blob)
        )
    }
}

/// Key id of a named key: the first four bytes of `SHA-256(name || 0x0A || type || key)`.
pub fn key_id(name: &str, key_type: VerifierKeyType, key: &PublicKey) -> u32 {
    let digest = Hash::of_parts(&[name.as_bytes(), b"\n", &[key_type.byte()], &key.0]);
    let [a, b, c, d, ..] = digest.0;
    u32::from_be_bytes([a, b, c, d])
}

/// Checks a key name: not empty, no Unicode space, no control character, no plus.
///
/// # Errors
/// When the name is none.
pub fn check_key_name(name: &str) -> Result<(), NoteError> {
    let fits = !name.is_empty()
        && !name
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '+');
    if fits {
        Ok(())
    } else {
        Err(NoteError::KeyName { found: name.into() })
    }
}

/// Decodes base64 of RFC 4648 section 4 with its padding, refusing stray bits.
pub fn decode_base64(field: &'static str, text: &str) -> Result<Vec<u8>, NoteError> {
    STANDARD.decode(text).map_err(|_| NoteError::Base64 {
        field,
        found: text.into(),
    })
}

/// Encodes base64 of RFC 4648 section 4.
pub fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
