//! The sending end.

use super::packet::{Kind, LinkKey, PACKET_BYTES_MIN, Packet};
use bytes::Bytes;
use std::collections::VecDeque;

/// Bytes of sent packets that are kept for those who ask again.
const KEPT_BYTES_MAX: usize = 16 << 20;
/// Packets resent for one question.
const RESENT_MAX: usize = 256;

/// Cuts frames into numbered packets to one peer, and keeps the newest.
#[derive(Debug)]
pub struct Outgoing {
    key: LinkKey,
    session: u64,
    next_seq: u64,
    next_frame: u64,
    kept: VecDeque<(u64, Bytes)>,
    kept_bytes: usize,
    /// Something was sent since the tip was last told.
    tip_is_news: bool,
}

impl Outgoing {
    /// A sender that starts now; `session` must be greater than that of every start before.
    pub fn new(key: LinkKey, session: u64) -> Self {
        Self {
            key,
            session,
            next_seq: 1,
            next_frame: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            tip_is_news: false,
        }
    }

    /// The packets of a frame, none longer than `packet_bytes_max`.
    ///
    /// # Panics
    /// When that leaves no room for content, or the frame has more than 65,535 parts.
    pub fn frame(&mut self, frame: &Bytes, packet_bytes_max: usize) -> Vec<Bytes> {
        let room = packet_bytes_max.checked_sub(PACKET_BYTES_MIN);
        let room = room.filter(|room| *room > 0);
        let room = room.expect("a broker takes packets with content");
        let parts = frame.len().div_ceil(room).max(1);
        let parts = u16::try_from(parts).expect("no frame has so many parts");
        let number = self.next_frame;
        self.next_frame += 1;
        let packet = |part: u16| {
            let first = usize::from(part) * room;
            let end = (first + room).min(frame.len());
            let packet = Packet {
                kind: Kind::Part,
                session: self.session,
                seq: self.next_seq + u64::from(part),
                frame: number,
                part,
                parts,
                content: frame.slice(first..end),
            };
            packet.encode(&self.key)
        };
        let packets: Vec<Bytes> = (0..parts).map(packet).collect();
        for packet in &packets {
            self.keep(packet.clone());
        }
        packets
    }

    fn keep(&mut self, packet: Bytes) {
        self.kept_bytes += packet.len();
        self.kept.push_back((self.next_seq, packet));
        self.next_seq += 1;
        self.tip_is_news = true;
        while self.kept_bytes > KEPT_BYTES_MAX {
            let oldest = self.kept.pop_front();
            self.kept_bytes -= oldest.map_or(self.kept_bytes, |(_, packet)| packet.len());
        }
    }

    /// Tells the peer the newest seq, when it may not know it: the last packets may be lost.
    pub fn tip(&mut self) -> Option<Bytes> {
        std::mem::take(&mut self.tip_is_news).then(|| self.control(Kind::Tip, Bytes::new()))
    }

    /// Asks the peer for packets of its session.
    pub fn ask(&self, peer_session: u64, seqs: &[u64]) -> Bytes {
        let session = peer_session.to_be_bytes();
        let seqs = seqs.iter().flat_map(|seq| seq.to_be_bytes());
        let content: Vec<u8> = session.into_iter().chain(seqs).collect();
        self.control(Kind::Ask, content.into())
    }

    fn control(&self, kind: Kind, content: Bytes) -> Bytes {
        let packet = Packet {
            kind,
            session: self.session,
            seq: self.next_seq - 1,
            frame: 0,
            part: 0,
            parts: 0,
            content,
        };
        packet.encode(&self.key)
    }

    /// What is still kept of the packets that a peer asked for by this content.
    pub(super) fn answer(&self, asked: &Bytes) -> Vec<Bytes> {
        let mut numbers = asked.chunks_exact(8).map(|eight| {
            let eight = eight.first_chunk().expect("chunks of eight");
            u64::from_be_bytes(*eight)
        });
        if numbers.next() != Some(self.session) {
            return Vec::new();
        }
        let Some((first, _)) = self.kept.front() else {
            return Vec::new();
        };
        let kept = |seq: u64| {
            let place = usize::try_from(seq.checked_sub(*first)?).ok()?;
            self.kept.get(place).map(|(_, packet)| packet.clone())
        };
        numbers.take(RESENT_MAX).filter_map(kept).collect()
    }
}
