//! `wutong restore`: a node's ledger built again from a backup, every block of it verified.
//!
//! The store is filled beside its place and moved there when all of it holds. The node comes up as
//! one who forgot (DESIGN section 7): it may have signed more than the backup knows.

use super::PURPOSES;
use super::progress::Progress;
use crate::config::Config;
use crate::home::NodeHome;
use crate::trial::write_secret;
use crate::validator::lay_genesis;
use adapters_cli::Output;
use adapters_fjall::{FjallNode, Opened, Options};
use bus::backup_file::{BackupFileError, BackupItem, BackupKey, BackupReader};
use clap::Args;
use ledger::bodies::LodgedBody;
use ledger::rebuilding::Rebuilding;
use messages::cbor::Canonical;
use messages::hash::Hash;
use messages::ids::Height;
use messages::keys::PrivateKey;
use messages::ports::StrictVerifier;
use messages::wire::CertifiedBlock;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

/// Build the ledger of a node from a backup, in a folder that has none.
///
/// Every block is verified as if it came from a stranger: its certificate against genesis, its
/// roots by execution, its checkpoint against the policy. A validator that is restored signs
/// nothing until it knows from the others from which height on it cannot have signed before; be
/// sure that the node it replaces never runs again. Example:
/// `wutong restore --config ./net/node-0/node.toml --from node-0.wbackup`
#[derive(Args)]
pub(crate) struct RestoreArgs {
    /// The node's configuration.
    #[arg(long)]
    config: PathBuf,
    /// The backup.
    #[arg(long)]
    from: PathBuf,
    /// Write the private keys that the backup holds; none of them may be there already.
    #[arg(long)]
    with_keys: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

type Reader = BackupReader<BufReader<File>>;

/// Runs the command.
pub(crate) fn run(args: &RestoreArgs, output: &mut Output<'_>) -> Result<(), String> {
    let home = Config::read(&args.config)?.home(&args.config)?;
    let place = home.dir.join("ledger");
    if place.exists() {
        return Err(format!(
            "{}: there is a ledger already\nnext:  stop the node and move that folder away",
            place.display()
        ));
    }
    let from = args.from.display();
    let refused = |e: BackupFileError| format!("{from}: {e}");
    let file = File::open(&args.from).map_err(|e| format!("--from {from}: {e}"))?;
    let mut reader = BackupReader::new(BufReader::new(file)).map_err(refused)?;
    check_header(&reader, &home).map_err(|e| format!("{from}: {e}"))?;
    let fresh = home.dir.join("ledger.restoring");
    let fail = |e: std::io::Error| format!("{}: {e}", fresh.display());
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(fail)?;
    }
    fs::create_dir_all(&home.dir).map_err(|e| format!("{}: {e}", home.dir.display()))?;
    let opened = open(&home, &fresh)?;
    let filled = Filling::new(&home, &opened)
        .and_then(|mut filling| filling.fill(&mut reader).map_err(refused));
    drop(opened);
    let filled = filled.inspect_err(|_| {
        // What does not hold is of no use; a next attempt removes it too.
        let _ = fs::remove_dir_all(&fresh);
    })?;
    let keys = put_keys(args, &home, &filled.keys)?;
    fs::write(home.dir.join("initialised"), "this node has run\n").map_err(fail)?;
    fs::rename(&fresh, &place).map_err(fail)?;
    File::open(&home.dir)
        .and_then(|dir| dir.sync_all())
        .map_err(fail)?;
    tell(args, &home, &filled, keys, output);
    Ok(())
}

fn check_header(reader: &Reader, home: &NodeHome) -> Result<(), String> {
    let header = reader.header();
    if header.genesis[..] == home.genesis.to_bytes()[..] {
        return Ok(());
    }
    Err(format!(
        "a backup of network {}; node.genesis is another document, of network {}\n\
         next:  name the genesis document of that network in node.toml",
        header.network, home.genesis.network
    ))
}

/// An empty store that says durably that its node forgot, before anything is in it.
fn open(home: &NodeHome, fresh: &std::path::Path) -> Result<Opened, String> {
    let (network, shown) = (&home.genesis.network, fresh.display());
    let fail = |e: &dyn std::fmt::Display| format!("{shown}: {e}");
    FjallNode::init(fresh, network).map_err(|e| fail(&e))?;
    let opened = FjallNode::open(fresh, network, Options::default()).map_err(|e| fail(&e))?;
    wait(|done| opened.node.set_amnesiac(done)).map_err(|e| fail(&e))?;
    lay_genesis(&home.genesis, &*opened.store).map_err(|e| fail(&e))?;
    Ok(opened)
}

