//! `wutong bench deposits`: signed single deposits/s to final receipt.

use super::batch;
use super::calibrate::{self, Bound};
use super::load::{self, Pressure};
use super::machine::{disk_bytes, percentile};
use crate::cluster::{Cluster, ClusterOptions};
use crate::trial::{Founding, TrialNetwork, at_least_one, random, validators};
use adapters_cli::Output;
use bus::api::NodeApi;
use bytes::Bytes;
use clap::Args;
use messages::deposit::Lodged;
use messages::hash::Hash;
use messages::keys::PrivateKey;
use messages::ports::BatchedZip215;
use messages::statement::Statement;
use messages::verify::verify_bytes;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Signed single deposits per second to final receipt, all validators on this machine.
///
/// The load is signed beforehand; fjall and fsync are on. Example:
/// `wutong bench deposits --validators 4 --depositors 64 --seconds 10 --json`
#[derive(Args)]
pub(crate) struct DepositsArgs {
    /// How many validators.
    #[arg(long, default_value_t = 4, value_parser = validators())]
    validators: usize,
    /// How many depositors, each with a key of its own.
    #[arg(long, default_value_t = 64, value_parser = at_least_one())]
    depositors: usize,
    /// How long deposits are submitted, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Deposits under way at once; 1 measures the latency of light load.
    #[arg(long, default_value_t = 8192, value_parser = at_least_one())]
    in_flight: usize,
    /// Deposits signed beforehand; the run ends early when they are used up.
    #[arg(long, default_value_t = 400_000)]
    signed: usize,
    /// Measure one batch of so many commitments instead: digests given, receipts for all members.
    #[arg(long, value_name = "N", conflicts_with_all = ["depositors", "seconds", "in_flight", "signed"])]
    batch: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was measured.
struct Figures {
    committed: usize,
    elapsed_s: f64,
    cpu_s: f64,
    p50_us: u32,
    p99_us: u32,
    bytes_per_deposit: f64,
    entry_bytes: f64,
    blocks: u64,
    verified: usize,
}

/// Options of a cluster without surfaces.
pub(crate) fn quiet() -> ClusterOptions {
    ClusterOptions {
        http: None,
        events: None,
        board: None,
        on_halt: Arc::new(|i, reason| {
            tracing::error!(validator = i, reason, "a validator stopped by itself");
        }),
        statements: Arc::new(BatchedZip215),
    }
}

/// Runs the benchmark.
pub(crate) fn run(args: &DepositsArgs, output: &mut Output<'_>) -> Result<(), String> {
    if let Some(members) = args.batch {
        return batch::run(members, args.validators, args.json, output);
    }
    let dir = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let founding = Founding {
        validators: args.validators,
        listed: Vec::new(),
    };
    let network = TrialNetwork::open_or_found(&dir.path().join("network"), &founding)?;
    output.note(&format!(
        "signing {} deposits of {} keys",
        args.signed, args.depositors
    ));
    let entries = sign(args, &network)?;
    let bound = calibrate::measure(&network, &dir.path().join("bound"), &entries)?;
    let empty = disk_bytes(&dir.path().join("network")).map_err(|e| e.to_string())?;
    let cluster = Cluster::start(network, quiet())?;
    let policy = cluster.network().genesis.policy()?;
    output.note(&format!("submitting for {} s", args.seconds));
    let pressure = Pressure {
        in_flight: args.in_flight,
        time: Duration::from_secs(args.seconds),
    };
    let outcome = load::drive(cluster.handles(), entries, pressure)?;
    for receipt in &outcome.samples {
        let report = verify_bytes(receipt.as_bytes(), &policy, None);
        if !report.is_accepted() {
            return Err("a receipt of the run does not verify".into());
        }
    }
    let blocks = head_height(&cluster)?;
    let root = cluster.network().dir.clone();
    drop(cluster);
    let used = disk_bytes(&root)
        .map_err(|e| e.to_string())?
        .saturating_sub(empty);
    let committed = outcome.committed;
    let figures = Figures {
        committed,
        elapsed_s: outcome.elapsed_s,
        cpu_s: outcome.cpu_s,
        p50_us: percentile(&outcome.latencies_us, 0.50),
        p99_us: percentile(&outcome.latencies_us, 0.99),
        bytes_per_deposit: used as f64 / (committed * args.validators) as f64,
        entry_bytes: outcome.entry_bytes as f64 / committed as f64,
        blocks,
        verified: outcome.samples.len(),
    };
    report(args, &bound, &figures, output);
    Ok(())
}

fn sign(args: &DepositsArgs, network: &TrialNetwork) -> Result<Vec<Bytes>, String> {
    let keys: Vec<PrivateKey> = (0..args.depositors)
        .map(|_| random().map(|seed| PrivateKey::from_seed(&seed)))
        .collect::<Result<_, _>>()?;
    let salt = random()?;
    load::make(args.signed, |i| {
        let value = Hash::of_parts(&[&salt, &(i as u64).to_be_bytes()]);
        let deposit = load::deposit(&network.genesis, Lodged::Commitment(value))?;
        let key = &keys[i % keys.len()];
        let issuer = format!("key:{}", key.public().fingerprint());
        let statement = Statement::sign(key, &issuer, "bench", deposit);
        Ok(statement.map_err(|e| e.to_string())?.entry().into())
    })
}

fn head_height(cluster: &Cluster) -> Result<u64, String> {
    let (tell, told) = std::sync::mpsc::channel();
    let node = cluster
        .handles()
        .into_iter()
        .next()
        .ok_or("no validator runs")?;
    let reply = Box::new(move |answer| {
        let _ = tell.send(answer);
    });
    node.query(bus::api::Query::Health, reply);
    match told.recv_timeout(Duration::from_secs(10)) {
        Ok(bus::api::Answer::Health(health)) => Ok(health.height.0),
        other => Err(format!("no health: {other:?}")),
    }
}

fn report(args: &DepositsArgs, bound: &Bound, f: &Figures, output: &mut Output<'_>) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let ceiling = bound.ceiling(cores, args.validators);
    let rate = f.committed as f64 / f.elapsed_s;
    let share = rate / ceiling;
    let cpu_us = f.cpu_s * 1e6 / f.committed as f64;
    // What the share would be if nobody else used the machine.
    let cpu_share = 1e6 * cores as f64 / cpu_us / ceiling;
    if args.json {
        output.json(&json!({
            "validators": args.validators,
            "depositors": args.depositors,
            "in_flight": args.in_flight,
            "cores": cores,
            "deposits": f.committed,
            "seconds": f.elapsed_s,
            "deposits_per_second": rate,
            "p50_ms": f64::from(f.p50_us) / 1e3,
            "p99_ms": f64::from(f.p99_us) / 1e3,
            "cpu_seconds_per_deposit": cpu_us / 1e6,
            "bytes_per_deposit_per_node": f.bytes_per_deposit,
            "entry_bytes": f.entry_bytes,
            "blocks": f.blocks,
            "receipts_verified": f.verified,
            "ceiling_deposits_per_second": ceiling,
            "ceiling_verify_us": bound.verify_us,
            "ceiling_hash_us": bound.hash_us,
            "ceiling_commit_us": bound.commit_us,
            "fsync_ms": bound.fsync_ms,
            "share_of_bound": share,
            "cpu_share_of_bound": cpu_share,
        }));
        return;
    }
    output.field("deposits/s", format!("{rate:.0} to final receipt"));
    output.field(
        "share of bound",
        format!(
            "{:.0} % of {ceiling:.0}/s ({:.0} % by CPU time)",
            share * 100.0,
            cpu_share * 100.0
        ),
    );
    output.field(
        "latency",
        format!(
            "p50 {:.1} ms, p99 {:.1} ms (fsync {:.2} ms)",
            f64::from(f.p50_us) / 1e3,
            f64::from(f.p99_us) / 1e3,
            bound.fsync_ms
        ),
    );
    output.field(
        "CPU",
        format!("{cpu_us:.1} us a deposit, all validators and the load"),
    );
    output.field(
        "disk",
        format!(
            "{:.0} bytes a deposit and node, of an entry of {:.0}",
            f.bytes_per_deposit, f.entry_bytes
        ),
    );
    output.field("blocks", f.blocks);
    output.field("verified", format!("{} receipts of the run", f.verified));
}
