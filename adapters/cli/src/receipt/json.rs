//! A receipt as JSON: complete, so that the tlog-proof can be written again from it, and readable.
//! docs/receipt-json.md describes it.

use messages::cbor::Canonical;
use messages::hash::Hash;
use messages::ids::{StatementId, TimeMs};
use messages::note::{Note, NoteSignature};
use messages::outcome::Outcome;
use messages::policy_entry::PolicyEntry;
use messages::receipt::{OutcomeProof, PolicyLink, Receipt, SealProof};
use messages::report::utc_text;
use messages::seal::Seal;
use messages::statement::{Lodged, Statement};
use serde_json::{Map, Value, json};

/// Version of the form described here.
const VERSION: u64 = 1;

/// The receipt; `salted` tells whether the file it is from holds a salt, and `verified` is the
/// fingerprint of the policy it was verified from.
pub(super) fn receipt(receipt: &Receipt, salted: bool, verified: Option<Hash>) -> Value {
    let extra = &receipt.extra;
    let batch = extra.batch.as_ref();
    let batch = batch.map(|proof| json!({ "index": proof.index, "path": path(&proof.path) }));
    let mut value = json!({
        "format": "wutong-receipt",
        "version": VERSION,
        "verified": verified.is_some(),
        "policy": verified.map(|fingerprint| fingerprint.to_string()),
        "id": StatementId::of_entry(&extra.entry).to_string(),
        "index": receipt.index.0,
        "path": path(&receipt.path),
        "salted": salted,
        "entry": hex::encode(&extra.entry),
        "statement": Statement::parse(&extra.entry).ok().map(|s| statement(&s)),
        "batch": batch,
        "outcome": outcome(&extra.outcome),
        "seal": seal(&extra.seal),
        "policy_chain": extra.chain.iter().map(link).collect::<Vec<_>>(),
        "checkpoint": checkpoint(receipt),
    });
    if let (Some(salt), Some(map)) = (&extra.salt, value.as_object_mut()) {
        map.insert("salt".into(), hex::encode(salt).into());
    }
    value
}

fn path(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}

fn time(time: TimeMs) -> Value {
    json!({ "ms": time.0, "utc": utc_text(time.seconds()) })
}

fn statement(statement: &Statement) -> Value {
    let deposit = &statement.deposit;
    let references: Vec<String> = deposit.references.iter().map(ToString::to_string).collect();
    json!({
        "content_type": statement.kind.content_type(),
        "issuer": statement.issuer,
        "subject": statement.subject,
        "key": statement.key.to_string(),
        "key_id": statement.key.fingerprint(),
        "signature": hex::encode(statement.signature.0),
        "network": deposit.network.as_str(),
        "namespace": deposit.namespace.as_str(),
        "mode": deposit.lodged.mode().name(),
        "algorithm": deposit.algorithm.number(),
        "lodged": lodged(&deposit.lodged),
        "declared_time": deposit.declared_time.map(time),
        "not_before": deposit.not_before.map(|hash| hash.to_string()),
        "references": references,
    })
}

fn lodged(lodged: &Lodged) -> Value {
    let mut map = Map::new();
    map.insert("value".into(), lodged.value().to_string().into());
    match lodged {
        Lodged::Batch { count, .. } => map.insert("count".into(), (*count).into()),
        Lodged::Body { size, .. } => map.insert("size".into(), (*size).into()),
        Lodged::Content(content) => map.insert("content".into(), hex::encode(content).into()),
        Lodged::Digest(_) | Lodged::Commitment(_) => None,
    };
    map.into()
}

fn outcome(proof: &OutcomeProof) -> Value {
    let read = Outcome::from_bytes(&proof.bytes).ok();
    json!({
        "bytes": hex::encode(&proof.bytes),
        "code": read.as_ref().map(|o| o.code.0),
        "done": read.as_ref().map(|o| o.code.is_done()),
        "detail": read.and_then(|o| o.detail).map(|hash| hash.to_string()),
        "index": proof.index,
        "count": proof.count,
        "path": path(&proof.path),
    })
}

fn seal(proof: &SealProof) -> Value {
    let read = Seal::from_bytes(&proof.bytes).ok();
    let read = read.map(|seal| {
        json!({
            "network": seal.network.as_str(),
            "height": seal.height.0,
            "time": time(seal.time),
            "previous_seal": seal.previous_seal.to_string(),
            "first_leaf": seal.first_leaf.0,
            "outcomes_root": seal.outcomes_root.to_string(),
            "state_root": seal.state_root.to_string(),
            "validator_set_hash": seal.validator_set_hash.to_string(),
            "protocol_version": seal.protocol_version,
        })
    });
    json!({
        "bytes": hex::encode(&proof.bytes),
        "seal": read,
        "index": proof.index.0,
        "path": path(&proof.path),
    })
}

fn link(link: &PolicyLink) -> Value {
    let entry = PolicyEntry::from_bytes(&link.entry).ok();
    json!({
        "entry": hex::encode(&link.entry),
        "network": entry.as_ref().map(|e| e.network.to_string()),
        "epoch": entry.as_ref().map(|e| e.epoch),
        "policy": entry.map(|e| e.policy),
        "index": link.index.0,
        "path": path(&link.path),
        "checkpoint": link.checkpoint,
    })
}

fn checkpoint(receipt: &Receipt) -> Value {
    let note: &Note = &receipt.checkpoint;
    let head = receipt.tree_head().ok();
    let mut lines = note.signatures.iter();
    let log = lines.next().map(|line| signature(line, &line.bytes));
    json!({
        "note": note.encode(),
        "origin": head.as_ref().map(|h| h.origin.clone()),
        "size": head.as_ref().map(|h| h.size.0),
        "root": head.as_ref().map(|h| h.root.to_string()),
        "hash": head.map(|h| h.hash().to_string()),
        "log_signature": log,
        "cosignatures": lines.map(cosignature).collect::<Vec<_>>(),
    })
}

fn signature(line: &NoteSignature, bytes: &[u8]) -> Value {
    json!({
        "name": line.name,
        "key_id": format!("{:08x}", line.key_id),
        "signature": hex::encode(bytes),
    })
}

/// A cosignature: eight bytes of time, then the signature.
fn cosignature(line: &NoteSignature) -> Value {
    let (time, rest) = line
        .bytes
        .split_first_chunk::<8>()
        .unwrap_or((&[0; 8], &[]));
    let time_s = u64::from_be_bytes(*time);
    let mut value = signature(line, rest);
    if let Some(map) = value.as_object_mut() {
        map.insert("time_s".into(), time_s.into());
        map.insert("time".into(), utc_text(time_s).into());
    }
    value
}
