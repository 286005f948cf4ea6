//! The genesis document: who founded the network, with which keys and rights.
//!
//! Its canonical bytes are the entry at index 0 of the log; the policy of epoch 0, derived from
//! it, is the entry at index 1.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::consensus::ValidatorSet;
use crate::deposit::BODY_BYTES_MAX;
use crate::hash::Hash;
use crate::ids::{Name, TimeMs};
use crate::keys::PublicKey;
use crate::note::{VerifierKey, VerifierKeyType};
use crate::policy::{Policy, Witness};
use crate::policy_entry::PolicyEntry;
use minicbor::Decoder;

/// Version of the document described here.
pub const GENESIS_VERSION: u8 = 2;

/// Most validators, namespaces or listed keys a genesis may name.
pub const MEMBERS_MAX: u64 = 4096;

/// A founding validator and its keys (FORMATS: each key has one use).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisValidator {
    /// Name of the node.
    pub name: Name,
    /// The organisation that runs it, for people.
    pub organisation: String,
    /// Signs proposals and votes.
    pub consensus: PublicKey,
    /// Signs the checkpoint's log line.
    pub log: PublicKey,
    /// Cosigns tree heads.
    pub cosigner: PublicKey,
    /// Signs COSE receipts.
    pub receipt: PublicKey,
    /// Authenticates links between hosts.
    pub transport: PublicKey,
}

/// A key listed in a closed namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The depositor's key.
    pub key: PublicKey,
    /// The organisation it belongs to.
    pub organisation: String,
}

/// A namespace and who may deposit in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: Name,
    /// Open: a key's first statement registers it. Closed: only listed keys may deposit.
    pub open: bool,
    /// Public: contents may be lodged in the open, and anybody may read them. Otherwise only
    /// digests, commitments and bodies, and bodies are read by listed keys alone.
    pub public: bool,
    /// Keys that may deposit, sorted by key.
    pub listed: Vec<ListedKey>,
    /// Validators that hold the namespace's bodies (`hold:<namespace>`); none named: all do.
    pub holders: Vec<Name>,
}

impl Namespace {
    /// A namespace for everybody.
    pub fn open(name: Name) -> Self {
        Self {
            name,
            open: true,
            public: true,
            listed: Vec::new(),
            holders: Vec::new(),
        }
    }

    /// Whether a validator must hold the bodies lodged here.
    pub fn is_held_by(&self, validator: &Name) -> bool {
        self.holders.is_empty() || self.holders.contains(validator)
    }
}

/// Limits and intervals of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Most statements in a block.
    pub block_statements_max: u32,
    /// Most bytes of statements in a block.
    pub block_bytes_max: u32,
    /// An empty block is made after this long without a statement, in milliseconds.
    pub heartbeat_ms: u32,
    /// How far a fresh proposal's time may lie from a validator's clock, in milliseconds.
    pub clock_drift_ms_max: u32,
    /// Most bytes of a body.
    pub body_bytes_max: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            block_statements_max: 4096,
            block_bytes_max: 2 << 20,
            heartbeat_ms: 10_000,
            clock_drift_ms_max: 10_000,
            body_bytes_max: BODY_BYTES_MAX as u32,
        }
    }
}

/// The genesis document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Name of the network.
    pub network: Name,
    /// Schema-less URL that names the log (C2SP tlog-checkpoint).
    pub origin: String,
    /// When the network was founded.
    pub created: TimeMs,
    /// Trial networks verify as DEMONSTRATION.
    pub demonstration: bool,
    /// The founding validators, in proposer order.
    pub validators: Vec<GenesisValidator>,
    /// Namespaces, sorted by name.
    pub namespaces: Vec<Namespace>,
    /// Limits and intervals.
    pub parameters: Parameters,
}

impl Genesis {
    /// Leaf hash of the genesis entry.
    pub fn leaf_hash(&self) -> Hash {
        Hash::leaf(&self.to_bytes())
    }

