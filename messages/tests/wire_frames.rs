//! The bytes of every message between nodes: a change of any is a new version of the frame.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use messages::block::BlockBytes;
use messages::hash::Hash;
use messages::ids::{Height, Name, Round};
use messages::keys::Signature;
use messages::stored::{HeadSignatures, ReceiptSignature};
use messages::wire::{self, CertifiedBlock, Envelope, NodeFacts, PeerMessage, TraceContext};

fn messages() -> Vec<(&'static str, PeerMessage)> {
    let some = |text: &'static str| Bytes::from_static(text.as_bytes());
    let block = BlockBytes {
        header: some("a header"),
        statements: vec![some("one"), some("another")],
        certificate: some("a certificate"),
    };
    let certified = CertifiedBlock {
        block: block.clone(),
        certificate: some("its certificate"),
    };
    let digest = Hash([7; 32]);
    vec![
        ("consensus", PeerMessage::Consensus(some("a vote"))),
        (
            "proposal",
            PeerMessage::Proposal {
                message: some("a proposal"),
                block,
            },
        ),
        (
            "statements",
            PeerMessage::Statements(vec![some("one"), some("")]),
        ),
        (
            "cosignature",
            PeerMessage::Cosignature {
                height: Height(9),
                time_s: 1_800_000_000,
                signature: Bytes::from(vec![1; 64]),
                receipt: Bytes::from(vec![2; 64]),
                wanted: true,
            },
        ),
        (
            "status",
            PeerMessage::Status {
                height: Height(9),
                round: Round(2),
                published: Height(8),
                certificate: some("a certificate"),
                about: about(),
            },
        ),
        (
            "blocks request",
            PeerMessage::BlocksRequest {
                first: Height(3),
                count: 32,
            },
        ),
        ("blocks", PeerMessage::Blocks(vec![certified])),
        ("body request", PeerMessage::BodyRequest { digest }),
        (
            "body chunk",
            PeerMessage::BodyChunk {
                digest,
                index: 1,
                count: 3,
                bytes: some("a part"),
            },
        ),
        (
            "checkpoint request",
            PeerMessage::CheckpointRequest { above: Height(8) },
        ),
        (
            "checkpoint",
            PeerMessage::Checkpoint {
                note: "a signed note\n".into(),
                signatures: HeadSignatures {
                    height: Height(9),
                    signatures: vec![ReceiptSignature {
                        key_id: [5; 8],
                        signature: Signature([6; 64]),
                    }],
                },
            },
        ),
    ]
}

fn about() -> NodeFacts {
    NodeFacts {
        version: "0.1.0".into(),
        disk_free: Some(1 << 40),
        lag_ms: Some(12),
        peers: 3,
        votes: true,
    }
}

#[test]
fn the_frames_are_frozen() {
    let mut lines = Vec::new();
    for (name, message) in messages() {
        let envelope = Envelope {
            network: Name::try_new("trial").unwrap(),
            from: Name::try_new("node-1").unwrap(),
            trace: TraceContext {
                trace: [3; 16],
                span: [4; 8],
                flags: 1,
            },
            message,
        };
        let frame = wire::encode(&envelope);
        assert_eq!(wire::decode::<Envelope>(&frame).unwrap(), envelope);
        lines.push(format!(
            "{name}: {} bytes, {}",
            frame.len(),
            Hash::of(&frame)
        ));
    }
    insta::assert_snapshot!(lines.join("\n"));
}
