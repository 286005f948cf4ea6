//! A batch: one statement for many documents.
//!
//! The depositor makes an RFC 6962 tree whose leaves are salted commitments, and lodges its root
//! and size. The ledger sees one entry whatever the number of members; each member's receipt is
//! the receipt of that entry with the member's own salt and path.

use crate::deposit::{DigestAlgorithm, Lodged, commit};
use crate::hash::Hash;
use crate::receipt::BatchProof;

/// The tree of a batch, with every level kept: proofs of all members cost one pass.
#[derive(Clone, Debug)]
pub struct BatchTree {
    /// Level 0 are the leaves; a node without a right sibling moves up as it is, which gives the
    /// tree of RFC 6962 section 2.1.
    levels: Vec<Vec<Hash>>,
}

impl BatchTree {
    /// The tree over the members' commitments, in their order; none without members.
    pub fn of_commitments(commitments: &[Hash]) -> Option<Self> {
        if commitments.is_empty() {
            return None;
        }
        let leaves: Vec<Hash> = commitments.iter().map(|c| Hash::leaf(&c.0)).collect();
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let parent = |pair: &[Hash]| match pair {
                [left, right] => Hash::node(left, right),
                _ => pair[0],
            };
            let above = below.chunks(2).map(parent).collect();
            levels.push(above);
        }
        Some(Self { levels })
    }

    /// Members.
    pub fn count(&self) -> u64 {
        self.levels[0].len() as u64
    }

    /// What the statement lodges.
    pub fn lodged(&self) -> Lodged {
        let top = self.levels.last().expect("a tree has its leaves");
        Lodged::Batch {
            root: top[0],
            count: self.count(),
        }
    }

    /// The place of a member, from 0; none when there is no such member.
    pub fn prove(&self, index: u64) -> Option<BatchProof> {
        let mut at = usize::try_from(index).ok()?;
        self.levels[0].get(at)?;
        let mut path = Vec::new();
        for level in &self.levels {
            path.extend(level.get(at ^ 1));
            at /= 2;
        }
        Some(BatchProof { index, path })
    }
}

/// The salt of a member, out of the batch's one secret: `SHA-256("wutong/batch-salt/v1" || secret
/// || index as 8 bytes, big endian)`. A member's receipt reveals its own salt and no other.
pub fn member_salt(secret: &[u8; 32], index: u64) -> [u8; 32] {
    Hash::of_parts(&[b"wutong/batch-salt/v1", secret, &index.to_be_bytes()]).0
}

/// The commitment of a member to its document's digest.
pub fn member_commitment(secret: &[u8; 32], index: u64, digest: &Hash) -> Hash {
    commit(&member_salt(secret, index), DigestAlgorithm::Sha256, digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{root_of_leaves, verify_inclusion};

    #[test]
    fn every_member_of_every_size_is_proven() {
        assert!(BatchTree::of_commitments(&[]).is_none());
        for count in 1..70_u64 {
            let commitments: Vec<Hash> = (0..count)
                .map(|i| member_commitment(&[1; 32], i, &Hash::of(b"document")))
                .collect();
            let tree = BatchTree::of_commitments(&commitments).unwrap();
            let leaves: Vec<Hash> = commitments.iter().map(|c| Hash::leaf(&c.0)).collect();
            let root = root_of_leaves(&leaves);
            assert_eq!(tree.lodged(), Lodged::Batch { root, count });
            for (i, leaf) in (0..count).zip(&leaves) {
                let proof = tree.prove(i).unwrap();
                assert_eq!(verify_inclusion(leaf, i, count, &proof.path, &root), Ok(()));
                assert!(verify_inclusion(leaf, i + 1, count, &proof.path, &root).is_err());
            }
            assert_eq!(tree.prove(count), None);
        }
    }
}
