//! A node's JSON answers for people: chosen members in a fixed order.

use crate::output::Output;
use serde_json::Value;

/// A member's value as one word or list; absent ones read as a dash.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".into(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value, pairs: &[(&str, &str)], output: &mut Output<'_>) {
    for (label, member) in pairs {
        if !value[member].is_null() {
            output.field(label, text(&value[member]));
        }
    }
}

/// A statement and where it stands.
pub(crate) fn statement(value: &Value, output: &mut Output<'_>) {
    output.line(&format!(
        "statement {}: {}",
        text(&value["id"]),
        text(&value["status"])
    ));
    let place = [
        ("block", "height"),
        ("entry", "index"),
        ("block time", "block_time"),
        ("next", "next_step"),
    ];
    members(value, &place, output);
    let said = [
        ("issuer", "issuer"),
        ("subject", "subject"),
        ("key", "key"),
        ("network", "network"),
        ("namespace", "namespace"),
        ("mode", "mode"),
        ("value", "value"),
        ("declared time", "declared_time"),
        ("made after", "not_before"),
    ];
    members(&value["statement"], &said, output);
}

/// The statements found by a lookup.
pub(crate) fn lookup(value: &Value, output: &mut Output<'_>) {
    output.line(&format!("statements that lodge {}:", text(&value["value"])));
    for found in items(&value["statements"]) {
        statement(found, output);
    }
}

/// A block with its statements.
pub(crate) fn block(value: &Value, output: &mut Output<'_>) {
    output.line(&format!("block {}", text(&value["height"])));
    let pairs = [
        ("id", "id"),
        ("time", "time"),
        ("proposer", "proposer"),
        ("round", "round"),
        ("decided by", "signers"),
        ("first entry", "first_leaf"),
        ("log size", "log_size"),
        ("log root", "log_root"),
        ("state root", "state_root"),
    ];
    members(value, &pairs, output);
    let statements = items(&value["statements"]);
    output.field("statements", statements.len());
    for found in statements {
        let outcome = match found["code"].as_u64() {
            Some(0) => "done".to_owned(),
            _ => format!("failed with code {}", text(&found["code"])),
        };
        output.line(&format!("    {} {outcome}", text(&found["id"])));
    }
}

/// The validators, organisations first.
pub(crate) fn validators(value: &Value, output: &mut Output<'_>) {
    for validator in items(&value["validators"]) {
        let standing = match (validator["own"].as_bool(), validator["present"].as_bool()) {
            (Some(true), _) => "this node".to_owned(),
            (_, Some(true)) => "present".to_owned(),
            _ => match validator["silent_ms"].as_u64() {
                Some(ms) => format!("MISSING, silent for {} s", ms / 1000),
                None => "MISSING, never heard of".to_owned(),
            },
        };
        output.line(&format!(
            "{} ({}): {standing}, height {}, round {}",
            text(&validator["organisation"]),
            text(&validator["name"]),
            text(&validator["height"]),
            text(&validator["round"]),
        ));
    }
}

/// How a node is.
pub(crate) fn health(value: &Value, output: &mut Output<'_>) {
    output.line(&text(&value["status"]));
    let pairs = [
        ("network", "network"),
        ("node", "node"),
        ("version", "version"),
        ("quorum", "quorum"),
        ("quorum size", "quorum_size"),
        ("missing", "missing"),
        ("height", "height"),
        ("round", "round"),
        ("published", "published"),
        ("log size", "log_size"),
        ("log root", "log_root"),
        ("statements", "statements"),
        ("waiting", "waiting"),
        ("votes", "voting"),
        ("lost journal", "amnesiac"),
    ];
    members(value, &pairs, output);
}
