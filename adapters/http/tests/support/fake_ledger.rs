//! A small log of real entries, and answers that are proved by it.

use super::{id, name};
use bus::api::*;
use bytes::Bytes;
use messages::cbor::Canonical;
use messages::checkpoint::Checkpoint;
use messages::cose_receipt::{HeadSignature, InclusionReceipt};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Ordinal, StatementId, TimeMs, TreeSize};
use messages::keys::{PrivateKey, PublicKey};
use messages::merkle::{consistency_path, inclusion_path, root_of_leaves};
use messages::seal::Seal;
use messages::state_proof::StateProof;
use messages::statement::{Deposit, DigestAlgorithm, Lodged, Statement};
use messages::transparent::TransparentStatement;
use std::ops::Range;

/// Entries of the log: a genesis, a policy, statements, and a seal.
pub const SIZE: u64 = 300;
/// Statements of the log: entries 2 to 298.
pub const STATEMENTS: u64 = SIZE - 3;

pub fn entry(index: u64) -> Bytes {
    match index {
        0 => Bytes::from_static(b"genesis"),
        1 => Bytes::from_static(b"policy"),
        _ if index + 1 == SIZE => seal().to_bytes().into(),
        _ => format!("\u{d2}{index}").into_bytes()[1..].to_vec().into(),
    }
}

fn seal() -> Seal {
    Seal {
        network: name("trial"),
        height: Height(7),
        time: TimeMs(1_700_000_000_123),
        previous_seal: Hash::ZERO,
        first_leaf: LeafIndex(2),
        outcomes_root: Hash::of(b"outcomes"),
        state_root: Hash::of(b"state"),
        validator_set_hash: Hash::ZERO,
        protocol_version: 1,
    }
}

pub fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|i| Hash::leaf(&entry(i))).collect()
}

pub fn problem(kind: ProblemKind, code: &'static str, field: &str) -> Problem {
    Problem {
        kind,
        code,
        detail: format!("{field}: expected good, found bad"),
        field: Some(field.into()),
        next_step: "Do better.".into(),
    }
}

pub fn not_found(field: &str) -> Answer {
    Answer::Problem(problem(ProblemKind::NotFound, "unknown", field))
}

/// Numbers of a page among `0..end`, in its order, and where the next begins.
fn page<T>(page: Page<T>, end: u64, number: impl Fn(T) -> u64) -> (Vec<u64>, Option<Start<u64>>) {
    let count = page.count as u64;
    let down = |top: u64| {
        let range: Range<u64> = top.saturating_sub(count)..top;
        let next = (range.start > 0).then_some(Start::Before(range.start));
        (range.rev().collect(), next)
    };
    match page.start {
        Start::Newest => down(end),
        Start::Before(bound) => down(number(bound).min(end)),
        Start::From(first) => {
            let first = number(first).min(end);
            let range = first..end.min(first + count);
            let next = (range.end < end).then_some(Start::From(range.end));
            (range.collect(), next)
        }
    }
}

fn next<T>(next: Option<Start<u64>>, wrap: impl Fn(u64) -> T) -> Option<Start<T>> {
    next.map(|next| match next {
        Start::Newest => Start::Newest,
        Start::Before(bound) => Start::Before(wrap(bound)),
        Start::From(first) => Start::From(wrap(first)),
    })
}

fn view(index: u64) -> StatementView {
    let entry = entry(index);
    StatementView {
        id: StatementId::of_entry(&entry),
        entry,
        place: Some((Height(7), LeafIndex(index), TimeMs(1_700_000_000_123))),
    }
}

