//! A node that lost part of its journal never opens as if it had not.

// The lints do not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use adapters_fjall::{FjallNode, OpenError, Options};
use bus::conformance::{Chain, completion, wait};
use bus::ports::{NewRecord, Stream};
use bytes::Bytes;
use messages::ids::{Height, Name, TimeMs};
use std::path::Path;
use support::{append, database_journal, init, is_amnesiac, open, try_open, written};

/// A directory with `votes` synced records with votes and `others` without.
fn used(votes: u64, others: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let opened = open(dir.path());
    append(&*opened.journal, votes, true);
    append(&*opened.journal, others, false);
    dir
}

fn flip(path: &Path, part: impl FnOnce(usize) -> usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = part(written(&bytes));
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn an_undamaged_journal_is_intact() {
    let dir = used(50, 10);
    let opened = open(dir.path());
    assert!(!is_amnesiac(&opened), "{:?}", opened.health);
    assert_eq!(opened.journal.next_seq(), 61);
    assert_eq!(opened.journal.load(Stream::Consensus, 1).len(), 60);
}

/// Whether fjall itself refuses depends on the byte: damage to a batch's frame makes it drop the
/// rest in silence, and the watermark alone notices.
#[test]
fn a_flipped_byte_in_the_database_journal_is_noticed() {
    let (mut refused, mut amnesiac, mut harmless) = (0, 0, 0);
    let records = 20;
    let undamaged = used(records, 0);
    let expected = open(undamaged.path()).journal.load(Stream::Consensus, 1);
    for step in 0..40 {
        let dir = used(records, 0);
        // Bytes of one record in the middle, frame and content.
        flip(&database_journal(dir.path()), |size| {
            size / 2 + size / records as usize * step / 40
        });
        match try_open(dir.path()) {
            Ok(opened) if is_amnesiac(&opened) => amnesiac += 1,
            Ok(opened) => {
                // A few bytes carry nothing that is ever read, such as the number of a batch.
                assert_eq!(opened.journal.next_seq(), records + 1, "step {step}");
                let found = opened.journal.load(Stream::Consensus, 1);
                assert_eq!(found, expected, "step {step}");
                harmless += 1;
            }
            Err(OpenError::Database(_)) => refused += 1,
            Err(other) => panic!("step {step}: {other}"),
        }
    }
    println!("{refused} refused, {amnesiac} noticed by the watermark, {harmless} harmless");
    assert!(amnesiac > 0, "the watermark was put to the test");
}

#[test]
fn a_lost_tail_beyond_the_watermark_is_no_loss_of_votes() {
    let dir = used(40, 40);
    let path = database_journal(dir.path());
    let size = written(&std::fs::read(&path).unwrap());
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(size as u64 * 3 / 4).unwrap();
    let opened = open(dir.path());
    assert!(!is_amnesiac(&opened), "{:?}", opened.health);
    let next = opened.journal.next_seq();
    assert!(
        (41..=80).contains(&next),
        "the tail is gone, next is {next}"
    );
    append(&*opened.journal, 5, true);
    drop(opened);
    let opened = open(dir.path());
    assert!(!is_amnesiac(&opened), "{:?}", opened.health);
    assert_eq!(opened.journal.next_seq(), next + 5);
}

#[test]
fn a_lost_tail_with_votes_is_amnesia() {
    let dir = used(80, 0);
    let path = database_journal(dir.path());
    let size = written(&std::fs::read(&path).unwrap());
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(size as u64 * 3 / 4).unwrap();
    assert!(is_amnesiac(&open(dir.path())));
}

#[test]
fn another_history_of_the_same_length_is_amnesia() {
    let dir = used(15, 0);
    let other = tempfile::tempdir().unwrap();
    init(other.path());
    {
        let opened = open(other.path());
        let (done, told) = completion();
        let inputs = (0..15).map(|i| NewRecord::plain(TimeMs(i), Bytes::from_static(b"another")));
        let inputs = inputs.collect();
        opened.journal.append(Stream::Consensus, inputs, true, done);
        wait(&told);
    }
    std::fs::remove_dir_all(dir.path().join("db")).unwrap();
    std::fs::rename(other.path().join("db"), dir.path().join("db")).unwrap();
    assert!(is_amnesiac(&open(dir.path())));
}

#[test]
fn a_vanished_database_is_amnesia() {
    let dir = used(5, 0);
    std::fs::remove_dir_all(dir.path().join("db")).unwrap();
    let opened = open(dir.path());
    assert!(is_amnesiac(&opened));
    assert_eq!(opened.journal.next_seq(), 6, "seqs are not used twice");
}

#[test]
fn amnesia_lasts_until_a_floor_is_set() {
    let dir = used(30, 0);
    std::fs::remove_file(dir.path().join("vote-state")).unwrap();
    for opening in 0..3 {
        let opened = open(dir.path());
        assert!(is_amnesiac(&opened), "opening {opening}");
        assert_eq!((opened.floor, opened.node.amnesia_floor()), (None, None));
        let next = 31 + 2 * opening;
        assert_eq!(opened.journal.next_seq(), next);
        assert_eq!(
            opened.journal.load(Stream::Consensus, 1).len() as u64,
            next - 31
        );
        append(&*opened.journal, 2, true);
    }
    let opened = open(dir.path());
    let (done, told) = completion();
    opened.node.set_amnesia_floor(Height(12), done);
    wait(&told);
    assert_eq!(opened.node.amnesia_floor(), Some(Height(12)));
    append(&*opened.journal, 2, true);
    drop(opened);
    let opened = open(dir.path());
    assert!(!is_amnesiac(&opened), "{:?}", opened.health);
    assert_eq!(opened.floor, Some(Height(12)));
    let (done, told) = completion();
    opened.node.clear_amnesia(done);
    wait(&told);
    drop(opened);
    let opened = open(dir.path());
    assert!(!is_amnesiac(&opened));
    assert_eq!((opened.floor, opened.journal.next_seq()), (None, 39));
}

#[test]
fn a_damaged_vote_state_file_is_amnesia() {
    let dir = used(3, 0);
    std::fs::write(dir.path().join("vote-state"), [0; 100]).unwrap();
    assert!(is_amnesiac(&open(dir.path())));
    assert!(is_amnesiac(&open(dir.path())));
}

#[test]
fn an_empty_directory_is_a_mistake_or_a_loss() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("node");
    assert!(matches!(
        try_open(&place),
        Err(OpenError::NotInitialised { .. })
    ));
    let options = Options {
        expect_existing: true,
        ..support::options()
    };
    let opened = FjallNode::open(&place, &support::network(), options);
    assert!(is_amnesiac(&opened.unwrap_or_else(|e| panic!("{e}"))));
    assert!(is_amnesiac(&open(&place)), "it stays so");
    let again = FjallNode::init(&place, &support::network());
    assert!(matches!(again, Err(OpenError::AlreadyInitialised { .. })));
}

