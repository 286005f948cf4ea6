//! The deterministic traits a pure machine calls within a step.
//!
//! None of them reads a clock, waits or draws randomness: the same call gives the same answer on
//! every node and in every replay.

use crate::consensus::{Proposal, Vote};
use crate::hash::Hash;
use crate::keys::{PrivateKey, PublicKey, Signature, StatementCheck, verify_statements};
use core::fmt;

/// Signs what one validator says.
pub trait ConsensusSigner: Send + Sync {
    /// The signature over [`Vote::signing_hash`].
    fn sign_vote(&self, vote: &Vote) -> Signature;

    /// The signature over [`Proposal::signing_hash`].
    fn sign_proposal(&self, proposal: &Proposal) -> Signature;
}

/// Judges the signatures of validators.
pub trait ConsensusVerifier: Send + Sync {
    /// Whether `signature` is `key`'s over `message`.
    fn verify_message(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool;

    /// Whether `signature` is `key`'s over `message_hash`.
    fn verify(&self, key: &PublicKey, message_hash: &Hash, signature: &Signature) -> bool {
        self.verify_message(key, &message_hash.0, signature)
    }
}

/// Signs messages with one key: the log, cosigner and receipt keys of a validator.
pub trait MessageSigner: Send + Sync + fmt::Debug {
    /// The public half of the key.
    fn public(&self) -> PublicKey;

    /// The key's signature over `message`; the same bytes every time.
    fn sign(&self, message: &[u8]) -> Signature;
}

impl MessageSigner for PrivateKey {
    fn public(&self) -> PublicKey {
        self.public()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        self.sign(message)
    }
}

impl ConsensusSigner for PrivateKey {
    fn sign_vote(&self, vote: &Vote) -> Signature {
        self.sign(&vote.signing_hash().0)
    }

    fn sign_proposal(&self, proposal: &Proposal) -> Signature {
        self.sign(&proposal.signing_hash().0)
    }
}

/// The verifier of real networks: strict Ed25519 (RFC 8032, canonical, no small order).
#[derive(Clone, Copy, Debug, Default)]
pub struct StrictVerifier;

impl ConsensusVerifier for StrictVerifier {
    fn verify_message(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        key.verify_strict(message, signature)
    }
}

/// Judges depositors' signatures, many at once.
pub trait SignatureChecker: Send + Sync {
    /// The verdict on each, in order.
    fn check(&self, statements: &[StatementCheck<'_>]) -> Vec<bool>;
}

/// The rule of the ledger (DESIGN section 5): ZIP-215 in batches, R canonical and not of small
/// order.
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchedZip215;

impl SignatureChecker for BatchedZip215 {
    fn check(&self, statements: &[StatementCheck<'_>]) -> Vec<bool> {
        verify_statements(statements)
    }
}

/// A keyed hash in place of Ed25519, two orders of magnitude cheaper: **for simulations only**.
///
/// Nobody without the simulation's secret can forge it, so a simulated adversary that is given
/// only its own signer is bound as by real signatures. Whoever can verify can also sign.
#[derive(Clone, Debug)]
pub struct FakeSigner {
    secret: Hash,
    key: PublicKey,
}

impl FakeSigner {
    /// The signer of `key` in the simulation that `secret` belongs to.
    pub fn new(secret: Hash, key: PublicKey) -> Self {
        Self { secret, key }
    }
}

impl ConsensusSigner for FakeSigner {
    fn sign_vote(&self, vote: &Vote) -> Signature {
        self.sign(&vote.signing_hash().0)
    }

    fn sign_proposal(&self, proposal: &Proposal) -> Signature {
        self.sign(&proposal.signing_hash().0)
    }
}

impl MessageSigner for FakeSigner {
    fn public(&self) -> PublicKey {
        self.key
    }

    fn sign(&self, message: &[u8]) -> Signature {
        keyed_hash(&self.secret, &self.key, message)
    }
}

/// Judges the signatures of [`FakeSigner`]: **for simulations only**.
#[derive(Clone, Debug)]
pub struct FakeVerifier {
    secret: Hash,
}

impl FakeVerifier {
    /// The verifier of the simulation that `secret` belongs to.
    pub fn new(secret: Hash) -> Self {
        Self { secret }
    }
}

impl ConsensusVerifier for FakeVerifier {
    fn verify_message(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        keyed_hash(&self.secret, key, message) == *signature
    }
}

/// A hash of secret, key and message, padded to the length of a signature.
fn keyed_hash(secret: &Hash, key: &PublicKey, message: &[u8]) -> Signature {
    let mut bytes = [0; 64];
    let tag = Hash::of_parts(&[b"fake-signature", &secret.0, &key.0, message]);
    bytes[..32].copy_from_slice(&tag.0);
    Signature(bytes)
}
