//! A ledger that logs one statement per block of its own and writes true receipts.

use messages::cbor::Canonical;
use messages::checkpoint::{Checkpoint, cosign, sign_log};
use messages::cose_receipt::{HeadSignature, InclusionReceipt};
use messages::genesis::{Genesis, GenesisValidator, Parameters};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, StatementId, TimeMs, TreeSize};
use messages::keys::PrivateKey;
use messages::merkle::{inclusion_path, root_of_leaves};
use messages::note::{VerifierKey, VerifierKeyType};
use messages::outcome::{Outcome, OutcomeCode, outcomes_root};
use messages::policy::{Policy, Witness};
use messages::policy_entry::PolicyEntry;
use messages::receipt::{OutcomeProof, Receipt, ReceiptExtra, SealProof};
use messages::seal::Seal;
use messages::statement::Statement;
use messages::transparent::TransparentStatement;

const ORIGIN: &str = "trial.example/log";
const TIME_S: u64 = 1_700_000_000;
const ORGANISATIONS: [&str; 4] = ["First Notary", "Second Court", "Third Bank", "Fourth Lab"];

fn key(purpose: &str) -> PrivateKey {
    PrivateKey::derive(&[9; 32], purpose)
}

fn cosigner(position: usize) -> (String, PrivateKey) {
    let name = format!("v{}.trial.example", position + 1);
    let key = key(&name);
    (name, key)
}

/// The trust anchor of the four organisations.
pub fn policy(demonstration: bool) -> Policy {
    let log = VerifierKey::try_new(ORIGIN, VerifierKeyType::Log, key("log").public()).unwrap();
    let witness = |(position, organisation): (usize, &&str)| {
        let (name, key) = cosigner(position);
        Witness {
            name: format!("v{}", position + 1),
            key: VerifierKey::try_new(&name, VerifierKeyType::Cosigner, key.public()).unwrap(),
            organisation: Some((*organisation).into()),
        }
    };
    let witnesses = ORGANISATIONS.iter().enumerate().map(witness).collect();
    Policy::of_validators(vec![log], witnesses, demonstration).unwrap()
}

/// The receipt of an entry, without a salt.
pub fn receipt(entry: &[u8]) -> Receipt {
    receipt_with(entry, OutcomeCode::DONE)
}

fn receipt_with(entry: &[u8], code: OutcomeCode) -> Receipt {
    let outcomes = [Outcome {
        code,
        ..Outcome::done(StatementId::of_entry(entry))
    }];
    let seal = Seal {
        network: Name::try_new("trial").unwrap(),
        height: Height(1),
        time: TimeMs(TIME_S * 1000),
        previous_seal: Hash::of(b"genesis"),
        first_leaf: LeafIndex(2),
        outcomes_root: outcomes_root(&outcomes),
        state_root: Hash::of(b"state"),
        validator_set_hash: Hash::of(b"validators"),
        protocol_version: 1,
    };
    let leaves = [
        Hash::leaf(b"genesis"),
        Hash::leaf(&policy_entry()),
        Hash::leaf(entry),
        seal.leaf(),
    ];
    let head = Checkpoint {
        origin: ORIGIN.into(),
        size: TreeSize(4),
        root: root_of_leaves(&leaves),
    };
    let cosignatures = (0..3).map(|position| {
        let (name, key) = cosigner(position);
        cosign(&key, &name, TIME_S + position as u64, &head.text())
    });
    Receipt {
        index: LeafIndex(2),
        path: inclusion_path(&leaves, 2),
        extra: ReceiptExtra {
            entry: entry.to_vec(),
            salt: None,
            batch: None,
            chain: Vec::new(),
            outcome: OutcomeProof::new(&outcomes, 0),
            seal: SealProof::new(&seal, LeafIndex(3), inclusion_path(&leaves, 3)),
        },
        checkpoint: head.note(
            sign_log(&key("log"), ORIGIN, &head.text()),
            cosignatures.collect(),
        ),
    }
}

fn receipt_key(position: usize) -> PrivateKey {
    key(&format!("receipt {position}"))
}

/// The log's entry for the policy, which lists the receipt keys.
fn policy_entry() -> Vec<u8> {
    let named = |i: usize| {
        let name = Name::try_new(&format!("v{}", i + 1)).unwrap();
        (name, receipt_key(i).public())
    };
    let entry = PolicyEntry {
        network: Name::try_new("trial").unwrap(),
        epoch: 0,
        policy: policy(false).text(),
        receipt_keys: (0..4).map(named).collect(),
    };
    entry.to_bytes()
}

/// What a node answers about the policy's entry: it stands before the entry of `receipt`.
pub fn policy_proof(receipt: &Receipt) -> String {
    let entry = policy_entry();
    let leaves = [b"genesis".as_slice(), &entry].map(Hash::leaf);
    let above = Hash::node(&Hash::leaf(&receipt.extra.entry), &receipt.path[0]);
    let path = [leaves[0].to_string(), above.to_string()];
    let (entry, checkpoint) = (hex::encode(entry), receipt.checkpoint.encode());
    let body = serde_json::json!({
        "entry": entry, "index": 1, "path": path, "checkpoint": checkpoint,
    });
    body.to_string()
}

