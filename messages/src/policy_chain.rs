//! From one epoch's policy to another's: links that each trusted policy vouches for.
//!
//! A link is good when its checkpoint meets a policy that is trusted so far and binds the policy
//! entry by inclusion. It works both ways: a checkpoint of epoch e binds the policy of e + 1, and
//! a later checkpoint still holds every earlier policy entry of the same log.

use crate::cbor::Canonical;
use crate::checkpoint::{Checkpoint, verify_cosignature, verify_log};
use crate::hash::Hash;
use crate::ids::Name;
use crate::merkle::verify_inclusion;
use crate::note::Note;
use crate::policy::Policy;
use crate::policy_entry::PolicyEntry;
use crate::receipt::{LINKS_MAX, PolicyLink, Receipt, check_signature_lines};
use std::collections::BTreeSet;

/// Where a chain of links leads.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The policy of the last link, or the anchor.
    pub newest: Policy,
    /// Whether any policy on the way is a demonstration's: then nothing behind it is proven.
    pub demonstration: bool,
}

/// Trusts the policy of every link, in the order written, beginning with `anchor`.
///
/// # Errors
/// What is wrong with the first link that is not good, and its number from 1.
pub fn follow(anchor: &Policy, links: &[PolicyLink], network: &Name) -> Result<Followed, String> {
    let mut trusted = vec![anchor.clone()];
    for (i, link) in links.iter().enumerate() {
        let policy = open(&trusted, link, network).map_err(|e| format!("link {}: {e}", i + 1))?;
        trusted.push(policy);
    }
    let demonstration = trusted.iter().any(Policy::is_demonstration);
    Ok(Followed {
        newest: trusted.pop().expect("the anchor was put in"),
        demonstration,
    })
}

/// Of `links`, those that lead from `anchor` to a policy that the receipt's checkpoint meets, in
/// the order in which [`follow`] takes them; none when there is no way. Empty when the anchor does.
pub fn connect(
    receipt: &Receipt,
    network: &Name,
    anchor: &Policy,
    links: &[PolicyLink],
) -> Option<Vec<PolicyLink>> {
    // Breadth first: the first way found is a shortest one.
    let mut ways: Vec<(Policy, Vec<PolicyLink>)> = vec![(anchor.clone(), Vec::new())];
    let mut unused: Vec<&PolicyLink> = links.iter().collect();
    let mut at = 0;
    while let Some((policy, way)) = ways.get(at).cloned() {
        if is_met(&policy, &receipt.checkpoint).is_ok() {
            return Some(way);
        }
        if way.len() < LINKS_MAX {
            unused.retain(
                |link| match open(std::slice::from_ref(&policy), link, network) {
                    Ok(next) => {
                        let way = way.iter().chain([*link]).cloned().collect();
                        ways.push((next, way));
                        false
                    }
                    Err(_) => true,
                },
            );
        }
        at += 1;
    }
    None
}

/// The policy entry of `anchor` itself, with the receipt keys of its epoch, as a link binds it: a
/// policy file names no receipt keys, and a checkpoint that meets it vouches for the entry that does.
///
/// # Errors
/// When the link is not good, or its entry is another policy's.
pub fn entry_of(anchor: &Policy, link: &PolicyLink) -> Result<PolicyEntry, String> {
    let entry = bound(std::slice::from_ref(anchor), link)?;
    let policy = Policy::parse(&entry.policy).map_err(|e| format!("policy: {e}"))?;
    let (expected, found) = (anchor.fingerprint(), policy.fingerprint());
    if found == expected {
        Ok(entry)
    } else {
        Err(format!(
            "policy entry: expected the policy with fingerprint {expected}, found {found}"
        ))
    }
}

/// The policy that a link binds.
fn open(trusted: &[Policy], link: &PolicyLink, network: &Name) -> Result<Policy, String> {
    let entry = bound(trusted, link)?;
    if entry.network != *network {
        let found = entry.network;
        return Err(format!(
            "policy entry: expected network {network}, found {found}"
        ));
    }
    Policy::parse(&entry.policy).map_err(|e| format!("policy: {e}"))
}

/// The policy entry that a link binds by a checkpoint that meets a trusted policy.
fn bound(trusted: &[Policy], link: &PolicyLink) -> Result<PolicyEntry, String> {
    let note = Note::parse(&link.checkpoint).map_err(|e| format!("checkpoint: {e}"))?;
    if note.encode() != link.checkpoint {
        return Err("checkpoint: not in canonical form".into());
    }
    check_signature_lines(&note).map_err(|e| format!("checkpoint: {e}"))?;
    let head = Checkpoint::parse(&note.text).map_err(|e| format!("checkpoint: {e}"))?;
    let mut reasons = trusted.iter().rev().map(|policy| is_met(policy, &note));
    let newest = reasons.next().expect("there is an anchor");
    if let Err(reason) = newest
        && !reasons.any(|met| met.is_ok())
    {
        return Err(format!(
            "its checkpoint meets no policy trusted so far: {reason}"
        ));
    }
    let leaf = Hash::leaf(&link.entry);
    verify_inclusion(&leaf, link.index.0, head.size.0, &link.path, &head.root)
        .map_err(|e| format!("policy entry: {e}"))?;
    PolicyEntry::from_bytes(&link.entry).map_err(|e| e.to_string())
}

/// Whether a checkpoint is signed by the policy's log and a quorum, and by nobody else.
///
/// # Errors
/// Which signature is missing or does not hold.
pub fn is_met(policy: &Policy, note: &Note) -> Result<(), String> {
    let (log, cosignatures) = note.signatures.split_first().ok_or("no signature")?;
    match policy.log_of(log) {
        Some(key) if verify_log(key, &note.text, log) => {}
        _ => return Err(format!("no valid log signature by {}", log.name)),
    }
    let mut signed = BTreeSet::new();
    for line in cosignatures {
        let position = policy.witness_of(line);
        let position = position.ok_or_else(|| format!("unknown cosigner {}", line.name))?;
        let key = &policy.witnesses()[position].key;
        if verify_cosignature(key, &note.text, line).is_none() {
            return Err(format!("invalid cosignature of {}", line.name));
        }
        signed.insert(position);
    }
    if policy.is_met_by(&signed) {
        Ok(())
    } else {
        Err(format!("{} ({} valid)", policy.quorum_rule(), signed.len()))
    }
}
