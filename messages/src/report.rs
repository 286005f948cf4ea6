//! What a verification found, in the order of its checks, and what the receipt proves.

use crate::deposit::DepositMode;
use crate::hash::Hash;
use crate::ids::{Height, LeafIndex, Name, StatementId, TimeMs};
use crate::keys::PublicKey;
use core::fmt;

/// One check of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Check {
    /// The file is a receipt in canonical form.
    ReceiptForm,
    /// The entry is a statement in canonical form.
    StatementForm,
    /// The depositor's key may be registered at all.
    DepositorKey,
    /// The depositor's signature holds by the ledger's rule.
    DepositorSignature,
    /// The depositor's signature also holds by the strict rule.
    SignatureRule,
    /// The document is the one lodged.
    Document,
    /// The entry is in the checkpoint's tree.
    Inclusion,
    /// The links from the policy given to the one in force at the checkpoint.
    PolicyChain,
    /// The checkpoint is of the policy's log.
    Origin,
    /// A log key of the policy signed the checkpoint.
    LogSignature,
    /// Every cosignature is by a known cosigner and valid.
    Cosignatures,
    /// Every COSE receipt is by a known validator's receipt key and holds for the entry.
    CoseReceipts,
    /// All COSE receipts are about one tree head.
    TreeHead,
    /// The cosignatures, or the COSE receipts, meet the quorum.
    Quorum,
    /// The seal is in canonical form.
    SealForm,
    /// The seal is in the checkpoint's tree.
    SealInclusion,
    /// The seal closes the block of the entry, on the statement's network.
    SealPlace,
    /// The outcome is the statement's, under the seal.
    Outcome,
    /// The statement took effect.
    Success,
    /// The cosignature times prove an upper bound.
    Time,
    /// The trust anchor itself.
    Anchor,
}

impl Check {
    /// The check's name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReceiptForm => "receipt form",
            Self::StatementForm => "statement form",
            Self::DepositorKey => "depositor key",
            Self::DepositorSignature => "depositor signature",
            Self::SignatureRule => "signature rule",
            Self::Document => "document",
            Self::Inclusion => "inclusion in the log",
            Self::PolicyChain => "policy chain",
            Self::Origin => "origin",
            Self::LogSignature => "log signature",
            Self::Cosignatures => "cosignatures",
            Self::CoseReceipts => "COSE receipts",
            Self::TreeHead => "tree head",
            Self::Quorum => "quorum",
            Self::SealForm => "seal form",
            Self::SealInclusion => "seal in the log",
            Self::SealPlace => "seal of this entry",
            Self::Outcome => "outcome",
            Self::Success => "success",
            Self::Time => "time",
            Self::Anchor => "trust anchor",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not: the receipt is refused.
    Failed,
    /// Nothing is wrong, yet the reader should know.
    Noted,
}

/// One check with what it compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// Its result.
    pub verdict: Verdict,
    /// What had to be there.
    pub expected: String,
    /// What was there.
    pub found: String,
    /// What to do now; empty when the check passed.
    pub next_step: String,
}

/// A cosigner whose valid cosignature the receipt carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Organisation that runs it, or its name in the policy.
    pub organisation: String,
    /// Its name in the policy.
    pub witness: String,
    /// Its key id.
    pub key_id: u32,
    /// Its clock when it cosigned, seconds since the Unix epoch.
    pub time_s: u64,
}

/// What an accepted receipt proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The statement's id.
    pub id: StatementId,
    /// The network.
    pub network: Name,
    /// The namespace.
    pub namespace: Name,
    /// The depositor, in the depositor's words; the ledger's registry says whose the key is.
    pub issuer: String,
    /// What the statement is about, in the depositor's words.
    pub subject: String,
    /// The depositor's key.
    pub depositor_key: PublicKey,
    /// Whether the depositor's signature holds by the strict rule, not by ZIP-215 only.
    pub strict: bool,
    /// What kind of deposit it is.
    pub mode: DepositMode,
    /// Position in the batch, for the receipt of a batch's member.
    pub member: Option<u64>,
    /// Whether a document was compared with the statement.
    pub document_matched: bool,
    /// Position of the entry in the log.
    pub index: LeafIndex,
    /// The block.
    pub height: Height,
    /// Block time.
    pub block_time: TimeMs,
    /// The depositor's own claim of the time, not proven.
    pub declared_time: Option<TimeMs>,
    /// The checkpoint named by the statement: it was made after that one.
    pub not_before: Option<Hash>,
    /// The statement existed before this time (seconds since the Unix epoch), even when as many
    /// cosigners lie as the policy tolerates; none when the policy's quorum is too small to say.
    pub existed_before_s: Option<u64>,
    /// Who cosigned, in the policy's order.
    pub signers: Vec<Signer>,
    /// Fingerprint of the policy that was trusted.
    pub policy: Hash,
    /// Whether that policy is a demonstration, whose keys prove nothing.
    pub demonstration: bool,
}

/// Outcome of a verification: every check made, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings in the order of the checks; checks that need a failed one are left out.
    pub findings: Vec<Finding>,
    /// What is proven; none when a check failed.
    pub evidence: Option<Evidence>,
}

impl Report {
    /// Whether every check passed.
    pub fn is_accepted(&self) -> bool {
        self.evidence.is_some()
    }

    /// The findings that refuse the receipt.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Failed)
    }

    /// The finding of a check, when it was made.
    pub fn finding(&self, check: Check) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.check == check)
    }

    pub(crate) fn passed(&mut self, check: Check, found: impl Into<String>) {
        let found = found.into();
        let finding = Finding {
            check,
            verdict: Verdict::Passed,
            expected: found.clone(),
            found,
            next_step: String::new(),
        };
        self.findings.push(finding);
    }

    pub(crate) fn failed(
        &mut self,
        check: Check,
        expected: impl Into<String>,
        found: impl Into<String>,
        next_step: &str,
    ) {
        self.push(
            check,
            Verdict::Failed,
            expected.into(),
            found.into(),
            next_step,
        );
    }

    pub(crate) fn noted(
        &mut self,
        check: Check,
        expected: impl Into<String>,
        found: impl Into<String>,
        next_step: &str,
    ) {
        self.push(
            check,
            Verdict::Noted,
            expected.into(),
            found.into(),
            next_step,
        );
    }

    fn push(
        &mut self,
        check: Check,
        verdict: Verdict,
        expected: String,
        found: String,
        next: &str,
    ) {
        self.findings.push(Finding {
            check,
            verdict,
            expected,
            found,
            next_step: next.into(),
        });
    }
}

/// Seconds since the Unix epoch as `YYYY-MM-DDThh:mm:ssZ` (RFC 3339, proleptic Gregorian).
pub fn utc_text(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a count of days since 1970-01-01. Years begin in March here, so that
/// the leap day comes last; 719,468 days lie between 0000-03-01 and the epoch.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(utc_text(seconds), text);
        }
    }
}