#[test]
fn another_networks_directory_is_refused() {
    let dir = used(1, 0);
    let other = Name::try_new("other").unwrap();
    let opened = FjallNode::open(dir.path(), &other, support::options());
    assert!(matches!(opened, Err(OpenError::OtherNetwork { .. })));
}

/// fjall forgets a keyspace without its folder and would make an empty one.
#[test]
fn a_keyspace_that_is_gone_is_noticed_or_made_again() {
    let (mut refused, mut made_again) = (0, 0);
    for number in 1.. {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path());
        let keyspace = dir.path().join(format!("db/keyspaces/{number}"));
        if !keyspace.exists() {
            break;
        }
        let mut chain = Chain::default();
        let commits: Vec<_> = [0, 3, 2].map(|n| chain.next(n, 1)).into();
        {
            let opened = open(dir.path());
            for commit in &commits {
                let (done, told) = completion();
                opened.store.commit(commit.clone(), done);
                wait(&told);
            }
        }
        std::fs::remove_dir_all(keyspace).unwrap();
        match try_open(dir.path()) {
            Err(OpenError::Corrupt { .. }) => refused += 1,
            Err(other) => panic!("keyspace {number}: {other}"),
            Ok(opened) => {
                bus::conformance::holds(&*opened.store, &commits);
                made_again += 1;
            }
        }
    }
    assert_eq!((refused, made_again), (10, 3), "three can be made again");
}

#[test]
fn an_interrupted_creation_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let left = dir.path().join("db.new");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("0.jnl"), "half").unwrap();
    init(dir.path());
    assert!(!is_amnesiac(&open(dir.path())));
    assert!(!left.exists());
}

/// As tables are that fjall wrote before it dropped the rest of a damaged journal.
#[test]
fn a_keyspace_that_is_ahead_is_corrupt() {
    let rows = [
        ("entries", 2_u64.to_be_bytes().to_vec()),
        ("tiles", [&[0], &2_u64.to_be_bytes()[..]].concat()),
        ("checkpoints", 0_u64.to_be_bytes().to_vec()),
    ];
    for (name, key) in rows {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path());
        {
            let opened = open(dir.path());
            let (done, told) = completion();
            opened.store.commit(Chain::default().next(0, 1), done);
            wait(&told);
        }
        {
            let db = fjall::Database::builder(dir.path().join("db"))
                .open()
                .unwrap();
            let keyspace = db.keyspace(name, Default::default).unwrap();
            keyspace.insert(key, [7; 32]).unwrap();
        }
        let opened = try_open(dir.path());
        assert!(matches!(opened, Err(OpenError::Corrupt { .. })), "{name}");
    }
}

#[test]
fn a_block_without_its_entry_is_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let mut chain = Chain::default();
    {
        let opened = open(dir.path());
        for _ in 0..3 {
            let (done, told) = completion();
            opened.store.commit(chain.next(2, 1), done);
            wait(&told);
        }
    }
    {
        let db = fjall::Database::builder(dir.path().join("db"))
            .open()
            .unwrap();
        let entries = db.keyspace("entries", Default::default).unwrap();
        entries.insert(7u64.to_be_bytes(), "seal 3").unwrap();
    }
    match try_open(dir.path()) {
        Err(OpenError::Corrupt { what, place }) => println!("{place}: {what}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened with a changed entry"),
    }
}
