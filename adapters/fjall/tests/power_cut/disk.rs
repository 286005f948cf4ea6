//! What of a log is on the disk after a power cut.
//!
//! The model, for each file and each folder by itself:
//! - what happened before its last fsync is on the disk;
//! - of what happened since, anything may be: nothing, all, a first part, any choice, and of a
//!   write any choice of its sectors of 512 bytes; a part of a file that was never written reads as
//!   zeros;
//! - an entry of a folder (a file made, renamed or removed) is there whole or not at all, and only
//!   an fsync of the folder makes it durable: fsync of the file does not, nor does that of a folder
//!   make the folder's own entry in the one above durable.
//!
//! That is less than the file systems in use promise, and what POSIX allows. There is one exception
//! ([`Entries::LikeExt4InBlobs`]), for what the database relies on. A [`Lie`] takes back
//! syncs that were reported, and a [`Damage`] changes bytes that were synced.

use super::log::{Change, Event, Log};
use super::rng::Rng;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What a disk writes at once.
const SECTOR_BYTES: u64 = 512;

/// Syncs that were reported and did not happen.
#[derive(Clone, Debug)]
pub(crate) struct Lie {
    /// Index of the first event that may be a lie.
    pub(crate) from: usize,
    /// How many of a hundred syncs lie.
    pub(crate) percent: usize,
    /// Whether it is about this file or folder.
    pub(crate) about: Place,
}

/// A part of the node's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Database,
    VoteState,
    Everywhere,
}

impl Place {
    /// Indexes of the syncs that are about it.
    pub(crate) fn syncs(self, events: &[Event], log: &Log) -> Vec<usize> {
        let about = |event: &Event| match event {
            Event::Sync { node } => self.holds(&log.nodes[*node].path),
            _ => false,
        };
        let all = events.iter().enumerate();
        all.filter(|(_, e)| about(e)).map(|(i, _)| i).collect()
    }

    fn holds(self, path: &str) -> bool {
        let database = path == "db" || path.starts_with("db/");
        match self {
            Self::Database => database,
            // The root holds the entries of both, so a lie about it is one about both.
            Self::VoteState => !database && !path.is_empty(),
            Self::Everywhere => true,
        }
    }
}

/// How much survives of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survives {
    Nothing,
    Everything,
    FirstPart,
    AnyChoice,
    /// A choice, and of each write a choice of its sectors.
    Sectors,
}

/// Whether fsync of a new file makes its entry durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entries {
    /// It never does, as POSIX has it.
    ByTheirFolder,
    /// It does for the files that hold bodies alone, as it does for all on ext4, XFS and Btrfs.
    /// lsm-tree 3.1 syncs such a file and never its folder.
    LikeExt4InBlobs,
}

/// How much survives, and which of the syncs are lies.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    pub(crate) entries: Entries,
    /// One of these is drawn for each file and folder.
    pub(crate) survives: Vec<Survives>,
    pub(crate) lie: Option<Lie>,
}

/// What was really lost, to show that it was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lost {
    /// Writes, changes of length and entries that are gone.
    pub(crate) dropped: usize,
    /// Writes of which a part is gone.
    pub(crate) torn: usize,
    /// Syncs that had something to sync and did not.
    pub(crate) lies: usize,
    /// Bytes or sectors that were changed.
    pub(crate) damaged: usize,
}

/// Sectors of one write that are on the disk; all when there is no list.
type Sectors = Option<Vec<bool>>;

/// The events that are on the disk, in their order, with the sectors of each.
struct OnDisk(BTreeMap<usize, Sectors>);

/// Makes the folder that the first `cut` events leave after a loss.
pub(crate) fn rebuild(log: &Log, cut: usize, loss: &Loss, rng: &mut Rng, target: &Path) -> Lost {
    let mut lost = Lost::default();
    let on_disk = survivors(log, cut, loss, rng, &mut lost);
    materialise(log, &on_disk, target);
    lost
}

/// Makes the folder that the whole log leaves when nothing is lost.
pub(crate) fn rebuild_whole(log: &Log, target: &Path) {
    let all = (0..log.events.len()).map(|i| (i, None)).collect();
    materialise(log, &OnDisk(all), target);
}

