//! A node loses nothing that was acknowledged when the power is cut, or says that it did.
//!
//! `WUTONG_POWER_CUTS` says how many cuts there are, 20 by default, and `WUTONG_POWER_SEED` the
//! first seed, 0 by default.

#![cfg(target_os = "linux")]
// The lints do not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod power_cut;
mod support;

use power_cut::disk::{self, Entries, Loss, Survives};
use power_cut::isolated;
use power_cut::judge::{self, Demand, Facts};
use power_cut::recording::{self, Acknowledges, Recording};
use power_cut::rng::Rng;
use power_cut::suite::{self, Fault};
use power_cut::workload::{self, Plan};
use std::path::Path;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

#[test]
fn what_was_acknowledged_survives_or_is_missed() {
    let count = number("WUTONG_POWER_CUTS").unwrap_or(20);
    let first = number("WUTONG_POWER_SEED").unwrap_or(0);
    let table = suite::run(first..first + count, Path::new(env!("CARGO_TARGET_TMPDIR")));
    println!("{table}");
    let lost = |fault| table.lost(fault);
    if count >= 20 {
        assert!(lost(Fault::None).dropped > 0, "writes were lost");
        assert!(lost(Fault::Torn).torn > 0, "writes were torn");
        for lying in [
            Fault::LyingDatabase,
            Fault::LyingVoteState,
            Fault::LyingDisk,
        ] {
            assert!(lost(lying).lies > 0, "{lying:?}");
        }
        for damaged in [Fault::DamagedDatabase, Fault::DamagedVoteState] {
            assert!(lost(damaged).damaged > 0, "{damaged:?}");
        }
    }
}

/// The same with a workload that fills one file of the database's journal and begins another.
#[test]
#[ignore = "writes and reads some 100 MB for each cut"]
fn more_than_one_journal_file_survives_too() {
    let count = number("WUTONG_POWER_CUTS").unwrap_or(20);
    let first =
        workload::HEAVY * suite::CUTS_PER_RECORDING + number("WUTONG_POWER_SEED").unwrap_or(0);
    let recording = Recording::make(workload::HEAVY, Acknowledges::WhenDurable);
    let mut files = recording.log.nodes.iter();
    assert!(
        files.any(|node| node.path == "db/1.jnl"),
        "there is a second"
    );
    let table = suite::run(first..first + count, Path::new(env!("CARGO_TARGET_TMPDIR")));
    println!("{table}");
}

/// The canary: were the storage to acknowledge too early, the suite would see it.
#[test]
fn an_early_acknowledgement_is_found() {
    let recording = Recording::make(1, Acknowledges::Early);
    let plan = Plan::new(1);
    let found = (0..40).find(|seed| {
        let cut = suite::cut_once(&recording, &plan, Fault::None, Demand::Everything, *seed);
        cut.verdict.is_err()
    });
    assert!(
        found.is_some(),
        "no cut found what was acknowledged too early"
    );
}

/// The other canary: were fjall to forget its syncs, the suite would see it.
#[test]
fn a_forgotten_sync_is_found() {
    let found = (2..6).any(|workload| {
        let recording = Recording::make(workload, Acknowledges::WhenDurable);
        let first = workload * suite::CUTS_PER_RECORDING;
        let seeds = first..first + suite::CUTS_PER_RECORDING;
        let mut lying = seeds.filter(|seed| suite::fault_of(*seed) == Fault::LyingDatabase);
        lying.any(|seed| {
            let cut = isolated::cut_once(seed, &recording.file, Demand::Everything);
            cut.verdict.is_err()
        })
    });
    assert!(found, "no cut found the syncs that did not happen");
}

/// Why the suite takes entries of one folder for durable that no fsync of it covers
/// ([`Entries::LikeExt4InBlobs`]): when this fails, lsm-tree syncs it, and the exception can go.
#[test]
fn bodies_rely_on_more_than_posix_promises() {
    let recording = Recording::make(3, Acknowledges::WhenDurable);
    let plan = Plan::new(3);
    let refused = |entries| {
        let mut cuts = suite::after_new_blobs(&recording.log).into_iter();
        cuts.any(|cut| {
            let loss = Loss {
                entries,
                survives: vec![Survives::Nothing],
                lie: None,
            };
            let dir = tempfile::tempdir().unwrap();
            disk::rebuild(&recording.log, cut, &loss, &mut Rng::new(0), dir.path());
            let facts = Facts::at(&recording.log, cut, &plan);
            judge::judge(&plan, &facts, dir.path(), Demand::Everything).is_err()
        })
    };
    assert!(refused(Entries::ByTheirFolder), "POSIX is enough now");
    assert!(!refused(Entries::LikeExt4InBlobs));
}

#[test]
#[ignore = "a part of the others, in a process of its own"]
fn the_recorded_child() {
    recording::child();
}

#[test]
#[ignore = "for one failure of the others, which says how"]
fn one_power_cut_again() {
    let cut = isolated::again();
    println!("{:?}: {}\n{:?}", cut.fault, cut.text, cut.verdict);
    println!("{}", isolated::line_of(&cut));
}
