//! A receipt read and judged from the published formats alone (C2SP tlog-proof, tlog-checkpoint,
//! tlog-cosignature; RFC 9162 section 2.1.3.2), in worlds with real keys and with fake ones.

use crate::founders::Founders;
use messages::genesis::Genesis;
use messages::keys::{PublicKey, Signature};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// A receipt that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Index of the entry.
    pub index: u64,
    /// Size of the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: [u8; 32],
    /// The checkpoint's text, without signatures.
    pub text: String,
    /// Validators that cosigned, by place.
    pub cosigners: BTreeSet<usize>,
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// Standard base64 with padding, as it is written in RFC 4648.
fn base64(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::new();
    for chunk in bytes.chunks(4) {
        let padding = chunk.iter().rev().take_while(|c| **c == b'=').count();
        let mut bits = 0u32;
        for byte in &chunk[..4 - padding] {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * padding;
        out.extend(&bits.to_be_bytes()[1..4 - padding.min(2)]);
    }
    Some(out)
}

/// The root that a path leads to from a leaf: RFC 9162 section 2.1.3.2.
fn root_of(leaf: [u8; 32], index: u64, size: u64, path: &[[u8; 32]]) -> Option<[u8; 32]> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for step in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = sha256(&[&[1], step, &hash]);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = sha256(&[&[1], &hash, step]);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

/// Judges a receipt of `entry`.
///
/// # Errors
/// The first thing that does not hold.
pub fn judge(receipt: &str, entry: &[u8], founders: &Founders) -> Result<Held, String> {
    let (proof, note) = receipt.split_once("\n\n").ok_or("it has no checkpoint")?;
    let mut lines = proof.lines();
    if lines.next() != Some("c2sp.org/tlog-proof@v1") {
        return Err("it is no tlog-proof".into());
    }
    let mut lines = lines.skip_while(|line| line.starts_with("extra "));
    let index = lines.next().and_then(|line| line.strip_prefix("index "));
    let index: u64 = index
        .and_then(|i| i.parse().ok())
        .ok_or("it has no index")?;
    let path: Option<Vec<[u8; 32]>> = lines.map(|line| base64(line)?.try_into().ok()).collect();
    let path = path.ok_or("its path is not one of hashes")?;
    let (text, signatures) = note
        .split_once("\n\n")
        .ok_or("its checkpoint is not signed")?;
    let text = format!("{text}\n");
    let head: Vec<&str> = text.lines().collect();
    let [origin, size, root] = head[..] else {
        return Err("its checkpoint has not three lines".into());
    };
    if origin != founders.genesis.origin {
        return Err(format!("its origin is {origin}"));
    }
    let size: u64 = size.parse().map_err(|_| "its size is no number")?;
    let root: Option<[u8; 32]> = base64(root).and_then(|r| r.try_into().ok());
    let root = root.ok_or("its root is no hash")?;
    let leaf = sha256(&[&[0], entry]);
    if root_of(leaf, index, size, &path) != Some(root) {
        return Err("its path does not lead to its root".into());
    }
    let cosigners = cosigners(&text, signatures, founders);
    let n = founders.genesis.validators.len();
    if 3 * cosigners.len() <= 2 * n {
        return Err(format!("{} of {n} validators cosigned", cosigners.len()));
    }
    Ok(Held {
        index,
        size,
        root,
        text,
        cosigners,
    })
}

/// Validators whose cosignatures of `text` hold.
pub fn cosigners(text: &str, signatures: &str, founders: &Founders) -> BTreeSet<usize> {
    let genesis = &founders.genesis;
    let mut cosigners = BTreeSet::new();
    for line in signatures.lines() {
        let mut parts = line.splitn(3, ' ');
        let (Some("\u{2014}"), Some(name), Some(blob)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let Some(place) = cosigner_named(genesis, name) else {
            continue;
        };
        let key = genesis.validators[place].cosigner;
        let Some(blob) = base64(blob) else { continue };
        // Four bytes of key id, eight of time, the signature.
        let (Some(time), Some(Ok(signature))) = (
            blob.get(4..12).and_then(|t| <[u8; 8]>::try_from(t).ok()),
            blob.get(12..).map(<[u8; 64]>::try_from),
        ) else {
            continue;
        };
        if blob[..4] != key_id(name, &key) {
            continue;
        }
        let time = u64::from_be_bytes(time);
        let message = format!("cosignature/v1\ntime {time}\n{text}");
        let signature = Signature(signature);
        if founders
            .verifier
            .verify_message(&key, message.as_bytes(), &signature)
        {
            cosigners.insert(place);
        }
    }
    cosigners
}

fn cosigner_named(genesis: &Genesis, name: &str) -> Option<usize> {
    let validators = genesis.validators.iter();
    let own = |v: &messages::genesis::GenesisValidator| format!("{}/{}", genesis.origin, v.name);
    validators.map(own).position(|own| own == name)
}

/// SHA-256(name, newline, 0x04, key), its first four bytes.
fn key_id(name: &str, key: &PublicKey) -> [u8; 4] {
    let hash = sha256(&[name.as_bytes(), b"\n", &[4], &key.0]);
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::hash::Hash;

    #[test]
    fn base64_reads_what_rfc_4648_writes() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(base64("Zg="), None);
        assert_eq!(base64("Z*=="), None);
    }

    #[test]
    fn paths_of_all_small_trees_lead_to_their_roots() {
        for size in 1..40usize {
            let leaves: Vec<Hash> = (0..size).map(|i| Hash::leaf(&i.to_be_bytes())).collect();
            let root = messages::merkle::root_of_leaves(&leaves).0;
            for index in 0..size {
                let path = path(&leaves, index);
                let (i, n) = (index as u64, size as u64);
                assert_eq!(root_of(leaves[index].0, i, n, &path), Some(root));
                assert_ne!(root_of([7; 32], i, n, &path), Some(root));
                assert_eq!(root_of(leaves[index].0, n, n, &path), None);
            }
        }
    }

    /// RFC 9162 section 2.1.3.1.
    fn path(leaves: &[Hash], index: usize) -> Vec<[u8; 32]> {
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        let (mut below, beside) = match index < split {
            true => (path(left, index), right),
            false => (path(right, index - split), left),
        };
        below.push(messages::merkle::root_of_leaves(beside).0);
        below
    }
}