    /// The validator set of epoch 0.
    ///
    /// # Panics
    /// When the document names a validator twice or none; one read from bytes never does.
    pub fn validator_set(&self) -> ValidatorSet {
        ValidatorSet::try_new(self.validators.iter().map(|v| v.consensus).collect())
            .expect("reading a genesis checks its validators")
    }

    /// The namespace called `name`.
    pub fn namespace(&self, name: &Name) -> Option<&Namespace> {
        self.namespaces.iter().find(|n| &n.name == name)
    }

    /// The validator whose consensus key is `key`.
    pub fn validator_by_key(&self, key: &PublicKey) -> Option<&GenesisValidator> {
        self.validators.iter().find(|v| &v.consensus == key)
    }

    /// The validator called `name`.
    pub fn validator_by_name(&self, name: &Name) -> Option<&GenesisValidator> {
        self.validators.iter().find(|v| &v.name == name)
    }

    /// Name of a validator's cosigner key: the origin, a slash and the validator's name.
    pub fn cosigner_name(&self, validator: &Name) -> String {
        format!("{}/{validator}", self.origin)
    }

    /// The policy of epoch 0: all log keys, all cosigners, quorum floor(2n/3) + 1.
    ///
    /// # Errors
    /// When a name or key occurs twice or the origin is not a key name.
    pub fn policy(&self) -> Result<Policy, String> {
        let mut logs = Vec::new();
        let mut witnesses = Vec::new();
        for validator in &self.validators {
            let named = |name: &str, key_type, key| {
                VerifierKey::try_new(name, key_type, key).map_err(|e| e.to_string())
            };
            logs.push(named(&self.origin, VerifierKeyType::Log, validator.log)?);
            let name = self.cosigner_name(&validator.name);
            let key = named(&name, VerifierKeyType::Cosigner, validator.cosigner)?;
            witnesses.push(Witness {
                name: validator.name.to_string(),
                key,
                organisation: Some(validator.organisation.clone()),
            });
        }
        Policy::of_validators(logs, witnesses, self.demonstration).map_err(|e| e.to_string())
    }

    /// The entry at index 1: the policy of epoch 0 and the receipt keys that go with it.
    pub fn policy_entry(&self, policy_text: &str) -> Vec<u8> {
        let receipt_key = |v: &GenesisValidator| (v.name.clone(), v.receipt);
        let entry = PolicyEntry {
            network: self.network.clone(),
            epoch: 0,
            policy: policy_text.to_owned(),
            receipt_keys: self.validators.iter().map(receipt_key).collect(),
        };
        entry.to_bytes()
    }
}

fn key(d: &mut Decoder<'_>, field: &'static str) -> Result<PublicKey, CborError> {
    let key = PublicKey(cbor::fixed(d, field)?);
    let registrable = key.check_registrable();
    registrable.map_err(|e| CborError::bad(field, e.to_string()))?;
    Ok(key)
}

fn text(d: &mut Decoder<'_>, field: &'static str) -> Result<String, CborError> {
    let text = d.str().map_err(CborError::at(field))?;
    if text.len() > 256 || text.chars().any(char::is_control) {
        return Err(CborError::bad(
            field,
            "expected at most 256 bytes without control characters",
        ));
    }
    Ok(text.into())
}

fn list<T>(
    d: &mut Decoder<'_>,
    field: &'static str,
    read: impl Fn(&mut Decoder<'_>) -> Result<T, CborError>,
) -> Result<Vec<T>, CborError> {
    let len = cbor::array_len(d, MEMBERS_MAX, field)?;
    (0..len).map(|_| read(d)).collect()
}

/// Holders are validators: a body that nobody holds could never be voted for.
fn check_holders(
    namespaces: &[Namespace],
    validators: &[GenesisValidator],
) -> Result<(), CborError> {
    let mut holders = namespaces.iter().flat_map(|n| &n.holders);
    let unknown = holders.find(|holder| validators.iter().all(|v| v.name != **holder));
    unknown.map_or(Ok(()), |holder| {
        let reason = format!("expected the name of a validator, found {holder}");
        Err(CborError::bad("holder", reason))
    })
}

impl GenesisValidator {
    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(7)?
            .str(self.name.as_str())?
            .str(&self.organisation)?;
        for key in [
            self.consensus,
            self.log,
            self.cosigner,
            self.receipt,
            self.transport,
        ] {
            w.bytes(&key.0)?;
        }
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 7, "validator")?;
        Ok(Self {
            name: cbor::name(d, "validator name")?,
            organisation: text(d, "organisation")?,
            consensus: key(d, "consensus key")?,
            log: key(d, "log key")?,
            cosigner: key(d, "cosigner key")?,
            receipt: key(d, "receipt key")?,
            transport: key(d, "transport key")?,
        })
    }
}