/// Waits until something is durable.
fn wait(begin: impl FnOnce(bus::ports::Completion)) -> Result<(), String> {
    let (done, durable) = mpsc::channel();
    begin(Box::new(move || {
        let _ = done.send(());
    }));
    durable.recv().map_err(|_| "a write failed".to_owned())
}

/// What came of a backup.
struct Filled {
    height: Height,
    root: Hash,
    statements: u64,
    checkpoint: Option<Height>,
    bodies: u64,
    bodies_missing: u64,
    node: String,
    keys: Vec<BackupKey>,
}

/// A store that is being filled.
struct Filling<'a> {
    home: &'a NodeHome,
    opened: &'a Opened,
    rebuilding: Rebuilding,
    written: (mpsc::Sender<Height>, mpsc::Receiver<Height>),
    checkpoint: Option<Height>,
    /// Bodies that came ahead of their block.
    bodies: Vec<(Hash, bytes::Bytes)>,
    bodies_written: u64,
    bodies_missing: u64,
    keys: Vec<BackupKey>,
}

impl<'a> Filling<'a> {
    fn new(home: &'a NodeHome, opened: &'a Opened) -> Result<Self, String> {
        let (store, bodies) = (opened.store.clone(), opened.bodies.clone());
        let verifier = Arc::new(StrictVerifier);
        Ok(Self {
            rebuilding: Rebuilding::new(home.genesis.clone(), store, bodies, verifier)?,
            home,
            opened,
            written: mpsc::channel(),
            checkpoint: None,
            bodies: Vec::new(),
            bodies_written: 0,
            bodies_missing: 0,
            keys: Vec::new(),
        })
    }

    fn fill(&mut self, reader: &mut Reader) -> Result<Filled, BackupFileError> {
        let progress = Progress::new("restore", reader.header().height.0);
        loop {
            let item = reader.item()?;
            match self.take(item) {
                Ok(true) => {}
                Ok(false) => break,
                Err(reason) => return Err(reader.refuse(reason)),
            }
            progress.at(self.rebuilding.chain().height.0);
        }
        let chain = self.rebuilding.chain();
        Ok(Filled {
            height: chain.height,
            root: chain.log.root(),
            statements: chain.ordinal,
            checkpoint: self.checkpoint,
            bodies: self.bodies_written,
            bodies_missing: self.bodies_missing,
            node: reader.header().node.to_string(),
            keys: std::mem::take(&mut self.keys),
        })
    }

