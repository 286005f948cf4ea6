//! Whatever is mixed, exactly those who signed both sides are convicted.
#![allow(clippy::unwrap_used)]

mod support;

use messages::blame::{Anchor, BlameFile, Exhibit, Head, KeyRole, judge};
use messages::checkpoint::cosign;
use messages::consensus::{SignedVote, VoteKind};
use messages::note::Note;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use support::misbehavior::*;
use support::network::{Network, ORIGIN, TIME_S};

const N: usize = 5;

/// One signature line to put on a head.
#[derive(Clone, Copy, Debug)]
struct Line {
    validator: usize,
    time: u64,
    /// Which byte of the signature is altered, if any.
    altered: Option<usize>,
    /// Whether a validator of another epoch, whose keys the policy does not list, signs.
    stranger: bool,
}

fn line() -> impl Strategy<Value = Line> {
    let altered = prop_oneof![3 => Just(None), 1 => (0..72_usize).prop_map(Some)];
    (0..N, 0..9_u64, altered, prop::bool::weighted(0.2)).prop_map(
        |(validator, time, altered, stranger)| Line {
            validator,
            time,
            altered,
            stranger,
        },
    )
}

fn signed(entries: &[Vec<u8>], log: usize, lines: &[Line]) -> Note {
    let mut note = note(&Network::of(N), entries, log, &[]);
    for line in lines {
        let network = if line.stranger {
            Network::later(N)
        } else {
            Network::of(N)
        };
        let (i, name) = (line.validator, Network::cosigner_name(line.validator));
        let mut made = cosign(&network.cosigners[i], &name, TIME_S + line.time, &note.text);
        if let Some(byte) = line.altered {
            made.bytes[byte] ^= 0x10;
        }
        note.signatures.push(made);
    }
    note
}

/// Whose valid cosignatures the lines are.
fn signers(lines: &[Line]) -> BTreeSet<usize> {
    let valid = lines.iter().filter(|l| l.altered.is_none() && !l.stranger);
    valid.map(|l| l.validator).collect()
}

