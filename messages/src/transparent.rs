//! The transparent statement (RFC 9943 section 7): a statement with its COSE receipts.
//!
//! It is the entry as logged, with `{394: [receipt...]}` in the unprotected header instead of an
//! empty map. Receipts stand in the order of their key ids, each key once, so that there is one form:
//! [`TransparentStatement::parse`] accepts exactly the bytes that [`TransparentStatement::encode`]
//! writes.

use crate::cbor::{self, CborError};
use crate::cose_receipt::{COSE_SIGN1, CoseReceiptError, InclusionReceipt};
use crate::genesis::MEMBERS_MAX;
use crate::statement::{Statement, StatementError};
use minicbor::Decoder;
use minicbor::data::Tag;

/// Media type of a statement, with receipts or without (RFC 9943).
pub const STATEMENT_MEDIA_TYPE: &str = "application/scitt-statement+cose";

/// Most bytes of a transparent statement that we read.
pub const TRANSPARENT_BYTES_MAX: usize = 16 << 20;

/// Header parameter `receipts` (RFC 9942 section 2).
const RECEIPTS: i64 = 394;

/// Why bytes are not a transparent statement of this ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransparentError {
    /// More bytes than we read.
    #[error("transparent statement: expected at most {TRANSPARENT_BYTES_MAX} bytes, found {found}")]
    TooLong {
        /// Bytes given.
        found: usize,
    },
    /// Not CBOR of the expected shape, or not in its one form.
    #[error(transparent)]
    Form(#[from] CborError),
    /// What is left without the receipts is no statement.
    #[error("statement: {0}")]
    Statement(#[from] StatementError),
    /// A receipt is malformed.
    #[error("receipt {position}: {error}")]
    Receipt {
        /// Its position among the receipts, from 0.
        position: usize,
        /// What is wrong with it.
        error: CoseReceiptError,
    },
    /// Not in the order of key ids, or one key twice.
    #[error("receipts: expected ascending key ids, found {found} after {before}")]
    Order {
        /// Key id before, hexadecimal.
        before: String,
        /// Key id found, hexadecimal.
        found: String,
    },
}

/// A statement with receipts of its inclusion, one per validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransparentStatement {
    /// The statement.
    pub statement: Statement,
    /// The receipts, ordered by key id; at least one.
    pub receipts: Vec<InclusionReceipt>,
}

impl TransparentStatement {
    /// A statement with its receipts, brought into order.
    pub fn new(statement: Statement, mut receipts: Vec<InclusionReceipt>) -> Self {
        receipts.sort_by_key(|receipt| receipt.signed.key_id);
        Self {
            statement,
            receipts,
        }
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let receipts: Vec<Vec<u8>> = self.receipts.iter().map(InclusionReceipt::encode).collect();
        let entry = self.statement.entry();
        let parts = Parts::of(&entry).expect("the entry of a statement has its form");
        cbor::to_vec(|w| {
            w.tag(Tag::new(COSE_SIGN1))?.array(4)?;
            w.bytes(parts.protected)?;
            w.map(1)?.i64(RECEIPTS)?.array(receipts.len() as u64)?;
            for receipt in &receipts {
                w.bytes(receipt)?;
            }
            w.bytes(parts.payload)?.bytes(parts.signature)?.ok()
        })
    }

    /// Reads a transparent statement strictly. Judges no signature and no path.
    ///
    /// # Errors
    /// When the bytes are not in the one form, or there is no receipt.
    pub fn parse(bytes: &[u8]) -> Result<Self, TransparentError> {
        if bytes.len() > TRANSPARENT_BYTES_MAX {
            let found = bytes.len();
            return Err(TransparentError::TooLong { found });
        }
        let mut d = Decoder::new(bytes);
        cbor::tag(&mut d, COSE_SIGN1, "transparent statement")?;
        cbor::array(&mut d, 4, "transparent statement")?;
        let protected = d.bytes().map_err(CborError::at("protected header"))?;
        cbor::map(&mut d, 1, "unprotected header")?;
        cbor::integer(&mut d, RECEIPTS, "unprotected header")?;
        let receipts = read_receipts(&mut d)?;
        let payload = d.bytes().map_err(CborError::at("payload"))?;
        let signature = d.bytes().map_err(CborError::at("signature"))?;
        let entry = cbor::to_vec(|w| {
            w.tag(Tag::new(COSE_SIGN1))?.array(4)?.bytes(protected)?;
            w.map(0)?.bytes(payload)?.bytes(signature)?.ok()
        });
        let statement = Statement::parse(&entry)?;
        let transparent = Self {
            statement,
            receipts,
        };
        if transparent.encode() == bytes {
            Ok(transparent)
        } else {
            let field = "transparent statement";
            Err(CborError::NotDeterministic { field }.into())
        }
    }
}

fn read_receipts(d: &mut Decoder<'_>) -> Result<Vec<InclusionReceipt>, TransparentError> {
    let count = cbor::array_len(d, MEMBERS_MAX, "receipts")?;
    if count == 0 {
        return Err(CborError::bad("receipts", "expected at least one, found none").into());
    }
    let mut receipts: Vec<InclusionReceipt> = Vec::new();
    for position in 0..count {
        let bytes = d.bytes().map_err(CborError::at("receipts"))?;
        let receipt = InclusionReceipt::parse(bytes)
            .map_err(|error| TransparentError::Receipt { position, error })?;
        let found = receipt.signed.key_id;
        if let Some(before) = receipts.last().map(|r| r.signed.key_id)
            && before >= found
        {
            return Err(TransparentError::Order {
                before: hex::encode(before),
                found: hex::encode(found),
            });
        }
        receipts.push(receipt);
    }
    Ok(receipts)
}

/// What an entry and its transparent statement share.
struct Parts<'b> {
    protected: &'b [u8],
    payload: &'b [u8],
    signature: &'b [u8],
}

impl<'b> Parts<'b> {
    fn of(entry: &'b [u8]) -> Result<Self, minicbor::decode::Error> {
        let mut d = Decoder::new(entry);
        d.tag()?;
        d.array()?;
        let protected = d.bytes()?;
        d.map()?;
        Ok(Self {
            protected,
            payload: d.bytes()?,
            signature: d.bytes()?,
        })
    }
}
