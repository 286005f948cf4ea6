//! The ports pass the common suite, opening again included.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use bus::conformance::{Chain, completion, store_conformance, wait};
use bus::ports::HeadSignatures;
use messages::ids::{Height, LeafIndex};

#[test]
fn the_ports_conform() {
    let dir = tempfile::tempdir().unwrap();
    support::init(dir.path());
    store_conformance(|| {
        let opened = support::open(dir.path());
        assert!(!support::is_amnesiac(&opened), "{:?}", opened.health);
        (opened.journal, opened.store)
    });
}

#[test]
fn the_ports_conform_while_the_index_leaves_memory() {
    for rows in [1, 7, 100] {
        let dir = tempfile::tempdir().unwrap();
        support::init(dir.path());
        store_conformance(|| {
            let opened = support::open_with_runs_of(dir.path(), rows);
            (opened.journal, opened.store)
        });
    }
}

#[test]
fn a_block_said_twice_is_answered_and_written_once() {
    let dir = tempfile::tempdir().unwrap();
    support::init(dir.path());
    let opened = support::open(dir.path());
    let mut chain = Chain::default();
    let commits = [chain.next(0, 1), chain.next(2, 1)];
    for commit in commits.iter().chain(&commits) {
        let (done, told) = completion();
        opened.store.commit(commit.clone(), done);
        wait(&told);
    }
    assert_eq!(opened.store.head().unwrap(), commits[1].block);
    let value = Chain::value(0);
    assert_eq!(opened.store.lookup(&value, LeafIndex(0), 100).len(), 1);
}

#[test]
fn a_checkpoint_note_is_durable_with_the_next_block() {
    let dir = tempfile::tempdir().unwrap();
    support::init(dir.path());
    let mut chain = Chain::default();
    {
        let opened = support::open(dir.path());
        opened.store.put_checkpoint(
            "first\n".into(),
            HeadSignatures {
                height: Height(0),
                signatures: Vec::new(),
            },
        );
        let (done, told) = completion();
        opened.store.commit(chain.next(0, 1), done);
        wait(&told);
    }
    let opened = support::open(dir.path());
    let newest = opened.store.newest_checkpoint();
    assert_eq!(newest, Some((Height(0), "first\n".into())));
}
