//! Two tree heads: whether they conflict, and who signed both.

use super::anchor::AnchorId;
use super::exhibit::{Head, LooseProof};
use super::not_proven::NotProven;
use super::report::{
    BlameReport, Conflict, Conviction, Ignored, KeyHolder, KeyRole, NotConvicted, SignedItem,
};
use super::subtrees::{Divergence, Subtree, known};
use crate::checkpoint::{Checkpoint, cosigned_message, verify_cosignature, verify_log};
use crate::hash::Hash;
use crate::keys::Signature;
use crate::note::{NoteSignature, encode_base64};
use crate::policy::Policy;
use crate::report::utc_text;
use std::collections::BTreeMap;

/// A listed key, in the order of the policy: cosigners first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Listed {
    Cosigner(usize),
    Log(usize),
}

/// Judges two tree heads, and what proofs say under them, by a policy.
pub(super) fn judge(heads: [&Head; 2], proofs: &[&LooseProof], policy: &Policy) -> BlameReport {
    let mut heads = heads.map(|head| {
        let of_head = proofs.iter().filter(|proof| proof.is_of(head));
        head.with_more(of_head.map(|proof| proof.inclusion.clone()))
    });
    // Both orders give one verdict and one file.
    heads.sort_by_key(|head| (head.checkpoint().size, head.checkpoint().root));
    let [first, second] = &heads;
    let anchor = AnchorId::of_policy(policy);
    let mut ignored = unused(&heads, proofs);
    let conflict = match conflict(first, second, policy) {
        Ok(conflict) => conflict,
        Err(why) => {
            let nothing = BlameReport::not_proven(anchor, why);
            return BlameReport { ignored, ..nothing };
        }
    };
    let mut by_first = signers(first, policy, &mut ignored);
    let mut by_second = signers(second, policy, &mut ignored);
    let (mut convicted, mut not_convicted) = (Vec::new(), Vec::new());
    let both: Vec<Listed> = by_first
        .keys()
        .filter(|key| by_second.contains_key(key))
        .copied()
        .collect();
    for key in both {
        if let (Some(x), Some(y)) = (by_first.remove(&key), by_second.remove(&key)) {
            convicted.push(Conviction {
                holder: holder(key, policy),
                signed: [x, y],
            });
        }
    }
    by_first.extend(by_second);
    for (key, item) in by_first {
        not_convicted.push(NotConvicted {
            holder: holder(key, policy),
            signed_only: item.says,
        });
    }
    let verdict = if convicted.is_empty() {
        Err(NotProven::NobodySignedBoth {
            conflict: conflict.to_string(),
        })
    } else {
        Ok(conflict)
    };
    BlameReport {
        anchor,
        verdict,
        convicted,
        not_convicted,
        ignored,
    }
}

/// Whether no append-only log has both heads. The first is no larger than the second.
fn conflict(first: &Head, second: &Head, policy: &Policy) -> Result<Conflict, NotProven> {
    let (a, b) = (first.checkpoint(), second.checkpoint());
    if a.origin != b.origin {
        return Err(NotProven::OtherOrigin {
            first: a.origin.clone(),
            second: b.origin.clone(),
        });
    }
    if !policy.knows_origin(&a.origin) {
        return Err(NotProven::UnknownOrigin {
            origin: a.origin.clone(),
        });
    }
    match (a.size == b.size, a.root == b.root) {
        (true, true) => Err(NotProven::SameHead {
            size: a.size,
            root: a.root,
        }),
        (true, false) => {
            let heads = [first.with_proof(None), second.with_proof(None)];
            Ok(Conflict::SameSize(Box::new(heads)))
        }
        (false, _) => other_tree(first, second),
    }
}

/// Compares every complete subtree that both heads and their proofs fix; a place of which both
/// have a proof tells people most.
fn other_tree(first: &Head, second: &Head) -> Result<Conflict, NotProven> {
    if let Some(conflict) = other_entry(first, second) {
        return Ok(conflict);
    }
    let (of_first, of_second) = (known(first), known(second));
    let mut compared = 0;
    for (at, (hash, proof)) in &of_first {
        let Some((other_hash, other_proof)) = of_second.get(at) else {
            continue;
        };
        compared += 1;
        if hash != other_hash {
            let heads = [first.with_proof(*proof), second.with_proof(*other_proof)];
            return Ok(differ(heads, *at, [*hash, *other_hash]));
        }
    }
    let (first, second) = (first.checkpoint().size, second.checkpoint().size);
    Err(match compared {
        0 => NotProven::NothingInCommon { first, second },
        _ => NotProven::TreesAgree {
            first,
            second,
            compared,
        },
    })
}

