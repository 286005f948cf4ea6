//! The index follows from the entries.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use bus::conformance::{Chain, completion, wait};
use fjall::{Database, Keyspace};
use messages::ids::LeafIndex;
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