impl Namespace {
    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(5)?
            .str(self.name.as_str())?
            .bool(self.open)?
            .bool(self.public)?
            .array(self.listed.len() as u64)?;
        for listed in &self.listed {
            w.array(2)?
                .bytes(&listed.key.0)?
                .str(&listed.organisation)?;
        }
        w.array(self.holders.len() as u64)?;
        for holder in &self.holders {
            w.str(holder.as_str())?;
        }
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 5, "namespace")?;
        Ok(Self {
            name: cbor::name(d, "namespace name")?,
            open: d.bool().map_err(CborError::at("namespace open"))?,
            public: d.bool().map_err(CborError::at("namespace public"))?,
            listed: list(d, "listed keys", |d| {
                cbor::array(d, 2, "listed key")?;
                Ok(ListedKey {
                    key: key(d, "listed key")?,
                    organisation: text(d, "organisation")?,
                })
            })?,
            holders: list(d, "holders", |d| cbor::name(d, "holder"))?,
        })
    }
}

impl Canonical for Genesis {
    const NAME: &'static str = "genesis";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(8)?
            .u8(GENESIS_VERSION)?
            .str(self.network.as_str())?
            .str(&self.origin)?
            .u64(self.created.0)?;
        w.bool(self.demonstration)?
            .array(self.validators.len() as u64)?;
        for validator in &self.validators {
            validator.write(w)?;
        }
        w.array(self.namespaces.len() as u64)?;
        for namespace in &self.namespaces {
            namespace.write(w)?;
        }
        let p = &self.parameters;
        w.array(5)?
            .u32(p.block_statements_max)?
            .u32(p.block_bytes_max)?
            .u32(p.heartbeat_ms)?
            .u32(p.clock_drift_ms_max)?
            .u32(p.body_bytes_max)?;
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 8, "genesis")?;
        match d.u8().map_err(CborError::at("genesis version"))? {
            GENESIS_VERSION => {}
            other => {
                return Err(CborError::bad(
                    "genesis version",
                    format!("expected {GENESIS_VERSION}, found {other}"),
                ));
            }
        }
        let network = cbor::name(d, "network")?;
        let origin = text(d, "origin")?;
        let created = TimeMs(d.u64().map_err(CborError::at("created"))?);
        let demonstration = d.bool().map_err(CborError::at("demonstration"))?;
        let validators = list(d, "validators", GenesisValidator::read)?;
        ValidatorSet::try_new(validators.iter().map(|v| v.consensus).collect())
            .map_err(|e| CborError::bad("validators", e.to_string()))?;
        let namespaces = list(d, "namespaces", Namespace::read)?;
        check_holders(&namespaces, &validators)?;
        cbor::array(d, 5, "parameters")?;
        let mut number = |field| d.u32().map_err(CborError::at(field));
        let parameters = Parameters {
            block_statements_max: number("block_statements_max")?,
            block_bytes_max: number("block_bytes_max")?,
            heartbeat_ms: number("heartbeat_ms")?,
            clock_drift_ms_max: number("clock_drift_ms_max")?,
            body_bytes_max: number("body_bytes_max")?,
        };
        Ok(Self {
            network,
            origin,
            created,
            demonstration,
            validators,
            namespaces,
            parameters,
        })
    }
}
