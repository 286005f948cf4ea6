//! COSE receipts, fetched and verified before they are written.

use super::{ReceiptArgs, Source, not_yet, settled, write};
use crate::client::{Client, block_on};
use crate::exit::{Exit, Failure};
use crate::files::Readers;
use crate::output::Output;
use crate::show::load_receipt;
use adapters_client::{NodeUrl, Problem, distinct};
use messages::cbor::Canonical;
use messages::hash::Hash;
use messages::ids::{LeafIndex, StatementId};
use messages::policy::Policy;
use messages::policy_chain;
use messages::policy_entry::PolicyEntry;
use messages::quorum::quorum;
use messages::receipt::{PolicyLink, Receipt};
use messages::verify_transparent::{TransparentEvidence, verify_transparent};
use serde_json::Value;

/// A transparent statement that holds, and what it proves.
struct Fetched {
    bytes: Vec<u8>,
    evidence: TransparentEvidence,
    validators: usize,
}

pub(super) fn run(
    args: &ReceiptArgs,
    source: &Source,
    policy: Option<&Policy>,
    output: &mut Output<'_>,
) -> Result<Exit, Failure> {
    let (id, kept) = match source {
        Source::Node(id) => (*id, None),
        Source::File(path) => {
            let receipt = load_receipt(path)?;
            if policy.is_some() {
                super::judge(&receipt, policy, output)?;
            }
            (StatementId::of_entry(&receipt.extra.entry), Some(receipt))
        }
    };
    let fetched = block_on(fetch(&args.url, &id, policy))??;
    let evidence = &fetched.evidence;
    if let Some(receipt) = &kept {
        compare(receipt, evidence, output)?;
    }
    if policy.is_none() {
        output
            .note("note: the receipt keys are the node's word; give --policy to have them proven");
    }
    if let Some(path) = &args.out {
        write(path, &fetched.bytes, Readers::Usual)?;
        let names: Vec<&str> = evidence.signers.iter().map(|name| name.as_str()).collect();
        output.line(&format!("wrote {}", path.display()));
        output.field("statement", evidence.id);
        output.field(
            "receipts",
            format!(
                "{} of {}: {}",
                names.len(),
                fetched.validators,
                names.join(", ")
            ),
        );
        let (index, size) = (evidence.index, evidence.size);
        output.field(
            "place",
            format!("entry {index} of {size} in {}", evidence.origin),
        );
        output.field("root", evidence.root);
    }
    Ok(Exit::Done)
}

/// The first transparent statement of the nodes that holds; else why none does.
async fn fetch(
    urls: &[NodeUrl],
    id: &StatementId,
    policy: Option<&Policy>,
) -> Result<Fetched, Failure> {
    let client = Client::try_new()?;
    let mut failures: Vec<Failure> = Vec::new();
    for node in distinct(urls) {
        match fetch_from(&client, &node, id, policy).await {
            Ok(fetched) => return Ok(fetched),
            Err(failure) => failures.push(Failure {
                what: format!("{node}: {}", failure.what),
                ..failure
            }),
        }
    }
    let whats: Vec<&str> = failures.iter().map(|f| f.what.as_str()).collect();
    let what = whats.join("; ");
    // What one node refused another may give later, but not if all refused.
    let last = failures.iter().find(|f| f.exit == Exit::Pending);
    let last = last.or(failures.first());
    let last = last.expect("the command names a node at least");
    Err(Failure::new(last.exit, what, last.next_step.clone()))
}

