//! Heights by block id.
//!
//! A block writes its row in its own batch, so the rows are whole once they were made for the
//! blocks that an older version wrote. A key holds a part of the id: each hit is compared with the
//! header itself.

use crate::keyspaces::{ID_BYTES, Keyspaces, ReadError, decode_block, id_key, number, read_number};
use bus::ports::StoredBlock;
use messages::block::Header;
use messages::cbor::Canonical;
use messages::hash::Hash;
use messages::ids::Height;

/// Rows that go into one batch.
const BATCH_BLOCKS: usize = 4096;

/// The id of a block; none for the genesis, which has no header.
fn id_of(block: &StoredBlock) -> Option<Hash> {
    let header = Header::from_bytes(&block.header).ok()?;
    Some(header.id().0)
}

/// Key of the row of a block.
pub(crate) fn key_of(block: &StoredBlock) -> Option<[u8; ID_BYTES]> {
    id_of(block).map(|id| id_key(&id))
}

/// Height of the block with this id.
pub(crate) fn height_of(rows: &Keyspaces, id: &Hash) -> Result<Option<Height>, ReadError> {
    let Some(row) = rows.block_ids.get(id_key(id))? else {
        return Ok(None);
    };
    let height = Height(read_number(&row)?);
    // There is no block when the database lost the end of its log.
    let block = rows.block(height)?;
    let is_it = block.is_some_and(|block| id_of(&block) == Some(*id));
    Ok(is_it.then_some(height))
}

/// Makes the rows of the blocks of an older version, once; and again when the database lost them.
pub(crate) fn complete(rows: &Keyspaces, head: Option<&StoredBlock>) -> Result<(), ReadError> {
    let newest_is_there = match head.and_then(key_of) {
        Some(key) => rows.block_ids.contains_key(key)?,
        None => true,
    };
    if newest_is_there && rows.has_block_ids()? {
        return Ok(());
    }
    rebuild(rows)?;
    Ok(rows.set_block_ids()?)
}

/// Makes all rows again. Rows that name another block are never answered, so they may stay.
pub(crate) fn rebuild(rows: &Keyspaces) -> Result<(), ReadError> {
    let mut batch = rows.durable_batch();
    for guard in rows.blocks.iter() {
        let (key, value) = guard.into_inner()?;
        let height = Height(read_number(&key)?);
        if let Some(key) = key_of(&decode_block(height, &value)?) {
            batch.insert(&rows.block_ids, key, number(height.0));
        }
        if batch.len() >= BATCH_BLOCKS {
            batch.commit()?;
            batch = rows.durable_batch();
        }
    }
    Ok(batch.commit()?)
}
