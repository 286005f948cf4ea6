//! The second watermark: what a node remembers outside its database.
//!
//! Two slots of 512 bytes, one page apart, are written in turn and in place, so that a torn write
//! leaves the one before. A slot says how far the journal had come when votes were last released;
//! a journal that is shorter, or that differs there, has lost something its node may have signed.

use crate::record::anchor;
use messages::hash::{Hash, domain_hash};
use messages::ids::{Height, Name};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Name of the file in the node's directory.
pub(crate) const FILE_NAME: &str = "vote-state";

const SLOT_BYTES: usize = 512;
const SLOT_DISTANCE_BYTES: u64 = 4096;
const FILE_BYTES: u64 = 2 * SLOT_DISTANCE_BYTES;
const CONTENT_BYTES: usize = SLOT_BYTES - 32;
const MAGIC: [u8; 8] = *b"WTVOTE\0\x01";

/// Whether a node may vote, as far as its memory goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It remembers everything it signed.
    Intact,
    /// It forgot, and does not know yet below which height it must stay silent.
    Amnesiac,
    /// It forgot once, and must sign nothing below this height.
    Floor(Height),
}

/// One slot of the vote-state file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteState {
    /// The network the node belongs to.
    pub network: Name,
    /// Grows by one with each write; the newer valid slot counts.
    pub counter: u64,
    /// Last journal record that was durable; 0 before the first.
    pub seq: u64,
    /// Chain hash of that record; the chain's anchor when there is none.
    pub hash: Hash,
    /// Height of the newest block that was durable, if any.
    pub head: Option<Height>,
    /// Seq at which the present chain begins: 1, or higher after a loss.
    pub first_seq: u64,
    /// Whether the node may vote.
    pub standing: Standing,
}

impl VoteState {
    /// The state of a node that has done nothing yet.
    pub(crate) fn first(network: &Name) -> Self {
        Self {
            network: network.clone(),
            counter: 0,
            seq: 0,
            hash: anchor(network, 1),
            head: None,
            first_seq: 1,
            standing: Standing::Intact,
        }
    }

    fn to_slot(&self) -> [u8; SLOT_BYTES] {
        let (standing, floor) = match self.standing {
            Standing::Intact => (0, 0),
            Standing::Amnesiac => (1, 0),
            Standing::Floor(height) => (2, height.0),
        };
        let name = self.network.as_str().as_bytes();
        let mut content = Vec::with_capacity(SLOT_BYTES);
        content.extend_from_slice(&MAGIC);
        content.extend_from_slice(&self.counter.to_be_bytes());
        content.extend_from_slice(&self.seq.to_be_bytes());
        content.extend_from_slice(&self.hash.0);
        content.push(u8::from(self.head.is_some()));
        content.extend_from_slice(&self.head.unwrap_or_default().0.to_be_bytes());
        content.extend_from_slice(&self.first_seq.to_be_bytes());
        content.push(standing);
        content.extend_from_slice(&u64::to_be_bytes(floor));
        content.push(name.len() as u8);
        content.extend_from_slice(name);
        content.resize(CONTENT_BYTES, 0);
        let checksum = domain_hash("vote-state", &content);
        content.extend_from_slice(&checksum.0);
        content
            .try_into()
            .expect("content and checksum fill the slot")
    }

    fn from_slot(slot: &[u8; SLOT_BYTES]) -> Option<Self> {
        let (content, checksum) = slot.split_at(CONTENT_BYTES);
        if domain_hash("vote-state", content).0 != checksum {
            return None;
        }
        let mut reader = Reader(content);
        if reader.take::<8>()? != MAGIC {
            return None;
        }
        let (counter, seq) = (reader.number()?, reader.number()?);
        let hash = Hash(reader.take()?);
        let head = match (reader.take()?, Height(reader.number()?)) {
            ([0], _) => None,
            ([1], height) => Some(height),
            _ => return None,
        };
        let first_seq = reader.number()?;
        let standing = match (reader.take()?, Height(reader.number()?)) {
            ([0], _) => Standing::Intact,
            ([1], _) => Standing::Amnesiac,
            ([2], floor) => Standing::Floor(floor),
            _ => return None,
        };
        let [length] = reader.take()?;
        let name = reader.0.get(..usize::from(length))?;
        Some(Self {
            network: Name::try_new(core::str::from_utf8(name).ok()?).ok()?,
            counter,
            seq,
            hash,
            head,
            first_seq,
            standing,
        })
    }
}

