//! A statement has one form: what is accepted is written back byte for byte.
#![allow(clippy::unwrap_used)]

mod support;

use messages::cbor::Canonical;
use messages::hash::Hash;
use messages::outcome::{Outcome, OutcomeCode, outcomes_root};
use messages::seal::Seal;
use messages::statement::*;
use proptest::prelude::*;
use support::*;

#[test]
fn statements_round_trip_and_verify() {
    for deposit in [plain_deposit(Hash::of(b"x")), full_deposit()] {
        let statement = statement(deposit);
        let entry = statement.entry();
        let again = Statement::parse(&entry).unwrap();
        assert_eq!(again, statement);
        assert_eq!(again.id(), statement.id());
        let message = again.sig_structure();
        assert_eq!(again.sig_structure_in(&entry), message);
        assert!(again.key.verify_strict(&message, &again.signature));
        assert!(again.key.verify_statement(&message, &again.signature));
    }
}

#[test]
fn no_altered_byte_passes_form_and_signature() {
    let entry = statement(full_deposit()).entry();
    for position in 0..entry.len() {
        for bit in 0..8 {
            let mut altered = entry.clone();
            altered[position] ^= 1 << bit;
            if let Ok(s) = Statement::parse(&altered) {
                assert_eq!(s.entry(), altered);
                assert!(
                    !s.key.verify_statement(&s.sig_structure(), &s.signature),
                    "byte {position} bit {bit}"
                );
            }
        }
    }
}

#[test]
fn errors_name_the_field() {
    let good = statement(full_deposit());
    let field = |bytes: &[u8]| Statement::parse(bytes).unwrap_err().field();
    assert_eq!(field(&[]), "entry");
    assert_eq!(field(&vec![0; 65_536]), "entry");
    let mut tail = good.entry();
    tail.push(0);
    assert_eq!(field(&tail), "entry");
    let with = |f: fn(&mut Statement)| {
        let mut s = good.clone();
        f(&mut s);
        Statement::parse(&s.entry()).unwrap_err()
    };
    assert_eq!(with(|s| s.issuer.clear()).field(), "issuer");
    assert_eq!(with(|s| s.issuer = "a".repeat(257)).field(), "issuer");
    assert_eq!(with(|s| s.subject = "a\nb".into()).field(), "subject");
    let error = with(|s| s.deposit.references = vec![s.deposit.references[0]; 17]);
    assert_eq!(error.field(), "references");
    assert!(error.to_string().contains("expected at most 16"), "{error}");
    let key = key("depositor");
    assert_eq!(
        Statement::sign(&key, "", "s", full_deposit())
            .unwrap_err()
            .field(),
        "issuer"
    );
    assert_eq!(
        Statement::sign(&key, "i", "\u{7f}", full_deposit())
            .unwrap_err()
            .field(),
        "subject"
    );
}

#[test]
fn commitments_depend_on_every_part() {
    let digest = Hash::of(b"document");
    let commitment = commit(&[1; 32], DigestAlgorithm::Sha256, &digest);
    assert_ne!(
        commitment,
        commit(&[2; 32], DigestAlgorithm::Sha256, &digest)
    );
    assert_ne!(
        commitment,
        commit(&[1; 32], DigestAlgorithm::Sha256, &Hash::of(b"other"))
    );
    insta::assert_snapshot!("commitment", commitment);
}

#[test]
fn encodings_are_frozen() {
    for (name, deposit) in [
        ("statement_plain", plain_deposit(Hash::of(b"x"))),
        ("statement_full", full_deposit()),
    ] {
        let s = statement(deposit);
        let text = format!(
            "entry:\n{}\nsigned:\n{}\nid: {}",
            hex_lines(&s.entry()),
            hex_lines(&s.sig_structure()),
            s.id()
        );
        insta::assert_snapshot!(name, text);
    }
    let seal = sample_seal();
    insta::assert_snapshot!(
        "seal",
        format!("{}\nleaf: {}", hex_lines(&seal.to_bytes()), seal.leaf())
    );
    let done = Outcome::done(statement(full_deposit()).id());
    let failed = Outcome {
        code: OutcomeCode(7),
        detail: Some(Hash::of(b"detail")),
        id: statement(plain_deposit(Hash::ZERO)).id(),
    };
    insta::assert_snapshot!(
        "outcomes",
        format!(
            "{}\n--\n{}\nroot: {}\nno outcomes: {}",
            hex_lines(&done.to_bytes()),
            hex_lines(&failed.to_bytes()),
            outcomes_root(&[done.clone(), failed.clone()]),
            outcomes_root(&[])
        )
    );
}

fn sample_seal() -> Seal {
    Seal {
        network: name("trial"),
        height: messages::ids::Height(12),
        time: messages::ids::TimeMs(1_700_000_000_123),
        previous_seal: Hash::of(b"previous seal"),
        first_leaf: messages::ids::LeafIndex(70_000),
        outcomes_root: Hash::of(b"outcomes"),
        state_root: Hash::of(b"state"),
        validator_set_hash: Hash::of(b"validators"),
        protocol_version: 1,
    }
}

#[test]
#[ignore = "a measurement, not a test: run with --nocapture"]
fn measure_parsing() {
    let entry = statement(full_deposit()).entry();
    #[allow(clippy::disallowed_types)]
    let start = std::time::Instant::now();
    for _ in 0..100_000 {
        std::hint::black_box(Statement::parse(std::hint::black_box(&entry)).unwrap());
    }
    println!(
        "{} bytes, {} ns each",
        entry.len(),
        start.elapsed().as_nanos() / 100_000
    );
}

fn mutated(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..3u8);
    prop::collection::vec(edit, 1..6).prop_map(move |edits| {
        let mut bytes = bytes.clone();
        for (at, value, what) in edits {
            let position = at.index(bytes.len());
            match what {
                0 => bytes[position] = value,
                1 => bytes.insert(position, value),
                _ if bytes.len() > 1 => drop(bytes.remove(position)),
                _ => {}
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn accepted_statements_are_written_back(bytes in mutated(statement(full_deposit()).entry())) {
        if let Ok(s) = Statement::parse(&bytes) {
            prop_assert_eq!(s.entry(), bytes);
        }
    }

    #[test]
    fn accepted_seals_are_written_back(bytes in mutated(sample_seal().to_bytes())) {
        if let Ok(seal) = Seal::from_bytes(&bytes) {
            prop_assert_eq!(seal.to_bytes(), bytes);
        }
    }

    #[test]
    fn accepted_outcomes_are_written_back(
        bytes in mutated(Outcome::done(statement(full_deposit()).id()).to_bytes())
    ) {
        if let Ok(outcome) = Outcome::from_bytes(&bytes) {
            prop_assert_eq!(outcome.to_bytes(), bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Statement::parse(&bytes);
        let _ = Seal::from_bytes(&bytes);
        let _ = Outcome::from_bytes(&bytes);
        let _ = Deposit::from_bytes(&bytes);
    }
}
