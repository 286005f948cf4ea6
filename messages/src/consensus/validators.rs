//! The ordered set of validators of an epoch.

use super::VALIDATORS_MAX;
use crate::cbor::{self, Canonical, CborError, Writer, Written};
use crate::hash::{Hash, domain_hash};
use crate::ids::{Height, Round};
use crate::keys::PublicKey;
use minicbor::Decoder;

/// Why keys are not a validator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// A network needs at least one validator.
    #[error("a validator set has at least one key")]
    Empty,
    /// One key would vote twice.
    #[error("{0} is listed twice")]
    Duplicate(PublicKey),
    /// More keys than a certificate may carry.
    #[error("{found} validators, at most {VALIDATORS_MAX} are possible")]
    TooMany {
        /// Keys given.
        found: usize,
    },
}

/// Consensus keys of equal weight, in the order that rotates the proposer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Vec<PublicKey>);

impl ValidatorSet {
    /// Checks and wraps `keys`; their order is kept.
    ///
    /// # Errors
    /// When there is no key, too many, or one twice.
    pub fn try_new(keys: Vec<PublicKey>) -> Result<Self, ValidatorSetError> {
        if keys.is_empty() {
            return Err(ValidatorSetError::Empty);
        }
        if keys.len() as u64 > VALIDATORS_MAX {
            return Err(ValidatorSetError::TooMany { found: keys.len() });
        }
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(ValidatorSetError::Duplicate(pair[0])),
            None => Ok(Self(keys)),
        }
    }

    /// The keys in their order.
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// Number of validators, at least one.
    #[allow(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Signatures that decide: floor(2n/3) + 1.
    pub fn quorum(&self) -> usize {
        crate::quorum::quorum(self.0.len()) - usize::from(crate::mutant!(VotesLessOne))
    }

    /// Signatures of which one at least is honest's: floor(n/3) + 1.
    pub fn honest(&self) -> usize {
        self.0.len() / 3 + 1
    }

    /// Position of `key` in the order.
    pub fn index_of(&self, key: &PublicKey) -> Option<usize> {
        self.0.iter().position(|k| k == key)
    }

    /// Whether `key` votes.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.index_of(key).is_some()
    }

    /// Whose turn it is: position (height + round) mod n.
    pub fn proposer(&self, height: Height, round: Round) -> PublicKey {
        let turn = u128::from(height.0) + u128::from(round.0);
        self.0[(turn % self.0.len() as u128) as usize]
    }

    /// Identity of the set, order included.
    pub fn hash(&self) -> Hash {
        domain_hash("validator-set", &self.to_bytes())
    }
}

impl Canonical for ValidatorSet {
    const NAME: &'static str = "validator set";

    fn write(&self, w: &mut Writer<'_>) -> Written {
        w.array(self.0.len() as u64)?;
        self.0
            .iter()
            .try_for_each(|key| w.bytes(&key.0).map(|_| ()))
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, CborError> {
        let len = cbor::array_len(d, VALIDATORS_MAX, Self::NAME)?;
        let keys = (0..len).map(|_| cbor::fixed(d, "validator").map(PublicKey));
        let keys = keys.collect::<Result<_, _>>()?;
        Self::try_new(keys).map_err(|e| CborError::bad(Self::NAME, e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_refuses_no_keys_and_twins() {
        assert_eq!(ValidatorSet::try_new(vec![]), Err(ValidatorSetError::Empty));
        let twin = PublicKey([1; 32]);
        let keys = vec![twin, PublicKey([2; 32]), twin];
        assert_eq!(
            ValidatorSet::try_new(keys),
            Err(ValidatorSetError::Duplicate(twin))
        );
    }

    #[test]
    fn the_turn_moves_with_height_and_round() {
        let keys: Vec<_> = (0..4).map(|i| PublicKey([i; 32])).collect();
        let set = ValidatorSet::try_new(keys.clone()).unwrap();
        assert_eq!(set.proposer(Height(4), Round(0)), keys[0]);
        assert_eq!(set.proposer(Height(4), Round(3)), keys[3]);
        assert_eq!(set.proposer(Height(5), Round(0)), keys[1]);
        assert_eq!(ValidatorSet::from_bytes(&set.to_bytes()).unwrap(), set);
    }
}
