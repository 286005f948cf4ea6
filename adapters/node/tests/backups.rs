//! A node is backed up while it works, lost, and built again.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use bus::backup_file::{BackupItem, BackupReader, BackupWriter};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;
use support::load::under_load;
use support::network::{NODES, Network};
use support::processes::nats_is_asked_for;
use support::{PATIENCE, WUTONG, books};

fn wutong(arguments: &[&str]) -> Output {
    Command::new(WUTONG).args(arguments).output().unwrap()
}

fn answer(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The error of a command that must fail.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_node_that_was_backed_up_under_load_is_lost_and_comes_back() {
    if !nats_is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let net = Network::found(dir.path());
    net.start_servers();
    net.start_all();
    (0..NODES).for_each(|i| net.wait_until_ready(i));
    let (home, config) = (net.home(3), net.config(3));
    let file = dir.path().join("node-3.wbackup");
    let file = file.to_str().unwrap();
    let (loaded, ()) = under_load(&net, &[0, 1, 2], |load| {
        load.wait_for(10);
        let backup = [
            "backup",
            "--config",
            &config,
            "--out",
            file,
            "--with-keys",
            "--json",
        ];
        let made_backup = answer(&wutong(&backup));
        assert!(
            made_backup["height"].as_u64().unwrap() >= 1,
            "{made_backup}"
        );
        assert!(
            made_backup["checkpoints"].as_u64().unwrap() >= 1,
            "{made_backup}"
        );
        assert!(refused(&wutong(&backup)).contains("there is a file already"));
        // It signs more than the backup knows, and then its disk is gone.
        load.wait_for(10);
        net.kill(3);
        for folder in ["ledger", "keys", "run"] {
            fs::remove_dir_all(home.join(folder)).unwrap();
        }
        fs::remove_file(home.join("initialised")).unwrap();
        load.wait_for(5);
        let restore = [
            "restore",
            "--config",
            &config,
            "--from",
            file,
            "--with-keys",
            "--json",
        ];
        let restored = answer(&wutong(&restore));
        assert_eq!(restored["height"], made_backup["height"], "{restored}");
        assert_eq!(restored["keys"], true);
        assert!(refused(&wutong(&restore)).contains("there is a ledger already"));
    });
    let height = net.json(0, "/v1/health").1["height"].as_u64().unwrap();
    net.start(3);
    let amnesiac = net.wait(3, "/v1/health", |_, health| health["amnesiac"].is_string());
    assert_eq!(amnesiac["voting"], false, "{amnesiac}");
    // Blocks go on, and from three heights above what the others knew it votes again.
    let began = Instant::now();
    for number in 1_000_000.. {
        let (_, body) = net.submit(0, number, 30_000).unwrap();
        assert!(body["receipt"].is_string(), "{body}");
        let health = net.json(3, "/v1/health").1;
        if health["voting"] == true {
            assert!(health["height"].as_u64().unwrap() >= height + 2, "{health}");
            break;
        }
        assert!(began.elapsed() < PATIENCE, "it never votes again: {health}");
    }
    // Its vote is needed now.
    net.kill(1);
    net.wait(0, "/v1/health", |_, health| {
        health["missing"] == serde_json::json!(["validator-1"])
    });
    let (status, body) = net.submit(3, 2_000_000, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
    net.start(1);
    books::close(&net, &loaded.acknowledged);
    println!("{} deposits, restored and voting", loaded.receipted);
}

/// A backup of node 0 at rest, in a network that a devnet founded.
fn of_devnet(dir: &Path) -> (String, String) {
    let devnet = support::Devnet::start(&dir.join("net"));
    let key = support::key("backups");
    for i in 0..5 {
        let entry = support::statement(&devnet.network(), "public", &key, i).entry();
        let url = format!("{}/v1/statements?wait_ms=30000", devnet.url(0));
        let (status, body) = support::post(&url, entry).unwrap();
        assert_eq!(status, 201, "{body}");
    }
    drop(devnet);
    let config = dir.join("net/node-0/node.toml");
    let text = "[node]\nname = \"validator-0\"\ngenesis = \"../genesis.cbor\"\nfolder = \".\"\n\
                [http]\nlisten = \"127.0.0.1:1\"\n[nats]\nurl = \"nats://127.0.0.1:1\"\n";
    fs::write(&config, text).unwrap();
    let (config, file) = (config.to_str().unwrap(), dir.join("node-0.wbackup"));
    let file = file.to_str().unwrap();
    answer(&wutong(&[
        "backup", "--config", config, "--out", file, "--json",
    ]));
    (config.to_owned(), file.to_owned())
}

#[test]
fn a_backup_that_was_cut_or_changed_is_refused_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (config, file) = of_devnet(dir.path());
    let home = dir.path().join("net/node-0");
    fs::rename(home.join("ledger"), home.join("ledger.lost")).unwrap();
    let restore = |file: &str| wutong(&["restore", "--config", &config, "--from", file, "--json"]);
    let bytes = fs::read(&file).unwrap();
    let bad = dir.path().join("bad.wbackup");
    let bad = bad.to_str().unwrap();
    for at in [20, bytes.len() / 3, bytes.len() / 2, bytes.len() - 5] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(bad, &changed).unwrap();
        let error = refused(&restore(bad));
        assert!(error.contains("at byte "), "{error}");
        fs::write(bad, &bytes[..at]).unwrap();
        let error = refused(&restore(bad));
        assert!(error.contains("cut short"), "{error}");
        assert!(
            !home.join("ledger").exists(),
            "nothing is left in its place"
        );
        assert!(!home.join("ledger.restoring").exists());
    }
    let error = refused(&wutong(&[
        "restore",
        "--config",
        &config,
        "--from",
        &file,
        "--with-keys",
    ]));
    assert!(error.contains("it holds no keys"), "{error}");
    assert!(
        !fs::read_to_string(home.join("keys/log.pem"))
            .unwrap()
            .is_empty()
    );
    let pem = fs::read_to_string(home.join("keys/log.pem")).unwrap();
    let secret = pem.lines().nth(1).unwrap();
    let holds = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
    assert!(!holds, "a key is in the backup unasked");
    let restored = answer(&restore(&file));
    assert_eq!(restored["statements"], 5, "{restored}");
    // The whole network from there on: node 0 forgot, and finds its floor among the others.
    let devnet = support::Devnet::start(&dir.path().join("net"));
    let health = devnet.health(0);
    assert_eq!(health["voting"], false, "{health}");
    devnet.wait_for_agreement();
}

