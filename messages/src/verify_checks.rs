//! The single checks of [`crate::verify`], each adding its findings to the report.

use crate::cbor::Canonical;
use crate::checkpoint::{Checkpoint, verify_cosignature, verify_log};
use crate::hash::Hash;
use crate::ids::{LeafIndex, StatementId};
use crate::merkle::verify_inclusion;
use crate::outcome::Outcome;
use crate::policy::Policy;
use crate::policy_chain::{self, Followed};
use crate::receipt::{BatchProof, Receipt};
use crate::report::{Check, Report, Verdict, utc_text};
use crate::seal::Seal;
use crate::statement::{DepositMode, Lodged, Statement, commit};
use crate::verify::DocumentDigest;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const FETCH_AGAIN: &str = "Fetch the receipt again from a node of the network and \
     keep the file unchanged; if it is refused again, treat it as altered.";
const CHECK_POLICY: &str = "Compare the policy's fingerprint with one obtained on another way; \
                            verify with the policy of this receipt's network and epoch.";
const DO_NOT_RELY: &str = "Do not rely on this receipt: keep it, and report it to the operators.";

/// Judges the depositor's key and signature; tells whether the strict rule holds too.
pub(crate) fn check_depositor(report: &mut Report, statement: &Statement) -> bool {
    let key = statement.key;
    match key.check_registrable() {
        Ok(()) => report.passed(Check::DepositorKey, format!("key {}", key.fingerprint())),
        Err(error) => report.failed(
            Check::DepositorKey,
            "a canonical key of prime order",
            error.to_string(),
            DO_NOT_RELY,
        ),
    }
    let message = statement.sig_structure();
    if !key.verify_statement(&message, &statement.signature) {
        report.failed(
            Check::DepositorSignature,
            format!("a valid signature by key {}", key.fingerprint()),
            "a signature that does not verify",
            FETCH_AGAIN,
        );
        return false;
    }
    report.passed(
        Check::DepositorSignature,
        format!("valid, by key {}", key.fingerprint()),
    );
    let strict = key.verify_strict(&message, &statement.signature);
    if strict {
        report.passed(Check::SignatureRule, "strict");
    } else {
        report.noted(
            Check::SignatureRule,
            "strict",
            "ZIP-215 only",
            "The ledger's rule accepts this signature, some other libraries may not: ask the \
             depositor which software signed it.",
        );
    }
    strict
}

/// Compares the document with what the statement lodges. Salt and batch proof may stand only where
/// they are judged, so that no byte of a receipt is free.
pub(crate) fn check_document(
    report: &mut Report,
    statement: &Statement,
    (salt, batch): (Option<&[u8; 32]>, Option<&BatchProof>),
    document: Option<&DocumentDigest>,
) {
    let deposit = &statement.deposit;
    let mode = deposit.lodged.mode();
    let takes_salt = match mode {
        DepositMode::Commitment => true,
        DepositMode::Batch => batch.is_some(),
        DepositMode::Digest | DepositMode::Content | DepositMode::Body => false,
    };
    if batch.is_some() && mode != DepositMode::Batch {
        let expected = format!("no batch proof: the deposit is a {}", mode.name());
        report.failed(Check::Document, expected, "a batch proof", FETCH_AGAIN);
        return;
    }
    if salt.is_some() && !takes_salt {
        let expected = format!("no salt: the deposit is a plain {}", mode.name());
        report.failed(Check::Document, expected, "a salt", FETCH_AGAIN);
        return;
    }
    let Some(document) = document else {
        report.noted(
            Check::Document,
            "a document to compare",
            "none given: only the statement was verified, not what it is about (nor its salt)",
            "Verify again with the document.",
        );
        return;
    };
    if document.algorithm != deposit.algorithm {
        let expected = format!("a digest by algorithm {}", deposit.algorithm.number());
        let found = format!("one by algorithm {}", document.algorithm.number());
        report.failed(
            Check::Document,
            expected,
            found,
            "Digest the document with the statement's algorithm.",
        );
        return;
    }
    if mode == DepositMode::Batch && batch.is_none() {
        report.failed(
            Check::Document,
            "the receipt of a member of the batch",
            "the receipt of the batch itself",
            "Use the receipt that the depositor's client wrote for this document.",
        );
        return;
    }
    let lodged = match (salt, takes_salt) {
        (Some(salt), true) => commit(salt, document.algorithm, &document.digest),
        (None, true) => {
            report.failed(
                Check::Document,
                "the salt of the commitment",
                "no salt in the receipt",
                "Use the receipt that the depositor's client wrote: only it carries the salt.",
            );
            return;
        }
        (_, false) => document.digest,
    };
    match (&deposit.lodged, batch) {
        (Lodged::Batch { root, count }, Some(proof)) => {
            check_member(report, &lodged, proof, root, *count);
        }
        _ => check_value(report, takes_salt, lodged, deposit.lodged.value()),
    }
}

