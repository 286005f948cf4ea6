//! The hearing end.

use super::outgoing::Outgoing;
use super::packet::{Kind, LinkKey, Packet, Refusal};
use bytes::Bytes;
use messages::wire::FRAME_BYTES_MAX;
use std::collections::BTreeMap;

/// Missing packets that are remembered; older ones are given up.
const MISSING_MAX: usize = 1_024;
/// How often a packet is asked for.
const ASKS_MAX: u8 = 4;
/// Time between two questions for one packet, in milliseconds.
const ASK_MS: u64 = 60;
/// Seqs in one question.
const ASKED_AT_ONCE_MAX: usize = 128;
/// Bytes of frames that are not whole yet; the oldest go first.
const PARTIAL_BYTES_MAX: usize = FRAME_BYTES_MAX + (8 << 20);

/// What came of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A frame is whole.
    Frame(Bytes),
    /// Nothing to hand on yet.
    Nothing,
    /// The peer asks for these again.
    Resend(Vec<Bytes>),
}

/// A frame of which parts are missing.
#[derive(Debug, Default)]
struct Partial {
    parts: BTreeMap<u16, Bytes>,
    count: u16,
    bytes: usize,
}

/// A packet that did not come.
#[derive(Clone, Copy, Debug)]
struct Missing {
    asks: u8,
    next_ask_ms: u64,
}

/// Puts the packets of one peer together.
#[derive(Debug)]
pub struct Incoming {
    key: LinkKey,
    session: u64,
    /// Everything below was handed on, is missing, or was given up.
    next_seq: u64,
    missing: BTreeMap<u64, Missing>,
    partial: BTreeMap<u64, Partial>,
    partial_bytes: usize,
    given_up: u64,
}

impl Incoming {
    /// An end that heard nothing yet.
    pub fn new(key: LinkKey) -> Self {
        Self {
            key,
            session: 0,
            next_seq: 1,
            missing: BTreeMap::new(),
            partial: BTreeMap::new(),
            partial_bytes: 0,
            given_up: 0,
        }
    }

    /// Packets that never came.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Takes a packet; `own` is the sending end to the same peer.
    ///
    /// # Errors
    /// Why it counts for nothing.
    pub fn packet(
        &mut self,
        bytes: &Bytes,
        own: &Outgoing,
        now_ms: u64,
    ) -> Result<Received, Refusal> {
        let packet = Packet::decode(bytes, &self.key)?;
        if packet.kind == Kind::Ask {
            return Ok(Received::Resend(own.answer(&packet.content)));
        }
        if packet.session < self.session {
            return Err(Refusal::OldSession);
        }
        if packet.session > self.session {
            self.begin(&packet);
        }
        if packet.kind == Kind::Tip {
            self.expect_up_to(packet.seq, now_ms);
            return Ok(Received::Nothing);
        }
        if packet.seq >= self.next_seq {
            self.expect_up_to(packet.seq, now_ms);
        }
        if self.missing.remove(&packet.seq).is_none() {
            return Err(Refusal::Repeated);
        }
        self.part(packet)
    }

    /// The peer started anew. What it said before this packet was not meant for us.
    fn begin(&mut self, packet: &Packet) {
        self.session = packet.session;
        self.next_seq = match packet.kind {
            // The parts of its frame that came before it may be on their way.
            Kind::Part => packet.seq.saturating_sub(u64::from(packet.part)).max(1),
            Kind::Tip | Kind::Ask => packet.seq + 1,
        };
        self.missing.clear();
        self.partial.clear();
        self.partial_bytes = 0;
    }

    /// Everything up to `seq` was sent: what did not come is missing.
    fn expect_up_to(&mut self, seq: u64, now_ms: u64) {
        if seq < self.next_seq {
            return;
        }
        let oldest = (seq + 1).saturating_sub(MISSING_MAX as u64);
        self.given_up += oldest.saturating_sub(self.next_seq);
        for missing in self.next_seq.max(oldest)..=seq {
            let wait = Missing {
                asks: 0,
                next_ask_ms: now_ms + ASK_MS,
            };
            self.missing.insert(missing, wait);
        }
        self.next_seq = seq + 1;
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_first();
            self.given_up += 1;
        }
    }

    fn part(&mut self, packet: Packet) -> Result<Received, Refusal> {
        if packet.part >= packet.parts {
            return Err(Refusal::BadPart);
        }
        if packet.parts == 1 {
            return Ok(Received::Frame(packet.content));
        }
        let partial = self.partial.entry(packet.frame).or_default();
        if partial.parts.is_empty() {
            partial.count = packet.parts;
        }
        if partial.count != packet.parts
            || partial.bytes + packet.content.len() > FRAME_BYTES_MAX
            || partial.parts.contains_key(&packet.part)
        {
            return Err(Refusal::BadPart);
        }
        partial.bytes += packet.content.len();
        self.partial_bytes += packet.content.len();
        partial.parts.insert(packet.part, packet.content);
        if partial.parts.len() == usize::from(partial.count) {
            let whole = self.partial.remove(&packet.frame).unwrap_or_default();
            self.partial_bytes -= whole.bytes;
            let parts: Vec<Bytes> = whole.parts.into_values().collect();
            return Ok(Received::Frame(parts.concat().into()));
        }
        while self.partial_bytes > PARTIAL_BYTES_MAX
            && let Some((_, oldest)) = self.partial.pop_first()
        {
            self.partial_bytes -= oldest.bytes;
        }
        Ok(Received::Nothing)
    }

    /// The session and the seqs to ask for now, if any.
    pub fn to_ask(&mut self, now_ms: u64) -> Option<(u64, Vec<u64>)> {
        let before = self.missing.len();
        self.missing
            .retain(|_, m| m.asks < ASKS_MAX || m.next_ask_ms > now_ms);
        self.given_up += (before - self.missing.len()) as u64;
        let due = self.missing.iter_mut();
        let due = due.filter(|(_, m)| m.asks < ASKS_MAX && m.next_ask_ms <= now_ms);
        let seqs: Vec<u64> = due
            .take(ASKED_AT_ONCE_MAX)
            .map(|(seq, missing)| {
                missing.asks += 1;
                missing.next_ask_ms = now_ms + ASK_MS * u64::from(missing.asks);
                *seq
            })
            .collect();
        (!seqs.is_empty()).then_some((self.session, seqs))
    }
}
