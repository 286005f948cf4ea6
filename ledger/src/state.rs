//! The authenticated state: an incremental map with inclusion and absence proofs.
//!
//! A compact sparse Merkle tree over SHA-256 of the key. Its root is a function of the set of
//! (key, value) pairs alone:
//! - no pair: 32 zero bytes;
//! - one pair: `H(0x00 || H(key) || H(value))`;
//! - more: `H(0x01 || left || right)`, split by the next bit of `H(key)`, most significant first.
//!
//! Nodes are shared between versions, so a clone is one pointer and an update is O(log n).

use bytes::Bytes;
use messages::hash::Hash;
use messages::state_proof::path_bit as bit;
use std::sync::Arc;

pub use messages::state_proof::StateProof;

#[derive(Debug)]
enum Node {
    Leaf {
        path: Hash,
        value: Bytes,
        hash: Hash,
    },
    Branch {
        left: Link,
        right: Link,
        hash: Hash,
    },
}

type Link = Option<Arc<Node>>;

fn link_hash(link: &Link) -> Hash {
    match link.as_deref() {
        None => Hash::ZERO,
        Some(Node::Leaf { hash, .. } | Node::Branch { hash, .. }) => *hash,
    }
}

fn leaf_hash(path: &Hash, value: &[u8]) -> Hash {
    Hash::of_parts(&[&[0], &path.0, &Hash::of(value).0])
}

fn branch(left: Link, right: Link) -> Arc<Node> {
    let hash = Hash::node(&link_hash(&left), &link_hash(&right));
    Arc::new(Node::Branch { left, right, hash })
}

/// A version of the state.
#[derive(Clone, Debug, Default)]
pub struct StateTree {
    root: Link,
    len: usize,
}

impl StateTree {
    /// The tree of `rows`; later rows win over earlier ones of the same key.
    pub fn from_rows(rows: impl IntoIterator<Item = (Bytes, Bytes)>) -> Self {
        let mut tree = Self::default();
        for (key, value) in rows {
            tree.insert(key, value);
        }
        tree
    }

    /// Root over all pairs.
    pub fn root(&self) -> Hash {
        link_hash(&self.root)
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<&Bytes> {
        self.get_hashed(&Hash::of(key))
    }

    /// The value of the key with this hash.
    pub fn get_hashed(&self, path: &Hash) -> Option<&Bytes> {
        let mut link = &self.root;
        for depth in 0..=256 {
            match link.as_deref()? {
                Node::Leaf {
                    path: found, value, ..
                } => {
                    return (found == path).then_some(value);
                }
                Node::Branch { left, right, .. } => {
                    link = if bit(path, depth) { right } else { left };
                }
            }
        }
        None
    }

    /// Sets `key` to `value`.
    pub fn insert(&mut self, key: Bytes, value: Bytes) {
        let path = Hash::of(&key);
        let hash = leaf_hash(&path, &value);
        let leaf = Arc::new(Node::Leaf { path, value, hash });
        let (root, added) = insert(&self.root, leaf, &path, 0);
        self.root = Some(root);
        self.len += usize::from(added);
    }

    /// A proof that `key` is present or absent under [`StateTree::root`].
    pub fn prove(&self, key: &[u8]) -> StateProof {
        let path = Hash::of(key);
        let mut siblings = Vec::new();
        let mut link = &self.root;
        loop {
            match link.as_deref() {
                None => {
                    return StateProof {
                        siblings,
                        end: None,
                    };
                }
                Some(Node::Leaf { path, value, .. }) => {
                    return StateProof {
                        siblings,
                        end: Some((*path, Hash::of(value))),
                    };
                }
                Some(Node::Branch { left, right, .. }) => {
                    let (down, aside) = if bit(&path, siblings.len()) {
                        (right, left)
                    } else {
                        (left, right)
                    };
                    siblings.push(link_hash(aside));
                    link = down;
                }
            }
        }
    }
}

fn insert(link: &Link, leaf: Arc<Node>, path: &Hash, depth: usize) -> (Arc<Node>, bool) {
    match link.as_deref() {
        None => (leaf, true),
        Some(Node::Leaf { path: found, .. }) if found == path => (leaf, false),
        Some(Node::Leaf { path: found, .. }) => {
            let old = link.clone();
            (split(old, found, leaf, path, depth), true)
        }
        Some(Node::Branch { left, right, .. }) => {
            if bit(path, depth) {
                let (right, added) = insert(right, leaf, path, depth + 1);
                (branch(left.clone(), Some(right)), added)
            } else {
                let (left, added) = insert(left, leaf, path, depth + 1);
                (branch(Some(left), right.clone()), added)
            }
        }
    }
}

/// Branches down to the first bit in which two leaves differ.
fn split(old: Link, old_path: &Hash, new: Arc<Node>, new_path: &Hash, depth: usize) -> Arc<Node> {
    match (bit(old_path, depth), bit(new_path, depth)) {
        (false, true) => branch(old, Some(new)),
        (true, false) => branch(Some(new), old),
        (same, _) => {
            let below = Some(split(old, old_path, new, new_path, depth + 1));
            if same {
                branch(None, below)
            } else {
                branch(below, None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(i: u32) -> (Bytes, Bytes) {
        (format!("key {i}").into(), format!("value {i}").into())
    }

    /// The definition at the head of this module, written naively.
    fn naive(mut pairs: Vec<(Hash, Hash)>, depth: usize) -> Hash {
        match pairs.len() {
            0 => Hash::ZERO,
            1 => Hash::of_parts(&[&[0], &pairs[0].0.0, &pairs[0].1.0]),
            _ => {
                let right = pairs.split_off(pairs.partition_point(|(p, _)| !bit(p, depth)));
                Hash::node(&naive(pairs, depth + 1), &naive(right, depth + 1))
            }
        }
    }

    #[test]
    fn root_is_the_definition_whatever_the_order() {
        for n in 0..60 {
            let forward = StateTree::from_rows((0..n).map(row));
            let backward = StateTree::from_rows((0..n).rev().map(row));
            let mut pairs: Vec<_> = (0..n)
                .map(row)
                .map(|(k, v)| (Hash::of(&k), Hash::of(&v)))
                .collect();
            pairs.sort();
            assert_eq!(forward.root(), naive(pairs, 0), "n = {n}");
            assert_eq!(forward.root(), backward.root());
            assert_eq!(forward.len(), n as usize);
        }
    }

    #[test]
    fn proofs_tell_presence_and_absence() {
        let tree = StateTree::from_rows((0..50).map(row));
        for i in 0..100 {
            let (key, value) = row(i);
            let proof = tree.prove(&key);
            assert_eq!(proof.resolve(&key), Some((tree.root(), i < 50)), "key {i}");
            assert_eq!(tree.get(&key), (i < 50).then_some(&value));
        }
        let mut forged = tree.prove(b"key 3");
        forged.end = Some((Hash::of(b"key 3"), Hash::of(b"another value")));
        assert_ne!(forged.resolve(b"key 3").unwrap().0, tree.root());
    }

    #[test]
    fn an_older_version_stays_as_it_was() {
        let old = StateTree::from_rows((0..10).map(row));
        let root = old.root();
        let mut new = old.clone();
        new.insert("key 3".into(), "changed".into());
        assert_eq!((old.root(), old.len(), new.len()), (root, 10, 10));
        assert_ne!(new.root(), root);
    }
}
