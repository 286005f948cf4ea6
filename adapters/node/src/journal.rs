//! `wutong journal`: what a node received, as one portable file.

use crate::trial::TrialNetwork;
use crate::validator;
use adapters_cli::Output;
use bus::journal_file::{FileHeader, JournalFileWriter};
use bus::ports::{Journal, Record, Store, Stream};
use clap::{Args, Subcommand};
use ledger::storage::certified_block;
use messages::cbor::Canonical;
use messages::ids::Height;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

/// What to do with a journal.
#[derive(Subcommand)]
pub(crate) enum JournalCommand {
    /// Write the journal of a stopped node to a file.
    ///
    /// The file holds everything that the node's machines received, with the genesis document and
    /// the blocks before its beginning: `wutong-sim replay FILE` steps it again on any machine,
    /// without any key, and proves that it leads to the same. It holds statements as they were
    /// deposited, and no private key. Example:
    /// `wutong journal export --data ./trial --validator 0 --out validator-0.wjournal`
    Export(ExportArgs),
}

/// Options of `journal export`.
#[derive(Args)]
pub(crate) struct ExportArgs {
    /// Folder of the network.
    #[arg(long, default_value = "wutong-devnet")]
    data: PathBuf,
    /// Whose journal: the validator's number, counted from 0.
    #[arg(long)]
    validator: usize,
    /// File to write; it must not be there yet.
    #[arg(long)]
    out: PathBuf,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(command: &JournalCommand, output: &mut Output<'_>) -> Result<(), String> {
    match command {
        JournalCommand::Export(args) => export(args, output),
    }
}

fn export(args: &ExportArgs, output: &mut Output<'_>) -> Result<(), String> {
    let network = TrialNetwork::open(&args.data)?;
    let validators = network.genesis.validators.len();
    if args.validator >= validators {
        return Err(format!(
            "--validator {}: the network has {validators}, numbered from 0",
            args.validator
        ));
    }
    let opened = validator::open(&network.home(args.validator))
        .map_err(|e| format!("{e}\nnext:  stop the node first; a journal is exported at rest"))?;
    let records = all_records(&*opened.journal);
    let first = records.first().map_or(1, |record| record.seq);
    let base = base(&*opened.store, first)?;
    let header = FileHeader {
        network: network.genesis.network.clone(),
        node: network.name(args.validator),
        genesis: network.genesis.to_bytes().into(),
        base,
        secret: None,
        version: env!("CARGO_PKG_VERSION").into(),
    };
    let fail = |e: std::io::Error| format!("{}: {e}", args.out.display());
    let file = File::create_new(&args.out).map_err(fail)?;
    let mut writer = JournalFileWriter::new(BufWriter::new(file), &header).map_err(fail)?;
    for height in 1..=base.0 {
        let block = certified_block(&*opened.store, Height(height));
        let block = block.ok_or_else(|| format!("block {height} is missing in the store"))?;
        writer.block(block).map_err(fail)?;
    }
    let count = records.len();
    for record in records {
        writer.record(record).map_err(fail)?;
    }
    let file = writer.finish().map_err(fail)?.into_inner();
    let file = file.map_err(|e| fail(e.into_error()))?;
    file.sync_all().map_err(fail)?;
    let bytes = file.metadata().map_err(fail)?.len();
    let out = args.out.display();
    if args.json {
        output.json(&serde_json::json!({
            "file": out.to_string(),
            "node": header.node.to_string(),
            "base_height": base.0,
            "records": count,
            "bytes": bytes,
        }));
    } else {
        output.line(&format!(
            "{out}: {count} records of {} from height {base} on, {bytes} bytes\n\
             next:  wutong-sim replay {out}",
            header.node
        ));
    }
    Ok(())
}

/// The records of all streams, in order.
fn all_records(journal: &dyn Journal) -> Vec<Record> {
    let streams = [Stream::Node, Stream::Consensus, Stream::Checkpoint];
    let mut records: Vec<Record> = streams
        .into_iter()
        .flat_map(|stream| journal.load(stream, 1))
        .collect();
    records.sort_by_key(|record| record.seq);
    records
}

/// The height behind which the records begin: genesis when they are all there, or else the first
/// block whose replay needs none that is gone.
fn base(store: &dyn Store, first: u64) -> Result<Height, String> {
    let head = store.head().map_or(Height(0), |block| block.height);
    let whole = |height: &u64| {
        let block = store.block(Height(*height));
        block.is_some_and(|block| block.replay_from >= first)
    };
    let height = (0..=head.0).find(whole);
    height.map(Height).ok_or_else(|| {
        "the journal holds too little to be replayed: let the node commit another block".into()
    })
}
