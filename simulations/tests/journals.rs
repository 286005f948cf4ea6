//! Journals: one recorded by a node of a devnet that was stopped, killed and started again, and
//! some of simulated worlds. All replay to what they did; what was changed in them is found.

#![allow(clippy::unwrap_used)]

use bus::journal_file::{JournalFile, JournalFileWriter};
use bus::ports::Stream;
use simulations::export::JournalExporter;
use simulations::replay::{Replay, Standing};
use simulations::{Driver, Options, Plan, run_plan};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

const RECORDED: &str = "tests/journals/validator-2.wjournal";

fn recorded() -> JournalFile {
    JournalFile::read(&std::fs::read(RECORDED).unwrap()).unwrap()
}

fn replay(file: JournalFile) -> Result<Standing, String> {
    Replay::of_file(file)?.run().map_err(|d| d.to_string())
}

fn wutong_sim(arguments: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_wutong-sim");
    Command::new(binary).args(arguments).output().unwrap()
}

#[test]
fn a_recorded_journal_replays_to_what_it_did() {
    let standing = replay(recorded()).unwrap();
    insta::assert_debug_snapshot!(standing);
}

#[test]
fn the_command_prints_the_same_each_time_and_exits_with_success() {
    let (first, second) = (
        wutong_sim(&["replay", RECORDED, "--verbose"]),
        wutong_sim(&["replay", RECORDED, "--verbose"]),
    );
    assert!(first.status.success());
    assert_eq!(first.stdout, second.stdout);
    insta::assert_snapshot!(String::from_utf8(first.stdout).unwrap());
}

#[test]
fn a_record_that_is_missing_or_changed_is_found() {
    let mut different = 0;
    let counts = |r: &bus::ports::Record| r.stream == Stream::Consensus && r.effects != 0;
    let last = recorded().records.iter().rposition(counts).unwrap();
    for place in 0..recorded().records.len() {
        let mut file = recorded();
        let removed = file.records.remove(place);
        let ended = replay(file);
        // Some inputs lead to nothing: a vote beyond the quorum, a second opening.
        different += usize::from(ended.is_err());
        // Nothing follows the last decision.
        if counts(&removed) && place != last {
            assert!(ended.is_err(), "record {} is missed by nobody", removed.seq);
        }
        let mut file = recorded();
        file.records[place].effects ^= 1;
        if file.records[place].stream != Stream::Node {
            assert!(replay(file).unwrap_err().contains("led to something else"));
        }
    }
    assert!(different > 20, "only {different} records are missed");
}

/// The file of a journal, its items hashed anew.
fn written(file: &JournalFile) -> Vec<u8> {
    let mut writer = JournalFileWriter::new(Vec::new(), &file.header).unwrap();
    let blocks = file.blocks.iter().cloned();
    blocks.for_each(|block| writer.block(block).unwrap());
    let records = file.records.iter().cloned();
    records.for_each(|record| writer.record(record).unwrap());
    writer.finish().unwrap()
}

#[test]
fn the_command_refuses_what_it_cannot_use_and_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wjournal");
    let told = |bytes: &[u8], more: &[&str]| {
        std::fs::write(&path, bytes).unwrap();
        let path = path.to_str().unwrap();
        let ran = wutong_sim(&[&["replay", path], more].concat());
        let text = String::from_utf8_lossy(&ran.stderr).replace(path, "FILE");
        (ran.status.code(), text)
    };
    let whole = std::fs::read(RECORDED).unwrap();
    let (code, text) = told(&whole[..9_000], &[]);
    assert_eq!(code, Some(2));
    assert!(
        text.contains("cut short") && text.contains("at byte 8"),
        "{text}"
    );
    let mut changed = whole.clone();
    changed[9_000] ^= 1;
    let (code, text) = told(&changed, &[]);
    assert_eq!(code, Some(2));
    assert!(text.contains("not those that were written"), "{text}");
    let (code, text) = told(b"not a journal", &[]);
    assert_eq!(code, Some(2));
    assert!(text.contains("at byte 0"), "{text}");
    let (code, text) = told(&whole, &["--network", "other"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("not of other"), "{text}");
    // Of another network than its genesis document says, and of a node that it does not know.
    let mut file = recorded();
    file.header.network = simulations::founders::name("other");
    let (code, text) = told(&written(&file), &[]);
    assert_eq!(code, Some(2));
    assert!(text.contains("is of network other"), "{text}");
    let mut file = recorded();
    file.header.node = simulations::founders::name("stranger");
    let (code, text) = told(&written(&file), &[]);
    assert_eq!(code, Some(2));
    assert!(text.contains("stranger is no validator"), "{text}");
    // What leads to something else is a difference, and exits so.
    let mut file = recorded();
    let last = file.records.iter().rposition(|r| r.effects != 0).unwrap();
    file.records[last].effects ^= 1;
    let seq = file.records[last].seq;
    std::fs::write(&path, written(&file)).unwrap();
    let ran = wutong_sim(&["replay", path.to_str().unwrap(), "--json"]);
    assert_eq!(ran.status.code(), Some(1));
    let object: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(object["identical"], false);
    assert_eq!(object["difference"]["seq"], seq);
}

fn journals_of(seed: u64, driver: Driver, folder: &Path) {
    let export = folder.to_owned();
    let options = Options {
        testers: vec![Arc::new(move || Box::new(JournalExporter(export.clone())))],
        ..Options::default()
    };
    run_plan(Plan::draw(seed, driver), &options);
}

#[test]
fn journals_of_simulated_nodes_replay_through_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let (mut openings, mut compared) = (0, 0);
    for (seed, driver) in (500..508).zip([Driver::Actors, Driver::Stepped].into_iter().cycle()) {
        journals_of(seed, driver, dir.path());
    }
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let file = JournalFile::read(&std::fs::read(&path).unwrap()).unwrap();
        let standing = replay(file).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        openings += standing.openings;
        compared += standing.compared;
    }
    assert!(openings > 20 && compared > 1_000, "{openings} {compared}");
}
