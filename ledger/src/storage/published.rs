//! What is published: the checkpoints that clients' receipts rest on.

use messages::checkpoint::Checkpoint;
use messages::ids::{Height, StatementId, TreeSize};
use messages::note::Note;
use messages::stored::{HeadSignatures, LedgerReader};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A published checkpoint, read.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub(super) height: Height,
    pub(super) note: Note,
    pub(super) size: TreeSize,
    pub(super) signatures: HeadSignatures,
}

impl Published {
    /// Reads a note that the checkpoint actor formed.
    pub(super) fn read(text: &str, signatures: HeadSignatures) -> Self {
        let note = Note::parse(text).expect("the checkpoint actor hands over notes that parse");
        let head = Checkpoint::parse(&note.text).expect("and whose text is a checkpoint");
        Self {
            height: signatures.height,
            note,
            size: head.size,
            signatures,
        }
    }

    /// Reads a checkpoint that the store gave. One that was published before there were receipt
    /// signatures has none.
    pub(super) fn stored(reader: &dyn LedgerReader, (height, text): (Height, String)) -> Self {
        let signatures = reader.head_signatures(height).unwrap_or(HeadSignatures {
            height,
            signatures: Vec::new(),
        });
        Self::read(&text, signatures)
    }
}

/// Statements of the durable blocks that have no published checkpoint yet.
pub(super) fn unpublished(
    reader: &dyn LedgerReader,
    head: Height,
    published: Option<Height>,
) -> BTreeMap<Height, Arc<Vec<StatementId>>> {
    let first = published.map_or(1, |height| height.0 + 1);
    let ids_of = |height: u64| {
        let block = reader.block(Height(height))?;
        let entries = reader.entries(block.first_leaf, block.entry_count as usize - 1);
        let ids = entries
            .iter()
            .map(|entry| StatementId::of_entry(entry))
            .collect();
        Some((Height(height), Arc::new(ids)))
    };
    (first..=head.0).filter_map(ids_of).collect()
}
