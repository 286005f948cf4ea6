//! How organisations found a network together: each makes its own keys and shows that it holds them,
//! all sign the same genesis bytes.
//!
//! Both signatures are Ed25519 over `SHA-256("wutong/<type>/v1\0" || cbor)`, as votes are
//! (ADR 0016). Nothing here reads a file or makes a key.

use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::genesis::{Genesis, GenesisValidator};
use crate::hash::{Hash, domain_hash};
use crate::ids::Name;
use crate::keys::{PrivateKey, PublicKey, Signature};
use crate::policy::DEMONSTRATION_ORIGIN;
use minicbor::Decoder;
use std::collections::BTreeMap;

/// What the five keys of a validator are for, in the order of [`keys_of`].
pub const PURPOSES: [&str; 5] = ["consensus", "log", "cosigner", "receipt", "transport"];

/// Version of the proposal's encoding.
const PROPOSAL_VERSION: u8 = 1;

/// Most validators of a proposal.
const VALIDATORS_MAX: u64 = 256;

/// Why a founding does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoundingError {
    /// A key that no signature rule agrees on.
    #[error("{member}: {purpose} key: {reason}")]
    Key {
        /// Whose.
        member: Name,
        /// What the key is for.
        purpose: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The member did not show that it holds a key.
    #[error(
        "{member}: {purpose} key: expected a proof of possession by that key over this member's \
         name, organisation and keys, found another signature"
    )]
    NotPossessed {
        /// Whose.
        member: Name,
        /// What the key is for.
        purpose: &'static str,
    },
    /// One key serves twice.
    #[error("one key serves twice: {key} is {first} and {second}")]
    KeyTwice {
        /// The key.
        key: PublicKey,
        /// One of its uses.
        first: String,
        /// The other.
        second: String,
    },
    /// Two members of one name.
    #[error("two validators are called {0}")]
    NameTwice(Name),
    /// Nobody can say who runs this validator.
    #[error("{0}: organisation: expected a name, found none")]
    NoOrganisation(Name),
    /// A real network under a name that says it is none.
    #[error("origin: expected one that does not begin with \"{DEMONSTRATION_ORIGIN}\", found {0}")]
    DemonstrationOrigin(String),
    /// Its policy would not be one.
    #[error("policy: {0}")]
    Policy(String),
    /// The signature of somebody who founds nothing.
    #[error("{0} signed, and is none of the validators of this genesis")]
    Stranger(Name),
    /// A signature that is not over these bytes by this validator's consensus key.
    #[error(
        "{validator} ({organisation}): expected its consensus key's signature over exactly this \
         genesis, found one over other bytes or by another key"
    )]
    OtherBytes {
        /// Whose signature it should be.
        validator: Name,
        /// Its organisation.
        organisation: String,
    },
    /// Validators that did not sign.
    #[error("{} of {all} validators did not sign: {}", missing.len(), missing.join(", "))]
    Missing {
        /// Their names and organisations.
        missing: Vec<String>,
        /// How many validators there are.
        all: usize,
    },
}

impl FoundingError {
    /// What people can do about it.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Key { .. } | Self::NotPossessed { .. } => {
                "Ask this organisation for its member file as `wutong genesis join` wrote it, over \
                 another channel than before."
            }
            Self::KeyTwice { .. } => {
                "Each key has one use and one holder: let one of them run `wutong genesis join` \
                 again."
            }
            Self::NameTwice(_) => "Let one of them run `wutong genesis join` under another --name.",
            Self::NoOrganisation(_) => "Run `wutong genesis join` with --organisation.",
            Self::DemonstrationOrigin(_) => {
                "Choose an origin that the organisations own, such as ledger.example.org/court."
            }
            Self::Policy(_) => "Change the network file and propose again.",
            Self::Stranger(_) => {
                "Leave this signature out, or propose a genesis that names this validator."
            }
            Self::OtherBytes { .. } => {
                "Compare the digest that `wutong genesis show` prints with this organisation's, \
                 and let it sign this proposal again."
            }
            Self::Missing { .. } => {
                "Collect their signatures: each organisation runs `wutong genesis sign`."
            }
        }
    }
}

/// The public keys of a validator in the order of [`PURPOSES`].
pub fn keys_of(validator: &GenesisValidator) -> [PublicKey; 5] {
    [
        validator.consensus,
        validator.log,
        validator.cosigner,
        validator.receipt,
        validator.transport,
    ]
}

