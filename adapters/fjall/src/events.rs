//! Where the chains of events stand: a record for each block, and a row for each namespace.
//!
//! Keys: `h` and the height; `n` and the namespace's name.

use crate::keyspaces::{Keyspaces, ReadError, number};
use bus::ports::Commit;
use fjall::OwnedWriteBatch;
use messages::event::{BlockEvents, EventTail};
use messages::hash::Hash;
use messages::ids::{Height, Name};
use messages::wire;

/// Bytes of a namespace's row: count and hash.
const TAIL_BYTES: usize = 8 + 32;

fn block_key(height: Height) -> [u8; 9] {
    let mut key = [b'h'; 9];
    key[1..].copy_from_slice(&number(height.0));
    key
}

fn tail_key(namespace: &Name) -> Vec<u8> {
    [b"n", namespace.as_str().as_bytes()].concat()
}

/// Adds what a block says of events.
pub(crate) fn add(keyspaces: &Keyspaces, batch: &mut OwnedWriteBatch, commit: &Commit) {
    let record = wire::encode(&commit.events);
    let key = block_key(commit.block.height);
    batch.insert(&keyspaces.events, key, &record[..]);
    for (namespace, tail) in &commit.event_tails {
        let row = [&number(tail.count)[..], &tail.hash.0].concat();
        batch.insert(&keyspaces.events, tail_key(namespace), row);
    }
}

/// Where the chains stood before the block at a height.
pub(crate) fn of_block(
    keyspaces: &Keyspaces,
    height: Height,
) -> Result<Option<BlockEvents>, ReadError> {
    let found = keyspaces.events.get(block_key(height))?;
    let what = || format!("events of block {height}");
    let read = |row: fjall::Slice| wire::decode(&row).map_err(|e| ReadError::row(what(), e));
    found.map(read).transpose()
}

/// Where the chain of a namespace stands.
pub(crate) fn tail(
    keyspaces: &Keyspaces,
    namespace: &Name,
) -> Result<Option<EventTail>, ReadError> {
    let Some(row) = keyspaces.events.get(tail_key(namespace))? else {
        return Ok(None);
    };
    let bytes: Result<[u8; TAIL_BYTES], _> = row[..].try_into();
    let bytes = bytes.map_err(|_| {
        let reason = format!("expected {TAIL_BYTES} bytes, found {}", row.len());
        ReadError::row(format!("events of namespace {namespace}"), reason)
    })?;
    let (count, hash) = bytes.split_at(8);
    let count = count.try_into().map(u64::from_be_bytes);
    let hash = hash.try_into().map(Hash);
    let (Ok(count), Ok(hash)) = (count, hash) else {
        unreachable!("the row was split where its parts meet")
    };
    Ok(Some(EventTail { count, hash }))
}
