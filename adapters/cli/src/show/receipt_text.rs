//! A receipt's own words.

use crate::output::Output;
use messages::cbor::Canonical;
use messages::ids::StatementId;
use messages::outcome::Outcome;
use messages::receipt::Receipt;
use messages::report::utc_text;
use messages::seal::Seal;
use messages::statement::{DepositMode, Lodged, Statement};
use serde_json::{Value, json};
use std::path::Path;

/// Writes what a receipt claims, and that nothing of it was checked.
pub(crate) fn write(receipt: &Receipt, file: &Path, output: &mut Output<'_>) {
    let extra = &receipt.extra;
    output.line(&format!(
        "receipt {} (NOT VERIFIED: see `wutong verify`)",
        file.display()
    ));
    output.field("statement", StatementId::of_entry(&extra.entry));
    match Statement::parse(&extra.entry) {
        Ok(statement) => write_statement(&statement, extra.salt.is_some(), output),
        Err(error) => output.field("entry", format!("unreadable: {error}")),
    }
    match Seal::from_bytes(&extra.seal.bytes) {
        Ok(seal) => {
            let time = utc_text(seal.time.seconds());
            let (height, index) = (seal.height, receipt.index);
            output.field("place", format!("block {height} of {time}, entry {index}"));
        }
        Err(error) => output.field("seal", format!("unreadable: {error}")),
    }
    match Outcome::from_bytes(&extra.outcome.bytes) {
        Ok(outcome) => output.field("outcome", outcome.code),
        Err(error) => output.field("outcome", format!("unreadable: {error}")),
    }
    if let Ok(head) = receipt.tree_head() {
        output.field("log", format!("{}, {} entries", head.origin, head.size));
        output.field("root", head.root);
    }
    for (position, line) in receipt.checkpoint.signatures.iter().enumerate() {
        let label = if position == 0 {
            "log line"
        } else {
            "cosigned by"
        };
        output.field(label, format!("{} (key id {:08x})", line.name, line.key_id));
    }
}

fn write_statement(statement: &Statement, salted: bool, output: &mut Output<'_>) {
    let deposit = &statement.deposit;
    output.field("issuer", format!("{:?}", statement.issuer));
    output.field("subject", format!("{:?}", statement.subject));
    output.field("key id", statement.key.fingerprint());
    let (network, namespace) = (&deposit.network, &deposit.namespace);
    output.field("network", format!("{network}, namespace {namespace}"));
    let mode = deposit.lodged.mode();
    output.field(mode.name(), deposit.lodged.value());
    match deposit.lodged {
        Lodged::Batch { count, .. } => output.field("members", count),
        Lodged::Body { size, .. } => output.field("bytes", size),
        Lodged::Content(ref content) => output.field("bytes", content.len()),
        Lodged::Digest(_) | Lodged::Commitment(_) => {}
    }
    if mode == DepositMode::Commitment {
        output.field(
            "salt",
            if salted {
                "in this receipt"
            } else {
                "not in this receipt"
            },
        );
    }
    if let Some(time) = deposit.declared_time {
        output.field("declared time", utc_text(time.seconds()));
    }
}

/// The receipt for programs; the salt itself is not printed.
pub(crate) fn json(receipt: &Receipt) -> Value {
    let extra = &receipt.extra;
    let statement = Statement::parse(&extra.entry).ok().map(|s| {
        json!({
            "issuer": s.issuer, "subject": s.subject, "key": s.key.to_string(),
            "network": s.deposit.network.as_str(), "namespace": s.deposit.namespace.as_str(),
            "mode": s.deposit.lodged.mode().name(), "value": s.deposit.lodged.value().to_string(),
            "declared_time_ms": s.deposit.declared_time.map(|t| t.0),
        })
    });
    let seal = Seal::from_bytes(&extra.seal.bytes).ok();
    let outcome = Outcome::from_bytes(&extra.outcome.bytes).ok();
    let head = receipt.tree_head().ok();
    let signatures = receipt
        .checkpoint
        .signatures
        .iter()
        .map(|line| json!({ "name": line.name, "key_id": format!("{:08x}", line.key_id) }));
    json!({
        "verified": false,
        "id": StatementId::of_entry(&extra.entry).to_string(),
        "index": receipt.index.0,
        "salted": extra.salt.is_some(),
        "statement": statement,
        "height": seal.as_ref().map(|s| s.height.0),
        "block_time_ms": seal.as_ref().map(|s| s.time.0),
        "outcome_code": outcome.map(|o| o.code.0),
        "origin": head.as_ref().map(|h| h.origin.clone()),
        "tree_size": head.as_ref().map(|h| h.size.0),
        "root": head.as_ref().map(|h| h.root.to_string()),
        "signatures": signatures.collect::<Vec<_>>(),
    })
}