fn exhibit(note: Note, entries: &[Vec<u8>], proven: &[usize]) -> Exhibit {
    let proofs = proven.iter().map(|i| inclusion(entries, i % entries.len()));
    Exhibit::Head(Box::new(Head::try_new(note, proofs.collect()).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn of_two_heads_of_one_size_exactly_the_common_signers(
        first in prop::collection::vec(line(), 0..8),
        second in prop::collection::vec(line(), 0..8),
        fork in 0..6_usize,
        logs in (0..N, 0..N),
        turn in 0..9_usize,
    ) {
        let (a, b) = (entries(5, usize::MAX), entries(5, fork));
        let (mut one, mut two) = (signed(&a, logs.0, &first), signed(&b, logs.1, &second));
        let turns = (turn % one.signatures.len(), turn % two.signatures.len());
        one.signatures.rotate_left(turns.0);
        two.signatures.rotate_left(turns.1);
        let anchor = Anchor::of_policy(Network::of(N).policy());
        let report = judge(&[exhibit(one, &a, &[]), exhibit(two, &b, &[])], &anchor);
        let convicted = |role| {
            let keys = report.convicted.iter().filter(move |c| c.holder.role == role);
            keys.map(|c| c.holder.key).collect::<BTreeSet<_>>()
        };
        let network = Network::of(N);
        let expected: BTreeSet<_> = signers(&first)
            .intersection(&signers(&second))
            .map(|i| network.cosigners[*i].public())
            .collect();
        let log = (logs.0 == logs.1).then(|| network.logs[logs.0].public());
        if fork < 5 {
            prop_assert_eq!(convicted(KeyRole::Cosigner), expected);
            prop_assert_eq!(convicted(KeyRole::Log), log.into_iter().collect());
        } else {
            prop_assert!(report.convicted.is_empty(), "both are one head");
        }
        if let Some(file) = BlameFile::of(&report) {
            let checked = BlameFile::check(file.encode().as_bytes(), &anchor);
            prop_assert_eq!(checked.unwrap().convicted, report.convicted);
        }
    }

    #[test]
    fn of_heads_of_one_growing_log_nobody(
        sizes in (1..40_usize, 1..40_usize),
        proven in prop::collection::vec(0..40_usize, 0..4),
        shown in prop::collection::vec(0..40_usize, 0..4),
    ) {
        let logs = [entries(sizes.0, usize::MAX), entries(sizes.1, usize::MAX)];
        let everybody: Vec<usize> = (0..N).collect();
        let [a, b] = [(&logs[0], &proven), (&logs[1], &shown)].map(|(log, proofs)| {
            exhibit(note(&Network::of(N), log, 0, &everybody), log, proofs)
        });
        let report = judge(&[a, b], &Anchor::of_policy(Network::of(N).policy()));
        prop_assert!(!report.is_proven());
        prop_assert!(report.convicted.is_empty());
    }

    #[test]
    fn of_heads_of_two_logs_whoever_signed_both_when_one_place_shows_it(
        sizes in (1..40_usize, 1..40_usize),
        fork in 0..40_usize,
        place in 0..40_usize,
        first in prop::collection::btree_set(0..N, 0..N),
        second in prop::collection::btree_set(0..N, 0..N),
    ) {
        let logs = [entries(sizes.0, usize::MAX), entries(sizes.1, fork)];
        let small = sizes.0.min(sizes.1);
        prop_assume!(sizes.0 != sizes.1 && place < small);
        let sign = |log: &[Vec<u8>], log_key, signers: &BTreeSet<usize>| {
            let signers: Vec<usize> = signers.iter().copied().collect();
            exhibit(note(&Network::of(N), log, log_key, &signers), log, &[place])
        };
        let exhibits = [sign(&logs[0], 0, &first), sign(&logs[1], 1, &second)];
        let report = judge(&exhibits, &Anchor::of_policy(Network::of(N).policy()));
        let names: BTreeSet<_> = report.convicted.iter().map(|c| c.holder.name.clone()).collect();
        let both = first.intersection(&second).map(|i| format!("v{}", i + 1)).collect();
        let forked = fork < small;
        if !forked {
            prop_assert!(names.is_empty(), "the trees agree on what both hold");
        } else if place >= fork {
            prop_assert_eq!(names, both, "the receipts show two entries at one place");
        } else {
            prop_assert!(names.is_subset(&both));
        }
    }

    #[test]
    fn of_votes_exactly_the_double_signers(
        cast in prop::collection::vec((0..N, 0..2_u32, any::<bool>(), 0..3_usize, 0..6_u8), 0..25)
    ) {
        let mut said: BTreeMap<(usize, u32, bool), BTreeSet<usize>> = BTreeMap::new();
        let mut exhibits = Vec::new();
        for (validator, round, is_prevote, block_of, fate) in cast {
            let kind = if is_prevote { VoteKind::Prevote } else { VoteKind::Precommit };
            let id = ["a", "b"].get(block_of).map(|text| block(text));
            let mut signed: SignedVote = vote(validator, round, kind, id);
            match fate {
                0 => signed.signature.0[40] ^= 1,
                1 => signed.vote.network = support::name("other"),
                _ => {
                    said.entry((validator, round, is_prevote)).or_default().insert(block_of);
                }
            }
            exhibits.push(voted(signed));
        }
        let twice = said.iter().filter(|(_, blocks)| blocks.len() > 1);
        let expected: BTreeSet<_> = twice.map(|((v, ..), _)| format!("v{}", v + 1)).collect();
        let anchor = Anchor::of_genesis(genesis(N)).unwrap();
        let report = judge(&exhibits, &anchor);
        let names: BTreeSet<_> = report.convicted.iter().map(|c| c.holder.name.clone()).collect();
        prop_assert_eq!(names, expected);
        exhibits.reverse();
        prop_assert_eq!(judge(&exhibits, &anchor).convicted, report.convicted.clone());
        if let Some(file) = BlameFile::of(&report) {
            let checked = BlameFile::check(file.encode().as_bytes(), &anchor);
            prop_assert_eq!(checked.unwrap().convicted, report.convicted);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Exhibit::parse(&bytes);
        let _ = Exhibit::parse(&[b"{".as_slice(), &bytes].concat());
        let text = format!("{ORIGIN}\n5\nAAAA\n\n\u{2014} ");
        let _ = Exhibit::parse(&[text.as_bytes(), &bytes].concat());
    }
}
