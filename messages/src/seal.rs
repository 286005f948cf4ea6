//! The seal: the last entry of each block, written by the ledger itself.
//!
//! It binds outcomes and state to the same tree as the statements, so that one checkpoint proves
//! both and no second signature format exists. It holds no header hash: the header's log root and
//! size include the seal.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::hash::Hash;
use crate::ids::{Height, LeafIndex, Name, TimeMs};
use minicbor::Decoder;

/// Version of the encoding described here.
pub const SEAL_VERSION: u64 = 1;

/// The last entry of a block: `[version = 1, network, height, time, previous seal, first leaf,
/// outcomes root, state root, validator-set hash, protocol version]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The network's name.
    pub network: Name,
    /// The block's height.
    pub height: Height,
    /// Block time, strictly above that of the block before.
    pub time: TimeMs,
    /// Leaf hash of the seal before; of the genesis entry in the first block.
    pub previous_seal: Hash,
    /// Position of the block's first entry; that of the seal itself in an empty block.
    pub first_leaf: LeafIndex,
    /// Root of the outcomes of the block's statements ([`crate::outcome::outcomes_root`]).
    pub outcomes_root: Hash,
    /// Root of the state after the block.
    pub state_root: Hash,
    /// Hash of the validator set that decided the block.
    pub validator_set_hash: Hash,
    /// Version of the rules by which the block was executed.
    pub protocol_version: u32,
}

impl Seal {
    /// Its leaf hash in the log: what the next seal names as the one before.
    pub fn leaf(&self) -> Hash {
        Hash::leaf(&self.to_bytes())
    }
}

impl Canonical for Seal {
    const NAME: &'static str = "seal";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(10)?
            .u64(SEAL_VERSION)?
            .str(self.network.as_str())?
            .u64(self.height.0)?
            .u64(self.time.0)?
            .bytes(&self.previous_seal.0)?
            .u64(self.first_leaf.0)?
            .bytes(&self.outcomes_root.0)?
            .bytes(&self.state_root.0)?
            .bytes(&self.validator_set_hash.0)?
            .u32(self.protocol_version)?
            .ok()
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 10, "seal")?;
        let version = d.u64().map_err(CborError::at("seal version"))?;
        if version != SEAL_VERSION {
            return Err(CborError::bad(
                "seal version",
                format!("expected 1, found {version}"),
            ));
        }
        Ok(Self {
            network: cbor::name(d, "seal network")?,
            height: Height(d.u64().map_err(CborError::at("seal height"))?),
            time: TimeMs(d.u64().map_err(CborError::at("seal time"))?),
            previous_seal: cbor::hash(d, "previous seal")?,
            first_leaf: LeafIndex(d.u64().map_err(CborError::at("seal first leaf"))?),
            outcomes_root: cbor::hash(d, "outcomes root")?,
            state_root: cbor::hash(d, "state root")?,
            validator_set_hash: cbor::hash(d, "validator-set hash")?,
            protocol_version: d.u32().map_err(CborError::at("protocol version"))?,
        })
    }
}
