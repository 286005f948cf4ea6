//! Certified blocks and checkpoints for peers that catch up.

use super::{Storage, StorageEffect};
use bytes::Bytes;
use messages::ids::{Height, Name};
use messages::stored::LedgerReader;
use messages::wire::{CertifiedBlock, PeerMessage};

/// Most blocks sent to a peer at once.
const SERVED_BLOCKS_MAX: u32 = 32;
/// Most bytes of statements sent to a peer at once.
const SERVED_BYTES_MAX: usize = 8 << 20;

impl Storage {
    pub(super) fn serve(&self, to: &Name, from: Height, count: u32, out: &mut Vec<StorageEffect>) {
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        let mut height = from;
        while height <= self.head
            && blocks.len() < count.min(SERVED_BLOCKS_MAX) as usize
            && bytes < SERVED_BYTES_MAX
            && height > Height(0)
        {
            let Some(block) = certified_block(&*self.reader, height) else {
                break;
            };
            bytes += block.block.statements.iter().map(Bytes::len).sum::<usize>();
            blocks.push(block);
            height = height.next();
        }
        if !blocks.is_empty() {
            out.push(StorageEffect::Send {
                to: to.clone(),
                message: PeerMessage::Blocks(blocks),
            });
        }
    }

    /// The newest published checkpoint for a peer that cannot form one.
    pub(super) fn serve_checkpoint(&self, to: &Name, above: Height, out: &mut Vec<StorageEffect>) {
        if let Some(published) = self.published.as_ref().filter(|p| p.height > above) {
            out.push(StorageEffect::Send {
                to: to.clone(),
                message: PeerMessage::Checkpoint {
                    note: published.note.encode(),
                    signatures: published.signatures.clone(),
                },
            });
        }
    }
}

/// A durable block as one who catches up, or replays a journal, needs it.
pub fn certified_block(reader: &dyn LedgerReader, height: Height) -> Option<CertifiedBlock> {
    let stored = reader.block(height)?;
    let count = stored.entry_count as usize - 1;
    let statements = reader.entries(stored.first_leaf, count);
    let block = messages::block::BlockBytes {
        header: stored.header,
        statements,
        certificate: stored.previous_certificate,
    };
    Some(CertifiedBlock {
        block,
        certificate: stored.certificate,
    })
}