fn survivors(log: &Log, cut: usize, loss: &Loss, rng: &mut Rng, lost: &mut Lost) -> OnDisk {
    let mut pending: Vec<Vec<usize>> = vec![Vec::new(); log.nodes.len()];
    let mut on_disk = BTreeMap::new();
    for (i, event) in log.events[..cut].iter().enumerate() {
        match event {
            Event::Write { node, .. } | Event::SetLen { node, .. } => pending[*node].push(i),
            Event::Entry { dir, .. } => pending[*dir].push(i),
            Event::Sync { node } => {
                let path = &log.nodes[*node].path;
                let lies = loss.lie.as_ref().is_some_and(|lie| {
                    let percent = if i == lie.from { 100 } else { lie.percent };
                    i >= lie.from && lie.about.holds(path) && rng.percent(percent)
                });
                match lies {
                    true => lost.lies += usize::from(!pending[*node].is_empty()),
                    false => on_disk.extend(pending[*node].drain(..).map(|i| (i, None))),
                }
                if !lies && loss.entries == Entries::LikeExt4InBlobs && path.contains("/blobs/") {
                    on_disk.extend(
                        entry_of(log, *node, &mut pending)
                            .into_iter()
                            .map(|i| (i, None)),
                    );
                }
            }
            Event::Mark(_) => {}
        }
    }
    for pending in pending.iter().filter(|p| !p.is_empty()) {
        let survives = *rng.pick(&loss.survives);
        let kept = choose(log, pending, survives, rng);
        lost.dropped += pending.len() - kept.len();
        lost.torn += kept.iter().filter(|(_, sectors)| sectors.is_some()).count();
        on_disk.extend(kept);
    }
    OnDisk(on_disk)
}

/// Takes the entry that made a file out of what is not durable.
fn entry_of(log: &Log, file: usize, pending: &mut [Vec<usize>]) -> Option<usize> {
    let makes_it = |i: &usize| match &log.events[*i] {
        Event::Entry { change, .. } => matches!(change, Change::Link { node, .. } if *node == file),
        _ => false,
    };
    pending.iter_mut().find_map(|pending| {
        let at = pending.iter().position(makes_it)?;
        Some(pending.remove(at))
    })
}

fn choose(
    log: &Log,
    pending: &[usize],
    survives: Survives,
    rng: &mut Rng,
) -> Vec<(usize, Sectors)> {
    let whole = |i: &usize| (*i, None);
    match survives {
        Survives::Nothing => Vec::new(),
        Survives::Everything => pending.iter().map(whole).collect(),
        Survives::FirstPart => {
            let count = rng.below(pending.len() + 1);
            pending[..count].iter().map(whole).collect()
        }
        Survives::AnyChoice => pending
            .iter()
            .filter(|_| rng.percent(50))
            .map(whole)
            .collect(),
        Survives::Sectors => pending
            .iter()
            .filter_map(|i| {
                let sectors = sectors(&log.events[*i], rng);
                let kept = sectors.is_some() || rng.percent(70);
                kept.then_some((*i, sectors))
            })
            .collect(),
    }
}

/// Whether a write touches more than one sector.
pub(crate) fn can_tear(event: &Event) -> bool {
    match event {
        Event::Write { at, data, .. } => sectors_of(*at, data).count() > 1,
        _ => false,
    }
}

/// The sectors that a write touches.
fn sectors_of(at: u64, data: &[u8]) -> core::ops::RangeInclusive<u64> {
    let last = at + data.len().max(1) as u64 - 1;
    at / SECTOR_BYTES..=last / SECTOR_BYTES
}

/// A choice of the sectors that a write touches, a first part or any, but not all. None when it
/// touches one only, for that is there whole or not at all.
fn sectors(event: &Event, rng: &mut Rng) -> Sectors {
    let Event::Write { at, data, .. } = event else {
        return None;
    };
    let count = sectors_of(*at, data).count();
    if count < 2 {
        return None;
    }
    let lost = rng.below(count);
    let first_part = rng.percent(50);
    let kept = |i| match first_part {
        true => i < lost,
        false => i != lost && rng.percent(50),
    };
    Some((0..count).map(kept).collect())
}

fn materialise(log: &Log, on_disk: &OnDisk, target: &Path) {
    let mut folders: Vec<BTreeMap<&str, usize>> = vec![BTreeMap::new(); log.nodes.len()];
    let mut contents: Vec<Vec<(&Event, &Sectors)>> = vec![Vec::new(); log.nodes.len()];
    for (i, sectors) in &on_disk.0 {
        let event = &log.events[*i];
        match event {
            Event::Write { node, .. } | Event::SetLen { node, .. } => {
                contents[*node].push((event, sectors));
            }
            Event::Entry { dir, change } => apply(&mut folders[*dir], change),
            Event::Sync { .. } | Event::Mark(_) => {}
        }
    }
    let mut todo = vec![(0, target.to_path_buf())];
    while let Some((node, path)) = todo.pop() {
        if !log.nodes[node].is_dir {
            write_file(&path, &contents[node]);
            continue;
        }
        std::fs::create_dir_all(&path).unwrap();
        let children = folders[node].iter();
        todo.extend(children.map(|(name, child)| (*child, path.join(name))));
    }
}

