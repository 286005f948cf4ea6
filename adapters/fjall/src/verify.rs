//! What is checked before a database is trusted.

use crate::keyspaces::{Keyspaces, ReadError, number, read_number};
use crate::node::OpenError;
use crate::record::{JournalRecord, anchor};
use crate::vote_state::VoteState;
use crate::writer::ChainEnd;
use bus::ports::StoredBlock;
use messages::hash::Hash;
use messages::ids::{Height, TreeSize};
use messages::merkle::Frontier;

/// What became of the journal's chain.
pub(crate) enum Chain {
    /// Everything that a replay needs is there, and the watermark stands on it.
    Whole(ChainEnd),
    /// Something is missing or differs.
    Broken(String),
}

/// Seq of the newest journal record; 0 when there is none.
pub(crate) fn last_seq(rows: &Keyspaces) -> Result<u64, ReadError> {
    let last = rows.journal.last_key_value();
    last.map_or(Ok(0), |guard| read_number(&guard.key()?))
}

/// Follows the chain from where a replay begins to its end.
///
/// The watermark `state` must stand on it: a journal that ends before the watermark, or has
/// another record there, forgot something that its node may have signed.
pub(crate) fn verify_chain(
    rows: &Keyspaces,
    state: &VoteState,
    head: Option<&StoredBlock>,
) -> Result<Chain, ReadError> {
    let last = last_seq(rows)?.max(state.first_seq - 1);
    let from = head.map_or(1, |b| b.replay_from).max(state.first_seq);
    if last < state.seq {
        let reason = format!("journal ends at {last}, the watermark is at {}", state.seq);
        return Ok(Chain::Broken(reason));
    }
    if last + 1 < from {
        let reason = format!("journal ends at {last}, replay begins at {from}");
        return Ok(Chain::Broken(reason));
    }
    let head = head.map(|b| b.height);
    if head < state.head {
        let (found, expected) = (shown(head), shown(state.head));
        let reason = format!("store ends at height {found}, the watermark is at {expected}");
        return Ok(Chain::Broken(reason));
    }
    follow(rows, state, from, last)
}

fn follow(rows: &Keyspaces, state: &VoteState, from: u64, last: u64) -> Result<Chain, ReadError> {
    let mut previous = match from == state.first_seq {
        true => Some(anchor(&state.network, from)),
        false => chain_hash_at(rows, from - 1)?,
    };
    // A watermark below the replay is checked if its record is still there.
    if state.seq < from
        && let Some(found) = chain_hash_at(rows, state.seq)?
        && found != state.hash
    {
        return Ok(Chain::Broken(differs(state.seq)));
    }
    let mut guards = rows.journal.range(number(from)..);
    for seq in from..=last {
        let Some(guard) = guards.next() else {
            return Ok(Chain::Broken(format!("journal record {seq} is missing")));
        };
        let (key, bytes) = guard.into_inner()?;
        if key[..] != number(seq) {
            return Ok(Chain::Broken(format!("journal record {seq} is missing")));
        }
        let record = match JournalRecord::from_bytes(&bytes) {
            Ok(record) => record,
            Err(e) => return Ok(Chain::Broken(format!("journal record {seq}: {e}"))),
        };
        if record.seq != seq || previous.is_some_and(|p| p != record.previous) {
            let reason = format!("journal record {seq} does not follow the one before");
            return Ok(Chain::Broken(reason));
        }
        let hash = JournalRecord::chain_hash(&bytes);
        if seq == state.seq && hash != state.hash {
            return Ok(Chain::Broken(differs(seq)));
        }
        previous = Some(hash);
    }
    Ok(match previous {
        Some(hash) => Chain::Whole(ChainEnd {
            next_seq: last + 1,
            hash,
        }),
        None => Chain::Broken(format!("journal record {last} is missing")),
    })
}

fn differs(seq: u64) -> String {
    format!("journal record {seq} is not the one of the watermark")
}

fn shown(height: Option<Height>) -> String {
    height.map_or_else(|| "none".into(), |h| h.to_string())
}

fn chain_hash_at(rows: &Keyspaces, seq: u64) -> Result<Option<Hash>, ReadError> {
    let bytes = rows.journal.get(number(seq))?;
    Ok(bytes.map(|b| JournalRecord::chain_hash(&b)))
}

/// Checks that all keyspaces that a block writes end with the newest one.
///
/// fjall drops the rest of its journal behind damage and keeps the tables it has, so a keyspace
/// that wrote a table lately is then ahead of the others.
pub(crate) fn verify_ends(rows: &Keyspaces, head: Option<&StoredBlock>) -> Result<(), OpenError> {
    let end = head.map_or(0, |b| b.first_leaf.0 + u64::from(b.entry_count));
    let expect = |place: &str, expected: String, found: String| match expected == found {
        true => Ok(()),
        false => Err(OpenError::Corrupt {
            what: format!("expected the end at {expected}, found {found}"),
            place: place.into(),
        }),
    };
    expect("entries", end.to_string(), rows.end()?.0.to_string())?;
    expect("tiles", end.to_string(), rows.leaf_hashes()?.to_string())?;
    let note = rows.newest_note()?;
    let signed = rows.newest_signed()?;
    expect("receipt signatures", shown(note), shown(signed))?;
    match note <= head.map(|b| b.height) {
        true => Ok(()),
        false => Err(OpenError::Corrupt {
            what: format!("the store ends at height {}", shown(head.map(|b| b.height))),
            place: format!("checkpoint {}", shown(note)),
        }),
    }
}

/// Checks that the entries of the newest block are there and lead to its peaks.
pub(crate) fn verify_head(rows: &Keyspaces, head: &StoredBlock) -> Result<(), OpenError> {
    let corrupt = |what: String| OpenError::Corrupt {
        what,
        place: format!("block {}", head.height),
    };
    let mut frontier = match head.height.0.checked_sub(1) {
        None => Frontier::empty(),
        Some(before) => {
            let before = rows.block(Height(before))?;
            let before = before.ok_or_else(|| corrupt("the block before is missing".into()))?;
            let size = TreeSize(before.first_leaf.0 + u64::from(before.entry_count));
            Frontier::from_peaks(size, before.peaks).map_err(|e| corrupt(e.to_string()))?
        }
    };
    if frontier.size().0 != head.first_leaf.0 {
        let (expected, found) = (frontier.size(), head.first_leaf);
        return Err(corrupt(format!(
            "first leaf: expected {expected}, found {found}"
        )));
    }
    for at in head.first_leaf.0..head.first_leaf.0 + u64::from(head.entry_count) {
        let entry = rows.entries.get(number(at)).map_err(ReadError::from)?;
        let entry = entry.ok_or_else(|| corrupt(format!("entry {at} is missing")))?;
        frontier.push(Hash::leaf(&entry));
    }
    if frontier.peaks() == head.peaks {
        Ok(())
    } else {
        Err(corrupt("the entries do not lead to the peaks".into()))
    }
}