/// Two proofs of one place with different entries.
fn other_entry(first: &Head, second: &Head) -> Option<Conflict> {
    let pairs = first.proofs().iter().enumerate().flat_map(|(i, p)| {
        let others = second.proofs().iter().enumerate();
        others.map(move |(j, q)| ((i, p), (j, q)))
    });
    let mut pairs = pairs.filter(|((_, p), (_, q))| p.index == q.index && p.leaf != q.leaf);
    pairs.next().map(|((i, p), (j, q))| {
        let heads = [first.with_proof(Some(i)), second.with_proof(Some(j))];
        differ(heads, Subtree::leaf(p.index), [p.leaf, q.leaf])
    })
}

fn differ(heads: [Head; 2], at: Subtree, hashes: [Hash; 2]) -> Conflict {
    Conflict::OtherTree(Box::new(heads), Divergence { at, hashes })
}

/// The first valid signature of each listed key; other lines are ignored with the reason.
fn signers(
    head: &Head,
    policy: &Policy,
    ignored: &mut Vec<Ignored>,
) -> BTreeMap<Listed, SignedItem> {
    let mut found = BTreeMap::new();
    for line in &head.note().signatures {
        match signer(line, head.checkpoint(), &head.note().text, policy) {
            Ok((key, item)) => {
                found.entry(key).or_insert(item);
            }
            Err(reason) => ignored.push(Ignored {
                what: format!(
                    "signature line of {} (key id {:08x}) on the {}",
                    line.name,
                    line.key_id,
                    says(head.checkpoint())
                ),
                reason: reason.into(),
            }),
        }
    }
    found
}

const INVALID: &str = "the signature does not verify (strict Ed25519)";

/// Whose valid signature a line is.
fn signer(
    line: &NoteSignature,
    checkpoint: &Checkpoint,
    text: &str,
    policy: &Policy,
) -> Result<(Listed, SignedItem), &'static str> {
    let signature = |bytes: &[u8]| bytes.try_into().map(Signature).map_err(|_| INVALID);
    if let Some(i) = policy.witness_of(line) {
        let key = &policy.witnesses()[i].key;
        let time_s = verify_cosignature(key, text, line).ok_or(INVALID)?;
        let item = SignedItem {
            says: format!("{}, cosigned at {}", says(checkpoint), utc_text(time_s)),
            message: None,
            signed_bytes: cosigned_message(time_s, text).into_bytes(),
            // The line begins with the time, eight bytes.
            signature: signature(line.bytes.get(8..).unwrap_or_default())?,
        };
        return Ok((Listed::Cosigner(i), item));
    }
    let claimed =
        |key: &crate::note::VerifierKey| key.made(line) && key.name() == checkpoint.origin;
    let i = policy.logs().iter().position(claimed);
    let i = i.ok_or("the trust anchor does not list the key")?;
    if !verify_log(&policy.logs()[i], text, line) {
        return Err(INVALID);
    }
    let item = SignedItem {
        says: format!("{}, signed as the log", says(checkpoint)),
        message: None,
        signed_bytes: text.as_bytes().to_vec(),
        signature: signature(&line.bytes)?,
    };
    Ok((Listed::Log(i), item))
}

fn says(checkpoint: &Checkpoint) -> String {
    let root = encode_base64(&checkpoint.root.0);
    format!("tree head of size {} with root {root}", checkpoint.size)
}

fn holder(listed: Listed, policy: &Policy) -> KeyHolder {
    match listed {
        Listed::Cosigner(i) => {
            let witness = &policy.witnesses()[i];
            KeyHolder {
                role: KeyRole::Cosigner,
                name: witness.name.clone(),
                organisation: witness.organisation.clone(),
                key: witness.key.key(),
                verifier_key: Some(witness.key.clone()),
            }
        }
        Listed::Log(i) => {
            let key = &policy.logs()[i];
            KeyHolder {
                role: KeyRole::Log,
                name: format!("holder of log key {:08x}", key.key_id()),
                organisation: None,
                key: key.key(),
                verifier_key: Some(key.clone()),
            }
        }
    }
}

/// Proofs that do not lead to the root they name, or name another.
fn unused(heads: &[Head; 2], proofs: &[&LooseProof]) -> Vec<Ignored> {
    let broken = heads.iter().flat_map(|head| &head.broken);
    let broken = broken.map(|what| Ignored {
        what: what.clone(),
        reason: "it does not lead to the root of its tree head, so it proves nothing".into(),
    });
    let strays = proofs
        .iter()
        .filter(|proof| !heads.iter().any(|head| proof.is_of(head)));
    let strays = strays.map(|proof| Ignored {
        what: format!("inclusion proof of entry {}", proof.inclusion.index),
        reason: "its size and root are those of neither tree head".into(),
    });
    broken.chain(strays).collect()
}
