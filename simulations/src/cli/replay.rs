//! `wutong-sim replay`: a journal, stepped again.

use super::report;
use crate::replay::{Replay, Standing, describe};
use bus::journal_file::JournalFile;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `replay`.
#[derive(Args)]
pub(super) struct ReplayArgs {
    /// The journal: from `wutong journal export`, or from `run --journals`.
    journal: PathBuf,
    /// Stops behind this record and shows what it changed.
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
    /// Refuses a journal of another network.
    #[arg(long)]
    network: Option<String>,
    /// Prints each record.
    #[arg(long)]
    verbose: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Replays the journal.
pub(super) fn run(args: &ReplayArgs) -> Result<ExitCode, String> {
    let path = args.journal.display();
    let bytes = std::fs::read(&args.journal).map_err(|e| format!("{path}: {e}"))?;
    let file = JournalFile::read(&bytes).map_err(|e| format!("{path}: {e}"))?;
    let found = file.header.network.to_string();
    if let Some(expected) = args.network.as_ref().filter(|name| **name != found) {
        return Err(format!(
            "{path}: at byte 0: a journal of network {found}, not of {expected}"
        ));
    }
    let first = file.records.first().map_or(0, |r| r.seq);
    let last = file.records.last().map_or(0, |r| r.seq);
    if args.to.is_some_and(|to| to < first || to > last) {
        return Err(format!("--to: the journal holds records {first} to {last}"));
    }
    let header = file.header.clone();
    if !args.json {
        report::line(&format!(
            "{path}: records {first} to {last} of {} in network {}, behind height {}, written by \
             version {}",
            header.node, header.network, header.base, header.version
        ));
    }
    let mut replay = Replay::of_file(file).map_err(|e| format!("{path}: {e}"))?;
    let (mut before, mut difference) = (replay.standing(), None);
    while let Some(record) = replay.upcoming().cloned() {
        if args.to.is_some_and(|to| record.seq > to) {
            break;
        }
        if args.verbose && !args.json {
            report::line(&format!(
                "{:>8} {} {}",
                record.seq,
                record.now.0,
                describe(&record)
            ));
        }
        before = replay.standing();
        if let Err(found) = replay.step() {
            difference = Some(found);
            break;
        }
    }
    let standing = replay.standing();
    if args.json {
        let object = as_json(&header.node.to_string(), &standing, difference.as_ref());
        report::line(&object.to_string());
    } else {
        if let Some(to) = args.to {
            report::line(&format!("record {to} changed:"));
            changes(&before, &standing)
                .iter()
                .for_each(|line| report::line(line));
        }
        tell(&standing, difference.as_ref().map(ToString::to_string));
    }
    Ok(match difference {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    })
}

fn tell(standing: &Standing, difference: Option<String>) {
    report::line(&format!(
        "height {} with {} entries, log root {}, state root {}; {} statements wait",
        standing.height,
        standing.log_size,
        standing.log_root,
        standing.state_root,
        standing.waiting
    ));
    match difference {
        None => report::line(&format!(
            "identical: {} records stepped, {} of them led to votes, proposals, blocks, \
             cosignatures or checkpoints, each the same as before; the node was opened {} times",
            standing.records, standing.compared, standing.openings
        )),
        Some(difference) => report::line(&format!("DIFFERENT: {difference}")),
    }
}

fn as_json(
    node: &str,
    standing: &Standing,
    difference: Option<&crate::replay::Difference>,
) -> serde_json::Value {
    serde_json::json!({
        "node": node,
        "identical": difference.is_none(),
        "difference": difference.map(|d| serde_json::json!({"seq": d.seq, "what": d.what})),
        "records": standing.records,
        "compared": standing.compared,
        "openings": standing.openings,
        "height": standing.height.0,
        "log_size": standing.log_size,
        "log_root": standing.log_root,
        "state_root": standing.state_root,
        "waiting": standing.waiting,
    })
}

/// What differs between two standings, line by line.
fn changes(before: &Standing, after: &Standing) -> Vec<String> {
    let fields = |s: &Standing| {
        [
            ("height", s.height.to_string()),
            ("log size", s.log_size.to_string()),
            ("log root", s.log_root.clone()),
            ("state root", s.state_root.clone()),
            ("statements waiting", s.waiting.to_string()),
            ("openings", s.openings.to_string()),
        ]
    };
    let pairs = fields(before).into_iter().zip(fields(after));
    let changed = pairs.filter(|(b, a)| b != a);
    let lines: Vec<String> = changed
        .map(|((name, before), (_, after))| format!("  {name}: {before} -> {after}"))
        .collect();
    if lines.is_empty() {
        vec!["  nothing that is kept".into()]
    } else {
        lines
    }
}
