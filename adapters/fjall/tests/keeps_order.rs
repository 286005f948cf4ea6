//! Many threads append at once; retention removes what nobody needs.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use adapters_fjall::{FjallNode, Options};
use bus::conformance::{Chain, completion, wait};
use bus::ports::{NewRecord, Stream};
use bytes::Bytes;
use messages::ids::TimeMs;

#[test]
fn a_thousand_appends_of_eight_threads_stand_in_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    support::init(dir.path());
    let opened = support::open(dir.path());
    let journal = &opened.journal;
    let told: Vec<(u64, Bytes)> = std::thread::scope(|scope| {
        let append = |thread: u64| {
            let mut waits = Vec::new();
            for i in 0..125 {
                let (done, told) = completion();
                let input = Bytes::from(format!("{thread}/{i}"));
                let inputs = vec![NewRecord::plain(TimeMs(i), input.clone())];
                let votes = i % 10 == 0;
                let seq = journal.append(Stream::Consensus, inputs, votes, done);
                waits.push((seq, input, told));
            }
            waits.iter().for_each(|(_, _, told)| wait(told));
            waits.into_iter().map(|(seq, input, _)| (seq, input))
        };
        let threads: Vec<_> = (0..8).map(|t| scope.spawn(move || append(t))).collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    });
    drop(opened);
    let opened = support::open(dir.path());
    assert!(!support::is_amnesiac(&opened), "{:?}", opened.health);
    let mut expected = told;
    expected.sort();
    let records = opened.journal.load(Stream::Consensus, 1);
    let found: Vec<_> = records.into_iter().map(|r| (r.seq, r.input)).collect();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 1000);
}

#[test]
fn retention_keeps_what_the_retained_heights_need() {
    let dir = tempfile::tempdir().unwrap();
    support::init(dir.path());
    let options = || Options {
        retain_heights: Some(2),
        ..support::options()
    };
    let mut chain = Chain::default();
    let opened = FjallNode::open(dir.path(), &support::network(), options());
    let opened = opened.unwrap_or_else(|e| panic!("{e}"));
    for _ in 0..10 {
        support::append(&*opened.journal, 3, true);
        let (done, told) = completion();
        opened
            .store
            .commit(chain.next(1, opened.journal.next_seq()), done);
        wait(&told);
    }
    // Height h is replayed from 4 + 3h; the head is 9, so 7 is the oldest that counts.
    let records = opened.journal.load(Stream::Consensus, 1);
    assert_eq!(records.first().map(|r| r.seq), Some(4 + 3 * 7));
    assert_eq!(records.last().map(|r| r.seq), Some(30));
    drop(opened);
    let opened = support::open(dir.path());
    assert!(!support::is_amnesiac(&opened), "{:?}", opened.health);
    assert_eq!(opened.journal.next_seq(), 31);
}

#[test]
fn retention_never_removes_the_newest_record() {
    let dir = tempfile::tempdir().unwrap();
    support::init(dir.path());
    let options = Options {
        retain_heights: Some(0),
        ..support::options()
    };
    let mut chain = Chain::default();
    {
        let opened = FjallNode::open(dir.path(), &support::network(), options);
        let opened = opened.unwrap_or_else(|e| panic!("{e}"));
        support::append(&*opened.journal, 9, true);
        let (done, told) = completion();
        opened.store.commit(chain.next(0, 10), done);
        wait(&told);
        assert_eq!(opened.journal.load(Stream::Consensus, 1).len(), 1);
    }
    let opened = support::open(dir.path());
    assert!(!support::is_amnesiac(&opened), "{:?}", opened.health);
    assert_eq!(opened.journal.next_seq(), 10);
}