/// A founder to be: who it is, its public keys, and a signature by each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name, organisation and keys.
    pub validator: GenesisValidator,
    /// Proofs of possession in the order of [`PURPOSES`].
    pub proofs: [Signature; 5],
}

/// What a key signs to show that its member holds it: purpose, name, organisation and all keys, so
/// that a proof fits no other purpose and no other member.
fn possession(validator: &GenesisValidator, purpose: &str) -> Hash {
    let bytes = cbor::to_vec(|w| {
        w.array(4)?
            .str(purpose)?
            .str(validator.name.as_str())?
            .str(&validator.organisation)?
            .array(PURPOSES.len() as u64)?;
        for key in keys_of(validator) {
            w.bytes(&key.0)?;
        }
        Ok(())
    });
    domain_hash("genesis-member", &bytes)
}

impl Member {
    /// A member with proofs by its keys, given in the order of [`PURPOSES`].
    pub fn new(name: Name, organisation: String, keys: &[PrivateKey; 5]) -> Self {
        let [consensus, log, cosigner, receipt, transport] =
            keys.each_ref().map(PrivateKey::public);
        let validator = GenesisValidator {
            name,
            organisation,
            consensus,
            log,
            cosigner,
            receipt,
            transport,
        };
        let mut place = 0;
        let proofs = keys.each_ref().map(|key| {
            place += 1;
            key.sign(&possession(&validator, PURPOSES[place - 1]).0)
        });
        Self { validator, proofs }
    }

    /// Checks each key and its proof of possession.
    ///
    /// # Errors
    /// On the first key that may not be registered, serves twice, or whose proof does not hold.
    pub fn check(&self) -> Result<(), FoundingError> {
        let member = &self.validator.name;
        let keys = keys_of(&self.validator);
        for (key, purpose) in keys.iter().zip(PURPOSES) {
            key.check_registrable().map_err(|e| FoundingError::Key {
                member: member.clone(),
                purpose,
                reason: e.to_string(),
            })?;
        }
        for ((key, proof), purpose) in keys.iter().zip(&self.proofs).zip(PURPOSES) {
            let signed = possession(&self.validator, purpose);
            if !key.verify_strict(&signed.0, proof) {
                let member = member.clone();
                return Err(FoundingError::NotPossessed { member, purpose });
            }
        }
        check_members(core::slice::from_ref(&self.validator))
    }
}

/// Names, organisations and keys of validators: each key has one use and one holder.
fn check_members(validators: &[GenesisValidator]) -> Result<(), FoundingError> {
    let mut uses: BTreeMap<PublicKey, String> = BTreeMap::new();
    for (place, validator) in validators.iter().enumerate() {
        let name = &validator.name;
        if validators[..place].iter().any(|v| v.name == *name) {
            return Err(FoundingError::NameTwice(name.clone()));
        }
        if validator.organisation.trim().is_empty() {
            return Err(FoundingError::NoOrganisation(name.clone()));
        }
        for (key, purpose) in keys_of(validator).into_iter().zip(PURPOSES) {
            let second = format!("the {purpose} key of {name}");
            if let Some(first) = uses.insert(key, second.clone()) {
                return Err(FoundingError::KeyTwice { key, first, second });
            }
        }
    }
    Ok(())
}

/// What a genesis must hold besides its form, so that organisations can trust it.
///
/// # Errors
/// When a key serves twice, a name occurs twice or is missing, the origin says that the network is a
/// demonstration, or it has no policy.
pub fn check_genesis(genesis: &Genesis) -> Result<(), FoundingError> {
    check_members(&genesis.validators)?;
    let listed = genesis.namespaces.iter().flat_map(|n| &n.listed);
    for listed in listed {
        for validator in &genesis.validators {
            let mut keys = keys_of(validator).into_iter().zip(PURPOSES);
            if let Some((key, purpose)) = keys.find(|(key, _)| *key == listed.key) {
                return Err(FoundingError::KeyTwice {
                    key,
                    first: format!("the {purpose} key of {}", validator.name),
                    second: format!("a depositor's key of {}", listed.organisation),
                });
            }
        }
    }
    if !genesis.demonstration && genesis.origin.starts_with(DEMONSTRATION_ORIGIN) {
        return Err(FoundingError::DemonstrationOrigin(genesis.origin.clone()));
    }
    genesis.policy().map_err(FoundingError::Policy)?;
    Ok(())
}

