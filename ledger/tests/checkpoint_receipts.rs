//! A validator that cosigns a tree head also signs COSE receipts of it. Whoever withholds or spoils
//! that signature is counted and keeps no checkpoint back.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use ledger::checkpointing::{CheckpointEffect, CheckpointInput, CheckpointKeys, Checkpointing};
use ledger::machine::{At, Keep, Machine};
use messages::checkpoint::Checkpoint;
use messages::cose_receipt::HeadSignature;
use messages::genesis::{Genesis, GenesisValidator, Namespace, Parameters};
use messages::hash::Hash;
use messages::ids::{Height, Name, TimeMs, TreeSize};
use messages::keys::{PrivateKey, PublicKey};
use messages::note::Note;
use messages::ports::StrictVerifier;
use messages::statement::cose_key_id;
use messages::stored::HeadSignatures;
use messages::wire::PeerMessage;
use std::sync::Arc;

const ORIGIN: &str = "ledger.example/trial";

fn name(i: usize) -> Name {
    Name::try_new(&format!("node-{i}")).unwrap()
}

fn key(i: usize, purpose: &str) -> PrivateKey {
    PrivateKey::derive(&[i as u8; 32], purpose)
}

fn genesis(n: usize) -> Genesis {
    let validator = |i: usize| GenesisValidator {
        name: name(i),
        organisation: format!("Organisation {i}"),
        consensus: key(i, "consensus").public(),
        log: key(i, "log").public(),
        cosigner: key(i, "cosigner").public(),
        receipt: key(i, "receipt").public(),
        transport: key(i, "transport").public(),
    };
    Genesis {
        network: Name::try_new("trial").unwrap(),
        origin: ORIGIN.into(),
        created: TimeMs(1_700_000_000_000),
        demonstration: false,
        validators: (0..n).map(validator).collect(),
        namespaces: vec![Namespace::open(Name::try_new("public").unwrap())],
        parameters: Parameters::default(),
    }
}

fn head() -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.into(),
        size: TreeSize(9),
        root: Hash::of(b"root"),
    }
}

fn head_input() -> CheckpointInput {
    let (size, root) = (head().size, head().root);
    CheckpointInput::Head {
        height: Height(3),
        size,
        root,
    }
}

fn machine(n: usize, own: usize) -> Checkpointing {
    let keys = CheckpointKeys {
        log: Arc::new(key(own, "log")),
        cosigner: Arc::new(key(own, "cosigner")),
        receipt: Arc::new(key(own, "receipt")),
    };
    Checkpointing::new(
        &genesis(n),
        &name(own),
        keys,
        Arc::new(StrictVerifier),
        Some(Height(0)),
    )
}

fn at(seq: u64) -> At {
    At {
        now: TimeMs(1_700_000_001_000 + seq),
        seq,
    }
}

/// Runs inputs through a machine; gives the effects, and which inputs are journaled.
fn run(
    machine: &mut Checkpointing,
    inputs: &[CheckpointInput],
) -> (Vec<CheckpointEffect>, Vec<bool>) {
    let (mut effects, mut kept) = (Vec::new(), Vec::new());
    for (seq, input) in inputs.iter().enumerate() {
        kept.push(machine.step(at(seq as u64), input, &mut effects) != Keep::No);
    }
    (effects, kept)
}

/// What validator `i` of `n` tells its peers about the head.
fn word_of(n: usize, i: usize) -> CheckpointInput {
    let (effects, _) = run(&mut machine(n, i), &[head_input()]);
    let told = effects.into_iter().find_map(|effect| match effect {
        CheckpointEffect::Broadcast(PeerMessage::Cosignature {
            height,
            time_s,
            signature,
            receipt,
            wanted,
        }) => Some(CheckpointInput::Cosignature {
            from: name(i),
            height,
            time_s,
            signature,
            receipt,
            wanted,
        }),
        _ => None,
    });
    told.expect("it cosigns")
}

/// The same word with another receipt signature.
fn with_receipt(word: CheckpointInput, other: &[u8]) -> CheckpointInput {
    let CheckpointInput::Cosignature {
        from,
        height,
        time_s,
        signature,
        wanted,
        ..
    } = word
    else {
        unreachable!("a word is a cosignature")
    };
    CheckpointInput::Cosignature {
        from,
        height,
        time_s,
        signature,
        receipt: Bytes::copy_from_slice(other),
        wanted,
    }
}

fn formed(effects: &[CheckpointEffect]) -> Option<(Note, HeadSignatures)> {
    let mut all = effects.iter().filter_map(|effect| match effect {
        CheckpointEffect::Formed { note, signatures } => {
            Some((Note::parse(note).unwrap(), signatures.clone()))
        }
        _ => None,
    });
    let first = all.next();
    assert!(all.next().is_none(), "a head is formed once");
    first
}

/// Validators whose receipt signatures stand beside the note; each must verify.
fn signers(n: usize, signatures: &HeadSignatures) -> Vec<usize> {
    let signer = |key_id: &[u8; 8]| {
        let is_key = |i: &usize| cose_key_id(&key(*i, "receipt").public()) == *key_id;
        (0..n).find(is_key).unwrap()
    };
    let verified = signatures.signatures.iter().map(|made| {
        let place = signer(&made.key_id);
        let public: PublicKey = key(place, "receipt").public();
        let signed = HeadSignature::claimed(&public, &head(), made.signature);
        assert!(signed.verify(&public, &head().root));
        place
    });
    verified.collect()
}

