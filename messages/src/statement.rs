//! The signed statement: a COSE_Sign1 (RFC 9052 section 4.2) by the depositor's own key.
//!
//! `18([protected, {}, payload, signature])`. The protected header is a map in the key order of
//! RFC 8949 section 4.2.1: 1 algorithm EdDSA, 3 content type, 4 key id, 15 CWT claims (RFC 9597)
//! with issuer, subject and the issuer's COSE key, so that a statement can be verified on its own.
//! [`Statement::parse`] accepts exactly the bytes that [`Statement::entry`] writes.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
pub use crate::deposit::{Deposit, DepositMode, DigestAlgorithm, Lodged, REFERENCES_MAX, commit};
use crate::hash::Hash;
use crate::ids::StatementId;
use crate::keys::{KeyError, PrivateKey, PublicKey, Signature};
use minicbor::Decoder;
use minicbor::data::Tag;

/// Most bytes of an entry: tile bundles carry a 16-bit length (C2SP tlog-tiles).
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// Most bytes of an issuer or subject.
pub const PARTY_BYTES_MAX: usize = 256;

/// COSE tag of a COSE_Sign1.
const COSE_SIGN1: u64 = 18;
/// COSE algorithm EdDSA (RFC 9053 section 2.2).
const EDDSA: i64 = -8;

/// What a statement does; told by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StatementKind {
    /// Lodges evidence.
    Deposit,
}

impl StatementKind {
    /// The media type in the protected header.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Deposit => "application/vnd.wutong.deposit.v1+cbor",
        }
    }

    /// The kind of a media type.
    pub fn from_content_type(text: &str) -> Option<Self> {
        (text == Self::Deposit.content_type()).then_some(Self::Deposit)
    }
}

