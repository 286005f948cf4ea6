//! Deterministic CBOR (RFC 8949 section 4.2.1), arrays only, read strictly.
//!
//! A decoder here accepts exactly the bytes its encoder writes: the caller decodes, encodes again
//! and compares ([`Canonical::from_bytes`]), which refuses indefinite lengths, long integers and trailing bytes
//! with one check.

use crate::hash::Hash;
use minicbor::{Decoder, Encoder};

/// Why bytes are not the deterministic encoding of the expected value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// Not CBOR of the expected shape.
    #[error("{field}: {reason}")]
    Malformed {
        /// Field being read.
        field: &'static str,
        /// What the decoder found.
        reason: String,
    },
    /// Well formed, yet not the one deterministic encoding of its value.
    #[error("{field}: not in deterministic form (RFC 8949 section 4.2.1)")]
    NotDeterministic {
        /// The value's name.
        field: &'static str,
    },
}

impl CborError {
    /// Wraps a decoder's complaint about `field`.
    pub fn at(field: &'static str) -> impl Fn(minicbor::decode::Error) -> Self {
        move |e| Self::Malformed {
            field,
            reason: e.to_string(),
        }
    }

    /// A malformed `field` with a reason of ours.
    pub fn bad(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed {
            field,
            reason: reason.into(),
        }
    }

    /// The field the error is about.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Malformed { field, .. } | Self::NotDeterministic { field } => field,
        }
    }
}

/// Encoder over a growing vector; writing to memory cannot fail.
pub type Writer<'a> = Encoder<&'a mut Vec<u8>>;

/// Runs `write` and returns the bytes.
pub fn to_vec(
    write: impl FnOnce(
        &mut Writer<'_>,
    ) -> Result<(), minicbor::encode::Error<core::convert::Infallible>>,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    write(&mut Encoder::new(&mut bytes)).expect("writing CBOR to memory cannot fail");
    bytes
}

/// Result of writing one item to memory.
pub type Written = Result<(), minicbor::encode::Error<core::convert::Infallible>>;

/// A value with one deterministic encoding.
pub trait Canonical: Sized {
    /// Name used in errors.
    const NAME: &'static str;

    /// Writes the one encoding.
    ///
    /// # Errors
    /// Never: the writer is memory.
    fn write(&self, w: &mut Writer<'_>) -> Written;

    /// Reads one value; may accept non-deterministic forms, which [`Canonical::from_bytes`] refuses.
    ///
    /// # Errors
    /// When the bytes are not of this shape; the error names the field.
    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError>;

    /// The canonical bytes.
    fn to_bytes(&self) -> Vec<u8> {
        to_vec(|w| self.write(w))
    }

    /// Decodes, encodes again and compares.
    ///
    /// # Errors
    /// When the bytes are malformed, have a tail, or are not the deterministic encoding.
    fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
        let value = Self::read(&mut Decoder::new(bytes))?;
        if value.to_bytes() == bytes {
            Ok(value)
        } else {
            Err(CborError::NotDeterministic { field: Self::NAME })
        }
    }
}

/// Expects a definite array of exactly `len` items.
///
/// # Errors
/// When the next item is something else.
pub fn array(d: &mut Decoder<'_>, len: u64, field: &'static str) -> Result<(), CborError> {
    match d.array().map_err(CborError::at(field))? {
        Some(found) if found == len => Ok(()),
        found => Err(CborError::bad(
            field,
            format!("expected an array of {len}, found {found:?}"),
        )),
    }
}

/// Reads a definite array header with at most `max` items.
///
/// # Errors
/// When it is indefinite, longer than `max` or no array.
pub fn array_len(d: &mut Decoder<'_>, max: u64, field: &'static str) -> Result<usize, CborError> {
    match d.array().map_err(CborError::at(field))? {
        Some(found) if found <= max => Ok(found as usize),
        found => Err(CborError::bad(
            field,
            format!("expected at most {max} items, found {found:?}"),
        )),
    }
}

/// Reads a byte string of exactly 32 bytes.
///
/// # Errors
/// When the next item is something else.
pub fn hash(d: &mut Decoder<'_>, field: &'static str) -> Result<Hash, CborError> {
    fixed(d, field).map(Hash)
}

/// Reads a byte string of exactly `N` bytes.
///
/// # Errors
/// When the next item is something else.
pub fn fixed<const N: usize>(
    d: &mut Decoder<'_>,
    field: &'static str,
) -> Result<[u8; N], CborError> {
    let bytes = d.bytes().map_err(CborError::at(field))?;
    bytes
        .try_into()
        .map_err(|_| CborError::bad(field, format!("expected {N} bytes, found {}", bytes.len())))
}

/// Reads null or a value.
///
/// # Errors
/// Those of `read`.
pub fn nullable<'b, T>(
    d: &mut Decoder<'b>,
    field: &'static str,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, CborError>,
) -> Result<Option<T>, CborError> {
    if d.datatype().map_err(CborError::at(field))? == minicbor::data::Type::Null {
        d.null().map_err(CborError::at(field))?;
        Ok(None)
    } else {
        read(d).map(Some)
    }
}

/// Reads a name of `[a-z0-9-]{1,32}`.
///
/// # Errors
/// When the next item is no such text.
pub fn name(d: &mut Decoder<'_>, field: &'static str) -> Result<crate::ids::Name, CborError> {
    let text = d.str().map_err(CborError::at(field))?;
    crate::ids::Name::try_new(text).map_err(|e| CborError::bad(field, e.to_string()))
}

/// Expects a definite map of exactly `len` pairs.
///
/// # Errors
/// When the next item is something else.
pub fn map(d: &mut Decoder<'_>, len: u64, field: &'static str) -> Result<(), CborError> {
    match d.map().map_err(CborError::at(field))? {
        Some(found) if found == len => Ok(()),
        found => Err(CborError::bad(
            field,
            format!("expected a map of {len}, found {found:?}"),
        )),
    }
}

/// Expects exactly this integer: a label of a map, or a constant.
///
/// # Errors
/// When the next item is something else.
pub fn integer(d: &mut Decoder<'_>, want: i64, field: &'static str) -> Result<(), CborError> {
    let found = d.i64().map_err(CborError::at(field))?;
    if found == want {
        Ok(())
    } else {
        let reason = format!("expected {want}, found {found}");
        Err(CborError::bad(field, reason))
    }
}

/// Expects this CBOR tag.
///
/// # Errors
/// When the next item is something else.
pub fn tag(d: &mut Decoder<'_>, want: u64, field: &'static str) -> Result<(), CborError> {
    let found = d.tag().map_err(CborError::at(field))?.as_u64();
    if found == want {
        Ok(())
    } else {
        let reason = format!("expected CBOR tag {want}, found {found}");
        Err(CborError::bad(field, reason))
    }
}
