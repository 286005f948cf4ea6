//! Offline verification of a transparent statement: pure, without clock, network or files.
//!
//! Trust starts from the validators' receipt keys, which the policy entry of an epoch lists, and a
//! quorum. Each receipt is judged alone, as RFC 9942 has it; then a quorum of distinct validators
//! must have signed the same tree head. What COSE receipts do not say is noted: they carry neither
//! the outcome of the statement nor a time. A tlog-proof ([`crate::verify`]) does.

use crate::cose_receipt::InclusionReceipt;
use crate::deposit::DepositMode;
use crate::hash::Hash;
use crate::ids::{LeafIndex, Name, StatementId, TimeMs, TreeSize};
use crate::keys::PublicKey;
use crate::receipt::BatchProof;
use crate::report::{Check, Finding, Report};
use crate::statement::{Statement, cose_key_id};
use crate::transparent::{TransparentError, TransparentStatement};
use crate::verify::DocumentDigest;
use crate::verify_checks::{FETCH_AGAIN, check_depositor, check_document};
use std::collections::BTreeSet;

/// A document to compare, and what opens the commitment to it: a transparent statement carries
/// neither salt nor batch proof, the depositor's own receipt does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The document's digest.
    pub document: DocumentDigest,
    /// The salt, for a commitment or a member of a batch.
    pub salt: Option<[u8; 32]>,
    /// The member's place, for a member of a batch.
    pub batch: Option<BatchProof>,
}

impl From<DocumentDigest> for Opening {
    fn from(document: DocumentDigest) -> Self {
        Self {
            document,
            salt: None,
            batch: None,
        }
    }
}

/// What an accepted transparent statement proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransparentEvidence {
    /// The statement's id.
    pub id: StatementId,
    /// The network.
    pub network: Name,
    /// The namespace.
    pub namespace: Name,
    /// The depositor, in the depositor's words.
    pub issuer: String,
    /// What the statement is about, in the depositor's words.
    pub subject: String,
    /// The depositor's key.
    pub depositor_key: PublicKey,
    /// Whether the depositor's signature holds by the strict rule, not by ZIP-215 only.
    pub strict: bool,
    /// What kind of deposit it is.
    pub mode: DepositMode,
    /// Whether a document was compared with the statement.
    pub document_matched: bool,
    /// The depositor's own claim of the time, not proven.
    pub declared_time: Option<TimeMs>,
    /// The log.
    pub origin: String,
    /// Size of the tree that all receipts signed.
    pub size: TreeSize,
    /// Root of that tree.
    pub root: Hash,
    /// Position of the entry in the log.
    pub index: LeafIndex,
    /// Validators whose receipts hold, in the order of the keys given.
    pub signers: Vec<Name>,
}

/// Outcome of a verification: every check made, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransparentReport {
    /// The findings in the order of the checks.
    pub findings: Vec<Finding>,
    /// What is proven; none when a check failed.
    pub evidence: Option<TransparentEvidence>,
}

impl TransparentReport {
    /// Whether every check passed.
    pub fn is_accepted(&self) -> bool {
        self.evidence.is_some()
    }

    /// The findings that refuse the transparent statement.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        let failed = |f: &&Finding| f.verdict == crate::report::Verdict::Failed;
        self.findings.iter().filter(failed)
    }
}

/// A tree head as a receipt names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    origin: String,
    size: TreeSize,
    root: Hash,
    index: LeafIndex,
}

/// Verifies the bytes of a transparent statement against the validators' receipt keys, of which a
/// `quorum` must have signed one tree head, and, when given, a document.
pub fn verify_transparent(
    bytes: &[u8],
    receipt_keys: &[(Name, PublicKey)],
    quorum: usize,
    document: Option<&Opening>,
) -> TransparentReport {
    let mut report = Report::default();
    let evidence = judge(&mut report, bytes, receipt_keys, quorum, document);
    let accepted = report.failures().next().is_none();
    TransparentReport {
        findings: report.findings,
        evidence: evidence.filter(|_| accepted),
    }
}

fn judge(
    report: &mut Report,
    bytes: &[u8],
    receipt_keys: &[(Name, PublicKey)],
    quorum: usize,
    document: Option<&Opening>,
) -> Option<TransparentEvidence> {
    let transparent = read(report, bytes)?;
    let statement = &transparent.statement;
    let strict = check_depositor(report, statement);
    let opening = document.map_or((None, None), |o| (o.salt.as_ref(), o.batch.as_ref()));
    check_document(report, statement, opening, document.map(|o| &o.document));
    let leaf = Hash::leaf(&statement.entry());
    let (heads, signers) = check_receipts(report, &transparent.receipts, receipt_keys, &leaf);
    let head = check_head(report, heads);
    check_quorum(report, &signers, receipt_keys, quorum);
    note_limits(report);
    let names = signers.iter().map(|place| receipt_keys[*place].0.clone());
    head.map(|head| evidence(statement, strict, document.is_some(), head, names.collect()))
}

