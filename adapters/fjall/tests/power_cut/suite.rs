//! Many power cuts, drawn from a seed and counted.

use super::disk::{self, Entries, Lie, Loss, Lost, Place, Survives};
use super::isolated;
use super::judge::{Demand, Facts, Outcome, judge};
use super::log::{Change, Event, Log};
use super::recording::{Acknowledges, Recording};
use super::rng::Rng;
use super::workload::Plan;
use std::collections::BTreeMap;
use std::path::Path;

/// How many cuts share one recorded run.
pub(crate) const CUTS_PER_RECORDING: u64 = 20;

/// How many of the newest syncs may be lies.
const LYING_SYNCS_MAX: usize = 100;

/// What is wrong with the disk beside the power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nothing: what was not synced is lost in parts.
    None,
    /// Nothing; of writes that were not synced, sectors are lost.
    Torn,
    /// Syncs of the database are reported and do not happen.
    LyingDatabase,
    /// Those of the vote-state file.
    LyingVoteState,
    /// Those of both.
    LyingDisk,
    /// A bit or a sector of a synced file of the database changes.
    DamagedDatabase,
    /// One of the vote-state file.
    DamagedVoteState,
}

impl Fault {
    /// All, in the order in which the cuts of a seed take turns.
    pub(crate) const ALL: [Self; 7] = [
        Self::None,
        Self::Torn,
        Self::LyingDatabase,
        Self::DamagedDatabase,
        Self::LyingVoteState,
        Self::DamagedVoteState,
        Self::LyingDisk,
    ];

    pub(crate) fn demand(self) -> Demand {
        match self {
            Self::None | Self::Torn => Demand::Everything,
            // The vote-state file alone holds nothing that is asked for.
            Self::LyingVoteState | Self::DamagedVoteState => Demand::LossNoticed,
            Self::LyingDatabase | Self::DamagedDatabase => Demand::LossNoticed,
            // Both places go back together: no memory is left that could tell.
            Self::LyingDisk => Demand::NothingWrong,
        }
    }

    fn loss(self, log: &Log, cut: usize, rng: &mut Rng) -> Loss {
        use Survives::{AnyChoice, Everything, FirstPart, Nothing, Sectors};
        let survives = match self {
            Self::Torn => vec![Sectors],
            _ => match rng.below(5) {
                0 => vec![Nothing],
                1 => vec![FirstPart],
                2 => vec![AnyChoice],
                3 => vec![Everything, Nothing],
                _ => vec![Nothing, FirstPart, AnyChoice, Everything],
            },
        };
        let lie = self.lies().map(|about| {
            // One that matters at least: the first after which nothing is true any more.
            let syncs = about.syncs(&log.events[..cut], log);
            let newest = &syncs[syncs.len().saturating_sub(LYING_SYNCS_MAX)..];
            Lie {
                from: *rng.pick(newest),
                percent: *rng.pick(&[100, 100, 50]),
                about,
            }
        });
        Loss {
            entries: Entries::LikeExt4InBlobs,
            survives,
            lie,
        }
    }

    pub(crate) fn lies(self) -> Option<Place> {
        match self {
            Self::LyingDatabase => Some(Place::Database),
            Self::LyingVoteState => Some(Place::VoteState),
            Self::LyingDisk => Some(Place::Everywhere),
            _ => None,
        }
    }

    pub(crate) fn damages(self) -> Option<Place> {
        match self {
            Self::DamagedDatabase => Some(Place::Database),
            Self::DamagedVoteState => Some(Place::VoteState),
            _ => None,
        }
    }
}

/// The moment of a cut: anywhere, right after something was acknowledged, or right before a sync,
/// when most is at stake. A disk that lies or rots does so after the storage was made, and a write
/// is torn when it has just been made.
fn moment(log: &Log, fault: Fault, rng: &mut Rng) -> usize {
    let indexes = |wanted: &dyn Fn(&Event) -> bool| -> Vec<usize> {
        let events = log.events.iter().enumerate();
        events.filter(|(_, e)| wanted(e)).map(|(i, _)| i).collect()
    };
    let done = indexes(&|e| matches!(e, Event::Mark(text) if text.starts_with("done")));
    let cut = match rng.below(3) {
        _ if fault == Fault::Torn => {
            let torn = indexes(&disk::can_tear);
            return rng.pick(&torn) + 1;
        }
        0 => rng.below(log.events.len() + 1),
        1 => rng.pick(&done) + 1,
        _ => *rng.pick(&indexes(&|e| matches!(e, Event::Sync { .. }))),
    };
    let is_honest = fault.lies().is_none() && fault.damages().is_none();
    match is_honest || cut > done[0] {
        true => cut,
        false => rng.pick(&done) + 1,
    }
}

/// What one cut did, and what became of the node.
pub(crate) struct Cut {
    pub(crate) fault: Fault,
    pub(crate) lost: Lost,
    /// What happened, for people.
    pub(crate) text: String,
    pub(crate) verdict: Result<Outcome, String>,
}

