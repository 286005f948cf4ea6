//! A journal recorded by real nodes, exported, and replayed without their keys.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use bus::journal_file::JournalFile;
use messages::ids::Height;
use simulations::replay::Replay;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{Devnet, WUTONG, key, post, statement};

fn export(data: &Path, validator: usize, out: &Path) -> Output {
    Command::new(WUTONG)
        .args(["journal", "export", "--validator", &validator.to_string()])
        .arg("--data")
        .arg(data)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap()
}

fn deposit(devnet: &Devnet, i: usize, number: u64) {
    let entry = statement(&devnet.network(), "public", &key("journal"), number).entry();
    let url = format!("{}/v1/statements?wait_ms=30000", devnet.url(i));
    let (status, body) = post(&url, entry).unwrap();
    assert_eq!(status, 201, "{body}");
}

/// Where the journal goes; kept when `WUTONG_KEEP_JOURNALS` names a folder.
fn folder(own: &Path) -> PathBuf {
    std::env::var_os("WUTONG_KEEP_JOURNALS").map_or(own.to_owned(), PathBuf::from)
}

#[test]
fn a_devnets_journals_replay_to_what_its_nodes_did() {
    let dir = tempfile::tempdir().unwrap();
    let mut devnet = Devnet::start(dir.path());
    (0..4).for_each(|number| deposit(&devnet, number as usize, number));
    devnet.order("stop", 2);
    deposit(&devnet, 0, 10);
    // It missed a block, and gets it from the others.
    devnet.order("start", 2);
    devnet.wait_for_agreement();
    deposit(&devnet, 2, 11);
    // All die at once, in the middle of whatever they do.
    devnet.kill();
    devnet.launch(&[]);
    deposit(&devnet, 1, 12);
    let running = export(dir.path(), 0, &dir.path().join("running"));
    assert_eq!(running.status.code(), Some(1));
    let error = String::from_utf8_lossy(&running.stderr).into_owned();
    assert!(error.contains("stop the node first"), "{error}");
    devnet.wait_for_agreement();
    let height = devnet.health(0)["height"].as_u64().unwrap();
    assert_eq!(devnet.terminate(), Some(0));
    for validator in 0..4 {
        let path = folder(dir.path()).join(format!("validator-{validator}.wjournal"));
        let exported = export(dir.path(), validator, &path);
        let said = String::from_utf8_lossy(&exported.stderr).into_owned();
        assert!(exported.status.success(), "{said}");
        let bytes = std::fs::read(&path).unwrap();
        let file = JournalFile::read(&bytes).unwrap();
        assert_eq!(file.header.base, Height(0));
        let mut replay = Replay::of_file(file).unwrap();
        let standing = replay
            .run()
            .unwrap_or_else(|d| panic!("validator {validator}: {d}"));
        println!("validator {validator}: {standing:?}");
        assert!(standing.height.0 >= height, "{standing:?}");
        assert!(standing.compared > 3 * height, "{standing:?}");
        assert!(standing.openings >= 2, "{standing:?}");
        // The same file is never written over.
        assert_eq!(export(dir.path(), validator, &path).status.code(), Some(1));
    }
}