/// Why bytes are not a statement, or a statement cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The entry has no bytes or more than the log holds.
    #[error("entry: expected 1 to {ENTRY_BYTES_MAX} bytes, found {found}")]
    Length {
        /// Bytes given.
        found: usize,
    },
    /// Not CBOR of the expected shape, or not its deterministic form.
    #[error(transparent)]
    Form(#[from] CborError),
    /// A well-formed field with a value that a statement cannot have.
    #[error("{field}: expected {expected}, found {found}")]
    Unexpected {
        /// The field.
        field: &'static str,
        /// What a statement has there.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The signing key must not be used for statements.
    #[error("key: {0}")]
    Key(#[from] KeyError),
}

impl StatementError {
    /// The field the error is about.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Length { .. } => "entry",
            Self::Form(e) => e.field(),
            Self::Unexpected { field, .. } => field,
            Self::Key(_) => "key",
        }
    }

    fn unexpected(field: &'static str, expected: impl ToString, found: impl ToString) -> Self {
        Self::Unexpected {
            field,
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

/// A statement as logged: its unprotected header is empty.
///
/// Parsing does not judge the signature: validators do so in batches, verifiers singly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// Its author, in the author's words (CWT `iss`).
    pub issuer: String,
    /// What it is about (CWT `sub`); an opaque text in namespaces that are not public.
    pub subject: String,
    /// The author's key (CWT `cnf`).
    pub key: PublicKey,
    /// The payload.
    pub deposit: Deposit,
    /// The author's signature over [`Statement::sig_structure`].
    pub signature: Signature,
}

impl Statement {
    /// Signs a deposit, and checks the new signature strictly before it is handed out.
    ///
    /// # Errors
    /// When issuer or subject is not 1 to 256 bytes of printable text, there are more than
    /// [`REFERENCES_MAX`] references, or the key must not be registered.
    pub fn sign(
        key: &PrivateKey,
        issuer: &str,
        subject: &str,
        deposit: Deposit,
    ) -> Result<Self, StatementError> {
        let public = key.public();
        public.check_registrable()?;
        if deposit.references.len() > REFERENCES_MAX {
            let expected = format!("at most {REFERENCES_MAX}");
            let found = deposit.references.len();
            return Err(StatementError::unexpected("references", expected, found));
        }
        let mut statement = Self {
            kind: StatementKind::Deposit,
            issuer: party("issuer", issuer)?.into(),
            subject: party("subject", subject)?.into(),
            key: public,
            deposit,
            signature: Signature([0; 64]),
        };
        let found = statement.entry().len();
        if found > ENTRY_BYTES_MAX {
            return Err(StatementError::Length { found });
        }
        let message = statement.sig_structure();
        statement.signature = key.sign(&message);
        assert!(
            public.verify_strict(&message, &statement.signature),
            "a fresh signature by a registrable key verifies"
        );
        Ok(statement)
    }

    /// Reads an entry's bytes; the signature is not judged here.
    ///
    /// # Errors
    /// When the bytes are not exactly those that [`Statement::entry`] writes for the value read;
    /// the error names the field.
    pub fn parse(entry: &[u8]) -> Result<Self, StatementError> {
        if !(1..=ENTRY_BYTES_MAX).contains(&entry.len()) {
            return Err(StatementError::Length { found: entry.len() });
        }
        let mut d = Decoder::new(entry);
        let tag = d.tag().map_err(CborError::at("entry"))?;
        if tag != Tag::new(COSE_SIGN1) {
            return Err(StatementError::unexpected(
                "entry",
                "CBOR tag 18",
                tag.as_u64(),
            ));
        }
        cbor::array(&mut d, 4, "entry")?;
        let protected = d.bytes().map_err(CborError::at("protected header"))?;
        map(&mut d, 0, "unprotected header")?;
        let payload = d.bytes().map_err(CborError::at("payload"))?;
        let signature = Signature(cbor::fixed(&mut d, "signature")?);
        let header = Header::read(&mut Decoder::new(protected))?;
        let deposit = Deposit::read(&mut Decoder::new(payload))?;
        let statement = Self {
            kind: header.kind,
            issuer: header.issuer.into(),
            subject: header.subject.into(),
            key: header.key,
            deposit,
            signature,
        };
        if statement.entry() == entry {
            Ok(statement)
        } else {
            Err(CborError::NotDeterministic { field: "entry" }.into())
        }
    }

    /// The bytes that are logged.
    pub fn entry(&self) -> Vec<u8> {
        let (protected, payload) = (self.protected(), self.deposit.to_bytes());
        cbor::to_vec(|w| {
            w.tag(Tag::new(COSE_SIGN1))?
                .array(4)?
                .bytes(&protected)?
                .map(0)?
                .bytes(&payload)?
                .bytes(&self.signature.0)?
                .ok()
        })
    }

    /// The statement's identity: the leaf hash of its entry.
    pub fn id(&self) -> StatementId {
        StatementId::of_entry(&self.entry())
    }

    /// The signed bytes (RFC 9052 section 4.4): `["Signature1", protected, h'', payload]`.
    pub fn sig_structure(&self) -> Vec<u8> {
        sig_structure(&self.protected(), &self.deposit.to_bytes())
    }

    /// [`Statement::sig_structure`] out of the bytes of an entry that was read as this statement:
    /// both hold header and payload as the same byte strings.
    pub fn sig_structure_in(&self, entry: &[u8]) -> Vec<u8> {
        let slices = || -> Result<_, minicbor::decode::Error> {
            let mut d = Decoder::new(entry);
            d.tag()?;
            d.array()?;
            let protected = d.bytes()?;
            d.map()?;
            Ok((protected, d.bytes()?))
        };
        let (protected, payload) = slices().expect("the entry of a statement has its form");
        sig_structure(protected, payload)
    }

    fn protected(&self) -> Vec<u8> {
        let header = Header {
            kind: self.kind,
            issuer: &self.issuer,
            subject: &self.subject,
            key: self.key,
        };
        cbor::to_vec(|w| header.write(w))
    }
}

fn sig_structure(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    cbor::to_vec(|w| {
        w.array(4)?
            .str("Signature1")?
            .bytes(protected)?
            .bytes(&[])?
            .bytes(payload)?
            .ok()
    })
}

/// Key id of a key in COSE headers: the first eight bytes of its SHA-256.
pub fn cose_key_id(key: &PublicKey) -> [u8; 8] {
    let mut id = [0; 8];
    id.copy_from_slice(&Hash::of(&key.0).0[..8]);
    id
}

/// The protected header, borrowing its texts.
struct Header<'b> {
    kind: StatementKind,
    issuer: &'b str,
    subject: &'b str,
    key: PublicKey,
}

impl<'b> Header<'b> {
    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.map(4)?
            .u8(1)?
            .i64(EDDSA)?
            .u8(3)?
            .str(self.kind.content_type())?;
        w.u8(4)?.bytes(&cose_key_id(&self.key))?;
        w.u8(15)?
            .map(3)?
            .u8(1)?
            .str(self.issuer)?
            .u8(2)?
            .str(self.subject)?;
        // cnf (RFC 8747): a COSE_Key of type OKP (1) on curve Ed25519 (6).
        w.u8(8)?.map(1)?.u8(1)?.map(3)?;
        w.u8(1)?
            .u8(1)?
            .i8(-1)?
            .u8(6)?
            .i8(-2)?
            .bytes(&self.key.0)?
            .ok()
    }

    fn read(d: &mut Decoder<'b>) -> Result<Self, StatementError> {
        map(d, 4, "protected header")?;
        constant(d, 1, "protected header")?;
        constant(d, EDDSA, "algorithm of the signature")?;
        constant(d, 3, "protected header")?;
        let text = d.str().map_err(CborError::at("content type"))?;
        let kind = StatementKind::from_content_type(text).ok_or_else(|| {
            let expected = StatementKind::Deposit.content_type();
            StatementError::unexpected("content type", expected, format!("{text:?}"))
        })?;
        constant(d, 4, "protected header")?;
        let key_id: [u8; 8] = cbor::fixed(d, "key id")?;
        constant(d, 15, "protected header")?;
        map(d, 3, "claims")?;
        constant(d, 1, "claims")?;
        let issuer = party("issuer", d.str().map_err(CborError::at("issuer"))?)?;
        constant(d, 2, "claims")?;
        let subject = party("subject", d.str().map_err(CborError::at("subject"))?)?;
        constant(d, 8, "claims")?;
        let key = read_confirmation(d)?;
        let expected = cose_key_id(&key);
        if key_id != expected {
            let (expected, found) = (hex::encode(expected), hex::encode(key_id));
            return Err(StatementError::unexpected("key id", expected, found));
        }
        Ok(Self {
            kind,
            issuer,
            subject,
            key,
        })
    }
}

