//! Frozen encodings of what blocks, genesis and the wire are made of.
//!
//! A change here is a change of protocol: it needs a new version, not a new snapshot.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use messages::block::{BlockBytes, Header, PROTOCOL_VERSION};
use messages::cbor::Canonical;
use messages::genesis::{Genesis, GenesisValidator, ListedKey, Namespace, Parameters};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, Round, TimeMs, TreeSize};
use messages::keys::{PrivateKey, PublicKey, Signature};
use messages::stored::{HeadSignatures, ReceiptSignature, StoredBlock};
use messages::wire::{self, CertifiedBlock, Envelope, NodeFacts, PeerMessage, TraceContext};

fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

fn key(purpose: &str) -> PublicKey {
    PrivateKey::derive(&[1; 32], purpose).public()
}

fn header() -> Header {
    Header {
        network: name("frozen"),
        height: Height(7),
        time: TimeMs(1_800_000_000_000),
        previous: Hash([1; 32]),
        log_size: TreeSize(30),
        log_root: Hash([2; 32]),
        state_root: Hash([3; 32]),
        outcomes_root: Hash([4; 32]),
        proposer: key("consensus"),
        validator_set_hash: Hash([5; 32]),
        certificate_hash: Hash([6; 32]),
        protocol_version: PROTOCOL_VERSION,
    }
}

fn genesis() -> Genesis {
    let validator = |i: u8| GenesisValidator {
        name: name(&format!("validator-{i}")),
        organisation: format!("Organisation {i}"),
        consensus: key(&format!("consensus-{i}")),
        log: key(&format!("log-{i}")),
        cosigner: key(&format!("cosigner-{i}")),
        receipt: key(&format!("receipt-{i}")),
        transport: key(&format!("transport-{i}")),
    };
    Genesis {
        network: name("frozen"),
        origin: "wutong.example/frozen".into(),
        created: TimeMs(1_800_000_000_000),
        demonstration: true,
        validators: (0..4).map(validator).collect(),
        namespaces: vec![
            Namespace {
                name: name("members"),
                open: false,
                public: false,
                listed: vec![ListedKey {
                    key: key("listed"),
                    organisation: "Bank".into(),
                }],
                holders: vec![name("validator-0"), name("validator-2")],
            },
            Namespace::open(name("public")),
        ],
        parameters: Parameters::default(),
    }
}

#[test]
fn header_and_its_id() {
    let header = header();
    insta::assert_snapshot!("header", hex::encode(header.to_bytes()));
    insta::assert_snapshot!("header_id", header.id().0.to_string());
    assert_eq!(Header::from_bytes(&header.to_bytes()).unwrap(), header);
}

#[test]
fn genesis_its_leaf_and_the_policy_that_follows() {
    let genesis = genesis();
    insta::assert_snapshot!("genesis_leaf", genesis.leaf_hash().to_string());
    let policy = genesis.policy().unwrap();
    insta::assert_snapshot!("genesis_policy", policy.text());
    let entry = genesis.policy_entry(&policy.text());
    insta::assert_snapshot!("policy_entry_leaf", Hash::leaf(&entry).to_string());
    assert_eq!(Genesis::from_bytes(&genesis.to_bytes()).unwrap(), genesis);
}

fn envelope(message: PeerMessage) -> Envelope {
    Envelope {
        network: name("frozen"),
        from: name("validator-0"),
        trace: TraceContext {
            trace: [7; 16],
            span: [8; 8],
            flags: 1,
        },
        message,
    }
}

fn messages() -> Vec<PeerMessage> {
    let block = BlockBytes {
        header: header().to_bytes().into(),
        statements: vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")],
        certificate: Bytes::from_static(b"certificate"),
    };
    vec![
        PeerMessage::Consensus(Bytes::from_static(b"vote")),
        PeerMessage::Proposal {
            message: Bytes::from_static(b"proposal"),
            block: block.clone(),
        },
        PeerMessage::Statements(vec![Bytes::from_static(b"one")]),
        PeerMessage::Cosignature {
            height: Height(7),
            time_s: 1_800_000_000,
            signature: Bytes::from_static(&[9; 64]),
            receipt: Bytes::from_static(&[10; 64]),
            wanted: true,
        },
        PeerMessage::Status {
            height: Height(7),
            round: Round(1),
            published: Height(6),
            certificate: Bytes::from_static(b"certificate"),
            about: NodeFacts {
                version: "0.1.0".into(),
                disk_free: Some(1 << 40),
                lag_ms: Some(12),
                peers: 3,
                votes: true,
            },
        },
        PeerMessage::BlocksRequest {
            first: Height(3),
            count: 16,
        },
        PeerMessage::Blocks(vec![CertifiedBlock {
            block,
            certificate: Bytes::from_static(b"certificate"),
        }]),
    ]
}

#[test]
fn envelopes_of_every_message() {
    let frames: Vec<String> = messages()
        .into_iter()
        .map(|message| {
            let envelope = envelope(message);
            let frame = wire::encode(&envelope);
            assert_eq!(wire::decode::<Envelope>(&frame).unwrap(), envelope);
            Hash::of(&frame).to_string()
        })
        .collect();
    insta::assert_snapshot!("envelopes", frames.join("\n"));
}

#[test]
fn receipt_signatures_beside_a_checkpoint() {
    let made = |i: u8| ReceiptSignature {
        key_id: [i; 8],
        signature: Signature([i + 100; 64]),
    };
    let stored = HeadSignatures {
        height: Height(7),
        signatures: (1..=3).map(made).collect(),
    };
    let frame = wire::encode(&stored);
    assert_eq!(wire::decode::<HeadSignatures>(&frame).unwrap(), stored);
    insta::assert_snapshot!("head_signatures", hex::encode(&frame));
}

#[test]
fn stored_blocks() {
    let stored = StoredBlock {
        height: Height(7),
        header: header().to_bytes().into(),
        certificate: Bytes::from_static(b"certificate"),
        previous_certificate: Bytes::from_static(b"previous"),
        first_leaf: LeafIndex(20),
        entry_count: 10,
        outcomes: vec![0; 9],
        peaks: vec![Hash([1; 32]), Hash([2; 32])],
        first_ordinal: 15,
        replay_from: 99,
    };
    let frame = wire::encode(&stored);
    assert_eq!(wire::decode::<StoredBlock>(&frame).unwrap(), stored);
    insta::assert_snapshot!("stored_block", hex::encode(&frame));
}

#[test]
fn frames_that_are_not_ours_are_refused() {
    let frame = wire::encode(&envelope(messages().remove(0)));
    for end in 0..frame.len() {
        assert!(
            wire::decode::<Envelope>(&frame[..end]).is_err(),
            "cut at {end}"
        );
    }
    let longer = [&frame[..], &[0]].concat();
    assert!(wire::decode::<Envelope>(&longer).is_err());
    assert!(
        wire::decode::<StoredBlock>(&frame).is_err(),
        "another schema"
    );
    let mut other = frame.to_vec();
    other[7] += 1;
    assert!(wire::decode::<Envelope>(&other).is_err(), "another version");
}
