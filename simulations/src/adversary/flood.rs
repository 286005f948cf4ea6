//! Saying more than anybody asked for, and in the names of others.

use super::Desk;
use crate::founders::node_name;
use bytes::Bytes;
use messages::block::BlockBytes;
use messages::cbor::Canonical;
use messages::consensus::{BlockId, ConsensusMessage, SignedVote, Vote, VoteKind};
use messages::hash::Hash;
use messages::ids::{Height, Round};
use messages::keys::PublicKey;
use messages::wire::{CertifiedBlock, Envelope, NodeFacts, PeerMessage, decode, encode};

/// Frames of one act.
const FLOOD: usize = 30;

/// A burst of everything.
pub(super) fn flood(desk: &mut Desk) {
    for _ in 0..FLOOD {
        let frame = match desk.dice.within(0..9) {
            0 => noise(desk),
            _ => {
                let message = anything(desk);
                desk.frame(message)
            }
        };
        desk.spread(&frame, "flood");
    }
}

/// Bytes that are no frame, or one cut short.
fn noise(desk: &mut Desk) -> Bytes {
    let whole = desk.frame(PeerMessage::Consensus(Bytes::from_static(b"nothing")));
    let kept = desk.dice.index(whole.len());
    let mut bytes = whole[..kept].to_vec();
    if let Some(byte) = bytes.get_mut(kept / 2) {
        *byte ^= 1 << desk.dice.within(0..8);
    }
    bytes.into()
}

fn anything(desk: &mut Desk) -> PeerMessage {
    let number = desk.dice.number();
    let digest = Hash::of(&number.to_be_bytes());
    let some = Bytes::copy_from_slice(&digest.0);
    match desk.dice.within(0..9) {
        0 => PeerMessage::Consensus(some),
        1 => {
            let key = desk.founders.keys[desk.validator].consensus;
            let vote = far_vote(desk, key);
            PeerMessage::Consensus(vote)
        }
        2 => PeerMessage::Statements(vec![some; 200]),
        3 => PeerMessage::BlocksRequest {
            first: Height(number),
            count: u32::MAX,
        },
        4 => PeerMessage::BodyRequest { digest },
        5 => PeerMessage::BodyChunk {
            digest,
            index: number as u32,
            count: u32::MAX,
            bytes: some,
        },
        6 => PeerMessage::Status {
            height: Height(u64::MAX - number % 3),
            round: Round(u32::MAX),
            published: Height(u64::MAX),
            certificate: some,
            about: NodeFacts::default(),
        },
        7 => PeerMessage::Cosignature {
            height: Height(desk.height.0 + number % 100),
            time_s: number,
            signature: Bytes::from(vec![1; 64]),
            receipt: Bytes::from(vec![1; 64]),
            wanted: true,
        },
        _ => PeerMessage::Blocks(vec![
            CertifiedBlock {
                block: BlockBytes {
                    header: some.clone(),
                    statements: vec![some.clone(); 3],
                    certificate: some.clone(),
                },
                certificate: some,
            };
            4
        ]),
    }
}

/// A vote of a height and round that are nobody's, signed with this adversary's key.
fn far_vote(desk: &mut Desk, validator: PublicKey) -> Bytes {
    let vote = Vote {
        network: desk.founders.genesis.network.clone(),
        height: Height(desk.height.0 + desk.dice.within(0..2_000)),
        round: Round(desk.dice.within(0..1_000_000) as u32),
        kind: match desk.dice.within(0..2) {
            0 => VoteKind::Prevote,
            _ => VoteKind::Precommit,
        },
        block: Some(BlockId(Hash::of(&desk.dice.number().to_be_bytes()))),
        validator,
    };
    let signature = desk.founders.keys[desk.validator].signer.sign_vote(&vote);
    let message = ConsensusMessage::Vote(SignedVote { vote, signature });
    message.to_bytes().into()
}

/// Things in the names of others: invented, signed with the wrong key, or heard before.
pub(super) fn impersonate(desk: &mut Desk) {
    let others: Vec<usize> = (0..desk.founders.genesis.validators.len())
        .filter(|v| *v != desk.validator)
        .collect();
    if others.is_empty() {
        return;
    }
    for _ in 0..4 {
        let victim = others[desk.dice.index(others.len())];
        let (name, key) = (node_name(victim), desk.founders.keys[victim].consensus);
        let frame = match desk.dice.within(0..4) {
            0 => match heard_as(desk, victim) {
                Some(frame) => frame,
                None => continue,
            },
            1 => {
                let vote = far_vote(desk, key);
                desk.frame_as(name, PeerMessage::Consensus(vote))
            }
            2 => {
                let message = PeerMessage::Cosignature {
                    height: Height(desk.height.0 + desk.dice.within(0..4)),
                    time_s: desk.dice.within(1..2_000_000_000),
                    signature: Bytes::from(vec![7; 64]),
                    receipt: Bytes::from(vec![7; 64]),
                    wanted: desk.dice.within(0..2) == 0,
                };
                desk.frame_as(name, message)
            }
            _ => {
                let message = anything(desk);
                desk.frame_as(name, message)
            }
        };
        desk.spread(&frame, "impersonation");
    }
}

/// Something heard before, in another name.
fn heard_as(desk: &mut Desk, victim: usize) -> Option<Bytes> {
    let many = desk.heard.len();
    if many == 0 {
        return None;
    }
    let (_, frame) = desk.heard[desk.dice.index(many)].clone();
    let mut envelope = decode::<Envelope>(&frame).ok()?;
    envelope.from = node_name(victim);
    Some(encode(&envelope))
}
