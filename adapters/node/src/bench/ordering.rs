//! `wutong bench ordering`: opaque payloads through everything but depositors' signatures.
//!
//! Each payload is a content in an entry whose signature is zeros; the nodes of this benchmark, and
//! no others, take it unread. Gateways, gossip, consensus with real votes, execution, storage with
//! fsync, the log, cosignatures and receipts are the real ones.

use super::deposits::quiet;
use super::load::{self, Outcome, Pressure};
use super::machine::percentile;
use crate::cluster::{Cluster, ClusterOptions};
use crate::trial::{Founding, TrialNetwork, random, validators};
use adapters_cli::Output;
use bytes::Bytes;
use clap::Args;
use messages::deposit::Lodged;
use messages::keys::{PrivateKey, Signature, StatementCheck};
use messages::ports::SignatureChecker;
use messages::statement::{Statement, StatementKind};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Payloads in order to final receipt, with no depositor's signature to check.
///
/// Example: `wutong bench ordering --size 512 --seconds 8 --json`
#[derive(Args)]
pub(crate) struct OrderingArgs {
    /// How many validators.
    #[arg(long, default_value_t = 4, value_parser = validators())]
    validators: usize,
    /// Bytes of a payload.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(8..=60_000))]
    size: u32,
    /// How long payloads are submitted, in seconds.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Payloads under way at once.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    /// Payloads made beforehand; the run ends early when they are used up.
    #[arg(long, default_value_t = 400_000)]
    made: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Takes every signature for good.
struct Unread;

impl SignatureChecker for Unread {
    fn check(&self, statements: &[StatementCheck<'_>]) -> Vec<bool> {
        vec![true; statements.len()]
    }
}

/// Runs the benchmark.
pub(crate) fn run(args: &OrderingArgs, output: &mut Output<'_>) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let founding = Founding {
        validators: args.validators,
        listed: Vec::new(),
    };
    let network = TrialNetwork::open_or_found(&dir.path().join("network"), &founding)?;
    output.note(&format!("making {} payloads", args.made));
    let key = PrivateKey::from_seed(&random()?).public();
    let entries = load::make(args.made, |i| {
        let mut payload = vec![0x5a; args.size as usize];
        payload[..8].copy_from_slice(&(i as u64).to_be_bytes());
        let statement = Statement {
            kind: StatementKind::Deposit,
            issuer: "bench".into(),
            subject: "bench".into(),
            key,
            deposit: load::deposit(&network.genesis, Lodged::Content(payload))?,
            signature: Signature([0; 64]),
        };
        Ok(Bytes::from(statement.entry()))
    })?;
    let options = ClusterOptions {
        nats: None,
        statements: Arc::new(Unread),
        ..quiet()
    };
    let cluster = Cluster::start(network, options)?;
    output.note(&format!("submitting for {} s", args.seconds));
    let pressure = Pressure {
        in_flight: args.in_flight as usize,
        time: Duration::from_secs(args.seconds),
    };
    let outcome = load::drive(cluster.handles(), entries, pressure)?;
    report(args, &outcome, output);
    Ok(())
}

fn report(args: &OrderingArgs, outcome: &Outcome, output: &mut Output<'_>) {
    let rate = outcome.committed as f64 / outcome.elapsed_s;
    let cpu_us = outcome.cpu_s * 1e6 / outcome.committed as f64;
    let ms = |share| f64::from(percentile(&outcome.latencies_us, share)) / 1e3;
    if args.json {
        output.json(&json!({
            "validators": args.validators,
            "payload_bytes": args.size,
            "entry_bytes": outcome.entry_bytes as f64 / outcome.committed as f64,
            "in_flight": args.in_flight,
            "payloads": outcome.committed,
            "seconds": outcome.elapsed_s,
            "payloads_per_second": rate,
            "p50_ms": ms(0.50),
            "p99_ms": ms(0.99),
            "cpu_seconds_per_payload": cpu_us / 1e6,
        }));
        return;
    }
    output.field("payloads/s", format!("{rate:.0} to final receipt"));
    output.field(
        "latency",
        format!("p50 {:.1} ms, p99 {:.1} ms", ms(0.50), ms(0.99)),
    );
    output.field(
        "CPU",
        format!("{cpu_us:.1} us a payload, all validators and the load"),
    );
}
