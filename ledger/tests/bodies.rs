//! Bodies: handed over, fetched in parts, from a liar too, and never kept without a statement.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use ledger::bodies::{Bodies, BodiesEffect, BodiesInput, LodgedBody, Source};
use ledger::machine::{At, Machine};
use messages::api::Answer;
use messages::genesis::{Genesis, GenesisValidator, Namespace, Parameters};
use messages::hash::Hash;
use messages::ids::{Name, TimeMs};
use messages::keys::PrivateKey;
use messages::stored::BodyReader;
use messages::wire::PeerMessage;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Bodies that are durable.
#[derive(Default)]
struct Disk(Mutex<BTreeMap<Hash, Bytes>>);

impl BodyReader for Disk {
    fn body(&self, digest: &Hash) -> Option<Bytes> {
        self.0.lock().unwrap().get(digest).cloned()
    }

    fn holds_body(&self, digest: &Hash) -> bool {
        self.0.lock().unwrap().contains_key(digest)
    }
}

fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

fn validator(i: usize) -> Name {
    name(&format!("validator-{i}"))
}

fn genesis() -> Genesis {
    let key = |purpose: String| PrivateKey::derive(&[1; 32], &purpose).public();
    let founder = |i: usize| GenesisValidator {
        name: validator(i),
        organisation: format!("Organisation {i}"),
        consensus: key(format!("consensus-{i}")),
        log: key(format!("log-{i}")),
        cosigner: key(format!("cosigner-{i}")),
        receipt: key(format!("receipt-{i}")),
        transport: key(format!("transport-{i}")),
    };
    Genesis {
        network: name("trial"),
        origin: "wutong.example/trial".into(),
        created: TimeMs(1),
        demonstration: false,
        validators: (0..4).map(founder).collect(),
        namespaces: vec![Namespace::open(name("public"))],
        parameters: Parameters::default(),
    }
}

struct Desk {
    bodies: Bodies,
    disk: Arc<Disk>,
    now: TimeMs,
}

impl Desk {
    fn new() -> Self {
        let disk = Arc::new(Disk::default());
        Self {
            bodies: Bodies::new(validator(0), Arc::new(genesis()), disk.clone()),
            disk,
            now: TimeMs(1_000),
        }
    }

    fn step(&mut self, input: BodiesInput) -> Vec<BodiesEffect> {
        let (mut out, at) = (
            Vec::new(),
            At {
                now: self.now,
                seq: 0,
            },
        );
        self.bodies.step(at, &input, &mut out);
        out
    }

    /// Carries out a write and says so.
    fn written(&mut self, effects: &[BodiesEffect]) -> Vec<BodiesEffect> {
        let [BodiesEffect::Write { digest, bytes }] = effects else {
            panic!("expected one write, found {effects:?}");
        };
        self.disk.0.lock().unwrap().insert(*digest, bytes.clone());
        self.step(BodiesInput::Written(*digest))
    }
}

fn lodged(body: &[u8]) -> LodgedBody {
    LodgedBody {
        digest: Hash::of(body),
        size: body.len() as u64,
        namespace: name("public"),
    }
}

fn want(body: &[u8], source: Source) -> BodiesInput {
    BodiesInput::Want {
        body: lodged(body),
        source,
    }
}

fn put(body: &[u8]) -> BodiesInput {
    BodiesInput::Put {
        token: 1,
        digest: Hash::of(body),
        bytes: Bytes::copy_from_slice(body),
    }
}

/// Whom the effects ask for a body.
fn asked(effects: &[BodiesEffect]) -> Option<Name> {
    effects.iter().find_map(|effect| match effect {
        BodiesEffect::Send {
            to,
            message: PeerMessage::BodyRequest { .. },
        } => Some(to.clone()),
        _ => None,
    })
}

/// The parts that a holder sends of a body.
fn parts(body: &[u8], from: usize) -> Vec<BodiesInput> {
    let mut holder = Desk::new();
    let digest = Hash::of(body);
    let bytes = Bytes::copy_from_slice(body);
    holder.disk.0.lock().unwrap().insert(digest, bytes);
    let request = BodiesInput::Request {
        from: validator(0),
        digest,
    };
    let part = |effect| match effect {
        BodiesEffect::Send {
            message:
                PeerMessage::BodyChunk {
                    digest,
                    index,
                    count,
                    bytes,
                },
            ..
        } => BodiesInput::Chunk {
            from: validator(from),
            digest,
            index,
            count,
            bytes,
        },
        other => panic!("expected a part, found {other:?}"),
    };
    holder.step(request).into_iter().map(part).collect()
}

#[test]
fn a_body_reaches_the_disk_with_its_statement_only() {
    let mut desk = Desk::new();
    let body = b"a contract".to_vec();
    let missing = desk.step(want(&body, Source::Client));
    assert!(matches!(missing[..], [BodiesEffect::Missing(d)] if d == Hash::of(&body)));
    let taken = desk.step(put(&body));
    assert!(matches!(
        &taken[..],
        [BodiesEffect::Answer {
            answer: Answer::BodyTaken { size: 10, .. },
            ..
        }]
    ));
    let write = desk.step(want(&body, Source::Client));
    let held = desk.written(&write);
    assert!(matches!(held[..], [BodiesEffect::Held(d)] if d == Hash::of(&body)));
    // Once here it is here for everybody.
    let again = desk.step(want(&body, Source::Peer(validator(2))));
    assert!(matches!(again[..], [BodiesEffect::Held(_)]));
}

