//! Packets and their tags.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use messages::hash::domain_hash;
use messages::ids::Name;
use messages::keys::{PrivateKey, PublicKey};
use sha2::Sha256;
use std::fmt;

const MAGIC: [u8; 4] = *b"WTLK";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 34;
const TAG_BYTES: usize = 16;

/// A packet without content: what a packet costs beyond its part of a frame.
pub const PACKET_BYTES_MIN: usize = HEADER_BYTES + TAG_BYTES;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A part of a frame.
    Part,
    /// The sender's newest seq is this packet's: what is missing below it is to be asked for.
    Tip,
    /// The sender lacks packets of the receiver's session: `content` is a list of seqs (u64).
    Ask,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Part => 1,
            Self::Tip => 2,
            Self::Ask => 3,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Part, Self::Tip, Self::Ask]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }
}

/// Why a packet was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Not a packet of this version.
    Malformed,
    /// The tag is not that of the link: another sender, another link, or changed on its way.
    Forged,
    /// Of a session before the one that is known.
    OldSession,
    /// Handed on before, or given up.
    Repeated,
    /// A part that does not fit the others of its frame, or a frame that is too large.
    BadPart,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed",
            Self::Forged => "forged",
            Self::OldSession => "old-session",
            Self::Repeated => "repeated",
            Self::BadPart => "bad-part",
        })
    }
}

/// The key of one direction of a link.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("link key")
    }
}

impl LinkKey {
    /// The keys with which `own` sends to `peer` and hears it; none when the peer's key is one
    /// with which no secret can be shared.
    pub fn pair(
        network: &Name,
        (own, key): (&Name, &PrivateKey),
        (peer, peer_key): (&Name, &PublicKey),
    ) -> Option<(Self, Self)> {
        let secret = key.agree(peer_key)?;
        let derive = |from: &Name, to: &Name| {
            let mut bytes = secret.to_vec();
            for name in [network, from, to] {
                bytes.push(name.as_str().len() as u8);
                bytes.extend_from_slice(name.as_str().as_bytes());
            }
            Self(domain_hash("link-key", &bytes).0)
        };
        Some((derive(own, peer), derive(peer, own)))
    }

    fn tag(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let mut mac = mac.expect("HMAC takes keys of any length");
        mac.update(bytes);
        mac
    }
}

/// A packet that was read and found genuine, or is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) kind: Kind,
    pub(super) session: u64,
    pub(super) seq: u64,
    pub(super) frame: u64,
    pub(super) part: u16,
    pub(super) parts: u16,
    pub(super) content: Bytes,
}

impl Packet {
    pub(super) fn encode(&self, key: &LinkKey) -> Bytes {
        let mut bytes = Vec::with_capacity(PACKET_BYTES_MIN + self.content.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[VERSION, self.kind.byte()]);
        for number in [self.session, self.seq, self.frame] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.part.to_be_bytes());
        bytes.extend_from_slice(&self.parts.to_be_bytes());
        bytes.extend_from_slice(&self.content);
        let tag = key.tag(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag[..TAG_BYTES]);
        bytes.into()
    }

    pub(super) fn decode(bytes: &Bytes, key: &LinkKey) -> Result<Self, Refusal> {
        if bytes.len() < PACKET_BYTES_MIN || bytes[..4] != MAGIC || bytes[4] != VERSION {
            return Err(Refusal::Malformed);
        }
        let kind = Kind::of(bytes[5]).ok_or(Refusal::Malformed)?;
        let (signed, tag) = bytes.split_at(bytes.len() - TAG_BYTES);
        key.tag(signed)
            .verify_truncated_left(tag)
            .map_err(|_| Refusal::Forged)?;
        let long = |at: usize| {
            let eight = bytes[at..].first_chunk().expect("the length was checked");
            u64::from_be_bytes(*eight)
        };
        let short = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        Ok(Self {
            kind,
            session: long(6),
            seq: long(14),
            frame: long(22),
            part: short(30),
            parts: short(32),
            content: bytes.slice(HEADER_BYTES..bytes.len() - TAG_BYTES),
        })
    }
}
