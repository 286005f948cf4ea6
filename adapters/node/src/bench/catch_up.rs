//! `wutong bench catch-up`: how fast an empty node fetches and applies what the others decided.

use super::deposits::{quiet, sign};
use super::load::{self, Pressure};
use crate::cluster::Cluster;
use crate::trial::{Founding, TrialNetwork, at_least_one, validators};
use actors::NodeHandle;
use adapters_cli::Output;
use bus::api::{Answer, Health, NodeApi, Query};
use clap::Args;
use serde_json::json;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Longest wait for the empty node.
const PATIENCE: Duration = Duration::from_secs(600);
/// Longest wait for an answer of a node.
const ANSWER: Duration = Duration::from_secs(10);
/// How often the node is asked how far it is.
const POLL: Duration = Duration::from_millis(5);

/// How fast an empty validator catches up, beside the rate at which the others committed.
///
/// All but one commit signed deposits, as fast as they can; then the one that has nothing is
/// started. Example: `wutong bench catch-up --seconds 10`
#[derive(Args)]
pub(crate) struct CatchUpArgs {
    /// How many validators; all but one must be enough to decide.
    #[arg(long, default_value_t = 4, value_parser = validators())]
    validators: usize,
    /// How many depositors, each with a key of its own.
    #[arg(long, default_value_t = 64, value_parser = at_least_one())]
    depositors: usize,
    /// How long the others commit, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Deposits under way at once.
    #[arg(long, default_value_t = 8192, value_parser = at_least_one())]
    in_flight: usize,
    /// Deposits signed beforehand; the run ends early when they are used up.
    #[arg(long, default_value_t = 200_000)]
    signed: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the benchmark.
pub(crate) fn run(args: &CatchUpArgs, output: &mut Output<'_>) -> Result<(), String> {
    if args.validators < 4 {
        return Err(format!(
            "--validators {}: expected 4 or more, so that the others decide without one",
            args.validators
        ));
    }
    let dir = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let founding = Founding {
        validators: args.validators,
        listed: Vec::new(),
    };
    let network = TrialNetwork::open_or_found(&dir.path().join("network"), &founding)?;
    output.note(&format!("signing {} deposits", args.signed));
    let entries = sign((args.signed, args.depositors), &network)?;
    let mut cluster = Cluster::start(network, quiet())?;
    let empty = args.validators - 1;
    cluster.stop_validator(empty)?;
    output.note(&format!("the others commit for {} s", args.seconds));
    let pressure = Pressure {
        in_flight: args.in_flight,
        time: Duration::from_secs(args.seconds),
    };
    let outcome = load::drive(cluster.handles(), entries, pressure)?;
    let live = outcome.committed as f64 / outcome.elapsed_s;
    let head = health(&cluster.handles()[0])?;
    output.note(&format!(
        "{} statements in {} blocks; the empty node starts",
        head.statements, head.height
    ));
    let started = Instant::now();
    cluster.start_validator(empty)?;
    let node = cluster.handles()[empty].clone();
    let (mut first, mut at) = (None, health(&node)?);
    while at.height < head.height {
        if started.elapsed() > PATIENCE {
            return Err(format!("it is at {} of {} still", at.height, head.height));
        }
        std::thread::sleep(POLL);
        at = health(&node)?;
        if at.height.0 > 0 {
            first.get_or_insert(started.elapsed());
        }
    }
    let took = started.elapsed();
    if at.log_root != head.log_root && at.height == head.height {
        return Err("the node that caught up has another log".into());
    }
    let caught = head.statements.0 as f64 / took.as_secs_f64();
    let first_ms = first.unwrap_or(took).as_secs_f64() * 1e3;
    if args.json {
        output.json(&json!({
            "validators": args.validators,
            "statements": head.statements.0,
            "blocks": head.height.0,
            "live_statements_per_second": live,
            "catch_up_statements_per_second": caught,
            "catch_up_blocks_per_second": head.height.0 as f64 / took.as_secs_f64(),
            "catch_up_seconds": took.as_secs_f64(),
            "first_block_ms": first_ms,
            "times_live": caught / live,
        }));
        return Ok(());
    }
    output.field("live", format!("{live:.0} statements/s"));
    output.field(
        "catch-up",
        format!(
            "{caught:.0} statements/s, {} blocks in {:.2} s (the first after {first_ms:.0} ms)",
            head.height,
            took.as_secs_f64()
        ),
    );
    output.field("ratio", format!("{:.1} times live", caught / live));
    Ok(())
}

fn health(node: &NodeHandle) -> Result<Health, String> {
    let (tell, told) = channel();
    let reply = Box::new(move |answer| {
        let _ = tell.send(answer);
    });
    node.query(Query::Health, reply);
    match told.recv_timeout(ANSWER) {
        Ok(Answer::Health(health)) => Ok(*health),
        other => Err(format!("no health: {other:?}")),
    }
}
