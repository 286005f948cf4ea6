//! Journals and traces of a run, as files.

use crate::founders::node_name;
use crate::tester::{Tester, View};
use bus::journal_file::{FileHeader, JournalFileWriter};
use messages::cbor::Canonical;
use messages::ids::Height;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// Writes the journal of each validator of a world into a folder, as
/// `seed-<seed>-node-<place>.wjournal`.
pub struct JournalExporter(pub PathBuf);

impl Tester for JournalExporter {
    fn at_close(&mut self, world: &mut View<'_>) {
        for node in 0..world.plan.nodes {
            let path = self
                .0
                .join(format!("seed-{}-node-{node}.wjournal", world.plan.seed));
            if let Err(error) = write(&path, node, world) {
                world.violate(format!("{}: {error}", path.display()));
            }
        }
    }
}

/// The journal of one node; one that lost its beginning has none.
fn write(path: &Path, node: usize, world: &View<'_>) -> io::Result<()> {
    let (first, records) = world.look(node, |t| (t.first_seq, t.records.clone()));
    if first != 1 {
        return Ok(());
    }
    let genesis = world.genesis();
    let header = FileHeader {
        network: genesis.network.clone(),
        node: node_name(node),
        genesis: genesis.to_bytes().into(),
        base: Height(0),
        secret: world.secret(),
        version: "simulated".into(),
    };
    let file = BufWriter::new(File::create(path)?);
    let mut writer = JournalFileWriter::new(file, &header)?;
    for record in records {
        writer.record(record)?;
    }
    writer.finish()?;
    Ok(())
}