#[test]
fn a_checkpoint_comes_with_receipt_signatures_of_its_cosigners() {
    for n in 1..=7 {
        let words = (1..n).map(|i| word_of(n, i));
        let inputs: Vec<_> = [head_input()].into_iter().chain(words).collect();
        let (effects, kept) = run(&mut machine(n, 0), &inputs);
        let (note, signatures) = formed(&effects).expect("a quorum is there");
        let needed = 2 * n / 3 + 1;
        assert_eq!(note.signatures.len(), 1 + needed, "log line and a quorum");
        assert_eq!(signatures.height, Height(3));
        assert_eq!(signers(n, &signatures).len(), needed, "n = {n}");
        assert!(kept[0]);
    }
}

#[test]
fn words_that_come_before_the_head_count_too() {
    let early = [word_of(4, 1), word_of(4, 2), head_input()];
    let (effects, _) = run(&mut machine(4, 0), &early);
    let (_, signatures) = formed(&effects).expect("a quorum is there");
    assert_eq!(signers(4, &signatures), [0, 1, 2]);
}

#[test]
fn a_whole_quorum_is_preferred_to_one_that_withholds() {
    let spoilt = with_receipt(word_of(4, 1), &[7; 64]);
    let mut own = machine(4, 0);
    let inputs = [head_input(), spoilt, word_of(4, 2)];
    let (effects, kept) = run(&mut own, &inputs);
    assert!(
        formed(&effects).is_none(),
        "a third whole signer is awaited"
    );
    assert_eq!((own.receipts_refused(), own.dropped()), (1, 0));
    assert_eq!(kept, [true; 3], "its cosignature counts");
    let (effects, _) = run(&mut own, &[word_of(4, 3)]);
    let (note, signatures) = formed(&effects).expect("there it is");
    assert_eq!(signers(4, &signatures), [0, 2, 3]);
    assert!(
        note.signatures
            .iter()
            .all(|line| !line.name.ends_with("node-1"))
    );
}

#[test]
fn nobody_keeps_a_checkpoint_back() {
    for other in [&[][..], &[7; 64], &[7; 63]] {
        let withheld = |i| with_receipt(word_of(4, i), other);
        // Two of four withhold: no third whole signer can come.
        let mut own = machine(4, 0);
        let (effects, _) = run(&mut own, &[head_input(), withheld(1), withheld(2)]);
        let (note, signatures) = formed(&effects).expect("at once");
        assert_eq!(note.signatures.len(), 4);
        assert_eq!(signers(4, &signatures), [0]);
        assert_eq!(own.receipts_refused(), 2);
        // One withholds and one is away: after one wait.
        let mut own = machine(4, 0);
        let inputs = [head_input(), withheld(1), word_of(4, 2)];
        assert!(formed(&run(&mut own, &inputs).0).is_none());
        let (effects, kept) = run(&mut own, &[CheckpointInput::Retry]);
        let (_, signatures) = formed(&effects).expect("after a wait");
        assert_eq!(signers(4, &signatures), [0, 2]);
        assert_eq!(kept, [true], "a replay must wait no longer either");
    }
}

#[test]
fn a_signature_that_was_missing_may_come_later() {
    let mut own = machine(4, 0);
    let inputs = [
        head_input(),
        with_receipt(word_of(4, 1), &[]),
        word_of(4, 2),
    ];
    assert!(formed(&run(&mut own, &inputs).0).is_none());
    let again = [with_receipt(word_of(4, 1), &[9; 64]), word_of(4, 1)];
    let (effects, kept) = run(&mut own, &again);
    assert_eq!(kept, [false, true]);
    let (_, signatures) = formed(&effects).expect("now it is whole");
    assert_eq!(signers(4, &signatures), [0, 1, 2]);
}

#[test]
fn a_receipt_signature_of_another_head_or_key_does_not_count() {
    let other_head = Checkpoint {
        size: TreeSize(8),
        ..head()
    };
    let of_key = |key: &PrivateKey, head: &Checkpoint| HeadSignature::sign(key, head).signature.0;
    let wrong = [
        of_key(&key(1, "receipt"), &other_head),
        of_key(&key(1, "cosigner"), &head()),
        of_key(&key(2, "receipt"), &head()),
    ];
    for signature in wrong {
        let mut own = machine(4, 0);
        run(
            &mut own,
            &[head_input(), with_receipt(word_of(4, 1), &signature)],
        );
        assert_eq!(own.receipts_refused(), 1);
    }
}

#[test]
fn what_is_journaled_replays_to_the_same_effects() {
    let inputs = [
        head_input(),
        with_receipt(word_of(4, 1), &[]),
        CheckpointInput::Retry,
        CheckpointInput::Retry,
        word_of(4, 3),
        word_of(4, 2),
    ];
    let (effects, kept) = run(&mut machine(4, 0), &inputs);
    assert_eq!(kept, [true, true, true, false, true, false]);
    let replayed: Vec<_> = inputs
        .iter()
        .zip(&kept)
        .filter(|(_, kept)| **kept)
        .collect();
    let (mut again, mut effects_again) = (machine(4, 0), Vec::new());
    for (i, (input, _)) in replayed.into_iter().enumerate() {
        again.step(at(i as u64), input, &mut effects_again);
    }
    assert_eq!(formed(&effects), formed(&effects_again));
    assert!(formed(&effects).is_some());
}
