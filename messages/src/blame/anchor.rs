//! Whose keys count: the judge's own choice, never the exhibits'.

use crate::genesis::{Genesis, GenesisValidator};
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::policy::{DEMONSTRATION_ORIGIN, Policy};

/// What kind of document says whose keys count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorKind {
    /// A policy (C2SP tlog-policy): log keys and cosigners.
    Policy,
    /// A genesis document: consensus keys.
    Genesis,
}

impl AnchorKind {
    /// The kind's name in blame files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Genesis => "genesis",
        }
    }
}

/// Which document a verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorId {
    /// Its kind.
    pub kind: AnchorKind,
    /// [`Policy::fingerprint`], or [`Genesis::leaf_hash`].
    pub fingerprint: Hash,
    /// Whether it is of a demonstration network, where one party holds all keys.
    pub demonstration: bool,
}

impl AnchorId {
    /// Names a genesis document.
    pub(super) fn of_genesis(genesis: &Genesis) -> Self {
        Self {
            kind: AnchorKind::Genesis,
            fingerprint: genesis.leaf_hash(),
            demonstration: genesis.demonstration
                || genesis.origin.starts_with(DEMONSTRATION_ORIGIN),
        }
    }

    /// Names a policy.
    pub(super) fn of_policy(policy: &Policy) -> Self {
        Self {
            kind: AnchorKind::Policy,
            fingerprint: policy.fingerprint(),
            demonstration: policy.is_demonstration(),
        }
    }
}

/// The trust anchor of a judgement. Tree heads are judged by a policy, votes and proposals by a
/// genesis document, which implies the policy of epoch 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    policy: Policy,
    genesis: Option<Genesis>,
}

impl Anchor {
    /// Judges tree heads by `policy`; votes and proposals cannot be judged.
    pub fn of_policy(policy: Policy) -> Self {
        Self {
            policy,
            genesis: None,
        }
    }

    /// Judges votes and proposals by `genesis`, and tree heads by its policy.
    ///
    /// # Errors
    /// When the keys and names of the document make no policy.
    pub fn of_genesis(genesis: Genesis) -> Result<Self, String> {
        let policy = genesis.policy()?;
        Ok(Self {
            policy,
            genesis: Some(genesis),
        })
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The genesis document, when there is one.
    pub fn genesis(&self) -> Option<&Genesis> {
        self.genesis.as_ref()
    }

    /// Names the policy.
    pub fn policy_id(&self) -> AnchorId {
        AnchorId::of_policy(&self.policy)
    }

    /// Names what was given: the genesis document, or else the policy.
    pub fn id(&self) -> AnchorId {
        let genesis = self.genesis.as_ref().map(AnchorId::of_genesis);
        genesis.unwrap_or_else(|| self.policy_id())
    }

    /// The validator that holds a log key; a policy alone does not say.
    pub fn holder_of_log_key(&self, key: &PublicKey) -> Option<&GenesisValidator> {
        let genesis = self.genesis.as_ref()?;
        genesis.validators.iter().find(|v| v.log == *key)
    }
}