fn tile(name: TileName) -> Answer {
    let first = name.index.saturating_mul(256);
    let end = first.saturating_add(u64::from(name.width));
    let covered = match name.kind {
        TileKind::Entries | TileKind::Hashes(0) => SIZE,
        TileKind::Hashes(1) => SIZE >> 8,
        TileKind::Hashes(_) => 0,
    };
    if end > covered {
        return not_found("tile");
    }
    let mut bytes = Vec::new();
    for i in first..end {
        match name.kind {
            TileKind::Entries => {
                bytes.extend((entry(i).len() as u16).to_be_bytes());
                bytes.extend(entry(i));
            }
            TileKind::Hashes(0) => bytes.extend(Hash::leaf(&entry(i)).0),
            TileKind::Hashes(_) => bytes.extend(root_of_leaves(&leaves(256)).0),
        }
    }
    Answer::Tile(bytes.into())
}

fn consistency(first: TreeSize, second: Option<TreeSize>) -> Answer {
    let second = second.unwrap_or(TreeSize(SIZE));
    if second.0 > SIZE {
        return not_found("second");
    }
    let all = leaves(second.0);
    Answer::Consistency(Box::new(ConsistencyProof {
        first,
        first_root: root_of_leaves(&all[..first.0 as usize]),
        second,
        root: root_of_leaves(&all),
        path: consistency_path(&all, first.0 as usize),
    }))
}

fn inclusion_at(index: u64, size: u64) -> InclusionProof {
    let leaves = leaves(size);
    InclusionProof {
        index: LeafIndex(index),
        leaf: leaves[index as usize],
        size: TreeSize(size),
        root: root_of_leaves(&leaves),
        path: inclusion_path(&leaves, index as usize),
    }
}

fn outcome() -> Answer {
    Answer::Outcome(Box::new(OutcomeView {
        id: id(),
        height: Height(7),
        index: LeafIndex(21),
        block_time: TimeMs(1_700_000_000_123),
        code: 0,
        outcome: b"outcome".to_vec(),
        position: 19,
        count: STATEMENTS,
        path: vec![Hash::of(b"sibling")],
        seal: entry(SIZE - 1),
        seal_index: LeafIndex(SIZE - 1),
    }))
}

fn state(key: Bytes) -> Answer {
    let absent = &key[..] == b"absent";
    let end = (Hash::of(&key), Hash::of(b"value"));
    let proof = StateProof {
        siblings: vec![Hash::of(b"sibling")],
        end: (!absent).then_some(end),
    };
    Answer::State(Box::new(StateView {
        value: (!absent).then_some(Bytes::from_static(b"value")),
        height: Height(7),
        root: proof.resolve(&key).unwrap().0,
        proof,
        key,
        seal: Some(SealView {
            entry: entry(SIZE - 1),
            index: LeafIndex(SIZE - 1),
            published: Some((inclusion_at(SIZE - 1, SIZE), "origin\n300\nroot\n".into())),
        }),
    }))
}

fn identity(key: PublicKey, namespace: Option<messages::ids::Name>) -> Answer {
    if namespace.is_some_and(|name| name.as_str() != "public") {
        return not_found("namespace");
    }
    Answer::Identity(Box::new(IdentityView {
        key,
        height: Height(7),
        memberships: vec![Membership {
            namespace: name("public"),
            open: true,
            organisation: None,
            registered: Some(Height(3)),
            may_deposit: true,
        }],
    }))
}

fn keys() -> Vec<(PublicKey, String)> {
    vec![(PublicKey([5; 32]), "First Notary".into())]
}

fn namespaces() -> Answer {
    Answer::Namespaces(Paged {
        items: vec![NamespaceView {
            name: name("members"),
            open: false,
            public: false,
            holders: vec![name("v1")],
            listed: keys(),
            listed_count: 2,
        }],
        next: Some(Start::From(name("members"))),
    })
}

