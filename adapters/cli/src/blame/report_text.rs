//! A judgement for people, verdict first, and for programs.

use super::kind_text;
use crate::output::Output;
use messages::blame::{Anchor, BlameFileError, BlameReport, KeyHolder, KeyRole};
use serde_json::{Value, json};
use std::path::Path;

fn verdict(report: &BlameReport) -> &'static str {
    match (report.is_proven(), report.anchor.demonstration) {
        (false, _) => "NOT PROVEN",
        (true, false) => "CONVICTED",
        (true, true) => "CONVICTED (DEMONSTRATION)",
    }
}

/// Who, of what, who is not and why.
pub(crate) fn write(report: &BlameReport, anchor: &Anchor, output: &mut Output<'_>) {
    output.line(verdict(report));
    match &report.verdict {
        Ok(conflict) => {
            if report.anchor.demonstration {
                output.line("  One party holds all keys of a demonstration network.");
            }
            output.field("conflict", conflict);
        }
        Err(why) => {
            output.field("because", why);
            output.field("next", why.next_step());
        }
    }
    for conviction in &report.convicted {
        let holder = &conviction.holder;
        output.field("convicted", who(holder, anchor));
        output.field("  key", key_text(holder));
        for item in &conviction.signed {
            output.field("  signed", &item.says);
        }
    }
    for spared in &report.not_convicted {
        let who = who(&spared.holder, anchor);
        output.field("not convicted", format!("{who}, who signed"));
        output.field("  only", &spared.signed_only);
    }
    for ignored in &report.ignored {
        output.field("ignored", &ignored.what);
        output.field("  because", &ignored.reason);
    }
    let id = &report.anchor;
    output.field(
        "judged by",
        format!("{} {}", kind_text(id.kind), id.fingerprint),
    );
}

/// The key as the anchor writes it.
fn key_text(holder: &KeyHolder) -> String {
    match &holder.verifier_key {
        Some(key) => key.to_string(),
        None => holder.key.to_string(),
    }
}

fn who(holder: &KeyHolder, anchor: &Anchor) -> String {
    match log_holder(holder, anchor) {
        Some((organisation, name)) => format!("{holder}: {organisation} ({name})"),
        None => holder.to_string(),
    }
}

/// Whose a log key is, where a genesis document says so.
fn log_holder(holder: &KeyHolder, anchor: &Anchor) -> Option<(String, String)> {
    if holder.role != KeyRole::Log {
        return None;
    }
    let validator = anchor.holder_of_log_key(&holder.key)?;
    Some((validator.organisation.clone(), validator.name.to_string()))
}

/// The judgement for programs.
pub(crate) fn json(report: &BlameReport, anchor: &Anchor, written: Option<&Path>) -> Value {
    let convicted = report.convicted.iter().map(|conviction| {
        let mut value = holder_json(&conviction.holder, anchor);
        value["signed"] = conviction.signed.iter().map(|s| s.says.clone()).collect();
        value
    });
    let not_convicted = report.not_convicted.iter().map(|spared| {
        let mut value = holder_json(&spared.holder, anchor);
        value["signed_only"] = spared.signed_only.clone().into();
        value
    });
    let ignored = report.ignored.iter();
    let ignored = ignored.map(|i| json!({ "what": i.what, "reason": i.reason }));
    let why = report.verdict.as_ref().err();
    json!({
        "verdict": verdict(report),
        "proven": report.is_proven(),
        "conflict": report.verdict.as_ref().ok().map(|conflict| conflict.name()),
        "explanation": match &report.verdict {
            Ok(conflict) => conflict.to_string(),
            Err(why) => why.to_string(),
        },
        "next_step": why.map(|why| why.next_step()),
        "convicted": convicted.collect::<Vec<_>>(),
        "not_convicted": not_convicted.collect::<Vec<_>>(),
        "ignored": ignored.collect::<Vec<_>>(),
        "anchor": {
            "kind": report.anchor.kind.name(),
            "fingerprint": report.anchor.fingerprint.to_string(),
            "demonstration": report.anchor.demonstration,
        },
        "out": written.map(|path| path.display().to_string()),
    })
}

fn holder_json(holder: &KeyHolder, anchor: &Anchor) -> Value {
    let held_by = log_holder(holder, anchor);
    json!({
        "role": holder.role.name(),
        "name": holder.name,
        "organisation": holder.organisation,
        "held_by": held_by.map(|(organisation, name)| json!({
            "organisation": organisation, "name": name,
        })),
        "public_key": holder.key.to_string(),
        "verifier_key": holder.verifier_key.as_ref().map(ToString::to_string),
    })
}

/// A file that does not hold, for programs.
pub(crate) fn refused_json(error: &BlameFileError) -> Value {
    json!({
        "verdict": "REFUSED",
        "proven": false,
        "explanation": error.to_string(),
        "next_step": error.next_step(),
    })
}
