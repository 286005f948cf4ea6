//! `wutong bench deposits`: signed single deposits/s to final receipt.

use super::calibrate::{self, Bound};
use super::machine::{cpu_seconds, disk_bytes, percentile};
use crate::cluster::{Cluster, ClusterOptions};
use crate::trial::{Founding, TrialNetwork, now, random};
use actors::NodeHandle;
use adapters_cli::Output;
use bus::api::{NodeApi, SubmitAnswer};
use bytes::Bytes;
use clap::Args;
use messages::deposit::{Deposit, DigestAlgorithm, Lodged};
use messages::hash::Hash;
use messages::ids::Name;
use messages::keys::PrivateKey;
use messages::statement::Statement;
use messages::verify::verify_bytes;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long an answer is waited for after the last submission.
const WAIT_MS: u64 = 60_000;

/// Signed single deposits per second to final receipt, all validators on this machine.
///
/// The load is signed beforehand; fjall and fsync are on. Example:
/// `wutong bench deposits --validators 4 --depositors 64 --seconds 10 --json`
#[derive(Args)]
pub(crate) struct DepositsArgs {
    /// How many validators.
    #[arg(long, default_value_t = 4)]
    validators: usize,
    /// How many depositors, each with a key of its own.
    #[arg(long, default_value_t = 64)]
    depositors: usize,
    /// How long deposits are submitted, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Deposits under way at once; 1 measures the latency of light load.
    #[arg(long, default_value_t = 8192)]
    in_flight: usize,
    /// Deposits signed beforehand; the run ends early when they are used up.
    #[arg(long, default_value_t = 400_000)]
    signed: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What the answers told.
#[derive(Default)]
struct Tally {
    latencies_us: Vec<u32>,
    refused: Vec<String>,
    /// Every so many receipts, one to verify offline.
    samples: Vec<String>,
    under_way: usize,
    last: Option<Instant>,
}

struct Load {
    entries: Vec<Bytes>,
    next: AtomicUsize,
    nodes: Vec<NodeHandle>,
    until: Instant,
    tally: Mutex<Tally>,
    ended: Condvar,
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

/// Runs the benchmark.
pub(crate) fn run(args: &DepositsArgs, output: &mut Output<'_>) -> Result<(), String> {
    if args.depositors == 0 || args.in_flight == 0 || args.seconds == 0 {
        return Err("--depositors, --in-flight and --seconds: expected at least 1".into());
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
    let options = ClusterOptions {
        http: None,
        events: None,
        board: None,
        on_halt: Arc::new(|i, reason| {
            tracing::error!(validator = i, reason, "a validator stopped by itself");
        }),
    };
    let cluster = Cluster::start(network, options)?;
    let policy = cluster.network().genesis.policy()?;
    output.note(&format!("submitting for {} s", args.seconds));
    let cpu_before = cpu_seconds()?;
    let began = Instant::now();
    let load = drive(args, entries, cluster.handles(), began)?;
    let cpu_s = cpu_seconds()? - cpu_before;
    let mut tally = load.tally.lock().map_err(|_| "the load panicked")?;
    if let Some(refusal) = tally.refused.first() {
        return Err(format!(
            "{} deposits were refused; the first: {refusal}",
            tally.refused.len()
        ));
    }
    for receipt in &tally.samples {
        let report = verify_bytes(receipt.as_bytes(), &policy, None);
        if !report.is_accepted() {
            return Err("a receipt of the run does not verify".into());
        }
    }
    tally.latencies_us.sort_unstable();
    let last = tally.last.ok_or("no deposit was committed")?;
    let committed = tally.latencies_us.len();
    let blocks = head_height(&cluster)?;
    let root = cluster.network().dir.clone();
    drop(cluster);
    let used = disk_bytes(&root)
        .map_err(|e| e.to_string())?
        .saturating_sub(empty);
    let used_entries = &load.entries[..committed.min(load.entries.len())];
    let entry_bytes = used_entries.iter().map(Bytes::len).sum::<usize>();
    let figures = Figures {
        committed,
        elapsed_s: last.duration_since(began).as_secs_f64(),
        cpu_s,
        p50_us: percentile(&tally.latencies_us, 0.50),
        p99_us: percentile(&tally.latencies_us, 0.99),
        bytes_per_deposit: used as f64 / (committed * args.validators) as f64,
        entry_bytes: entry_bytes as f64 / committed as f64,
        blocks,
        verified: tally.samples.len(),
    };
    report(args, &bound, &figures, output);
    Ok(())
}

fn sign(args: &DepositsArgs, network: &TrialNetwork) -> Result<Vec<Bytes>, String> {
    let keys: Vec<PrivateKey> = (0..args.depositors)
        .map(|_| random().map(|seed| PrivateKey::from_seed(&seed)))
        .collect::<Result<_, _>>()?;
    let genesis = &network.genesis;
    let namespace = Name::try_new("public").map_err(|e| e.to_string())?;
    let salt = random()?;
    let make = |i: usize| -> Result<Bytes, String> {
        let deposit = Deposit {
            network: genesis.network.clone(),
            namespace: namespace.clone(),
            lodged: Lodged::Commitment(Hash::of_parts(&[&salt, &(i as u64).to_be_bytes()])),
            algorithm: DigestAlgorithm::Sha256,
            declared_time: Some(now()),
            not_before: None,
            references: Vec::new(),
        };
        let key = &keys[i % keys.len()];
        let issuer = format!("key:{}", key.public().fingerprint());
        let statement = Statement::sign(key, &issuer, "bench", deposit);
        Ok(statement.map_err(|e| e.to_string())?.entry().into())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = args.signed.div_ceil(threads);
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|t| {
                let range = t * share..((t + 1) * share).min(args.signed);
                scope.spawn(move || range.map(make).collect::<Result<Vec<_>, _>>())
            })
            .collect();
        let mut entries = Vec::with_capacity(args.signed);
        for part in parts {
            entries.extend(part.join().map_err(|_| "signing panicked")??);
        }
        Ok(entries)
    })
}

/// Submits until the time is over, `in_flight` at once, and waits for the last answer.
fn drive(
    args: &DepositsArgs,
    entries: Vec<Bytes>,
    nodes: Vec<NodeHandle>,
    began: Instant,
) -> Result<Arc<Load>, String> {
    let load = Arc::new(Load {
        entries,
        next: AtomicUsize::new(0),
        nodes,
        until: began + Duration::from_secs(args.seconds),
        tally: Mutex::new(Tally {
            under_way: args.in_flight,
            ..Tally::default()
        }),
        ended: Condvar::new(),
    });
    for lane in 0..args.in_flight {
        submit_next(&load, lane);
    }
    let tally = load.tally.lock().map_err(|_| "the load panicked")?;
    let patience = Duration::from_secs(args.seconds) + Duration::from_millis(WAIT_MS);
    let waited = load
        .ended
        .wait_timeout_while(tally, patience, |tally| tally.under_way > 0);
    let (tally, timeout) = waited.map_err(|_| "the load panicked")?;
    if timeout.timed_out() {
        return Err(format!("{} deposits got no answer", tally.under_way));
    }
    drop(tally);
    Ok(load)
}

/// Submits the next deposit of a lane, which goes on when the answer comes.
fn submit_next(load: &Arc<Load>, lane: usize) {
    let i = load.next.fetch_add(1, Ordering::Relaxed);
    let Some(entry) = load.entries.get(i).filter(|_| Instant::now() < load.until) else {
        let mut tally = load.tally.lock().expect("no reply panics under the lock");
        tally.under_way -= 1;
        if tally.under_way == 0 {
            load.ended.notify_all();
        }
        return;
    };
    let began = Instant::now();
    let again = load.clone();
    let reply = Box::new(move |answer| {
        again
            .tally
            .lock()
            .expect("no reply panics under the lock")
            .take(began, answer, i);
        submit_next(&again, lane);
    });
    load.nodes[lane % load.nodes.len()].submit(entry.clone(), Some(WAIT_MS), reply);
}

impl Tally {
    fn take(&mut self, began: Instant, answer: SubmitAnswer, i: usize) {
        match answer {
            SubmitAnswer::Committed(committed) => {
                let now = Instant::now();
                self.latencies_us
                    .push(now.duration_since(began).as_micros() as u32);
                self.last = Some(now);
                if i.is_multiple_of(1000) {
                    self.samples.push(committed.receipt);
                }
            }
            other => self.refused.push(format!("{other:?}")),
        }
    }
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
        }));
        return;
    }
    output.field("deposits/s", format!("{rate:.0} to final receipt"));
    output.field(
        "share of bound",
        format!("{:.0} % of {ceiling:.0}/s", share * 100.0),
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