/// A statement with the receipt of one validator.
pub fn transparent() -> TransparentStatement {
    let key = PrivateKey::from_seed(&[1; 32]);
    let deposit = Deposit {
        network: name("trial"),
        namespace: name("public"),
        lodged: Lodged::Digest(Hash::of(b"document")),
        algorithm: DigestAlgorithm::Sha256,
        declared_time: None,
        not_before: None,
        references: Vec::new(),
    };
    let statement = Statement::sign(&key, "test", "test", deposit).unwrap();
    let head = Checkpoint {
        origin: "example.com/log".into(),
        size: TreeSize(2),
        root: Hash::node(&statement.id().0, &Hash::ZERO),
    };
    let receipt = InclusionReceipt {
        signed: HeadSignature::sign(&key, &head),
        index: LeafIndex(0),
        path: vec![Hash::ZERO],
    };
    TransparentStatement::new(statement, vec![receipt])
}

pub fn chain() -> PolicyChain {
    PolicyChain {
        network: name("trial"),
        epochs: vec![PolicyEpoch {
            epoch: 0,
            policy: "quorum v1\n".into(),
            entry: entry(1),
            index: LeafIndex(1),
        }],
        links: vec![],
    }
}

/// Events of all statements, numbered from 1.
fn events(query: &EventsQuery, newest: u64) -> Answer {
    let after = match query.from {
        EventsFrom::After(ordinal) => ordinal,
        EventsFrom::Newest | EventsFrom::Height(_) => newest,
    };
    let event = |ordinal: u64| Event {
        ordinal,
        namespace: name("public"),
        hash: Hash::ZERO,
        json: format!("{{\"ordinal\":{ordinal}}}"),
    };
    let events = (after + 1..=newest).take(query.count).map(event);
    let events: Vec<Event> = events.collect();
    Answer::Events(EventPage {
        seen: events.last().map_or(after, |event| event.ordinal),
        events,
        newest,
    })
}

/// Answers what the log answers; `events` is the number of events so far.
pub fn answer(query: Query, newest: u64) -> Answer {
    match query {
        Query::Tile(name) => tile(name),
        Query::Consistency { first, second } => consistency(first, second),
        Query::Inclusion { index, size } => {
            let proof = inclusion_at(index.0, size.map_or(SIZE, |size| size.0));
            Answer::Inclusion(Box::new(proof))
        }
        Query::Entry(index) if index.0 < SIZE => Answer::Entry(entry(index.0)),
        Query::Entry(_) => not_found("index"),
        Query::Entries(wanted) => {
            let (found, following) = page(wanted, SIZE, |index| index.0);
            let found = found.into_iter().map(|i| (LeafIndex(i), entry(i)));
            Answer::Entries(Paged {
                items: found.collect(),
                next: next(following, LeafIndex),
            })
        }
        Query::Statements(wanted) => {
            let (found, following) = page(wanted, STATEMENTS, |o| o.0);
            let found = found.into_iter().map(|o| NumberedStatement {
                ordinal: Ordinal(o),
                view: view(o + 2),
            });
            Answer::Statements(Paged {
                items: found.collect(),
                next: next(following, Ordinal),
            })
        }
        Query::Blocks(wanted) => {
            let (found, following) = page(wanted, 8, |height| height.0);
            let summary = |height| BlockSummary {
                block: BlockView {
                    height: Height(height),
                    ..super::block()
                },
                statement_count: 9,
            };
            Answer::Blocks(Paged {
                items: found.into_iter().map(summary).collect(),
                next: next(following, Height),
            })
        }
        Query::Outcome(asked) if asked == id() => outcome(),
        Query::Outcome(asked) if asked.0 == Hash::ZERO => Answer::Waiting(asked),
        Query::Outcome(_) => not_found("id"),
        Query::Identity { key, namespace } => identity(key, namespace),
        Query::Namespaces { .. } => namespaces(),
        Query::ListedKeys { .. } => Answer::ListedKeys(Paged {
            items: keys(),
            next: None,
        }),
        Query::State(key) => state(key),
        Query::Events(query) => events(&query, newest),
        Query::PolicyChain => Answer::PolicyChain(Box::new(chain())),
        Query::ReceiptKeys => Answer::ReceiptKeys(vec![PublicKey([1; 32]), PublicKey([2; 32])]),
        _ => not_found("id"),
    }
}