/// The statement of a receipt with COSE receipts of three validators, over the same tree head.
pub fn transparent(receipt: &Receipt) -> TransparentStatement {
    let head = receipt.tree_head().unwrap();
    let signed = (0..3).map(|i| InclusionReceipt {
        signed: HeadSignature::sign(&receipt_key(i), &head),
        index: receipt.index,
        path: receipt.path.clone(),
    });
    let statement = Statement::parse(&receipt.extra.entry).unwrap();
    TransparentStatement::new(statement, signed.collect())
}

/// A validator's consensus key.
pub fn consensus_key(position: usize) -> PrivateKey {
    key(&format!("consensus {position}"))
}

/// A genesis document with the keys of the policy, whose first validator holds its log key.
pub fn genesis() -> Genesis {
    let log = |i| match i {
        0 => key("log"),
        other => key(&format!("log {other}")),
    };
    let validator = |(i, organisation): (usize, &&str)| GenesisValidator {
        name: Name::try_new(&format!("v{}", i + 1)).unwrap(),
        organisation: (*organisation).into(),
        consensus: consensus_key(i).public(),
        log: log(i).public(),
        cosigner: cosigner(i).1.public(),
        receipt: receipt_key(i).public(),
        transport: key(&format!("transport {i}")).public(),
    };
    Genesis {
        network: Name::try_new("trial").unwrap(),
        origin: ORIGIN.into(),
        created: TimeMs(TIME_S * 1000),
        demonstration: false,
        validators: ORGANISATIONS.iter().enumerate().map(validator).collect(),
        namespaces: vec![],
        parameters: Parameters::default(),
    }
}

/// Another tree of the same size as a receipt's, cosigned by the last three validators.
pub fn forked(receipt: &Receipt) -> Receipt {
    let leaves = [b"genesis".as_slice(), b"x", b"another entry", b"y"].map(Hash::leaf);
    under(receipt, b"another entry", &leaves)
}

/// A tree of six entries that another hides the receipt's entry from, or that extends its tree.
pub fn grown(receipt: &Receipt, hides: bool) -> Receipt {
    let entry: &[u8] = match hides {
        true => b"another entry",
        false => &receipt.extra.entry,
    };
    let policy = policy_entry();
    let four = [
        b"genesis",
        policy.as_slice(),
        entry,
        &receipt.extra.seal.bytes,
    ];
    let more = [b"a later entry".as_slice(), b"its seal"];
    let leaves: Vec<Hash> = four.into_iter().chain(more).map(Hash::leaf).collect();
    under(receipt, entry, &leaves)
}

/// Two heads of one size by the first two validators, under the names of the genesis document.
pub fn founders_heads() -> [String; 2] {
    [b"one", b"two"].map(|root| {
        let head = Checkpoint {
            origin: ORIGIN.into(),
            size: TreeSize(9),
            root: Hash::of(root),
        };
        let text = head.text();
        let cosignatures = (0..2).map(|i| {
            let name = format!("{ORIGIN}/v{}", i + 1);
            cosign(&cosigner(i).1, &name, TIME_S, &text)
        });
        let log = sign_log(&key("log"), ORIGIN, &text);
        head.note(log, cosignatures.collect()).encode()
    })
}

/// The receipt of `entry` at index 2 of the tree over `leaves`, cosigned by the last three.
fn under(receipt: &Receipt, entry: &[u8], leaves: &[Hash]) -> Receipt {
    let head = Checkpoint {
        origin: ORIGIN.into(),
        size: TreeSize(leaves.len() as u64),
        root: root_of_leaves(leaves),
    };
    let text = head.text();
    let cosignatures = (1..4).map(|i| {
        let (name, key) = cosigner(i);
        cosign(&key, &name, TIME_S + 60, &text)
    });
    let mut other = receipt.clone();
    other.path = inclusion_path(leaves, 2);
    other.extra.entry = entry.to_vec();
    let log = sign_log(&key("log"), ORIGIN, &text);
    other.checkpoint = head.note(log, cosignatures.collect());
    other
}

/// The body of a 201.
pub fn committed(entry: &[u8]) -> (u16, String) {
    assert!(Receipt::parse(&receipt(entry).encode()).is_ok());
    let body = serde_json::json!({ "receipt": receipt(entry).encode() });
    (201, body.to_string())
}

/// The body of a 201 whose log line no log key signed.
pub fn forged(entry: &[u8]) -> (u16, String) {
    let mut receipt = receipt(entry);
    receipt.checkpoint.signatures[0].bytes[0] ^= 1;
    let body = serde_json::json!({ "receipt": receipt.encode() });
    (201, body.to_string())
}

/// The body of a 201 for a statement that was logged and failed.
pub fn failed(entry: &[u8]) -> (u16, String) {
    let receipt = receipt_with(entry, OutcomeCode(7));
    let body = serde_json::json!({ "receipt": receipt.encode() });
    (201, body.to_string())
}

/// The body of a 503 without quorum.
pub fn no_quorum() -> (u16, String) {
    let body = serde_json::json!({
        "detail": "too few", "next_step": "wait", "missing": ["v3", "v4"], "quorum": 3,
    });
    (503, body.to_string())
}