/// What is sent around to be reviewed and signed: the genesis bytes, and every member's proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The genesis document.
    pub genesis: Genesis,
    /// Proofs of possession of each validator, in its order.
    pub proofs: Vec<[Signature; 5]>,
}

impl Proposal {
    /// Checks the genesis and every proof of possession.
    ///
    /// # Errors
    /// On the first thing that does not hold.
    pub fn check(&self) -> Result<(), FoundingError> {
        for (validator, proofs) in self.genesis.validators.iter().zip(&self.proofs) {
            let member = Member {
                validator: validator.clone(),
                proofs: *proofs,
            };
            member.check()?;
        }
        check_genesis(&self.genesis)
    }
}

impl Canonical for Proposal {
    const NAME: &'static str = "genesis proposal";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(3)?
            .u8(PROPOSAL_VERSION)?
            .bytes(&self.genesis.to_bytes())?
            .array(self.proofs.len() as u64)?;
        for proofs in &self.proofs {
            w.array(PURPOSES.len() as u64)?;
            for proof in proofs {
                w.bytes(&proof.0)?;
            }
        }
        Ok(())
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        cbor::array(d, 3, "genesis proposal")?;
        cbor::integer(d, i64::from(PROPOSAL_VERSION), "proposal version")?;
        let genesis = Genesis::from_bytes(d.bytes().map_err(CborError::at("genesis"))?)?;
        let len = cbor::array_len(d, VALIDATORS_MAX, "proofs")?;
        if len != genesis.validators.len() {
            let reason = format!(
                "expected those of {} validators, found those of {len}",
                genesis.validators.len()
            );
            return Err(CborError::bad("proofs", reason));
        }
        let mut proofs = Vec::with_capacity(len);
        for _ in 0..len {
            cbor::array(d, PURPOSES.len() as u64, "proofs of a member")?;
            let mut own = [Signature([0; 64]); 5];
            for proof in &mut own {
                *proof = Signature(cbor::fixed(d, "proof of possession")?);
            }
            proofs.push(own);
        }
        Ok(Self { genesis, proofs })
    }
}

/// A validator's signature over the exact bytes of a genesis, by its consensus key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisSignature {
    /// Who signed.
    pub validator: Name,
    /// The signature.
    pub signature: Signature,
}

/// What a founder signs: its name and the genesis bytes.
fn signed(validator: &Name, genesis: &[u8]) -> Hash {
    let bytes = cbor::to_vec(|w| {
        w.array(2)?.str(validator.as_str())?.bytes(genesis)?;
        Ok(())
    });
    domain_hash("genesis-signature", &bytes)
}

impl GenesisSignature {
    /// Signs `genesis` in the name of a validator with its consensus key.
    pub fn make(validator: Name, genesis: &[u8], consensus: &PrivateKey) -> Self {
        let signature = consensus.sign(&signed(&validator, genesis).0);
        Self {
            validator,
            signature,
        }
    }

    /// Checks one signature over the genesis.
    ///
    /// # Errors
    /// When its signer is no validator, or it is not over these bytes by that validator's key.
    pub fn check(&self, genesis: &Genesis) -> Result<(), FoundingError> {
        let validator = genesis.validator_by_name(&self.validator);
        let validator = validator.ok_or_else(|| FoundingError::Stranger(self.validator.clone()))?;
        let signed = signed(&self.validator, &genesis.to_bytes());
        if validator
            .consensus
            .verify_strict(&signed.0, &self.signature)
        {
            return Ok(());
        }
        Err(FoundingError::OtherBytes {
            validator: validator.name.clone(),
            organisation: validator.organisation.clone(),
        })
    }
}

/// Checks that every validator signed this genesis.
///
/// # Errors
/// When a signature does not hold, or one is missing.
pub fn check_signatures(
    genesis: &Genesis,
    signatures: &[GenesisSignature],
) -> Result<(), FoundingError> {
    for signature in signatures {
        signature.check(genesis)?;
    }
    let absent = |v: &&GenesisValidator| signatures.iter().all(|s| s.validator != v.name);
    let named = |v: &GenesisValidator| format!("{} ({})", v.name, v.organisation);
    let missing: Vec<String> = genesis
        .validators
        .iter()
        .filter(absent)
        .map(named)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let all = genesis.validators.len();
    Err(FoundingError::Missing { missing, all })
}

#[cfg(test)]
mod tests;
