//! A whole ledger, read from a disk and checked from the first entry to the last.

use crate::disk::Tables;
use crate::founders::Founders;
use bytes::Bytes;
use messages::block::Header;
use messages::cbor::Canonical;
use messages::consensus::CommitCertificate;
use messages::genesis::Genesis;
use messages::hash::Hash;
use messages::ids::{Height, StatementId};
use messages::ports::ConsensusVerifier;
use messages::statement::{Lodged, Statement};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What a ledger that holds gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Height of the newest block.
    pub height: u64,
    /// Headers by height.
    pub headers: Vec<Bytes>,
    /// Text of the tree head at each height.
    pub heads: BTreeMap<Height, String>,
    /// Root of the log.
    pub root: [u8; 32],
    /// Places of every entry that is a statement, by id.
    pub statements: BTreeMap<[u8; 32], Vec<u64>>,
    /// Ids of all statements, in order.
    pub order: Vec<[u8; 32]>,
}

impl Summary {
    /// Whether `other` has the same blocks, and perhaps more.
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        other.headers.starts_with(&self.headers)
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// RFC 6962 section 2.1, as it is written there.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(split);
            sha256(&[&[1], &root(left), &root(right)])
        }
    }
}

/// C2SP tlog-checkpoint: origin, size and root.
fn head_text(origin: &str, size: usize, root: &[u8; 32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("{origin}\n{size}\n");
    for chunk in root.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() {
                letter.into()
            } else {
                '='
            });
        }
    }
    text.push('\n');
    text
}

/// Checks the ledger on a disk.
///
/// # Errors
/// The first thing that does not hold.
pub fn check(
    tables: &Tables,
    founders: &Founders,
    submitted: &BTreeSet<StatementId>,
) -> Result<Summary, String> {
    let (genesis, verifier) = (&*founders.genesis, &*founders.verifier);
    let leaves: Vec<[u8; 32]> = tables.entries.iter().map(|e| sha256(&[&[0], e])).collect();
    let genesis_leaf = sha256(&[&[0], &genesis.to_bytes()]);
    if leaves.first() != Some(&genesis_leaf) {
        return Err("the first entry is not the genesis".into());
    }
    let mut summary = Summary::default();
    let (mut previous, mut next_leaf) = (genesis_leaf, 2);
    let mut time = genesis.created;
    for (place, (height, block)) in tables.blocks.iter().enumerate() {
        if height.0 != place as u64 {
            return Err(format!("height {place} is missing"));
        }
        if place == 0 {
            continue;
        }
        let fail = |what: &str| Err(format!("height {height}: {what}"));
        let header = Header::from_bytes(&block.header).map_err(|e| format!("{height}: {e}"))?;
        if header.height != *height || header.previous.0 != previous {
            return fail("the header does not follow the one before");
        }
        if header.time <= time {
            return fail("its time is not later than that of the block before");
        }
        let count = block.entry_count as usize;
        let size = next_leaf + count;
        if block.first_leaf.0 != next_leaf as u64 || header.log_size.0 != size as u64 {
            return fail("its entries do not follow those of the block before");
        }
        let log_root = root(leaves.get(..size).ok_or("entries are missing")?);
        if header.log_root.0 != log_root {
            return fail("the log's root is not that of its entries");
        }
        for (place, leaf) in (next_leaf as u64..).zip(&leaves[next_leaf..size - 1]) {
            if !submitted.contains(&StatementId(Hash(*leaf))) {
                return fail("it has a statement that nobody deposited in good faith");
            }
            summary.statements.entry(*leaf).or_default().push(place);
            summary.order.push(*leaf);
            check_body(tables, &tables.entries[place as usize])?;
        }
        if block.outcomes.iter().any(|code| *code != 0) {
            return fail("a statement of an open namespace did not succeed");
        }
        previous = sha256(&[b"wutong/header/v1\0", &block.header]);
        check_certificate(&block.certificate, *height, previous, genesis, verifier)?;
        summary.headers.push(block.header.clone());
        summary
            .heads
            .insert(*height, head_text(&genesis.origin, size, &log_root));
        (next_leaf, time) = (size, header.time);
        (summary.height, summary.root) = (height.0, log_root);
    }
    if leaves.len() != next_leaf {
        return Err("the log has entries that belong to no block".into());
    }
    Ok(summary)
}

/// Whoever committed a statement holds the body that it lodges, unchanged.
fn check_body(tables: &Tables, entry: &[u8]) -> Result<(), String> {
    let statement = Statement::parse(entry).map_err(|e| format!("a statement: {e}"))?;
    let Lodged::Body { digest, size } = statement.deposit.lodged else {
        return Ok(());
    };
    match tables.bodies.get(&digest) {
        None => Err(format!("the body {digest} is missing")),
        Some(body) if sha256(&[body]) != digest.0 || body.len() as u64 != size => {
            Err(format!("the body {digest} is another"))
        }
        Some(_) => Ok(()),
    }
}

/// More than two thirds of the validators signed a precommit for the block.
fn check_certificate(
    bytes: &[u8],
    height: Height,
    block: [u8; 32],
    genesis: &Genesis,
    verifier: &dyn ConsensusVerifier,
) -> Result<(), String> {
    let fail = |what: &str| Err(format!("height {height}: certificate: {what}"));
    let certificate = match CommitCertificate::from_bytes(bytes) {
        Ok(certificate) => certificate,
        Err(error) => return fail(&error.to_string()),
    };
    if certificate.height != height || certificate.block.0.0 != block {
        return fail("it is of another block");
    }
    let mut signers = BTreeSet::new();
    for (vote, signature) in certificate.votes(&genesis.network) {
        let is_validator = genesis
            .validators
            .iter()
            .any(|v| v.consensus == vote.validator);
        if !is_validator || !verifier.verify(&vote.validator, &vote.signing_hash(), &signature) {
            return fail("a signature is not a validator's");
        }
        signers.insert(vote.validator);
    }
    if signers.len() * 3 <= genesis.validators.len() * 2 {
        return fail("too few validators signed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::checkpoint::Checkpoint;
    use messages::ids::TreeSize;

    #[test]
    fn the_checkers_own_tree_and_text_are_the_standards() {
        for size in 0..40usize {
            let leaves: Vec<Hash> = (0..size).map(|i| Hash::of(&i.to_be_bytes())).collect();
            let plain: Vec<[u8; 32]> = leaves.iter().map(|h| h.0).collect();
            let expected = messages::merkle::root_of_leaves(&leaves);
            assert_eq!(Hash(root(&plain)), expected);
            let size = TreeSize(size as u64);
            let head = Checkpoint {
                origin: "a.example/b".into(),
                size,
                root: expected,
            };
            assert_eq!(
                head_text("a.example/b", size.0 as usize, &expected.0),
                head.text()
            );
        }
    }
}