#[test]
fn a_body_under_another_digest_or_of_another_size_is_not_taken() {
    let mut desk = Desk::new();
    let wrong = BodiesInput::Put {
        token: 1,
        digest: Hash::ZERO,
        bytes: Bytes::from_static(b"x"),
    };
    for refused in [wrong, put(b""), put(&vec![0; (4 << 20) + 1])] {
        let effects = desk.step(refused);
        assert!(matches!(
            &effects[..],
            [BodiesEffect::Answer {
                answer: Answer::Problem(_),
                ..
            }]
        ));
    }
    desk.step(put(b"staged"));
    let other_size = BodiesInput::Want {
        body: LodgedBody {
            size: 7,
            ..lodged(b"staged")
        },
        source: Source::Client,
    };
    assert!(matches!(
        desk.step(other_size)[..],
        [BodiesEffect::Missing(_)]
    ));
}

#[test]
fn a_body_of_several_parts_comes_from_whoever_told_of_it() {
    let mut desk = Desk::new();
    let body: Vec<u8> = (0..700_000_u32).map(|i| i as u8).collect();
    let effects = desk.step(want(&body, Source::Peer(validator(2))));
    assert_eq!(asked(&effects), Some(validator(2)));
    let mut arriving = parts(&body, 2);
    assert_eq!(arriving.len(), 3);
    arriving.reverse();
    let last = arriving.pop().unwrap();
    for part in arriving {
        assert!(desk.step(part).is_empty());
    }
    let write = desk.step(last);
    assert!(matches!(desk.written(&write)[..], [BodiesEffect::Held(_)]));
    assert_eq!(desk.disk.body(&Hash::of(&body)).unwrap(), body);
}

#[test]
fn a_liar_and_a_silent_peer_are_passed_over() {
    let mut desk = Desk::new();
    let body = vec![7; 300_000];
    desk.step(want(&body, Source::Peer(validator(1))));
    // Another's parts are not taken, and a forged body is not kept.
    assert!(
        parts(&body, 3)
            .into_iter()
            .all(|part| desk.step(part).is_empty())
    );
    let mut forged = parts(&body, 1);
    for part in &mut forged {
        let BodiesInput::Chunk { bytes, .. } = part else {
            unreachable!()
        };
        *bytes = vec![8; bytes.len()].into();
    }
    assert!(forged.into_iter().all(|part| desk.step(part).is_empty()));
    assert!(desk.bodies.dropped() >= 3);
    // The next one is asked at once, and after it stays silent the one after.
    let first = asked(&desk.step(BodiesInput::Tick)).unwrap();
    assert_ne!(first, validator(1));
    assert_eq!(
        asked(&desk.step(BodiesInput::Tick)),
        None,
        "it has a second"
    );
    desk.now = desk.now.plus_ms(1_000);
    let second = asked(&desk.step(BodiesInput::Tick)).unwrap();
    assert!(![validator(0), validator(1), first].contains(&second));
    let from = if second == validator(2) { 2 } else { 3 };
    let effects: Vec<_> = parts(&body, from)
        .into_iter()
        .flat_map(|part| desk.step(part))
        .collect();
    assert!(matches!(
        desk.written(&effects)[..],
        [BodiesEffect::Held(_)]
    ));
}

#[test]
fn what_waits_for_a_statement_is_bounded() {
    let mut desk = Desk::new();
    let body = |i: u8| vec![i; 4 << 20];
    for i in 0..17 {
        desk.step(put(&body(i)));
    }
    assert!(matches!(
        desk.step(want(&body(0), Source::Client))[..],
        [BodiesEffect::Missing(_)]
    ));
    assert!(matches!(
        desk.step(want(&body(16), Source::Client))[..],
        [BodiesEffect::Write { .. }]
    ));
}

#[test]
fn more_bodies_than_are_fetched_at_once_all_come() {
    let mut desk = Desk::new();
    let body = |i: u8| vec![i; 100];
    let mut asked_for = 0;
    for i in 0..100 {
        let effects = desk.step(want(&body(i), Source::Peer(validator(1))));
        asked_for += usize::from(asked(&effects).is_some());
    }
    assert!(asked_for < 100, "the bound is reached");
    for round in 0..3 {
        for i in 0..100 {
            for part in parts(&body(i), 1) {
                let effects = desk.step(part);
                if !effects.is_empty() {
                    desk.written(&effects);
                }
            }
        }
        desk.step(BodiesInput::Tick);
        let here = desk.disk.0.lock().unwrap().len();
        if here == 100 {
            return;
        }
        assert!(round < 2, "{here} of 100 came");
    }
}
