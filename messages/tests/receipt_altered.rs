//! A receipt altered in any byte is refused, with its document and its policy at hand.
#![allow(clippy::unwrap_used)]

mod support;

use messages::policy::Policy;
use messages::verify::verify_bytes;
use proptest::prelude::*;
use std::sync::LazyLock;
use support::network::*;

static POLICY: LazyLock<Policy> = LazyLock::new(|| Network::of(4).policy());
static RECEIPTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let network = Network::of(4);
    [Issue::standard(), Issue::plain(), Issue::member()]
        .map(|issue| issue.receipt(&network).encode().into_bytes())
        .to_vec()
});

fn is_accepted(bytes: &[u8]) -> bool {
    verify_bytes(bytes, &POLICY, Some(&document())).is_accepted()
}

#[test]
fn every_flipped_bit_is_refused() {
    for receipt in RECEIPTS.iter() {
        assert!(is_accepted(receipt));
        let mut altered = receipt.clone();
        for position in 0..receipt.len() {
            for bit in 0..8 {
                altered[position] ^= 1 << bit;
                assert!(!is_accepted(&altered), "byte {position}, bit {bit}");
                altered[position] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn every_cut_and_every_added_byte_is_refused() {
    for receipt in RECEIPTS.iter() {
        for position in 0..receipt.len() {
            assert!(!is_accepted(&receipt[..position]), "cut at {position}");
            let mut without = receipt.clone();
            let removed = without.remove(position);
            assert!(!is_accepted(&without), "without byte {position}");
            let mut doubled = receipt.clone();
            doubled.insert(position, removed);
            assert!(!is_accepted(&doubled), "byte {position} doubled");
        }
        for tail in [&b"\n"[..], b" ", b"\0", b"x", b"\n\n"] {
            assert!(!is_accepted(&[receipt, tail].concat()), "tail {tail:?}");
        }
    }
}

#[test]
fn every_repeated_missing_or_swapped_line_is_refused() {
    for receipt in RECEIPTS.iter() {
        let text = std::str::from_utf8(receipt).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for i in 0..lines.len() {
            let mut without = lines.clone();
            without.remove(i);
            assert!(
                !is_accepted(without.concat().as_bytes()),
                "without line {i}"
            );
        }
        // The order of cosignature lines proves nothing; all other lines have one place.
        let first_cosignature = lines.len() - 3;
        for i in 0..first_cosignature {
            let mut swapped = lines.clone();
            swapped.swap(i, i + 1);
            if swapped != lines {
                assert!(
                    !is_accepted(swapped.concat().as_bytes()),
                    "line {i} swapped"
                );
            }
        }
    }
}

fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn random_edits_are_refused(which in 0..3usize, edits in edits()) {
        let original = &RECEIPTS[which];
        let mut bytes = original.clone();
        for (at, value, what) in edits {
            let position = at.index(bytes.len());
            match what {
                0 => bytes[position] = value,
                1 => bytes.insert(position, value),
                2 if bytes.len() > 1 => drop(bytes.remove(position)),
                // Another character of the base64 alphabet: the hardest to notice.
                _ => bytes[position] = b"AQgw+/"[usize::from(value) % 6],
            }
        }
        prop_assert!(bytes == *original || !is_accepted(&bytes));
    }
}
