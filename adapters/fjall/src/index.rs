//! The index of statement ids and lodged values.
//!
//! Its keys hold half a digest, and two digests may share that half: each hit is compared with
//! the entry itself. Everything here follows from the entries and can be made again from them.

use crate::keyspaces::{Keyspaces, ReadError, TRUNCATED_BYTES, number, place, read_number};
use bytes::Bytes;
use fjall::Keyspace;
use messages::hash::Hash;
use messages::ids::{LeafIndex, StatementId};
use messages::statement::Statement;

/// First byte of a COSE_Sign1 with its tag, 18, which only statements among entries begin with.
const STATEMENT_TAG: u8 = 0xd2;

/// Entries whose rows go into one batch.
const BATCH_ENTRIES: u64 = 4096;

/// The entry at a position.
pub(crate) fn entry(rows: &Keyspaces, at: LeafIndex) -> Result<Option<Bytes>, ReadError> {
    let value = rows.entries.get(number(at.0))?;
    Ok(value.map(|v| Bytes::copy_from_slice(&v)))
}

/// Where a statement stands: its first position.
pub(crate) fn position(rows: &Keyspaces, id: &StatementId) -> Result<Option<LeafIndex>, ReadError> {
    for at in candidates(&rows.ids, &id.0) {
        let at = at?;
        if StatementId::of_entry(&indexed_entry(rows, at)?) == *id {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Where a digest or commitment was lodged, oldest first.
pub(crate) fn lookup(rows: &Keyspaces, value: &Hash) -> Result<Vec<LeafIndex>, ReadError> {
    let mut found = Vec::new();
    for at in candidates(&rows.values, value) {
        let at = at?;
        if value_of(&indexed_entry(rows, at)?) == Some(*value) {
            found.push(at);
        }
    }
    Ok(found)
}

/// Makes the index again from the entries; returns how many statements it holds. Wrong rows go,
/// missing ones come; right rows stay readable throughout.
pub(crate) fn rebuild(rows: &Keyspaces) -> Result<u64, ReadError> {
    remove_wrong(rows, &rows.ids, |entry| {
        statement(entry).map(|_| Hash::leaf(entry))
    })?;
    remove_wrong(rows, &rows.values, value_of)?;
    let mut statements: u64 = 0;
    let mut batch = rows.durable_batch();
    for guard in rows.entries.iter() {
        let (key, entry) = guard.into_inner()?;
        let Some(statement) = statement(&entry) else {
            continue;
        };
        let at = LeafIndex(read_number(&key)?);
        batch.insert(&rows.ids, place(&Hash::leaf(&entry), at), []);
        batch.insert(&rows.values, place(&statement.deposit.value, at), []);
        statements += 1;
        if statements.is_multiple_of(BATCH_ENTRIES) {
            batch.commit()?;
            batch = rows.durable_batch();
        }
    }
    batch.commit()?;
    Ok(statements)
}

fn remove_wrong(
    rows: &Keyspaces,
    index: &Keyspace,
    digest: impl Fn(&[u8]) -> Option<Hash>,
) -> Result<(), ReadError> {
    let mut batch = rows.durable_batch();
    for guard in index.iter() {
        let key = guard.key()?;
        let right = match position_of(&key) {
            Ok(at) => entry(rows, at)?
                .and_then(|entry| digest(&entry))
                .is_some_and(|digest| place(&digest, at) == key[..]),
            Err(_) => false,
        };
        if !right {
            batch.remove(index, key);
        }
    }
    batch.commit()?;
    Ok(())
}

fn candidates(
    index: &Keyspace,
    digest: &Hash,
) -> impl Iterator<Item = Result<LeafIndex, ReadError>> {
    let rows = index.prefix(&digest.0[..TRUNCATED_BYTES]);
    rows.map(|guard| position_of(&guard.key()?))
}

fn position_of(key: &[u8]) -> Result<LeafIndex, ReadError> {
    let at = key.get(TRUNCATED_BYTES..).unwrap_or_default();
    read_number(at).map(LeafIndex)
}

fn indexed_entry(rows: &Keyspaces, at: LeafIndex) -> Result<Bytes, ReadError> {
    let missing = || ReadError::row(format!("entry {at}"), "missing, though the index names it");
    entry(rows, at)?.ok_or_else(missing)
}

fn statement(entry: &[u8]) -> Option<Statement> {
    if entry.first() != Some(&STATEMENT_TAG) {
        return None;
    }
    Statement::parse(entry).ok()
}

fn value_of(entry: &[u8]) -> Option<Hash> {
    statement(entry).map(|s| s.deposit.value)
}