fn read(report: &mut Report, bytes: &[u8]) -> Option<TransparentStatement> {
    let check_of = |error: &TransparentError| match error {
        TransparentError::Statement(_) => Check::StatementForm,
        _ => Check::ReceiptForm,
    };
    match TransparentStatement::parse(bytes) {
        Ok(transparent) => {
            report.passed(
                Check::ReceiptForm,
                "a transparent statement in canonical form",
            );
            let kind = transparent.statement.kind.content_type();
            report.passed(Check::StatementForm, kind);
            Some(transparent)
        }
        Err(error) => {
            let (check, found) = (check_of(&error), error.to_string());
            report.failed(check, "a transparent statement", found, FETCH_AGAIN);
            None
        }
    }
}

/// Judges each receipt alone; gives the heads they are about and the places of their signers.
fn check_receipts(
    report: &mut Report,
    receipts: &[InclusionReceipt],
    keys: &[(Name, PublicKey)],
    leaf: &Hash,
) -> (BTreeSet<Head>, BTreeSet<usize>) {
    let (mut heads, mut signers) = (BTreeSet::new(), BTreeSet::new());
    let mut complaints = Vec::new();
    for receipt in receipts {
        let key_id = receipt.signed.key_id;
        let place = keys.iter().position(|(_, key)| cose_key_id(key) == key_id);
        let Some(place) = place else {
            complaints.push(format!("unknown receipt key {}", hex::encode(key_id)));
            continue;
        };
        let (name, key) = &keys[place];
        match receipt.verify(key, leaf) {
            Ok(root) => {
                signers.insert(place);
                heads.insert(Head {
                    origin: receipt.signed.origin.clone(),
                    size: receipt.signed.size,
                    root,
                    index: receipt.index,
                });
            }
            Err(error) => complaints.push(format!("receipt of {name}: {error}")),
        }
    }
    if complaints.is_empty() {
        let found = format!("{} valid COSE receipts", receipts.len());
        report.passed(Check::CoseReceipts, found);
    } else {
        report.failed(
            Check::CoseReceipts,
            "only valid receipts by the validators' receipt keys",
            complaints.join("; "),
            FETCH_AGAIN,
        );
    }
    (heads, signers)
}

/// All valid receipts are about one head and one place.
fn check_head(report: &mut Report, heads: BTreeSet<Head>) -> Option<Head> {
    let told = |head: &Head| {
        let Head {
            origin,
            size,
            root,
            index,
        } = head;
        format!("leaf {index} of the tree of {size} with root {root} of {origin}")
    };
    let mut all = heads.iter();
    let first = all.next()?;
    let Some(other) = all.next() else {
        report.passed(Check::TreeHead, told(first));
        return Some(first.clone());
    };
    report.failed(Check::TreeHead, told(first), told(other), FETCH_AGAIN);
    None
}

fn check_quorum(
    report: &mut Report,
    signers: &BTreeSet<usize>,
    keys: &[(Name, PublicKey)],
    quorum: usize,
) {
    let names: Vec<&str> = signers
        .iter()
        .map(|place| keys[*place].0.as_str())
        .collect();
    let rule = format!("{quorum} of {} validators", keys.len());
    let found = format!("{} valid: {}", names.len(), names.join(", "));
    // A quorum of nobody would accept everything.
    if quorum > 0 && names.len() >= quorum {
        report.passed(Check::Quorum, format!("{rule} ({found})"));
    } else {
        let next_step = "Fetch it again later: its tree head may still lack receipts.";
        report.failed(Check::Quorum, rule, found, next_step);
    }
}

fn note_limits(report: &mut Report) {
    report.noted(
        Check::Success,
        "the statement's outcome under a seal",
        "none: COSE receipts prove that it was submitted and logged, not that it took effect",
        "Verify the statement's tlog-proof, which carries the outcome.",
    );
    report.noted(
        Check::Time,
        "cosignature times",
        "none: COSE receipts carry no time",
        "Verify the statement's tlog-proof, whose cosignatures bound the time.",
    );
}

fn evidence(
    statement: &Statement,
    strict: bool,
    document_matched: bool,
    head: Head,
    signers: Vec<Name>,
) -> TransparentEvidence {
    let deposit = &statement.deposit;
    TransparentEvidence {
        id: statement.id(),
        network: deposit.network.clone(),
        namespace: deposit.namespace.clone(),
        issuer: statement.issuer.clone(),
        subject: statement.subject.clone(),
        depositor_key: statement.key,
        strict,
        mode: deposit.lodged.mode(),
        document_matched,
        declared_time: deposit.declared_time,
        origin: head.origin,
        size: head.size,
        root: head.root,
        index: head.index,
        signers,
    }
}
