//! The index follows from the entries.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use bus::conformance::{Chain, completion, wait};
use fjall::{Database, Keyspace};
use messages::block::Header;
use messages::cbor::Canonical;
use messages::ids::{Height, LeafIndex};
use std::path::Path;

fn rows(dir: &Path, name: &str) -> Vec<Vec<u8>> {
    with(dir, name, |keyspace| {
        keyspace.iter().map(|g| g.key().unwrap().to_vec()).collect()
    })
}

fn with<T>(dir: &Path, name: &str, use_it: impl FnOnce(&Keyspace) -> T) -> T {
    let db = Database::builder(dir.join("db")).open().unwrap();
    use_it(&db.keyspace(name, Default::default).unwrap())
}

#[test]
fn a_rebuilt_index_equals_the_first() {
    let dir = tempfile::tempdir().unwrap();
    support::init(dir.path());
    let mut chain = Chain::default();
    let commits: Vec<_> = [0, 20, 1, 40].map(|n| chain.next(n, 1)).into();
    {
        let opened = support::open(dir.path());
        for commit in &commits {
            let (done, told) = completion();
            opened.store.commit(commit.clone(), done);
            wait(&told);
        }
    }
    // A run as short as this leaves nothing in memory.
    drop(support::open_with_runs_of(dir.path(), 1));
    let before = ["ids", "values"].map(|name| rows(dir.path(), name));
    assert_eq!(before.each_ref().map(Vec::len), [61, 61]);
    // Some rows vanish, and rows come that no entry stands behind.
    for (name, all) in ["ids", "values"].into_iter().zip(&before) {
        with(dir.path(), name, |keyspace| {
            for row in all.iter().step_by(2) {
                keyspace.remove(row).unwrap();
            }
            for stray in [
                [1; 24].to_vec(),
                [[9; 16].to_vec(), vec![0; 8]].concat(),
                vec![3; 5],
            ] {
                keyspace.insert(stray, []).unwrap();
            }
        });
    }
    {
        let opened = support::open(dir.path());
        assert_eq!(opened.node.rebuild_index().unwrap(), 61);
        let (id, at) = commits[3].ids[7];
        assert_eq!(opened.store.position(&id), Some(at));
    }
    assert_eq!(["ids", "values"].map(|name| rows(dir.path(), name)), before);
}

/// A run of the index is a table of its own, in no journal of the database: a disk that lies about
/// its syncs may lose it alone. A statement that is committed and not found would be admitted again.
#[test]
fn a_run_that_the_database_lost_is_written_again() {
    for lost in ["ids", "values"] {
        let dir = tempfile::tempdir().unwrap();
        support::init(dir.path());
        let mut chain = Chain::default();
        let commits: Vec<_> = [0, 20, 0, 20, 0].map(|n| chain.next(n, 1)).into();
        {
            let opened = support::open_with_runs_of(dir.path(), 20);
            for commit in &commits {
                let (done, told) = completion();
                opened.store.commit(commit.clone(), done);
                wait(&told);
            }
        }
        drop(support::open_with_runs_of(dir.path(), 1));
        let before = rows(dir.path(), lost);
        assert_eq!(before.len(), 40, "all rows left memory");
        with(dir.path(), lost, |keyspace| {
            before.iter().for_each(|row| keyspace.remove(row).unwrap());
        });
        let opened = support::open(dir.path());
        bus::conformance::holds(&*opened.store, &commits);
    }
}