fn check_value(report: &mut Report, salted: bool, found: Hash, expected: Hash) {
    let what = if salted { "commitment" } else { "digest" };
    if found == expected {
        report.passed(Check::Document, format!("{what} {expected}"));
    } else {
        report.failed(
            Check::Document,
            format!("{what} {expected}"),
            format!("{what} {found}"),
            "Check that this is the document and the receipt that belong together, unchanged.",
        );
    }
}

fn check_member(report: &mut Report, commitment: &Hash, proof: &BatchProof, root: &Hash, of: u64) {
    let expected = format!(
        "member {} of {of} of the batch with root {root}",
        proof.index
    );
    let leaf = Hash::leaf(&commitment.0);
    match verify_inclusion(&leaf, proof.index, of, &proof.path, root) {
        Ok(()) => report.passed(Check::Document, expected),
        Err(error) => report.failed(
            Check::Document,
            expected,
            format!("commitment {commitment}: {error}"),
            "Check that this is the document and the receipt that belong together, unchanged.",
        ),
    }
}

/// Follows the links of the receipt; gives the policy that its checkpoint must meet.
pub(crate) fn check_chain(
    report: &mut Report,
    receipt: &Receipt,
    statement: &Statement,
    anchor: &Policy,
) -> Followed {
    let links = &receipt.extra.chain;
    let here = || Followed {
        newest: anchor.clone(),
        demonstration: anchor.is_demonstration(),
    };
    if links.is_empty() {
        return here();
    }
    match policy_chain::follow(anchor, links, &statement.deposit.network) {
        Ok(followed) => {
            let found = format!("{} links from the policy given", links.len());
            report.passed(Check::PolicyChain, found);
            followed
        }
        Err(error) => {
            let expected = "links that lead from the policy given";
            report.failed(Check::PolicyChain, expected, error, CHECK_POLICY);
            here()
        }
    }
}

pub(crate) fn check_inclusion(
    report: &mut Report,
    check: Check,
    (leaf, index, path): (Hash, LeafIndex, &[Hash]),
    head: &Checkpoint,
) -> bool {
    let expected = format!(
        "leaf {index} of the tree of {} with root {}",
        head.size, head.root
    );
    match verify_inclusion(&leaf, index.0, head.size.0, path, &head.root) {
        Ok(()) => report.passed(check, expected),
        Err(_) if crate::mutant!(SkipsPath) => report.passed(check, expected),
        Err(ref error) => report.failed(check, expected, error.to_string(), FETCH_AGAIN),
    }
    report
        .finding(check)
        .is_some_and(|finding| finding.verdict == Verdict::Passed)
}

pub(crate) fn check_log(
    report: &mut Report,
    receipt: &Receipt,
    head: &Checkpoint,
    policy: &Policy,
) {
    if policy.knows_origin(&head.origin) {
        report.passed(Check::Origin, head.origin.clone());
    } else {
        let names: BTreeSet<&str> = policy.logs().iter().map(|log| log.name()).collect();
        let names = Vec::from_iter(names).join(" or ");
        report.failed(Check::Origin, names, head.origin.clone(), CHECK_POLICY);
        return;
    }
    let line = &receipt.checkpoint.signatures[0];
    let named = format!("{} with key id {:08x}", line.name, line.key_id);
    match policy.log_of(line) {
        None => report.failed(
            Check::LogSignature,
            "a log key of the policy",
            named,
            CHECK_POLICY,
        ),
        Some(key) if verify_log(key, &receipt.checkpoint.text, line) => {
            report.passed(Check::LogSignature, named);
        }
        Some(_) => report.failed(
            Check::LogSignature,
            format!("a valid signature by {named}"),
            "a signature that does not verify",
            FETCH_AGAIN,
        ),
    }
}

/// Judges each cosignature line and the quorum; returns the valid times by witness position.
pub(crate) fn check_cosignatures(
    report: &mut Report,
    receipt: &Receipt,
    policy: &Policy,
) -> BTreeMap<usize, u64> {
    let mut times = BTreeMap::new();
    let lines = &receipt.checkpoint.signatures[1..];
    let mut complaints = Vec::new();
    for line in lines {
        let named = format!("{} (key id {:08x})", line.name, line.key_id);
        let Some(position) = policy.witness_of(line) else {
            complaints.push(format!("unknown cosigner {named}"));
            continue;
        };
        let witness = &policy.witnesses()[position];
        match verify_cosignature(&witness.key, &receipt.checkpoint.text, line) {
            // A cosigner counts once, however often it signed; each of its times is its word.
            Some(time_s) => {
                times
                    .entry(position)
                    .and_modify(|t| *t = time_s.min(*t))
                    .or_insert(time_s);
            }
            None => {
                complaints.push(format!(
                    "invalid cosignature of {}, {named}",
                    witness.display_name()
                ));
            }
        }
    }
    if complaints.is_empty() {
        report.passed(
            Check::Cosignatures,
            format!("{} valid cosignatures", lines.len()),
        );
    } else {
        report.failed(
            Check::Cosignatures,
            "only valid cosignatures of the policy's cosigners",
            complaints.join("; "),
            FETCH_AGAIN,
        );
    }
    let signed: BTreeSet<usize> = times.keys().copied().collect();
    let names: Vec<&str> = signed
        .iter()
        .map(|position| policy.witnesses()[*position].display_name())
        .collect();
    let found = format!("{} valid: {}", names.len(), names.join(", "));
    if policy.is_met_by(&signed) {
        report.passed(Check::Quorum, format!("{} ({found})", policy.quorum_rule()));
    } else {
        report.failed(
            Check::Quorum,
            policy.quorum_rule(),
            found,
            "Fetch the receipt again later: its checkpoint may still lack cosignatures.",
        );
    }
    times
}

