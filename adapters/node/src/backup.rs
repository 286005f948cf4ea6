//! `wutong backup`: the ledger of a node as one file, while the node runs.

mod door;
mod making;
mod progress;
mod restoring;

pub(crate) use door::Door;
pub(crate) use restoring::{RestoreArgs, run as restore};

use crate::config::Config;
use crate::home::NodeHome;
use crate::trial;
use crate::validator::{self, Ledger};
use adapters_cli::Output;
use bus::backup_file::{BackupEnd, BackupItem, BackupKey, BackupReader, BackupWriter};
use clap::Args;
use progress::Progress;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;

/// Write the ledger of a node to a file, from which `wutong restore` builds it again.
///
/// The node may run: it hands the blocks out itself, up to the height at which it stands, through
/// a socket in its folder that only its own user reaches. The file holds genesis, blocks with
/// their certificates, checkpoints and bodies; it holds no private key unless you ask for it.
/// Example: `wutong backup --config ./net/node-0/node.toml --out node-0.wbackup`
#[derive(Args)]
pub(crate) struct BackupArgs {
    /// The node's configuration.
    #[arg(long)]
    config: PathBuf,
    /// File to write; it must not be there yet.
    #[arg(long)]
    out: PathBuf,
    /// Put the node's private keys into the file. Whoever reads it can sign as the node.
    #[arg(long)]
    with_keys: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// The keys of a validator, by file.
const PURPOSES: [&str; 5] = ["consensus", "log", "cosigner", "receipt", "transport"];

/// Runs the command.
pub(crate) fn run(args: &BackupArgs, output: &mut Output<'_>) -> Result<(), String> {
    let home = Config::read(&args.config)?.home(&args.config)?;
    let keys = match args.with_keys {
        true => read_keys(&home)?,
        false => Vec::new(),
    };
    let out = args.out.display();
    if args.out.exists() {
        return Err(format!(
            "--out {out}: there is a file already\nnext:  name a new one; backups are never replaced"
        ));
    }
    let partial = partial(&args.out);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)
        .map_err(|e| {
            let partial = partial.display();
            format!("{partial}: {e}\nnext:  if no other backup runs, remove that file")
        })?;
    let made = source(&home).and_then(|source| copy(source, file, keys));
    // The name appears when all is there, and replaces nothing.
    let made = made.and_then(|made| {
        let linked = std::fs::hard_link(&partial, &args.out);
        linked.map_err(|e| format!("--out {out}: {e}"))?;
        Ok(made)
    });
    let removed = std::fs::remove_file(&partial);
    let made = made?;
    removed.map_err(|e| format!("{}: {e}", partial.display()))?;
    tell(args, &made, output);
    Ok(())
}

/// What was written.
struct Made {
    node: String,
    height: u64,
    end: BackupEnd,
    bytes: u64,
}

fn tell(args: &BackupArgs, made: &Made, output: &mut Output<'_>) {
    let (out, end) = (args.out.display(), made.end);
    if args.json {
        output.json(&serde_json::json!({
            "file": out.to_string(),
            "node": made.node,
            "height": made.height,
            "checkpoints": end.checkpoints,
            "bodies": end.bodies,
            "bodies_missing": end.bodies_missing,
            "with_keys": args.with_keys,
            "bytes": made.bytes,
        }));
        return;
    }
    output.line(&format!(
        "{out}: {} up to height {}, {} checkpoints, {} bodies, {} bytes",
        made.node, made.height, end.checkpoints, end.bodies, made.bytes
    ));
    if end.bodies_missing > 0 {
        output.note(&format!(
            "warning: {} bodies that the node should hold could not be read",
            end.bodies_missing
        ));
    }
    if args.with_keys {
        output.note("the file holds private keys: whoever reads it can sign as the node");
    }
}

fn partial(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn read_keys(home: &NodeHome) -> Result<Vec<BackupKey>, String> {
    home.keys()?; // Each is that of genesis, and others cannot read it.
    let purposes: &[&str] = match home.validator() {
        Some(_) => &PURPOSES,
        None => &["transport"],
    };
    let read = |purpose: &str| {
        let path = home.dir.join("keys").join(format!("{purpose}.pem"));
        let pem = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let purpose = purpose.to_owned();
        Ok(BackupKey { purpose, pem })
    };
    purposes.iter().map(|purpose| read(purpose)).collect()
}

/// The stream of a backup: from the running node, or else from its ledger at rest.
fn source(home: &NodeHome) -> Result<Box<dyn Read>, String> {
    if let Some(stream) = door::knock(&home.dir)? {
        return Ok(Box::new(stream));
    }
    if !home.dir.join("ledger").exists() {
        return Err(format!(
            "{}: there is no ledger\nnext:  look whether node.folder names the node's folder",
            home.dir.display()
        ));
    }
    let opened = validator::open(home).map_err(|e| {
        format!(
            "{e}\nnext:  the node does not answer at its socket and its ledger cannot be opened; \
             if it runs as another user, run this as that one"
        )
    })?;
    let ledger = Ledger {
        store: opened.store,
        bodies: opened.bodies,
    };
    let (reads, writes) =
        std::os::unix::net::UnixStream::pair().map_err(|e| format!("cannot copy: {e}"))?;
    let home = home.clone();
    // What goes wrong there cuts the stream, which its reader sees.
    thread::spawn(move || making::write(&home, &ledger, trial::now(), writes));
    Ok(Box::new(reads))
}

/// Copies a stream item by item, each checked, and puts keys in; durable when it returns.
fn copy(source: Box<dyn Read>, file: File, keys: Vec<BackupKey>) -> Result<Made, String> {
    let mut reader = BackupReader::new(BufReader::new(source)).map_err(|e| failed(&e))?;
    let header = reader.header().clone();
    let fail = |e: std::io::Error| format!("cannot write the file: {e}");
    let mut writer = BackupWriter::new(BufWriter::new(file), &header).map_err(fail)?;
    for key in keys {
        writer.item(BackupItem::Key(key)).map_err(fail)?;
    }
    let progress = Progress::new("backup", header.height.0);
    loop {
        let item = reader.item().map_err(|e| failed(&e))?;
        let is_end = matches!(item, BackupItem::End(_));
        writer.item(item).map_err(fail)?;
        progress.at(writer.end.blocks);
        if is_end {
            break;
        }
    }
    let end = writer.end;
    let file = writer.finish().map_err(fail)?.into_inner();
    let file = file.map_err(|e| fail(e.into_error()))?;
    file.sync_all().map_err(fail)?;
    Ok(Made {
        node: header.node.to_string(),
        height: header.height.0,
        end,
        bytes: file.metadata().map_err(fail)?.len(),
    })
}

fn failed(error: &bus::backup_file::BackupFileError) -> String {
    format!("the node's answer broke off: {error}\nnext:  look at the node's log, and try again")
}
