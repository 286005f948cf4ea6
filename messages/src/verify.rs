//! Offline verification of a receipt: pure, without clock, network or files.
//!
//! Trust starts from the policy alone. Each check compares what the policy, the checkpoint or the
//! statement fixes with what the receipt carries. Checks that need the result of a failed one are
//! left out; all others are made, so that a report shows everything that is wrong.

use crate::hash::Hash;
use crate::ids::StatementId;
use crate::policy::Policy;
use crate::receipt::{Receipt, ReceiptError};
pub use crate::report::{Check, Evidence, Finding, Report, Signer, Verdict, utc_text};
use crate::seal::Seal;
use crate::statement::{DigestAlgorithm, Statement};
use crate::verify_checks::{
    FETCH_AGAIN, check_chain, check_cosignatures, check_depositor, check_document, check_inclusion,
    check_log, check_outcome, check_seal, check_time,
};
use std::collections::BTreeMap;

/// What the caller computed over the document: verification itself reads no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentDigest {
    /// The algorithm used.
    pub algorithm: DigestAlgorithm,
    /// The digest.
    pub digest: Hash,
}

impl DocumentDigest {
    /// The SHA-256 digest of a document's bytes.
    pub fn sha256(document: &[u8]) -> Self {
        Self {
            algorithm: DigestAlgorithm::Sha256,
            digest: Hash::of(document),
        }
    }
}

/// Verifies the bytes of a receipt file against a policy and, when given, a document's digest.
pub fn verify_bytes(bytes: &[u8], policy: &Policy, document: Option<&DocumentDigest>) -> Report {
    verify_parsed(Receipt::parse_bytes(bytes), policy, document)
}

/// Verifies a receipt against a policy and, when given, a document's digest.
pub fn verify(receipt: &Receipt, policy: &Policy, document: Option<&DocumentDigest>) -> Report {
    // A value made in memory is judged by the same rules as a file.
    verify_parsed(Receipt::parse(&receipt.encode()), policy, document)
}

fn verify_parsed(
    receipt: Result<Receipt, ReceiptError>,
    policy: &Policy,
    document: Option<&DocumentDigest>,
) -> Report {
    let mut report = Report::default();
    let receipt = match receipt {
        Ok(receipt) => receipt,
        Err(error) => {
            report.failed(
                Check::ReceiptForm,
                "a receipt",
                error.to_string(),
                FETCH_AGAIN,
            );
            return report;
        }
    };
    report.passed(Check::ReceiptForm, "a receipt in canonical form");
    let statement = match Statement::parse(&receipt.extra.entry) {
        Ok(statement) => statement,
        Err(error) => {
            report.failed(
                Check::StatementForm,
                "a statement",
                error.to_string(),
                FETCH_AGAIN,
            );
            return report;
        }
    };
    report.passed(Check::StatementForm, statement.kind.content_type());
    let strict = check_depositor(&mut report, &statement);
    let opening = (receipt.extra.salt.as_ref(), receipt.extra.batch.as_ref());
    check_document(&mut report, &statement, opening, document);
    let head = receipt
        .tree_head()
        .expect("reading the receipt has read its checkpoint");
    let entry_leaf = Hash::leaf(&receipt.extra.entry);
    let place = (entry_leaf, receipt.index, receipt.path.as_slice());
    check_inclusion(&mut report, Check::Inclusion, place, &head);
    let anchor = policy;
    let newest = check_chain(&mut report, &receipt, &statement, anchor);
    let policy = &newest;
    check_log(&mut report, &receipt, &head, policy);
    let times = check_cosignatures(&mut report, &receipt, policy);
    let seal = check_seal(&mut report, &receipt, &statement, &head);
    if let Some(seal) = &seal {
        check_outcome(&mut report, &receipt, StatementId(entry_leaf), seal);
    }
    check_time(&mut report, policy, &times);
    let demonstration = anchor.is_demonstration() || policy.is_demonstration();
    note_demonstration(&mut report, demonstration);
    if report.failures().next().is_none()
        && let Some(seal) = seal
    {
        let mut evidence = evidence(&receipt, statement, &seal, policy, &times);
        evidence.strict = strict;
        evidence.policy = anchor.fingerprint();
        evidence.demonstration = demonstration;
        evidence.document_matched = document.is_some();
        report.evidence = Some(evidence);
    }
    report
}

fn note_demonstration(report: &mut Report, demonstration: bool) {
    if demonstration {
        report.noted(
            Check::Anchor,
            "the policy of a network run by its organisations",
            "a demonstration policy: whoever ran it holds all keys, so it proves nothing",
            "Rely only on receipts of a network whose policy you got from its organisations.",
        );
    }
}

fn evidence(
    receipt: &Receipt,
    statement: Statement,
    seal: &Seal,
    policy: &Policy,
    times: &BTreeMap<usize, u64>,
) -> Evidence {
    let signers = times.iter().map(|(position, time_s)| {
        let witness = &policy.witnesses()[*position];
        Signer {
            organisation: witness.display_name().into(),
            witness: witness.name.clone(),
            key_id: witness.key.key_id(),
            time_s: *time_s,
        }
    });
    Evidence {
        id: StatementId::of_entry(&receipt.extra.entry),
        network: statement.deposit.network,
        namespace: statement.deposit.namespace,
        issuer: statement.issuer,
        subject: statement.subject,
        depositor_key: statement.key,
        strict: false,
        mode: statement.deposit.lodged.mode(),
        member: receipt.extra.batch.as_ref().map(|batch| batch.index),
        document_matched: false,
        index: receipt.index,
        height: seal.height,
        block_time: seal.time,
        declared_time: statement.deposit.declared_time,
        not_before: statement.deposit.not_before,
        existed_before_s: policy.existed_before(times),
        signers: signers.collect(),
        policy: policy.fingerprint(),
        demonstration: policy.is_demonstration(),
    }
}