async fn fetch_from(
    client: &Client,
    node: &NodeUrl,
    id: &StatementId,
    policy: Option<&Policy>,
) -> Result<Fetched, Failure> {
    let silent = |reason: String| {
        let next_step = "Check the address, or name further nodes: --url A,B,C.";
        Failure::new(Exit::Pending, reason, next_step)
    };
    let path = format!("/v1/statements/{id}/transparent");
    let (status, bytes) = client.get_bytes(node, &path).await.map_err(silent)?;
    match status {
        200 => {}
        202 => return Err(not_yet(&path)),
        _ => {
            let problem = Problem::read(status, &String::from_utf8_lossy(&bytes));
            let exit = if status == 503 {
                Exit::Pending
            } else {
                Exit::Refused
            };
            let what = format!("{path}: {}", problem.detail());
            return Err(Failure::new(exit, what, problem.next_step));
        }
    }
    let proof = client.get(node, "/v1/policy/proof").await.map_err(silent)?;
    let entry = policy_entry(settled("/v1/policy/proof", &proof)?, policy)?;
    let validators = entry.receipt_keys.len();
    let report = verify_transparent(&bytes, &entry.receipt_keys, quorum(validators), None);
    let refused = |what: String| Failure::refused(what, "Ask another node: --url A,B,C.");
    if let Some(failed) = report.failures().next() {
        return Err(refused(format!(
            "{path}: {}: expected {}, found {}",
            failed.check, failed.expected, failed.found
        )));
    }
    let evidence = report
        .evidence
        .expect("nothing failed, so there is evidence");
    if evidence.id != *id {
        let found = evidence.id;
        return Err(refused(format!(
            "{path}: expected statement {id}, found {found}"
        )));
    }
    Ok(Fetched {
        bytes,
        evidence,
        validators,
    })
}

/// The policy entry that a node gives, which lists the receipt keys: proven when there is a trust
/// anchor to prove it from.
fn policy_entry(body: &str, policy: Option<&Policy>) -> Result<PolicyEntry, Failure> {
    let refused = |reason: String| {
        let what = format!("/v1/policy/proof: {reason}");
        Failure::refused(
            what,
            "Ask another node, or check that the policy is this network's.",
        )
    };
    let link =
        read_link(body).ok_or_else(|| refused("expected a policy entry with proof".into()))?;
    let entry = match policy {
        Some(policy) => policy_chain::entry_of(policy, &link),
        None => PolicyEntry::from_bytes(&link.entry).map_err(|e| e.to_string()),
    };
    entry.map_err(refused)
}

fn read_link(body: &str) -> Option<PolicyLink> {
    let value: Value = serde_json::from_str(body).ok()?;
    let path = value["path"].as_array()?.iter();
    Some(PolicyLink {
        entry: hex::decode(value["entry"].as_str()?).ok()?,
        index: LeafIndex(value["index"].as_u64()?),
        path: path
            .map(|hash| Hash::from_hex(hash.as_str()?))
            .collect::<Option<_>>()?,
        checkpoint: value["checkpoint"].as_str()?.to_owned(),
    })
}

/// The COSE receipts must be about the tlog-proof's entry at its place, under its root or, said
/// aloud, under that of another size of the same log.
fn compare(
    receipt: &Receipt,
    evidence: &TransparentEvidence,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let head = receipt.tree_head().map_err(|e| {
        Failure::refused(
            e.to_string(),
            "Fetch the receipt again: it is no receipt of ours.",
        )
    })?;
    let expected = (head.origin.as_str(), receipt.index);
    let found = (evidence.origin.as_str(), evidence.index);
    let same_size = head.size == evidence.size;
    if expected != found || (same_size && head.root != evidence.root) {
        return Err(Failure::refused(
            format!(
                "the COSE receipts are about another log: expected entry {} of {} with root {} at \
                 {} entries, found entry {} of {} with root {} at {}",
                expected.1,
                expected.0,
                head.root,
                head.size,
                found.1,
                found.0,
                evidence.root,
                evidence.size
            ),
            "Do not rely on either: keep both, and report it to the network's organisations.",
        ));
    }
    if !same_size {
        let (size, kept) = (evidence.size, head.size);
        output.note(&format!(
            "note: the COSE receipts are over the tree of {size} entries, the tlog-proof over that \
             of {kept}; the entry has the same place in both"
        ));
    }
    Ok(())
}
