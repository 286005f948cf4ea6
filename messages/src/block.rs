//! Blocks: what consensus decides.
//!
//! The header commits to everything: the log's root covers the statements and the seal, the
//! certificate hash covers the quorum of the block before. Encodings are deterministic CBOR
//! arrays; the id of a block is the domain-separated hash of its header.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::consensus::{BlockId, CommitCertificate};
use crate::genesis::Parameters;
use crate::hash::{Hash, domain_hash};
use crate::ids::{Height, Name, TimeMs, TreeSize};
use crate::keys::PublicKey;
use bytes::Bytes;
use minicbor::Decoder;

/// Version of the rules by which blocks are made and checked.
pub const PROTOCOL_VERSION: u32 = 1;

/// Header of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Network the block belongs to.
    pub network: Name,
    /// Height, from 1.
    pub height: Height,
    /// Proposed time, strictly later than the block before.
    pub time: TimeMs,
    /// Id of the block before; for height 1 the leaf hash of the genesis entry.
    pub previous: Hash,
    /// Size of the log with this block's statements and seal.
    pub log_size: TreeSize,
    /// Root of the log at that size.
    pub log_root: Hash,
    /// Root of the authenticated state after this block.
    pub state_root: Hash,
    /// Root of this block's outcomes.
    pub outcomes_root: Hash,
    /// Consensus key of the validator that made the block.
    pub proposer: PublicKey,
    /// Hash of the validator set that decides it.
    pub validator_set_hash: Hash,
    /// Hash of the certificate of the block before; zeros for height 1.
    pub certificate_hash: Hash,
    /// Rules in force, [`PROTOCOL_VERSION`].
    pub protocol_version: u32,
}

impl Header {
    /// The block's id: `SHA-256("wutong/header/v1\0" || header)`.
    pub fn id(&self) -> BlockId {
        BlockId(domain_hash("header", &self.to_bytes()))
    }
}

impl Canonical for Header {
    const NAME: &'static str = "header";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(13)?
            .u8(1)?
            .str(self.network.as_str())?
            .u64(self.height.0)?
            .u64(self.time.0)?;
        w.bytes(&self.previous.0)?
            .u64(self.log_size.0)?
            .bytes(&self.log_root.0)?;
        w.bytes(&self.state_root.0)?
            .bytes(&self.outcomes_root.0)?
            .bytes(&self.proposer.0)?;
        w.bytes(&self.validator_set_hash.0)?
            .bytes(&self.certificate_hash.0)?;
        w.u32(self.protocol_version)?;
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 13, "header")?;
        match d.u8().map_err(CborError::at("header version"))? {
            1 => {}
            other => {
                return Err(CborError::bad(
                    "header version",
                    format!("expected 1, found {other}"),
                ));
            }
        }
        Ok(Self {
            network: cbor::name(d, "network")?,
            height: Height(d.u64().map_err(CborError::at("height"))?),
            time: TimeMs(d.u64().map_err(CborError::at("time"))?),
            previous: cbor::hash(d, "previous")?,
            log_size: TreeSize(d.u64().map_err(CborError::at("log size"))?),
            log_root: cbor::hash(d, "log root")?,
            state_root: cbor::hash(d, "state root")?,
            outcomes_root: cbor::hash(d, "outcomes root")?,
            proposer: PublicKey(cbor::fixed(d, "proposer")?),
            validator_set_hash: cbor::hash(d, "validator-set hash")?,
            certificate_hash: cbor::hash(d, "certificate hash")?,
            protocol_version: d.u32().map_err(CborError::at("protocol version"))?,
        })
    }
}

/// A block as it travels: signed and hashed parts are opaque canonical bytes.
#[derive(Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct BlockBytes {
    /// Canonical [`Header`].
    pub header: Bytes,
    /// Statements in block order, as logged (the seal is not among them: it follows from the rest).
    pub statements: Vec<Bytes>,
    /// Canonical certificate of the block before; empty for height 1.
    pub certificate: Bytes,
}

/// Largest header or certificate of a block, in bytes: room for a thousand validators.
const PART_BYTES_MAX: usize = 128 << 10;

impl BlockBytes {
    /// Whether the parts are no larger than the network allows.
    pub fn fits(&self, limits: &Parameters) -> bool {
        let statements: usize = self.statements.iter().map(Bytes::len).sum();
        self.statements.len() <= limits.block_statements_max as usize
            && statements <= limits.block_bytes_max as usize
            && self.header.len() <= PART_BYTES_MAX
            && self.certificate.len() <= PART_BYTES_MAX
    }
}

impl core::fmt::Debug for BlockBytes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "block of {} statements", self.statements.len())
    }
}

/// A block whose parts were read strictly. Not yet checked against any state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// Statements in block order.
    pub statements: Vec<Bytes>,
    /// Certificate of the block before; none at height 1.
    pub certificate: Option<CommitCertificate>,
}

impl Block {
    /// Reads the parts strictly.
    ///
    /// # Errors
    /// When the header or the certificate is not in its one canonical form.
    pub fn from_parts(parts: &BlockBytes) -> Result<Self, CborError> {
        let certificate = if parts.certificate.is_empty() {
            None
        } else {
            Some(CommitCertificate::from_bytes(&parts.certificate)?)
        };
        let header = Header::from_bytes(&parts.header)?;
        Ok(Self {
            header,
            statements: parts.statements.clone(),
            certificate,
        })
    }

    /// The form in which the block travels and is journaled.
    pub fn to_parts(&self) -> BlockBytes {
        BlockBytes {
            header: self.header.to_bytes().into(),
            statements: self.statements.clone(),
            certificate: self
                .certificate
                .as_ref()
                .map(Canonical::to_bytes)
                .unwrap_or_default()
                .into(),
        }
    }

    /// Bytes of all statements together.
    pub fn statement_bytes(&self) -> usize {
        self.statements.iter().map(Bytes::len).sum()
    }
}
