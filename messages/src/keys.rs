//! Ed25519 keys, signatures and the two signature rules of the ledger.
//!
//! Votes and cosignatures are judged by [`PublicKey::verify_strict`]. Statements are judged by
//! ZIP-215 with a canonical R that is not of small order ([`StatementCheck`]): that rule gives the
//! same answer singly and in batches, so two validators can never disagree about a block.

use crate::hash::{Hash, domain_hash};
use core::fmt;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

/// An Ed25519 public key (32 bytes, RFC 8032), not yet judged.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct PublicKey(pub [u8; 32]);

/// An Ed25519 signature (64 bytes, RFC 8032).
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sig:{}", hex::encode(&self.0[..4]))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key:{}", hex::encode(&self.0[..4]))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Why a key may not be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the canonical encoding of a point.
    #[error("not a canonical Ed25519 public key")]
    NotAPoint,
    /// Of small order: some signatures verify under it for every message.
    #[error("weak key: of small order")]
    Weak,
    /// Of mixed order: verification rules disagree about it.
    #[error("weak key: has a torsion component")]
    MixedOrder,
}

impl PublicKey {
    /// Judges the key once, before it is registered: canonical, not weak, torsion-free.
    ///
    /// # Errors
    /// When one of the three does not hold.
    pub fn check_registrable(&self) -> Result<(), KeyError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| KeyError::NotAPoint)?;
        let point = key.to_edwards();
        if point.compress().to_bytes() != self.0 {
            return Err(KeyError::NotAPoint);
        }
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        if !point.is_torsion_free() {
            return Err(KeyError::MixedOrder);
        }
        Ok(())
    }

    /// Strict verification (RFC 8032 with canonical, not small-order R and A).
    pub fn verify_strict(&self, message: &[u8], signature: &Signature) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0))
                .is_ok()
        })
    }

    /// The statement rule for one signature: ZIP-215, R canonical and not of small order.
    pub fn verify_statement(&self, message: &[u8], signature: &Signature) -> bool {
        acceptable_r(signature)
            && ed25519_zebra::VerificationKey::try_from(self.0).is_ok_and(|key| {
                key.verify(&ed25519_zebra::Signature::from(signature.0), message)
                    .is_ok()
            })
    }

    /// Key id of a depositor: the first 16 hexadecimal characters of the key's SHA-256.
    pub fn fingerprint(&self) -> String {
        hex::encode(&Hash::of(&self.0).0[..8])
    }
}

/// y-coordinates of the points of small order (RFC 7748's curve in Edwards form), little endian:
/// 0 and 1 and -1, and the two of order eight.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = FIELD_PRIME;
        minus_one[0] -= 1;
        minus_one
    },
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
];

/// 2^255 - 19, little endian.
const FIELD_PRIME: [u8; 32] = {
    let mut p = [0xff; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    p
};

/// Whether R, if it is a point, is in canonical form and not of small order.
///
/// Needs no curve arithmetic: an encoding is canonical when y is below the field's prime and x
/// is not a negative zero, and x is zero for y = 1 and y = -1 only, which are of small order.
/// Whether R is a point is for the verification itself.
fn acceptable_r(signature: &Signature) -> bool {
    let mut y = [0; 32];
    y.copy_from_slice(&signature.0[..32]);
    y[31] &= 0x7f;
    let below_prime = y.iter().rev().lt(FIELD_PRIME.iter().rev());
    below_prime && !SMALL_ORDER_Y.contains(&y)
}

/// One signature to be judged by the statement rule.
#[derive(Clone, Copy, Debug)]
pub struct StatementCheck<'a> {
    /// The claimed signer.
    pub key: PublicKey,
    /// The signed bytes.
    pub message: &'a [u8],
    /// The signature.
    pub signature: Signature,
}

/// Judges many signatures at once; the answers equal those of [`PublicKey::verify_statement`].
///
/// The batch equation is tried first (signatures of one key share their work); when it fails each
/// signature is judged singly.
pub fn verify_statements(checks: &[StatementCheck<'_>]) -> Vec<bool> {
    let shaped: Vec<bool> = checks.iter().map(|c| acceptable_r(&c.signature)).collect();
    let mut batch = ed25519_zebra::batch::Verifier::new();
    let mut seed = sha2::Sha256::default();
    for (check, _) in checks.iter().zip(&shaped).filter(|(_, ok)| **ok) {
        use sha2::Digest;
        seed.update(check.key.0);
        seed.update(check.signature.0);
        seed.update(Hash::of(check.message).0);
        batch.queue((
            ed25519_zebra::VerificationKeyBytes::from(check.key.0),
            ed25519_zebra::Signature::from(check.signature.0),
            check.message,
        ));
    }
    let seed = { sha2::Digest::finalize(seed) };
    if batch
        .verify(crate::entropy::HashStream::new(seed.into()))
        .is_ok()
    {
        return shaped;
    }
    checks
        .iter()
        .map(|c| c.key.verify_statement(c.message, &c.signature))
        .collect()
}

/// A private key held in memory; wiped when dropped.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "private key of {:?}", self.public())
    }
}

impl PrivateKey {
    /// From the 32-byte seed of RFC 8032.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// A key derived from a master seed and a purpose; for trial networks and tests.
    pub fn derive(master: &[u8; 32], purpose: &str) -> Self {
        Self::from_seed(&domain_hash(&format!("derive-key/{purpose}"), master).0)
    }