    /// Takes an item; gives whether more is to come.
    fn take(&mut self, item: BackupItem) -> Result<bool, String> {
        match item {
            BackupItem::Key(key) => self.keys.push(key),
            BackupItem::Body(bytes) => self.bodies.push((Hash::of(&bytes), bytes)),
            BackupItem::Block(block) => self.take_block(&block)?,
            BackupItem::Checkpoint(checkpoint) => {
                let (note, signatures) = (checkpoint.note, checkpoint.signatures);
                self.rebuilding.checkpoint(&note, &signatures)?;
                self.checkpoint = Some(signatures.height);
                self.opened.store.put_checkpoint(note, signatures);
            }
            BackupItem::End(_) => {
                self.finish()?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn take_block(&mut self, block: &CertifiedBlock) -> Result<(), String> {
        let next = self.rebuilding.chain().next_height();
        let (commit, lodged) = self
            .rebuilding
            .block(block)
            .map_err(|e| format!("block {next}: {e}"))?;
        self.take_bodies(&lodged)?;
        let (height, sender) = (commit.block.height, self.written.0.clone());
        let done = Box::new(move || {
            // A filling that failed waits for nothing.
            let _ = sender.send(height);
        });
        self.opened.store.commit(commit, done);
        // Some writes share a sync; not so many that memory grows.
        while let Ok(height) = self.written.1.try_recv() {
            self.rebuilding.written(height);
        }
        if height.0.is_multiple_of(256) {
            self.flush(height)?;
        }
        Ok(())
    }

    /// Writes the bodies that a block lodges; a body that no block lodges is refused.
    fn take_bodies(&mut self, lodged: &[LodgedBody]) -> Result<(), String> {
        for body in lodged {
            let here = self
                .bodies
                .iter()
                .position(|(digest, _)| *digest == body.digest);
            if let Some(place) = here {
                let (digest, bytes) = self.bodies.swap_remove(place);
                wait(|done| self.opened.bodies.put_body(digest, bytes, done))?;
                self.bodies_written += 1;
            } else if !self.opened.bodies.holds_body(&body.digest) {
                let namespace = self.home.genesis.namespace(&body.namespace);
                let duty = namespace.is_some_and(|n| n.is_held_by(&self.home.name()));
                self.bodies_missing += u64::from(duty);
            }
        }
        match self.bodies.pop() {
            None => Ok(()),
            Some((digest, _)) => Err(format!("no statement of the block lodges body {digest}")),
        }
    }

    /// Waits until everything up to `height` is durable.
    fn flush(&mut self, height: Height) -> Result<(), String> {
        while self
            .rebuilding
            .pending()
            .is_some_and(|oldest| oldest <= height)
        {
            let written = self.written.1.recv().map_err(|e| e.to_string())?;
            self.rebuilding.written(written);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        if !self.bodies.is_empty() {
            return Err("a body without its block".into());
        }
        let height = self.rebuilding.chain().height;
        if height > Height(0) && self.checkpoint.is_none() {
            return Err("it holds no checkpoint: no quorum vouches for its log".into());
        }
        self.flush(height)
    }
}

/// Writes the keys of a backup, if they are asked for: each must be that of genesis.
fn put_keys(args: &RestoreArgs, home: &NodeHome, keys: &[BackupKey]) -> Result<bool, String> {
    if !args.with_keys {
        return Ok(false);
    }
    let from = args.from.display();
    if keys.is_empty() {
        return Err(format!(
            "{from}: it holds no keys\nnext:  leave --with-keys out, and put keys/ back yourself"
        ));
    }
    let Some(own) = home.validator() else {
        return Err(format!(
            "{} is an observer, whose keys are in no genesis\n\
             next:  leave --with-keys out, and put keys/ back yourself",
            home.name()
        ));
    };
    let folder = home.dir.join("keys");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for key in keys {
        let expected = match &*key.purpose {
            "consensus" => own.consensus,
            "log" => own.log,
            "cosigner" => own.cosigner,
            "receipt" => own.receipt,
            "transport" => own.transport,
            other => {
                return Err(format!(
                    "{from}: a key for {other:?}; expected {PURPOSES:?}"
                ));
            }
        };
        let private = PrivateKey::from_pem(&key.pem).map_err(|e| format!("{from}: key: {e}"))?;
        if private.public() != expected {
            let (purpose, name) = (&key.purpose, &own.name);
            return Err(format!(
                "{from}: its {purpose} key is not that of {name} in genesis"
            ));
        }
        let path = folder.join(format!("{}.pem", key.purpose));
        if path.exists() {
            return Err(format!(
                "{}: there is a key already\nnext:  leave --with-keys out to keep it",
                path.display()
            ));
        }
        write_secret(&path, &key.pem)?;
    }
    Ok(true)
}

fn tell(args: &RestoreArgs, home: &NodeHome, filled: &Filled, keys: bool, output: &mut Output<'_>) {
    let checkpoint = filled.checkpoint.map_or(0, |height| height.0);
    if args.json {
        output.json(&serde_json::json!({
            "node": home.name().to_string(),
            "from_node": filled.node,
            "height": filled.height.0,
            "log_root": filled.root.to_string(),
            "statements": filled.statements,
            "checkpoint": checkpoint,
            "bodies": filled.bodies,
            "bodies_missing": filled.bodies_missing,
            "keys": keys,
        }));
        return;
    }
    output.line(&format!(
        "{}: {} statements in {} blocks verified, cosigned up to height {checkpoint}, {} bodies\n\
         root  {}",
        home.name(),
        filled.statements,
        filled.height,
        filled.bodies,
        filled.root
    ));
    if filled.bodies_missing > 0 {
        output.note(&format!(
            "warning: {} bodies that this node should hold are not in the backup",
            filled.bodies_missing
        ));
    }
    output.note(
        "it signs nothing until the others told where they stand; the node that it replaces must \
         never run again",
    );
    if home.genesis.validators.len() == 1 {
        output.note("warning: a lone validator has nobody to ask, and signs nothing from here on");
    }
    output.line(&format!(
        "next:  wutong node --config {}",
        args.config.display()
    ));
}
