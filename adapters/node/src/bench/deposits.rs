//! `wutong bench deposits`: signed single deposits/s to final receipt.

use super::batch;
use super::calibrate::{self, Bound};
use super::load::{self, Pressure};
use super::machine::{disk_bytes, percentile};
use crate::cluster::{Cluster, ClusterOptions};
use crate::trial::{Founding, TrialNetwork, at_least_one, random, validators};
use adapters_cli::Output;
use adapters_nats::Server;
use bus::api::NodeApi;
use bytes::Bytes;
use clap::Args;
use messages::deposit::Lodged;
use messages::hash::Hash;
use messages::keys::PrivateKey;
use messages::ports::BatchedZip215;
use messages::statement::Statement;
use messages::verify::verify_bytes;
use serde_json::{Value, json};
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
    /// Measure a second time with the links over this NATS server, side by side.
    #[arg(long, value_name = "URL", conflicts_with = "batch")]
    nats: Option<String>,
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
        nats: None,
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
    let (bound, figures) = measure(args, None, output)?;
    let over_nats = args.nats.as_deref().map(|url| {
        output.note("the same with links over NATS");
        measure(args, Some(Server::open(url)), output)
    });
    let over_nats = over_nats.transpose()?;
    let in_process = Report::of(args, &bound, figures);
    let over_nats = over_nats.map(|(bound, figures)| Report::of(args, &bound, figures));
    match (&over_nats, args.json) {
        (None, true) => output.json(&in_process.json()),
        (None, false) => in_process.write(output),
        (Some(over_nats), true) => output.json(&json!({
            "in_process": in_process.json(),
            "nats": over_nats.json(),
            "nats_to_in_process": over_nats.rate / in_process.rate,
        })),
        (Some(over_nats), false) => {
            output.line("in process");
            in_process.write(output);
            output.line("over NATS");
            over_nats.write(output);
            over_nats.compare(&in_process, output);
        }
    }
    Ok(())
}

/// Runs one network under load.
fn measure(
    args: &DepositsArgs,
    nats: Option<Server>,
    output: &mut Output<'_>,
) -> Result<(Bound, Figures), String> {
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
    let entries = sign((args.signed, args.depositors), &network)?;
    let bound = calibrate::measure(&network, &dir.path().join("bound"), &entries)?;
    let empty = disk_bytes(&dir.path().join("network")).map_err(|e| e.to_string())?;
    let options = ClusterOptions { nats, ..quiet() };
    let cluster = Cluster::start(network, options)?;
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
    Ok((bound, figures))
}

/// So many deposits, signed by so many keys in turn.
pub(super) fn sign(
    (count, keys): (usize, usize),
    network: &TrialNetwork,
) -> Result<Vec<Bytes>, String> {
    let keys: Vec<PrivateKey> = (0..keys)
        .map(|_| random().map(|seed| PrivateKey::from_seed(&seed)))
        .collect::<Result<_, _>>()?;
    let salt = random()?;
    load::make(count, |i| {
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

/// Figures beside their bound.
struct Report<'a> {
    args: &'a DepositsArgs,
    cores: usize,
    ceiling: f64,
    rate: f64,
    cpu_us: f64,
    fsync_ms: f64,
    parts_us: [(&'static str, f64); 3],
    figures: Figures,
}

impl<'a> Report<'a> {
    fn of(args: &'a DepositsArgs, bound: &Bound, figures: Figures) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            args,
            cores,
            ceiling: bound.ceiling(cores, args.validators),
            rate: figures.committed as f64 / figures.elapsed_s,
            cpu_us: figures.cpu_s * 1e6 / figures.committed as f64,
            fsync_ms: bound.fsync_ms,
            parts_us: [
                ("ceiling_verify_us", bound.verify_us),
                ("ceiling_hash_us", bound.hash_us),
                ("ceiling_commit_us", bound.commit_us),
            ],
            figures,
        }
    }

    fn share(&self) -> f64 {
        self.rate / self.ceiling
    }

    /// What the share would be if nobody else used the machine.
    fn cpu_share(&self) -> f64 {
        1e6 * self.cores as f64 / self.cpu_us / self.ceiling
    }

    fn json(&self) -> Value {
        let (args, f) = (self.args, &self.figures);
        let mut json = json!({
            "validators": args.validators,
            "depositors": args.depositors,
            "in_flight": args.in_flight,
            "cores": self.cores,
            "deposits": f.committed,
            "seconds": f.elapsed_s,
            "deposits_per_second": self.rate,
            "p50_ms": f64::from(f.p50_us) / 1e3,
            "p99_ms": f64::from(f.p99_us) / 1e3,
            "cpu_seconds_per_deposit": self.cpu_us / 1e6,
            "bytes_per_deposit_per_node": f.bytes_per_deposit,
            "entry_bytes": f.entry_bytes,
            "blocks": f.blocks,
            "receipts_verified": f.verified,
            "ceiling_deposits_per_second": self.ceiling,
            "fsync_ms": self.fsync_ms,
            "share_of_bound": self.share(),
            "cpu_share_of_bound": self.cpu_share(),
        });
        for (name, us) in self.parts_us {
            json[name] = json!(us);
        }
        json
    }

    fn write(&self, output: &mut Output<'_>) {
        let f = &self.figures;
        output.field("deposits/s", format!("{:.0} to final receipt", self.rate));
        output.field(
            "share of bound",
            format!(
                "{:.0} % of {:.0}/s ({:.0} % by CPU time)",
                self.share() * 100.0,
                self.ceiling,
                self.cpu_share() * 100.0
            ),
        );
        output.field(
            "latency",
            format!(
                "p50 {:.1} ms, p99 {:.1} ms (fsync {:.2} ms)",
                f64::from(f.p50_us) / 1e3,
                f64::from(f.p99_us) / 1e3,
                self.fsync_ms
            ),
        );
        output.field(
            "CPU",
            format!(
                "{:.1} us a deposit, all validators and the load",
                self.cpu_us
            ),
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

    /// What the bridge costs; the server's own CPU time is not in it.
    fn compare(&self, in_process: &Self, output: &mut Output<'_>) {
        output.line("the bridge");
        output.field(
            "deposits/s",
            format!("{:.2} of in process", self.rate / in_process.rate),
        );
        let more_us = self.cpu_us - in_process.cpu_us;
        output.field("CPU", format!("{more_us:+.1} us a deposit"));
        let more_ms = (f64::from(self.figures.p50_us) - f64::from(in_process.figures.p50_us)) / 1e3;
        output.field("latency", format!("{more_ms:+.1} ms at p50"));
    }
}
