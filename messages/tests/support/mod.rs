//! Values that several test files share; everything derives from fixed seeds.
#![allow(dead_code, unreachable_pub)]

pub mod misbehavior;
pub mod network;

use messages::hash::Hash;
use messages::ids::{Name, StatementId, TimeMs};
use messages::keys::PrivateKey;
use messages::statement::{Deposit, DigestAlgorithm, Lodged, Statement};

pub fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

pub fn key(purpose: &str) -> PrivateKey {
    PrivateKey::derive(&[7; 32], purpose)
}

pub fn plain_deposit(value: Hash) -> Deposit {
    Deposit {
        network: name("trial"),
        namespace: name("notary"),
        lodged: Lodged::Digest(value),
        algorithm: DigestAlgorithm::Sha256,
        declared_time: None,
        not_before: None,
        references: vec![],
    }
}

pub fn full_deposit() -> Deposit {
    Deposit {
        lodged: Lodged::Commitment(Hash::of(b"a commitment")),
        declared_time: Some(TimeMs(1_700_000_000_123)),
        not_before: Some(Hash::of(b"a checkpoint")),
        references: vec![
            StatementId(Hash::of(b"first")),
            StatementId(Hash::of(b"second")),
        ],
        ..plain_deposit(Hash::ZERO)
    }
}

pub fn statement(deposit: Deposit) -> Statement {
    Statement::sign(
        &key("depositor"),
        "urn:example:notary",
        "case 2026-17",
        deposit,
    )
    .unwrap()
}

/// Hexadecimal in lines of 32 bytes, for snapshots.
pub fn hex_lines(bytes: &[u8]) -> String {
    bytes
        .chunks(32)
        .map(hex::encode)
        .collect::<Vec<_>>()
        .join("\n")
}
