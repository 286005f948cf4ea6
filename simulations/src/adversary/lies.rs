//! Forged answers, and silence.

use super::{Desk, Said};
use crate::dice::Dice;
use crate::schedule::NodeIndex;
use bytes::Bytes;
use messages::block::Header;
use messages::cbor::Canonical;
use messages::hash::Hash;
use messages::ids::{Height, TimeMs};
use messages::wire::{CertifiedBlock, PeerMessage};

/// Steps that may be withheld.
const STEPS: [&str; 7] = [
    "proposal",
    "prevote",
    "precommit",
    "cosignature",
    "body",
    "statements",
    "sync",
];

/// What a withholder keeps to itself, and from whom.
pub(super) struct Mood {
    steps: Vec<&'static str>,
    victims: Vec<bool>,
}

impl Mood {
    pub(super) fn draw(dice: &mut Dice, processes: usize) -> Self {
        let all = dice.within(0..2) == 0;
        Self {
            steps: STEPS
                .into_iter()
                .filter(|_| dice.within(0..2) == 0)
                .collect(),
            victims: (0..processes)
                .map(|_| all || dice.within(0..2) == 0)
                .collect(),
        }
    }

    pub(super) fn withhold(&self, to: NodeIndex, step: &str) -> Said {
        if self.victims[to] && self.steps.contains(&step) {
            Said::Nothing
        } else {
            Said::AsItIs
        }
    }
}

/// A forged form of what the node says, most of the time.
pub(super) fn lie(desk: &mut Desk, message: &PeerMessage) -> Said {
    if desk.dice.within(0..4) == 0 {
        return Said::AsItIs;
    }
    match message {
        PeerMessage::Status {
            height,
            round,
            published,
            certificate,
            about,
        } => {
            let forged = PeerMessage::Status {
                height: Height(height.0 + desk.dice.within(1..20)),
                round: *round,
                published: *published,
                certificate: certificate.clone(),
                about: about.clone(),
            };
            Said::Else(desk.frame(forged))
        }
        PeerMessage::Blocks(blocks) => {
            let mut blocks = blocks.clone();
            forge(desk, &mut blocks);
            Said::Else(desk.frame(PeerMessage::Blocks(blocks)))
        }
        PeerMessage::BodyChunk {
            digest,
            index,
            count,
            bytes,
        } => {
            let mut bytes = bytes.to_vec();
            if let Some(byte) = bytes.first_mut() {
                *byte ^= 0x20;
            }
            let forged = PeerMessage::BodyChunk {
                digest: *digest,
                index: *index,
                count: *count,
                bytes: bytes.into(),
            };
            Said::Else(desk.frame(forged))
        }
        _ => Said::AsItIs,
    }
}

/// Changes something in blocks or certificates.
fn forge(desk: &mut Desk, blocks: &mut [CertifiedBlock]) {
    if blocks.is_empty() {
        return;
    }
    let at = desk.dice.index(blocks.len());
    let choice = desk.dice.within(0..7);
    let block = &mut blocks[at];
    match choice {
        0 => {
            block.block.statements.pop();
        }
        1 => {
            if let Ok(mut header) = Header::from_bytes(&block.block.header) {
                header.time = TimeMs(header.time.0 + 1);
                block.block.header = header.to_bytes().into();
            }
        }
        2 => {
            let mut bytes = block.certificate.to_vec();
            if let Some(byte) = bytes.last_mut() {
                *byte ^= 1;
            }
            block.certificate = bytes.into();
        }
        3 => block.certificate = Bytes::copy_from_slice(&Hash::ZERO.0),
        4 => block.block.statements.push(Bytes::from_static(b"nothing")),
        5 => {
            let last = blocks.len() - 1;
            blocks.swap(at, last);
        }
        _ => {
            let certificate = blocks[0].certificate.clone();
            blocks[at].certificate = certificate;
        }
    }
}