    /// Reads an unencrypted PKCS#8 PEM document (RFC 8410).
    ///
    /// # Errors
    /// When the text is no such document; the message says what was found.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        use ed25519_dalek::pkcs8::DecodePrivateKey;
        SigningKey::from_pkcs8_pem(text)
            .map(Self)
            .map_err(|e| e.to_string())
    }

    /// The PKCS#8 PEM document (RFC 8410) of this key: version 1, without the public key, which
    /// older tools cannot read.
    pub fn to_pem(&self) -> String {
        use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes, spki::der::pem::LineEnding};
        let document = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        let pem = document.to_pkcs8_pem(LineEnding::LF);
        pem.expect("an Ed25519 key always encodes").to_string()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The secret that this key's holder and `peer`'s share: X25519 (RFC 7748) with both keys mapped
    /// from Edwards to Montgomery form (RFC 7748 section 4.1). None when `peer` is no point, or one
    /// with which nothing is secret.
    pub fn agree(&self, peer: &PublicKey) -> Option<[u8; 32]> {
        let peer = VerifyingKey::from_bytes(&peer.0).ok()?.to_montgomery();
        let shared = peer.mul_clamped(self.0.to_scalar_bytes()).to_bytes();
        (shared != [0; 32]).then_some(shared)
    }

    /// Signs `message` (deterministic, RFC 8032).
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_agree_and_a_third_does_not() {
        let [a, b, c] = [1u8, 2, 3].map(|i| PrivateKey::from_seed(&[i; 32]));
        let shared = a.agree(&b.public());
        assert!(shared.is_some());
        assert_eq!(shared, b.agree(&a.public()));
        assert_ne!(shared, a.agree(&c.public()));
        // A point of small order shares nothing secret.
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(a.agree(&PublicKey(identity)), None);
    }

    #[test]
    fn pem_round_trips() {
        let key = PrivateKey::from_seed(&[7; 32]);
        let again = PrivateKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.public(), key.public());
    }

    #[test]
    fn batch_and_single_agree_and_find_the_bad_one() {
        let messages: Vec<Vec<u8>> = (0..20u8).map(|i| vec![i; 40]).collect();
        let keys: Vec<_> = (0..3u8)
            .map(|i| PrivateKey::from_seed(&[i + 1; 32]))
            .collect();
        let mut checks: Vec<_> = messages
            .iter()
            .enumerate()
            .map(|(i, message)| {
                let key = &keys[i % 3];
                StatementCheck {
                    key: key.public(),
                    message,
                    signature: key.sign(message),
                }
            })
            .collect();
        assert!(verify_statements(&checks).iter().all(|ok| *ok));
        checks[5].signature.0[40] ^= 1;
        let verdicts = verify_statements(&checks);
        assert_eq!(verdicts.iter().filter(|ok| !**ok).count(), 1);
        assert!(!verdicts[5]);
    }

    /// The rule of `acceptable_r` by curve arithmetic.
    fn acceptable_by_arithmetic(r: [u8; 32]) -> bool {
        VerifyingKey::from_bytes(&r)
            .is_ok_and(|point| !point.is_weak() && point.to_edwards().compress().to_bytes() == r)
    }

    #[test]
    fn the_rule_for_r_agrees_with_curve_arithmetic() {
        let mut candidates: Vec<[u8; 32]> = SMALL_ORDER_Y.to_vec();
        // Non-canonical forms: y + p for every y below 19.
        for low in 0..19_u8 {
            let mut y = FIELD_PRIME;
            y[0] = 0xed + low;
            candidates.push(y);
        }
        candidates.extend((0..2_000_u32).map(|i| Hash::of(&i.to_be_bytes()).0));
        let (mut accepted, mut refused) = (0, 0);
        for candidate in candidates {
            for sign in [0, 0x80] {
                let mut r = candidate;
                r[31] ^= sign;
                let mut bytes = [0; 64];
                bytes[..32].copy_from_slice(&r);
                let is_point = VerifyingKey::from_bytes(&r).is_ok();
                let rule = is_point && acceptable_r(&Signature(bytes));
                assert_eq!(rule, acceptable_by_arithmetic(r), "{}", hex::encode(r));
                accepted += u32::from(rule);
                refused += u32::from(is_point && !rule);
            }
        }
        assert!(
            accepted > 1_000 && refused >= 8,
            "{accepted} accepted, {refused} refused"
        );
    }

    #[test]
    fn weak_and_mixed_order_keys_are_not_registrable() {
        // The identity point: a valid signature for every message exists.
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey(identity).check_registrable(), Err(KeyError::Weak));
        // An honest point plus a point of order eight.
        let honest = VerifyingKey::from_bytes(&PrivateKey::from_seed(&[9; 32]).public().0).unwrap();
        let order_eight: [u8; 32] =
            hex::decode("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
                .unwrap()
                .try_into()
                .unwrap();
        let torsion = VerifyingKey::from_bytes(&order_eight).unwrap();
        let mixed = (honest.to_edwards() + torsion.to_edwards())
            .compress()
            .to_bytes();
        assert_eq!(
            PublicKey(mixed).check_registrable(),
            Err(KeyError::MixedOrder)
        );
        assert!(PublicKey([0xff; 32]).check_registrable().is_err());
    }
}
