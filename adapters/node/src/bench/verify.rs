//! `wutong bench verify`: offline verification of one receipt.

use super::deposits::quiet;
use super::load::{self, Pressure};
use super::machine::{cpu_seconds, percentile};
use crate::cluster::Cluster;
use crate::trial::{Founding, TrialNetwork, random, validators};
use adapters_cli::Output;
use clap::Args;
use messages::deposit::Lodged;
use messages::hash::Hash;
use messages::keys::PrivateKey;
use messages::statement::Statement;
use messages::verify::{DocumentDigest, verify_bytes};
use serde_json::json;
use std::time::{Duration, Instant};

/// Verification of a real network's receipt against policy and document digest.
///
/// Example: `wutong bench verify --times 2000 --json`
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// How many validators the network has.
    #[arg(long, default_value_t = 4, value_parser = validators())]
    validators: usize,
    /// How often the receipt is verified.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the benchmark.
pub(crate) fn run(args: &VerifyArgs, output: &mut Output<'_>) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let founding = Founding {
        validators: args.validators,
        listed: Vec::new(),
    };
    let network = TrialNetwork::open_or_found(&dir.path().join("network"), &founding)?;
    let policy = network.genesis.policy()?;
    let key = PrivateKey::from_seed(&random()?);
    let document = b"a document to verify";
    let deposit = load::deposit(&network.genesis, Lodged::Digest(Hash::of(document)))?;
    let statement = Statement::sign(&key, "bench", "verify", deposit).map_err(|e| e.to_string())?;
    let cluster = Cluster::start(network, quiet())?;
    let pressure = Pressure {
        in_flight: 1,
        time: Duration::from_secs(60),
    };
    let entries = vec![statement.entry().into()];
    let outcome = load::drive(cluster.handles(), entries, pressure)?;
    drop(cluster);
    let receipt = outcome.samples.first().ok_or("there is no receipt")?;
    let digest = DocumentDigest::sha256(document);
    let mut times_us = Vec::with_capacity(args.times as usize);
    let cpu_before = cpu_seconds()?;
    for _ in 0..args.times {
        let began = Instant::now();
        let report = verify_bytes(receipt.as_bytes(), &policy, Some(&digest));
        times_us.push(began.elapsed().as_micros() as u32);
        if !report.is_accepted() {
            return Err("the receipt does not verify".into());
        }
    }
    let cpu_us = (cpu_seconds()? - cpu_before) * 1e6 / f64::from(args.times);
    times_us.sort_unstable();
    let (p50, p99) = (percentile(&times_us, 0.50), percentile(&times_us, 0.99));
    if args.json {
        output.json(&json!({
            "validators": args.validators,
            "times": args.times,
            "receipt_bytes": receipt.len(),
            "p50_us": p50,
            "p99_us": p99,
            "cpu_us": cpu_us,
        }));
        return Ok(());
    }
    output.field(
        "verify",
        format!("p50 {p50} us, p99 {p99} us, CPU {cpu_us:.0} us a receipt"),
    );
    output.field("receipt", format!("{} bytes", receipt.len()));
    Ok(())
}
