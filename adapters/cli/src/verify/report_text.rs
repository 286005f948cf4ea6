//! A report for people, verdict first, and for programs.

use crate::output::Output;
use messages::verify::{Evidence, Finding, Report, Verdict, utc_text};
use serde_json::{Value, json};
use std::path::Path;

/// Writes the verdict, what is proven or what failed, and every check.
pub(crate) fn write(report: &Report, file: &Path, output: &mut Output<'_>) {
    match &report.evidence {
        Some(evidence) => write_evidence(evidence, file, output),
        None => write_failures(report, file, output),
    }
    output.line("checks:");
    for finding in &report.findings {
        let (mark, found) = match finding.verdict {
            Verdict::Passed => ("ok", finding.found.as_str()),
            Verdict::Failed => ("FAILED", finding.found.as_str()),
            Verdict::Noted => ("note", finding.found.as_str()),
        };
        output.line(&format!("  {mark:<7} {:<20} {found}", finding.check.name()));
    }
}

fn write_evidence(evidence: &Evidence, file: &Path, output: &mut Output<'_>) {
    if evidence.demonstration {
        output.line("VERIFIED (DEMONSTRATION)");
        output.line("  One party holds all keys of a demonstration network: it proves nothing.");
    } else {
        output.line("VERIFIED");
    }
    output.field("document", file.display());
    output.field("deposited by", depositor(evidence));
    output.field("subject", &evidence.subject);
    match evidence.existed_before_s {
        Some(time_s) => output.field("existed before", utc_text(time_s)),
        None => output.field(
            "existed before",
            "each signer's own time below, no joint bound",
        ),
    }
    if let Some(checkpoint) = evidence.not_before {
        output.field("made after", format!("checkpoint {checkpoint}"));
    }
    if let Some(time) = evidence.declared_time {
        output.field(
            "declared time",
            format!("{}, not proven", utc_text(time.seconds())),
        );
    }
    for (position, signer) in evidence.signers.iter().enumerate() {
        let label = if position == 0 { "signed by" } else { "" };
        let time = utc_text(signer.time_s);
        let key = format!("{}, key id {:08x}, {time}", signer.witness, signer.key_id);
        output.field(label, format!("{} ({key})", signer.organisation));
    }
    let block_time = utc_text(evidence.block_time.seconds());
    let (height, index) = (evidence.height, evidence.index);
    output.field(
        "place",
        format!("block {height} of {block_time}, entry {index}"),
    );
    let (network, namespace) = (&evidence.network, &evidence.namespace);
    output.field("network", format!("{network}, namespace {namespace}"));
    output.field("statement", evidence.id);
    output.field("policy", evidence.policy);
}

fn depositor(evidence: &Evidence) -> String {
    let key_id = evidence.depositor_key.fingerprint();
    if evidence.issuer == format!("key:{key_id}") {
        format!("the holder of key {key_id}")
    } else {
        format!("{:?} in its own words (key id {key_id})", evidence.issuer)
    }
}

fn write_failures(report: &Report, file: &Path, output: &mut Output<'_>) {
    output.line("REFUSED");
    output.field("document", file.display());
    for failure in report.failures() {
        output.field("failed check", failure.check.name());
        output.field("expected", &failure.expected);
        output.field("found", &failure.found);
        output.field("next", &failure.next_step);
    }
}

/// The report for programs.
pub(crate) fn json(report: &Report, file: &Path) -> Value {
    let verdict = match &report.evidence {
        None => "REFUSED",
        Some(evidence) if evidence.demonstration => "VERIFIED (DEMONSTRATION)",
        Some(_) => "VERIFIED",
    };
    json!({
        "verdict": verdict,
        "verified": report.is_accepted(),
        "document": file.display().to_string(),
        "evidence": report.evidence.as_ref().map(evidence_json),
        "failed": report.failures().map(finding_json).collect::<Vec<_>>(),
        "checks": report.findings.iter().map(finding_json).collect::<Vec<_>>(),
    })
}

fn finding_json(finding: &Finding) -> Value {
    let verdict = match finding.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Noted => "noted",
    };
    json!({
        "check": finding.check.name(), "verdict": verdict, "expected": finding.expected,
        "found": finding.found, "next_step": finding.next_step,
    })
}

fn evidence_json(evidence: &Evidence) -> Value {
    let signers = evidence.signers.iter().map(|signer| {
        json!({
            "organisation": signer.organisation, "name": signer.witness,
            "key_id": format!("{:08x}", signer.key_id), "time": utc_text(signer.time_s),
            "time_s": signer.time_s,
        })
    });
    json!({
        "id": evidence.id.to_string(),
        "network": evidence.network.as_str(),
        "namespace": evidence.namespace.as_str(),
        "issuer": evidence.issuer,
        "subject": evidence.subject,
        "depositor_key": evidence.depositor_key.to_string(),
        "depositor_key_id": evidence.depositor_key.fingerprint(),
        "strict_signature": evidence.strict,
        "index": evidence.index.0,
        "height": evidence.height.0,
        "block_time": utc_text(evidence.block_time.seconds()),
        "block_time_ms": evidence.block_time.0,
        "declared_time_ms": evidence.declared_time.map(|time| time.0),
        "not_before": evidence.not_before.map(|hash| hash.to_string()),
        "existed_before": evidence.existed_before_s.map(utc_text),
        "existed_before_s": evidence.existed_before_s,
        "signers": signers.collect::<Vec<_>>(),
        "policy": evidence.policy.to_string(),
        "demonstration": evidence.demonstration,
    })
}
