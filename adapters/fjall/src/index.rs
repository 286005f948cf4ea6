//! The index of statement ids and lodged values.
//!
//! Its keys hold a part of a digest, which two digests may share: each hit is compared with the
//! entry itself. Everything here follows from the entries and can be made again from them. The
//! newest rows are in memory ([`Tail`]), the others in the database.

pub(crate) mod block_ids;
mod tail;

pub(crate) use tail::Tail;

use crate::keyspaces::{Keyspaces, ReadError, TRUNCATED_BYTES, id_key, number, place, read_number};
use bytes::Bytes;
use fjall::Keyspace;
use messages::hash::Hash;
use messages::ids::{LeafIndex, StatementId};
use messages::statement::Statement;
use std::collections::BTreeSet;

/// First byte of a COSE_Sign1 with its tag, 18, which only statements among entries begin with.
const STATEMENT_TAG: u8 = 0xd2;

/// Entries whose rows go into one batch.
const BATCH_ENTRIES: u64 = 4096;

/// The entry at a position.
pub(crate) fn entry(rows: &Keyspaces, at: LeafIndex) -> Result<Option<Bytes>, ReadError> {
    let value = rows.entries.get(number(at.0))?;
    Ok(value.map(|v| Bytes::copy_from_slice(&v)))
}

/// Where a statement stands. The tail is asked first: rows leave it only when the database has
/// them.
pub(crate) fn position(
    rows: &Keyspaces,
    tail: &Tail,
    id: &StatementId,
) -> Result<Option<LeafIndex>, ReadError> {
    let at = match tail.position(id) {
        Some(at) => at,
        None => match rows.ids.get(id_key(&id.0))? {
            Some(at) => LeafIndex(read_number(&at)?),
            None => return Ok(None),
        },
    };
    let entry = indexed_entry(rows, at)?;
    let is_it = entry.is_some_and(|entry| StatementId::of_entry(&entry) == *id);
    Ok(is_it.then_some(at))
}

/// Where a digest or commitment was lodged, oldest first: at most `count` places at or after
/// `from`.
pub(crate) fn lookup(
    rows: &Keyspaces,
    tail: &Tail,
    value: &Hash,
    from: LeafIndex,
    count: usize,
) -> Result<Vec<LeafIndex>, ReadError> {
    // First the tail: a run that leaves it meanwhile is found twice, not never.
    let newest: Result<BTreeSet<LeafIndex>, ReadError> = tail
        .places(value)
        .iter()
        .map(|row| position_of(row))
        .collect();
    let mut found = BTreeSet::new();
    for at in candidates(&rows.values, value, from) {
        if found.len() == count {
            break;
        }
        let at = at?;
        if lodges(rows, at, value)? {
            found.insert(at);
        }
    }
    // Rows in the tail are newer than those in the database, or the same.
    for at in newest?.range(from..) {
        if found.len() == count {
            break;
        }
        if lodges(rows, *at, value)? {
            found.insert(*at);
        }
    }
    Ok(found.into_iter().collect())
}

fn lodges(rows: &Keyspaces, at: LeafIndex, value: &Hash) -> Result<bool, ReadError> {
    let entry = indexed_entry(rows, at)?;
    Ok(entry.is_some_and(|entry| value_of(&entry) == Some(*value)))
}

/// Makes the index again from the entries; returns how many statements it holds. Wrong rows go,
/// missing ones come; right rows stay readable throughout.
pub(crate) fn rebuild(rows: &Keyspaces) -> Result<u64, ReadError> {
    remove_wrong(rows, &rows.ids, |key, at| {
        let entry = read_number(at)
            .ok()
            .map(LeafIndex)
            .map(|at| entry(rows, at));
        let entry = entry.transpose()?.flatten();
        let id = entry
            .filter(|e| statement(e).is_some())
            .map(|e| Hash::leaf(&e));
        Ok(id.is_some_and(|id| id_key(&id) == key))
    })?;
    remove_wrong(rows, &rows.values, |key, _| {
        let Ok(at) = position_of(key) else {
            return Ok(false);
        };
        let value = entry(rows, at)?.and_then(|entry| value_of(&entry));
        Ok(value.is_some_and(|value| place(&value, at) == key))
    })?;
    let mut statements: u64 = 0;
    let mut batch = rows.durable_batch();
    for guard in rows.entries.iter() {
        let (key, entry) = guard.into_inner()?;
        let Some(statement) = statement(&entry) else {
            continue;
        };
        let at = LeafIndex(read_number(&key)?);
        batch.insert(&rows.ids, id_key(&Hash::leaf(&entry)), number(at.0));
        batch.insert(
            &rows.values,
            place(&statement.deposit.lodged.value(), at),
            [],
        );
        statements += 1;
        if statements.is_multiple_of(BATCH_ENTRIES) {
            batch.commit()?;
            batch = rows.durable_batch();
        }
    }
    batch.commit()?;
    block_ids::rebuild(rows)?;
    Ok(statements)
}

fn remove_wrong(
    rows: &Keyspaces,
    index: &Keyspace,
    is_right: impl Fn(&[u8], &[u8]) -> Result<bool, ReadError>,
) -> Result<(), ReadError> {
    let mut batch = rows.durable_batch();
    for guard in index.iter() {
        let (key, value) = guard.into_inner()?;
        if !is_right(&key, &value)? {
            batch.remove(index, key);
        }
    }
    batch.commit()?;
    Ok(())
}

fn candidates(
    index: &Keyspace,
    digest: &Hash,
    from: LeafIndex,
) -> impl Iterator<Item = Result<LeafIndex, ReadError>> {
    let rows = index.range(place(digest, from)..=place(digest, LeafIndex(u64::MAX)));
    rows.map(|guard| position_of(&guard.key()?))
}

fn position_of(key: &[u8]) -> Result<LeafIndex, ReadError> {
    let at = key.get(TRUNCATED_BYTES..).unwrap_or_default();
    read_number(at).map(LeafIndex)
}

/// The entry that a row names. There is none when the database lost the end of its log, for a run
/// of rows is on disk at once: then its block comes again and the row is right again.
fn indexed_entry(rows: &Keyspaces, at: LeafIndex) -> Result<Option<Bytes>, ReadError> {
    let found = entry(rows, at)?;
    if found.is_none() && at < rows.end()? {
        let reason = "missing, though the index names it";
        return Err(ReadError::row(format!("entry {at}"), reason));
    }
    Ok(found)
}

pub(crate) fn statement(entry: &[u8]) -> Option<Statement> {
    if entry.first() != Some(&STATEMENT_TAG) {
        return None;
    }
    Statement::parse(entry).ok()
}

fn value_of(entry: &[u8]) -> Option<Hash> {
    statement(entry).map(|s| s.deposit.lodged.value())
}
