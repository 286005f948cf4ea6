//! `wutong bench deposits --batch N`: one batch, from digests to a receipt for each member.

use super::deposits::quiet;
use super::load::{self, Pressure};
use super::machine::cpu_seconds;
use crate::cluster::Cluster;
use crate::trial::{Founding, TrialNetwork, random};
use adapters_cli::Output;
use messages::batch::{BatchTree, member_commitment, member_salt};
use messages::hash::Hash;
use messages::keys::PrivateKey;
use messages::receipt::Receipt;
use messages::statement::Statement;
use messages::verify::{DocumentDigest, verify_bytes};
use serde_json::json;
use std::time::{Duration, Instant};

/// Members whose receipts are verified after the run.
const VERIFIED: usize = 100;

/// Runs the benchmark; the members' digests are given.
pub(crate) fn run(
    members: usize,
    validators: usize,
    as_json: bool,
    output: &mut Output<'_>,
) -> Result<(), String> {
    if members == 0 {
        return Err("--batch: expected at least 1 commitment".into());
    }
    let dir = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let founding = Founding {
        validators,
        listed: Vec::new(),
    };
    let network = TrialNetwork::open_or_found(&dir.path().join("network"), &founding)?;
    let policy = network.genesis.policy()?;
    let genesis = network.genesis.clone();
    let document = |i: usize| (i as u64).to_be_bytes();
    let digests: Vec<Hash> = (0..members).map(|i| Hash::of(&document(i))).collect();
    let key = PrivateKey::from_seed(&random()?);
    let cluster = Cluster::start(network, quiet())?;
    let (began, cpu_before) = (Instant::now(), cpu_seconds()?);
    let secret = random()?;
    let commit = |i: usize| Ok(member_commitment(&secret, i as u64, &digests[i]));
    let commitments = load::make(members, commit)?;
    let tree = BatchTree::of_commitments(&commitments).ok_or("a batch has members")?;
    let deposit = load::deposit(&genesis, tree.lodged())?;
    let statement = Statement::sign(&key, "bench", "batch", deposit).map_err(|e| e.to_string())?;
    let pressure = Pressure {
        in_flight: 1,
        time: Duration::from_secs(60),
    };
    let entries = vec![statement.entry().into()];
    let outcome = load::drive(cluster.handles(), entries, pressure)?;
    let receipt = outcome.samples.first().ok_or("the batch has no receipt")?;
    let receipt = Receipt::parse(receipt).map_err(|e| e.to_string())?;
    let receipts = load::make(members, |i| {
        let proof = tree.prove(i as u64).ok_or("a member is missing")?;
        let salt = member_salt(&secret, i as u64);
        Ok(receipt.clone().for_member(salt, proof).encode())
    })?;
    let (elapsed_s, cpu_s) = (began.elapsed().as_secs_f64(), cpu_seconds()? - cpu_before);
    for i in (0..members).step_by((members / VERIFIED).max(1)) {
        let digest = DocumentDigest::sha256(&document(i));
        if !verify_bytes(receipts[i].as_bytes(), &policy, Some(&digest)).is_accepted() {
            return Err(format!("the receipt of member {i} does not verify"));
        }
    }
    let rate = members as f64 / elapsed_s;
    if as_json {
        output.json(&json!({
            "members": members,
            "validators": validators,
            "seconds": elapsed_s,
            "commitments_per_second": rate,
            "cpu_seconds": cpu_s,
            "statement_to_receipt_ms": outcome.elapsed_s * 1e3,
            "receipt_bytes": receipts[0].len(),
        }));
        return Ok(());
    }
    output.field(
        "batch",
        format!("{members} commitments, {rate:.0} a second"),
    );
    output.field(
        "time",
        format!(
            "{elapsed_s:.2} s from digests to {members} receipts, {:.1} ms of it on the ledger",
            outcome.elapsed_s * 1e3
        ),
    );
    output.field("CPU", format!("{cpu_s:.2} s"));
    Ok(())
}
