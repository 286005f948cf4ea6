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
    output.say("checks:", &[]);
    for finding in &report.findings {
        let (mark, found) = match finding.verdict {
            Verdict::Passed => ("ok", finding.found.as_str()),
            Verdict::Failed => ("FAILED", finding.found.as_str()),
            Verdict::Noted => ("note", finding.found.as_str()),
        };
        let mark = output.padded(mark, 7);
        let name = output.padded(finding.check.name(), 20);
        output.line(&format!("  {mark} {name} {found}"));
    }
}

fn write_evidence(evidence: &Evidence, file: &Path, output: &mut Output<'_>) {
    if evidence.demonstration {
        output.say("VERIFIED (DEMONSTRATION)", &[]);
        output.say(
            "  One party holds all keys of a demonstration network: it proves nothing.",
            &[],
        );
    } else {
        output.say("VERIFIED", &[]);
    }
    output.field("document", file.display());
    let depositor = depositor(evidence, output);
    output.field("deposited by", depositor);
    output.field("subject", &evidence.subject);
    match evidence.existed_before_s {
        Some(time_s) => output.field("existed before", utc_text(time_s)),
        None => {
            let none = output.words("each signer's own time below, no joint bound", &[]);
            output.field("existed before", none);
        }
    }
    if let Some(checkpoint) = evidence.not_before {
        let after = output.words("checkpoint {hash}", &[("hash", &checkpoint)]);
        output.field("made after", after);
    }
    if let Some(time) = evidence.declared_time {
        let time = utc_text(time.seconds());
        let declared = output.words("{time}, not proven", &[("time", &time)]);
        output.field("declared time", declared);
    }
    for (position, signer) in evidence.signers.iter().enumerate() {
        let label = if position == 0 { "signed by" } else { "" };
        let time = utc_text(signer.time_s);
        let id = format!("{:08x}", signer.key_id);
        let text = output.words(
            "{organisation} ({name}, key id {id}, {time})",
            &[
                ("organisation", &signer.organisation),
                ("name", &signer.witness),
                ("id", &id),
                ("time", &time),
            ],
        );
        output.field(label, text);
    }
    let block_time = utc_text(evidence.block_time.seconds());
    let (height, index) = (evidence.height, evidence.index);
    let place = output.words(
        "block {height} of {time}, entry {index}",
        &[
            ("height", &height),
            ("time", &block_time),
            ("index", &index),
        ],
    );
    output.field("place", place);
    let (network, namespace) = (&evidence.network, &evidence.namespace);
    let network = output.words(
        "{network}, namespace {namespace}",
        &[("network", network), ("namespace", namespace)],
    );
    output.field("network", network);
    output.field("statement", evidence.id);
    output.field("policy", evidence.policy);
}

fn depositor(evidence: &Evidence, output: &Output<'_>) -> String {
    let key_id = evidence.depositor_key.fingerprint();
    if evidence.issuer == format!("key:{key_id}") {
        output.words("the holder of key {id}", &[("id", &key_id)])
    } else {
        let issuer = format!("{:?}", evidence.issuer);
        let values: [(&str, &dyn std::fmt::Display); 2] = [("issuer", &issuer), ("id", &key_id)];
        output.words("{issuer} in its own words (key id {id})", &values)
    }
}

fn write_failures(report: &Report, file: &Path, output: &mut Output<'_>) {
    output.say("REFUSED", &[]);
    output.field("document", file.display());
    for failure in report.failures() {
        let check = output.text(failure.check.name());
        output.field("failed check", check);
        output.field("expected", &failure.expected);
        output.field("found", &failure.found);
        let next = output.text(&failure.next_step);
        output.field("next", next);
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