pub(crate) fn check_seal(
    report: &mut Report,
    receipt: &Receipt,
    statement: &Statement,
    head: &Checkpoint,
) -> Option<Seal> {
    let proof = &receipt.extra.seal;
    let seal = match Seal::from_bytes(&proof.bytes) {
        Ok(seal) => seal,
        Err(error) => {
            report.failed(Check::SealForm, "a seal", error.to_string(), FETCH_AGAIN);
            return None;
        }
    };
    report.passed(Check::SealForm, "a seal in canonical form");
    let place = (Hash::leaf(&proof.bytes), proof.index, proof.path.as_slice());
    if !check_inclusion(report, Check::SealInclusion, place, head) {
        return None;
    }
    let (first, index, last) = (seal.first_leaf, receipt.index, proof.index);
    if !(first <= index && index < last) {
        report.failed(
            Check::SealPlace,
            format!("an entry from {first} to below {last}, the block that the seal closes"),
            format!("entry {index}"),
            FETCH_AGAIN,
        );
        return None;
    }
    if seal.network != statement.deposit.network {
        report.failed(
            Check::SealPlace,
            format!("network {}", seal.network),
            format!("network {}", statement.deposit.network),
            DO_NOT_RELY,
        );
        return None;
    }
    report.passed(
        Check::SealPlace,
        format!(
            "block {} of network {}, entries {first} to {last}",
            seal.height, seal.network
        ),
    );
    Some(seal)
}

/// The outcome of the entry stands in the outcomes tree where the entry stands in its block. The
/// tree's size follows from the seal's place, so that no byte of the proof is free.
pub(crate) fn check_outcome(report: &mut Report, receipt: &Receipt, id: StatementId, seal: &Seal) {
    let proof = &receipt.extra.outcome;
    let index = receipt.index.0 - seal.first_leaf.0;
    let count = receipt.extra.seal.index.0 - seal.first_leaf.0;
    if (proof.index, proof.count) != (index, count) {
        report.failed(
            Check::Outcome,
            format!("outcome {index} of {count}"),
            format!("outcome {} of {}", proof.index, proof.count),
            FETCH_AGAIN,
        );
        return;
    }
    let leaf = Hash::leaf(&proof.bytes);
    if let Err(error) = verify_inclusion(&leaf, index, count, &proof.path, &seal.outcomes_root) {
        let expected = format!("outcome {index} of {count} under {}", seal.outcomes_root);
        report.failed(Check::Outcome, expected, error.to_string(), FETCH_AGAIN);
        return;
    }
    let outcome = match Outcome::from_bytes(&proof.bytes) {
        Ok(outcome) => outcome,
        Err(error) => {
            report.failed(Check::Outcome, "an outcome", error.to_string(), DO_NOT_RELY);
            return;
        }
    };
    if outcome.id != id {
        let (expected, found) = (
            format!("statement {id}"),
            format!("statement {}", outcome.id),
        );
        report.failed(Check::Outcome, expected, found, DO_NOT_RELY);
        return;
    }
    report.passed(
        Check::Outcome,
        format!("outcome {index} of {count} in block {}", seal.height),
    );
    if outcome.code.is_done() {
        report.passed(Check::Success, "done");
    } else {
        report.failed(
            Check::Success,
            "done",
            outcome.code.to_string(),
            "The statement was logged and had no effect: see the code and deposit again.",
        );
    }
}

pub(crate) fn check_time(report: &mut Report, policy: &Policy, times: &BTreeMap<usize, u64>) {
    let signed: BTreeSet<usize> = times.keys().copied().collect();
    match policy.existed_before(times) {
        Some(time_s) if policy.is_met_by(&signed) => {
            report.passed(Check::Time, format!("existed before {}", utc_text(time_s)));
        }
        _ if policy.is_met_by(&signed) => report.noted(
            Check::Time,
            "more cosignatures than the policy lets lie",
            format!("{} cosignatures", times.len()),
            "The time rests on each cosigner alone: add cosignatures to bound it.",
        ),
        // Without a quorum nothing is proven, and the quorum's finding says so.
        _ => {}
    }
}