/// Writes a backup anew, its items changed, with hashes that fit: as one who wants to cheat would.
fn forged(file: &str, forge: impl Fn(u64, BackupItem) -> Option<BackupItem>, out: &str) {
    let bytes = fs::read(file).unwrap();
    let mut reader = BackupReader::new(&bytes[..]).unwrap();
    let mut writer = BackupWriter::new(Vec::new(), reader.header()).unwrap();
    loop {
        let item = reader.item().unwrap();
        let is_end = matches!(item, BackupItem::End(_));
        if let Some(item) = forge(reader.seen().blocks, item) {
            writer.item(item).unwrap();
        }
        if is_end {
            break;
        }
    }
    fs::write(out, writer.finish().unwrap()).unwrap();
}

#[test]
fn a_backup_that_no_quorum_vouches_for_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (config, file) = of_devnet(dir.path());
    let home = dir.path().join("net/node-0");
    fs::rename(home.join("ledger"), home.join("ledger.lost")).unwrap();
    let bad = dir.path().join("forged.wbackup");
    let bad = bad.to_str().unwrap();
    let restored = || refused(&wutong(&["restore", "--config", &config, "--from", bad]));
    // A statement taken out of block 1.
    let without_statement = |_, item| match item {
        BackupItem::Block(mut block) => {
            block.block.statements.pop();
            Some(BackupItem::Block(block))
        }
        other => Some(other),
    };
    forged(&file, without_statement, bad);
    let error = restored();
    assert!(error.contains("block 1: "), "{error}");
    // The certificate of another block.
    let without_certificate = |_, item| match item {
        BackupItem::Block(mut block) => {
            block.certificate = bytes::Bytes::new();
            Some(BackupItem::Block(block))
        }
        other => Some(other),
    };
    forged(&file, without_certificate, bad);
    let error = restored();
    assert!(error.contains("block 1: "), "{error}");
    // A checkpoint with one line of signatures alone.
    let with_too_few = |_, item| match item {
        BackupItem::Checkpoint(mut checkpoint) => {
            let lines: Vec<&str> = checkpoint.note.lines().take(5).collect();
            checkpoint.note = lines.join("\n") + "\n";
            Some(BackupItem::Checkpoint(checkpoint))
        }
        other => Some(other),
    };
    forged(&file, with_too_few, bad);
    let error = restored();
    assert!(error.contains("checkpoint"), "{error}");
    // No checkpoint at all.
    let unsigned = |_, item| Some(item).filter(|i| !matches!(i, BackupItem::Checkpoint(_)));
    forged(&file, unsigned, bad);
    let error = restored();
    assert!(error.contains("no quorum vouches for its log"), "{error}");
    assert!(!home.join("ledger").exists());
}

#[test]
fn blocks_of_another_network_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_, file) = of_devnet(dir.path());
    let other = Network::found(&dir.path().join("other"));
    let config = other.config(0);
    let error = refused(&wutong(&["restore", "--config", &config, "--from", &file]));
    assert!(
        error.contains("node.genesis is another document"),
        "{error}"
    );
    assert!(!other.home(0).join("ledger").exists());
}