fn apply<'a>(folder: &mut BTreeMap<&'a str, usize>, change: &'a Change) {
    match change {
        Change::Link { name, node } => {
            folder.insert(name, *node);
        }
        Change::Unlink { name } => {
            folder.remove(name.as_str());
        }
        Change::Rename { from, to, node } => {
            if folder.get(from.as_str()) == Some(node) {
                folder.remove(from.as_str());
            }
            folder.insert(to, *node);
        }
    }
}

fn write_file(path: &Path, content: &[(&Event, &Sectors)]) {
    let file = File::create(path).unwrap();
    for (event, sectors) in content {
        match event {
            Event::SetLen { len, .. } => file.set_len(*len).unwrap(),
            Event::Write { at, data, .. } => write_sectors(&file, *at, data, sectors),
            other => panic!("{other:?} is no content"),
        }
    }
}

fn write_sectors(file: &File, at: u64, data: &[u8], sectors: &Sectors) {
    let Some(sectors) = sectors else {
        return file.write_all_at(data, at).unwrap();
    };
    for (sector, kept) in sectors_of(at, data).zip(sectors) {
        let from = (sector * SECTOR_BYTES).max(at);
        let to = ((sector + 1) * SECTOR_BYTES).min(at + data.len() as u64);
        if *kept {
            let piece = &data[(from - at) as usize..(to - at) as usize];
            file.write_all_at(piece, from).unwrap();
        }
    }
}

/// Changes bytes of one file of a folder that was written before the cut: one bit, or a sector
/// that reads as zeros. Tells what it did; none when there was nothing to damage.
pub(crate) fn damage(target: &Path, place: Place, rng: &mut Rng) -> Option<String> {
    let mut files = Vec::new();
    collect(target, "", &mut files);
    files.retain(|(name, path)| place.holds(name) && path.metadata().unwrap().len() > 0);
    // By kind first: there are many tables and few journals.
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (name, path) in files {
        kinds.entry(kind_of(&name)).or_default().push(path);
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    let (kind, path, mut bytes, written) = loop {
        if kinds.is_empty() {
            return None;
        }
        // A journal may have nothing but zeros.
        let (kind, paths) = kinds.swap_remove(rng.below(kinds.len()));
        let path = rng.pick(&paths).clone();
        let bytes = std::fs::read(&path).unwrap();
        if let Some(last) = bytes.iter().rposition(|b| *b != 0) {
            break (kind, path, bytes, last + 1);
        }
    };
    let at = rng.below(written);
    let how = match rng.percent(70) {
        true => {
            bytes[at] ^= 1 << rng.below(8);
            "bit"
        }
        false => {
            let start = at - at % SECTOR_BYTES as usize;
            let end = (start + SECTOR_BYTES as usize).min(bytes.len());
            bytes[start..end].fill(0);
            "sector"
        }
    };
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let start = at - at % SECTOR_BYTES as usize;
    let end = (start + SECTOR_BYTES as usize).min(bytes.len());
    file.write_all_at(&bytes[start..end], start as u64).unwrap();
    Some(format!("{how} at {at} of {kind} {}", path.display()))
}

/// The files below a folder, with their paths from it.
fn collect(dir: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut paths: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
    // Folders are listed in any order, and a seed must draw the same file again.
    paths.sort();
    for path in paths {
        let own = path.file_name().unwrap().to_str().unwrap();
        let name = match name {
            "" => own.to_owned(),
            name => format!("{name}/{own}"),
        };
        match path.is_dir() {
            true => collect(&path, &name, files),
            false => files.push((name, path)),
        }
    }
}

/// `db/keyspaces/4/tables/7` is a file of `tables`, `db/keyspaces/4/v3` one of `v`.
fn kind_of(name: &str) -> String {
    let parts: Vec<&str> = name.split('/').collect();
    match parts[..] {
        [.., folder @ ("tables" | "blobs"), _] => folder.into(),
        [.., last] if last.ends_with(".jnl") => "jnl".into(),
        [.., last] => last.trim_end_matches(|c: char| c.is_ascii_digit()).into(),
        [] => String::new(),
    }
}
