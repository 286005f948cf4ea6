//! Every parser, on arbitrary and on nearly right input: never a panic, and what is accepted is
//! written back byte for byte.
#![allow(clippy::unwrap_used)]

mod support;

use messages::cbor::Canonical;
use messages::checkpoint::Checkpoint;
use messages::note::{Note, NoteSignature, VerifierKey};
use messages::policy::Policy;
use messages::receipt::{Receipt, ReceiptExtra};
use messages::tlog_proof::TlogProof;
use messages::verify::{verify, verify_bytes};
use proptest::prelude::*;
use std::sync::LazyLock;
use support::network::*;

static RECEIPT: LazyLock<Receipt> = LazyLock::new(|| Issue::standard().receipt(&Network::of(4)));
static POLICY: LazyLock<Policy> = LazyLock::new(|| Network::of(4).policy());

/// Replaces, inserts and removes bytes; gives text, as the parsers take it.
fn mutated(text: String) -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), "[ -~\n]", 0..3u8);
    prop::collection::vec(edit, 1..5).prop_map(move |edits| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, with, what) in edits {
            let position = at.index(chars.len());
            let with = with.chars().next().unwrap();
            match what {
                0 => chars[position] = with,
                1 => chars.insert(position, with),
                _ if chars.len() > 1 => drop(chars.remove(position)),
                _ => {}
            }
        }
        chars.into_iter().collect()
    })
}

fn mutated_bytes(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5).prop_map(
        move |edits| {
            let mut bytes = bytes.clone();
            for (at, value) in edits {
                let position = at.index(bytes.len());
                bytes[position] = value;
            }
            bytes
        },
    )
}

fn judge_text(text: &str) {
    if let Ok(note) = Note::parse(text) {
        assert_eq!(note.encode(), text);
    }
    if let Ok(head) = Checkpoint::parse(text) {
        assert_eq!(head.text(), text);
    }
    if let Ok(signature) = NoteSignature::parse_line(text) {
        assert_eq!(signature.line(), format!("{text}\n"));
    }
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(proof) = TlogProof::parse(text) {
        assert_eq!(proof.encode(), text);
    }
    if let Ok(receipt) = Receipt::parse(text) {
        assert_eq!(receipt.encode(), text);
    }
    if let Ok(policy) = Policy::parse(text) {
        let again = Policy::parse(&policy.text()).expect("the canonical text is a policy");
        assert_eq!(again, policy);
        assert_eq!(again.text(), policy.text());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn arbitrary_text(text in "\\PC{0,200}") {
        judge_text(&text);
    }

    #[test]
    fn arbitrary_lines(text in "([ -~—]{0,40}\n){0,12}") {
        judge_text(&text);
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!verify_bytes(&bytes, &POLICY, None).is_accepted());
        if let Ok(extra) = ReceiptExtra::from_bytes(&bytes) {
            prop_assert_eq!(extra.to_bytes(), bytes);
        }
    }

    #[test]
    fn nearly_receipts(text in mutated(RECEIPT.encode())) {
        judge_text(&text);
    }

    #[test]
    fn nearly_notes(text in mutated(RECEIPT.checkpoint.encode())) {
        judge_text(&text);
    }

    #[test]
    fn nearly_checkpoints(text in mutated(RECEIPT.checkpoint.text.clone())) {
        judge_text(&text);
    }

    #[test]
    fn nearly_policies(text in mutated(POLICY.text())) {
        judge_text(&text);
    }

    #[test]
    fn nearly_keys(text in mutated(POLICY.witnesses()[0].key.to_string())) {
        judge_text(&text);
    }

    #[test]
    fn nearly_extras(bytes in mutated_bytes(RECEIPT.extra.to_bytes())) {
        if let Ok(extra) = ReceiptExtra::from_bytes(&bytes) {
            prop_assert_eq!(extra.to_bytes(), bytes);
            let receipt = Receipt { extra, ..RECEIPT.clone() };
            let same = receipt == *RECEIPT;
            let report = verify(&receipt, &POLICY, Some(&document()));
            prop_assert_eq!(report.is_accepted(), same);
        }
    }
}
