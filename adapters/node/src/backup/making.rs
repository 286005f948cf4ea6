//! A backup as it leaves a ledger.
//!
//! Blocks, entries and checkpoints never change once they are durable, so everything up to the head
//! at the beginning is one consistent state, whatever the node commits meanwhile.

use crate::home::NodeHome;
use crate::validator::Ledger;
use bus::backup_file::{BackupCheckpoint, BackupEnd, BackupHeader, BackupItem, BackupWriter};
use ledger::admission::lodged_body;
use ledger::execution::Entry;
use ledger::storage::certified_block;
use messages::cbor::Canonical;
use messages::ids::{Height, TimeMs};
use messages::stored::HeadSignatures;
use messages::wire::CertifiedBlock;
use std::io::{self, BufWriter, Write};

/// Writes a backup of what is durable now.
///
/// # Errors
/// Those of `out`, and what is missing in the store.
pub(super) fn write(
    home: &NodeHome,
    ledger: &Ledger,
    now: TimeMs,
    out: impl Write,
) -> io::Result<()> {
    let head = ledger.store.head().map_or(Height(0), |block| block.height);
    let header = BackupHeader {
        network: home.genesis.network.clone(),
        node: home.name(),
        genesis: home.genesis.to_bytes().into(),
        height: head,
        made: now,
        version: env!("CARGO_PKG_VERSION").into(),
    };
    let mut writer = BackupWriter::new(BufWriter::new(out), &header)?;
    let mut end = BackupEnd::default();
    let mut checkpoint = ledger.store.checkpoint_from(Height(1));
    for height in (1..=head.0).map(Height) {
        let block = certified_block(&*ledger.store, height)
            .ok_or_else(|| io::Error::other(format!("block {height} is missing in the store")))?;
        end.bodies_missing += write_bodies(home, ledger, &block, &mut writer)?;
        writer.item(BackupItem::Block(block))?;
        while let Some((at, note)) = checkpoint.take_if(|(at, _)| *at <= height) {
            if at == height {
                let none = || HeadSignatures {
                    height,
                    signatures: Vec::new(),
                };
                let signatures = ledger.store.head_signatures(height).unwrap_or_else(none);
                writer.item(BackupItem::Checkpoint(BackupCheckpoint {
                    note,
                    signatures,
                }))?;
            }
            checkpoint = ledger.store.checkpoint_from(height.next());
        }
    }
    writer.item(BackupItem::End(end))?;
    writer.finish()?;
    Ok(())
}

/// Writes the bodies that a block lodges and this node holds; gives how many it lacks.
fn write_bodies<W: Write>(
    home: &NodeHome,
    ledger: &Ledger,
    block: &CertifiedBlock,
    writer: &mut BackupWriter<W>,
) -> io::Result<u64> {
    let mut missing = 0;
    let statements = block.block.statements.iter().cloned();
    let entries = statements.filter_map(|bytes| Entry::parse(bytes).ok());
    for body in entries.filter_map(|entry| lodged_body(&entry)) {
        let namespace = home.genesis.namespace(&body.namespace);
        match ledger.bodies.body(&body.digest) {
            Some(bytes) => writer.item(BackupItem::Body(bytes))?,
            None if namespace.is_some_and(|n| n.is_held_by(&home.name())) => missing += 1,
            None => {}
        }
    }
    Ok(missing)
}