/// Takes fixed-width fields off the front of a slot.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }
}

/// The open vote-state file. It has one writer.
#[derive(Debug)]
pub(crate) struct VoteStateFile(File);

impl VoteStateFile {
    /// Creates the file with both slots written, durably, under its final name at once.
    pub(crate) fn create(dir: &Path, state: &mut VoteState) -> io::Result<Self> {
        let fresh = dir.join("vote-state.new");
        let file = File::create(&fresh)?;
        file.set_len(FILE_BYTES)?;
        let this = Self(file);
        this.write_both(state)?;
        this.0.sync_all()?;
        std::fs::rename(&fresh, dir.join(FILE_NAME))?;
        File::open(dir)?.sync_all()?;
        Ok(this)
    }

    /// Opens the file and reads its newer valid slot. None when there is no file; no state when
    /// neither slot is valid.
    pub(crate) fn open(dir: &Path) -> io::Result<Option<(Self, Option<VoteState>)>> {
        let mut options = OpenOptions::new();
        let file = match options.read(true).write(true).open(dir.join(FILE_NAME)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut newest: Option<VoteState> = None;
        for at in [0, SLOT_DISTANCE_BYTES] {
            let mut slot = [0; SLOT_BYTES];
            match file.read_exact_at(&mut slot, at) {
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => continue,
                other => other?,
            }
            let newer = |s: &VoteState| newest.as_ref().is_none_or(|n| n.counter < s.counter);
            if let Some(state) = VoteState::from_slot(&slot).filter(newer) {
                newest = Some(state);
            }
        }
        Ok(Some((Self(file), newest)))
    }

    /// Writes the slot that `state.counter + 1` falls on, durably.
    pub(crate) fn write(&self, state: &mut VoteState) -> io::Result<()> {
        state.counter += 1;
        let at = (state.counter % 2) * SLOT_DISTANCE_BYTES;
        self.0.write_all_at(&state.to_slot(), at)?;
        self.0.sync_data()
    }

    /// Writes both slots, so that damage to one cannot bring back what stood before.
    pub(crate) fn write_both(&self, state: &mut VoteState) -> io::Result<()> {
        self.write(state)?;
        self.write(state)
    }

    /// The file opened for reading only, on which each write fails.
    #[cfg(test)]
    pub(crate) fn unwritable(dir: &Path) -> Self {
        Self(File::open(dir.join(FILE_NAME)).unwrap())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> VoteState {
        VoteState {
            network: Name::try_new("trial").unwrap(),
            counter: 4,
            seq: 11,
            hash: Hash::of(b"record"),
            head: Some(Height(3)),
            first_seq: 1,
            standing: Standing::Floor(Height(9)),
        }
    }

    #[test]
    fn the_slot_is_frozen() {
        let slot = state().to_slot();
        assert_eq!(VoteState::from_slot(&slot), Some(state()));
        let text: Vec<String> = slot.chunks(32).map(hex::encode).collect();
        insta::assert_snapshot!("vote_state_slot", text.join("\n"));
    }

    #[test]
    fn a_torn_slot_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let file = VoteStateFile::create(dir.path(), &mut state()).unwrap();
        let mut newer = VoteState {
            counter: 6,
            ..state()
        };
        newer.seq = 12;
        file.write(&mut newer).unwrap();
        newer.seq = 13;
        file.write(&mut newer).unwrap();
        let read = || VoteStateFile::open(dir.path()).unwrap().unwrap().1;
        assert_eq!(read().unwrap().seq, 13);
        file.0.write_all_at(&[7], 100).unwrap();
        assert_eq!(read().unwrap().seq, 12);
        file.0
            .write_all_at(&[7], SLOT_DISTANCE_BYTES + 100)
            .unwrap();
        assert_eq!(read(), None);
    }
}
