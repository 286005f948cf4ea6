//! The log's own entry for a policy: which keys count in an epoch.
//!
//! `[version = 1, network, epoch, policy text, [[validator name, receipt key]...]]`. Epoch 0 stands
//! at index 1 of every log; each later one is bound by a checkpoint that meets the one before.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::genesis::MEMBERS_MAX;
use crate::ids::Name;
use crate::keys::PublicKey;
use minicbor::Decoder;

/// Version of the entry described here.
pub const POLICY_ENTRY_VERSION: u64 = 1;

/// The policy of an epoch, as logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyEntry {
    /// The network.
    pub network: Name,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The policy (C2SP tlog-policy).
    pub policy: String,
    /// Validators' names and the keys that sign their COSE receipts.
    pub receipt_keys: Vec<(Name, PublicKey)>,
}

impl Canonical for PolicyEntry {
    const NAME: &'static str = "policy entry";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(5)?
            .u64(POLICY_ENTRY_VERSION)?
            .str(self.network.as_str())?
            .u64(self.epoch)?
            .str(&self.policy)?
            .array(self.receipt_keys.len() as u64)?;
        for (name, key) in &self.receipt_keys {
            w.array(2)?.str(name.as_str())?.bytes(&key.0)?;
        }
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 5, "policy entry")?;
        let version = d.u64().map_err(CborError::at("policy entry version"))?;
        if version != POLICY_ENTRY_VERSION {
            let reason = format!("expected {POLICY_ENTRY_VERSION}, found {version}");
            return Err(CborError::bad("policy entry version", reason));
        }
        let network = cbor::name(d, "network")?;
        let epoch = d.u64().map_err(CborError::at("epoch"))?;
        let policy = d.str().map_err(CborError::at("policy"))?.to_owned();
        let keys = cbor::array_len(d, MEMBERS_MAX, "receipt keys")?;
        let receipt_key = |d: &mut Decoder<'_>| {
            cbor::array(d, 2, "receipt key")?;
            let name = cbor::name(d, "validator name")?;
            Ok((name, PublicKey(cbor::fixed(d, "receipt key")?)))
        };
        Ok(Self {
            network,
            epoch,
            policy,
            receipt_keys: (0..keys)
                .map(|_| receipt_key(d))
                .collect::<Result<_, _>>()?,
        })
    }
}