/// Cuts the power once in a recorded run.
pub(crate) fn cut_once(
    recording: &Recording,
    plan: &Plan,
    fault: Fault,
    demand: Demand,
    seed: u64,
) -> Cut {
    let mut rng = Rng::new(seed);
    let log = &recording.log;
    let cut = moment(log, fault, &mut rng);
    let loss = fault.loss(log, cut, &mut rng);
    let dir = tempfile::tempdir().unwrap();
    let mut lost = disk::rebuild(log, cut, &loss, &mut rng, dir.path());
    let damage = fault
        .damages()
        .and_then(|place| disk::damage(dir.path(), place, &mut rng));
    lost.damaged = usize::from(damage.is_some());
    let facts = Facts::at(log, cut, plan);
    let (begun, done) = (facts.begun.last(), facts.done.last());
    let text = format!(
        "cut at {cut} of {}, begun {begun:?}, done {done:?}, {loss:?}, {lost:?}, {damage:?}",
        log.events.len()
    );
    let verdict = judge(plan, &facts, dir.path(), demand);
    Cut {
        fault,
        lost,
        text,
        verdict,
    }
}

/// Counts of a run.
#[derive(Default)]
pub(crate) struct Table {
    outcomes: BTreeMap<Fault, BTreeMap<Outcome, usize>>,
    lost: BTreeMap<Fault, Lost>,
}

impl Table {
    fn add(&mut self, cut: &Cut, outcome: Outcome) {
        let outcomes = self.outcomes.entry(cut.fault).or_default();
        *outcomes.entry(outcome).or_default() += 1;
        let sum = self.lost.entry(cut.fault).or_default();
        sum.dropped += cut.lost.dropped;
        sum.torn += cut.lost.torn;
        sum.lies += cut.lost.lies;
        sum.damaged += cut.lost.damaged;
    }

    pub(crate) fn lost(&self, fault: Fault) -> Lost {
        self.lost.get(&fault).copied().unwrap_or_default()
    }
}

impl core::fmt::Display for Table {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (fault, outcomes) in &self.outcomes {
            let count: usize = outcomes.values().sum();
            let Lost {
                dropped,
                torn,
                lies,
                damaged,
            } = self.lost(*fault);
            writeln!(
                f,
                "{fault:?}: {count} cuts, {dropped} operations dropped, {torn} torn, {lies} false \
                 syncs, {damaged} damaged: {outcomes:?}"
            )?;
        }
        Ok(())
    }
}

/// Cuts with these seeds; the seed says the kind of the fault too.
///
/// # Panics
/// When a node is not what it must be. The recording is kept, and the text says how to cut again.
pub(crate) fn run(seeds: core::ops::Range<u64>, kept: &Path) -> Table {
    let mut table = Table::default();
    let mut made: Option<(Recording, Plan)> = None;
    for seed in seeds {
        let workload_seed = seed / CUTS_PER_RECORDING;
        let (recording, plan) = match made.take() {
            Some((recording, plan)) if recording.workload_seed == workload_seed => {
                (recording, plan)
            }
            _ => (
                Recording::make(workload_seed, Acknowledges::WhenDurable),
                Plan::new(workload_seed),
            ),
        };
        let fault = fault_of(seed);
        let cut = match fault.demand() {
            honest @ Demand::Everything => cut_once(&recording, &plan, fault, honest, seed),
            demand => isolated::cut_once(seed, &recording.file, demand),
        };
        match &cut.verdict {
            Ok(outcome) => table.add(&cut, *outcome),
            Err(violation) => {
                let log = kept.join(format!("power-cut-{seed}.log"));
                std::fs::copy(&recording.file, &log).unwrap();
                panic!(
                    "{fault:?}, seed {seed}: {violation}\n{}\nagain: {}",
                    cut.text,
                    isolated::command_of(seed, &log)
                );
            }
        }
        made = Some((recording, plan));
    }
    table
}

pub(crate) fn fault_of(seed: u64) -> Fault {
    Fault::ALL[(seed % Fault::ALL.len() as u64) as usize]
}

/// Cuts once more with the seed of a failure, in the recording that was kept.
pub(crate) fn again(seed: u64, log: &Path, demand: Demand) -> Cut {
    let workload_seed = seed / CUTS_PER_RECORDING;
    let recording = Recording::read(log, workload_seed);
    let fault = fault_of(seed);
    let plan = Plan::new(workload_seed);
    cut_once(&recording, &plan, fault, demand, seed)
}

/// Right after each moment at which a tree came to name a new file of bodies.
pub(crate) fn after_new_blobs(log: &Log) -> Vec<usize> {
    // The folder of the tree whose file was synced, and is not named yet.
    let mut waits: Option<&str> = None;
    let mut found = Vec::new();
    for (i, event) in log.events.iter().enumerate() {
        match event {
            Event::Sync { node } => {
                let path = &log.nodes[*node].path;
                let file = path.split_once("/blobs/");
                waits = file.map(|(tree, _)| tree).or(waits);
            }
            Event::Entry {
                dir,
                change: Change::Rename { to, .. },
            } if waits == Some(&log.nodes[*dir].path) && to == "current" => {
                let folder = |e: &Event| matches!(e, Event::Sync { node } if node == dir);
                let synced = log.events[i..].iter().position(folder);
                found.extend(synced.map(|after| i + after + 1));
                waits = None;
            }
            _ => {}
        }
    }
    found
}