#[test]
fn blocks_of_an_older_version_are_found_by_id() {
    let dir = tempfile::tempdir().unwrap();
    support::init(dir.path());
    let mut chain = Chain::default();
    let commits: Vec<_> = [0, 2, 0, 1].map(|n| chain.next(n, 1)).into();
    let id = |i: usize| {
        let header = Header::from_bytes(&commits[i].block.header).unwrap();
        header.id().0
    };
    {
        let opened = support::open(dir.path());
        for commit in &commits {
            let (done, told) = completion();
            opened.store.commit(commit.clone(), done);
            wait(&told);
        }
    }
    let before = rows(dir.path(), "block-ids");
    assert_eq!(before.len(), 3, "the genesis has no header");
    // An older version wrote neither rows nor the mark that they are whole.
    with(dir.path(), "block-ids", |ids| {
        before.iter().for_each(|row| ids.remove(row).unwrap());
        ids.insert(&before[0], 3_u64.to_be_bytes()).unwrap();
    });
    with(dir.path(), "meta", |meta| {
        assert!(meta.contains_key("block-ids").unwrap());
        meta.remove("block-ids").unwrap();
    });
    let opened = support::open(dir.path());
    for (i, commit) in commits.iter().enumerate().skip(1) {
        let found = opened.store.height_of_block(&id(i));
        assert_eq!(found, Some(commit.block.height));
    }
    assert_eq!(opened.store.height_of_block(&Chain::value(0)), None);
    drop(opened);
    // A row that names another block is no answer.
    with(dir.path(), "block-ids", |ids| {
        ids.insert(&id(1).0[..20], 2_u64.to_be_bytes()).unwrap();
    });
    let opened = support::open(dir.path());
    assert_eq!(opened.store.height_of_block(&id(1)), None);
    opened.node.rebuild_index().unwrap();
    assert_eq!(opened.store.height_of_block(&id(1)), Some(Height(1)));
}

#[test]
fn digests_that_share_a_half_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    support::init(dir.path());
    let mut chain = Chain::default();
    let genesis = chain.next(0, 1);
    let block = chain.next(9, 1);
    {
        let opened = support::open(dir.path());
        for commit in [&genesis, &block] {
            let (done, told) = completion();
            opened.store.commit(commit.clone(), done);
            wait(&told);
        }
    }
    // Rows as another value of the same half digest would leave them.
    let twin = |digest: &[u8], at: u64| [&digest[..16], &at.to_be_bytes()].concat();
    let value = Chain::value(0);
    with(dir.path(), "values", |values| {
        values.insert(twin(&value.0, 3), []).unwrap();
    });
    let opened = support::open(dir.path());
    let found: Vec<u64> = opened
        .store
        .lookup(&value, LeafIndex(0), 100)
        .iter()
        .map(|at| at.0)
        .collect();
    assert_eq!(found, [2, 9], "ordinals 0 and 7 lodge it");
}

#[test]
fn rows_of_blocks_that_the_database_lost_name_nothing() {
    let dir = tempfile::tempdir().unwrap();
    support::init(dir.path());
    let mut chain = Chain::default();
    let commits: Vec<_> = [0, 20, 20, 20].map(|n| chain.next(n, 1)).into();
    let bytes_before_the_last = {
        let opened = support::open_with_runs_of(dir.path(), 1);
        let mut bytes = 0;
        for commit in &commits {
            bytes =
                support::written(&std::fs::read(support::database_journal(dir.path())).unwrap());
            let (done, told) = completion();
            opened.store.commit(commit.clone(), done);
            wait(&told);
        }
        bytes
    };
    // Opening writes what no run has taken along.
    drop(support::open_with_runs_of(dir.path(), 1));
    assert_eq!(rows(dir.path(), "ids").len(), 60, "all rows left memory");
    // fjall drops a torn end of its journal, and keeps the tables it has.
    let journal = support::database_journal(dir.path());
    let mut damaged = std::fs::read(&journal).unwrap();
    damaged[bytes_before_the_last + 40..].fill(0);
    std::fs::write(&journal, damaged).unwrap();
    let opened = support::open_with_runs_of(dir.path(), 1);
    assert_eq!(opened.store.head().unwrap(), commits[2].block);
    let (lost, at) = commits[3].ids[0];
    assert_eq!(opened.store.position(&lost), None);
    assert_eq!(
        opened
            .store
            .lookup(&Chain::value(0), LeafIndex(0), 100)
            .len(),
        6
    );
    // The same block comes again, from a peer.
    let (done, told) = completion();
    opened.store.commit(commits[3].clone(), done);
    wait(&told);
    assert_eq!(opened.store.position(&lost), Some(at));
    assert_eq!(
        opened
            .store
            .lookup(&Chain::value(0), LeafIndex(0), 100)
            .len(),
        9
    );
}
