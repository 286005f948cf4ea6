//! SHA-256 digests and the two node hashes of an RFC 6962 tree.

use core::fmt;
use sha2::{Digest, Sha256};

/// A SHA-256 digest (32 bytes).
#[derive(Clone, Copy, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Hash(pub [u8; 32]);

/// The order of the bytes. The first eight nearly always decide, and comparing them as a number is
/// all that an ordered map of hashes spends its time on.
impl Ord for Hash {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.first_word()
            .cmp(&other.first_word())
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Hash {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash {
    /// Thirty-two zero bytes: stands for "nothing yet" where a format needs a fixed width.
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 of `data`.
    pub fn of(data: &[u8]) -> Self {
        Self(Sha256::digest(data).into())
    }

    /// SHA-256 over the concatenation of `parts`.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// Leaf hash of RFC 6962 section 2.1: `H(0x00 || entry)`.
    pub fn leaf(entry: &[u8]) -> Self {
        Self::of_parts(&[&[0], entry])
    }

    /// Interior node hash of RFC 6962 section 2.1: `H(0x01 || left || right)`.
    pub fn node(left: &Self, right: &Self) -> Self {
        Self::of_parts(&[&[1], &left.0, &right.0])
    }

    /// Root of the empty tree, RFC 6962 section 2.1: `H("")`.
    pub fn empty_root() -> Self {
        Self::of(b"")
    }

    /// Parses 64 hexadecimal characters.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Reads exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The first eight bytes as a number, so that greater bytes are a greater number.
    fn first_word(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The first eight characters of the hexadecimal form, for people.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..4])
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.short())
    }
}

/// A hash of a domain-separated canonical encoding: `SHA-256("wutong/<domain>/v1\0" || bytes)`.
pub fn domain_hash(domain: &str, bytes: &[u8]) -> Hash {
    Hash::of_parts(&[b"wutong/", domain.as_bytes(), b"/v1\0", bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_ordered_as_their_bytes() {
        let mut hashes: Vec<Hash> = (0..500_u32).map(|i| Hash::of(&i.to_be_bytes())).collect();
        for i in 0..32 {
            let mut near = hashes[0];
            near.0[i] ^= 0x80;
            hashes.push(near);
        }
        let mut bytes: Vec<[u8; 32]> = hashes.iter().map(|h| h.0).collect();
        hashes.sort_unstable();
        bytes.sort_unstable();
        assert_eq!(hashes.iter().map(|h| h.0).collect::<Vec<_>>(), bytes);
    }
}