fn read_confirmation(d: &mut Decoder<'_>) -> Result<PublicKey, StatementError> {
    map(d, 1, "key")?;
    constant(d, 1, "key")?;
    map(d, 3, "key")?;
    for expected in [1, 1, -1, 6, -2] {
        constant(d, expected, "key")?;
    }
    Ok(PublicKey(cbor::fixed(d, "key")?))
}

fn map(d: &mut Decoder<'_>, len: u64, field: &'static str) -> Result<(), StatementError> {
    match d.map().map_err(CborError::at(field))? {
        Some(found) if found == len => Ok(()),
        found => {
            let found = format!("{found:?}");
            Err(StatementError::unexpected(
                field,
                format!("a map of {len}"),
                found,
            ))
        }
    }
}

fn constant(d: &mut Decoder<'_>, want: i64, field: &'static str) -> Result<(), StatementError> {
    let found = d.i64().map_err(CborError::at(field))?;
    if found == want {
        Ok(())
    } else {
        Err(StatementError::unexpected(field, want, found))
    }
}

fn party<'t>(field: &'static str, text: &'t str) -> Result<&'t str, StatementError> {
    if !(1..=PARTY_BYTES_MAX).contains(&text.len()) {
        let expected = format!("1 to {PARTY_BYTES_MAX} bytes");
        return Err(StatementError::unexpected(field, expected, text.len()));
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        let found = format!("{control:?}");
        return Err(StatementError::unexpected(
            field,
            "no control characters",
            found,
        ));
    }
    Ok(text)
}
