//! Both ends of a link through a pipe that loses, doubles, delays and reorders packets, drawn from a
//! seed: each frame comes once, and what does not come was given up.
#![allow(clippy::unwrap_used)]

use super::*;
use bytes::Bytes;
use messages::ids::Name;
use messages::keys::PrivateKey;
use std::collections::BTreeMap;

/// How often each end looks for what is missing, as the bridge does, in milliseconds.
const TICK_MS: u64 = 20;
/// Longest packet; frames are longer and shorter.
const PACKET_BYTES: usize = 300;
/// Frames that each end sends.
const FRAMES: u64 = 400;

/// What the pipe does, in thousandths of packets.
#[derive(Clone, Copy, Debug)]
struct Pipe {
    lost: u64,
    doubled: u64,
    /// Each copy is late by 0 to this many milliseconds: those sent later may be sooner.
    late_ms: u64,
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// One end: what it sends, what it heard, and how often each frame came.
struct End {
    out: Outgoing,
    heard: Incoming,
    came: BTreeMap<u64, u32>,
    repeated: u64,
}

impl End {
    /// Takes a packet; gives those to be sent again.
    fn take(&mut self, packet: &Bytes, now_ms: u64) -> Vec<Bytes> {
        match self.heard.packet(packet, &self.out, now_ms) {
            Ok(Received::Frame(frame)) => {
                let number = u64::from_be_bytes(*frame.first_chunk().unwrap());
                assert_eq!(frame, numbered(number), "what was sent, and whole");
                *self.came.entry(number).or_default() += 1;
                Vec::new()
            }
            Ok(Received::Nothing) => Vec::new(),
            Ok(Received::Resend(packets)) => packets,
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Repeated);
                self.repeated += 1;
                Vec::new()
            }
        }
    }

    fn tick(&mut self, now_ms: u64) -> Vec<Bytes> {
        let mut packets: Vec<Bytes> = self.out.tip().into_iter().collect();
        if let Some((session, seqs)) = self.heard.to_ask(now_ms) {
            packets.push(self.out.ask(session, &seqs));
        }
        packets
    }
}

/// A frame that tells its number, of a length that the number decides: one to five packets.
fn numbered(number: u64) -> Bytes {
    let mut frame = number.to_be_bytes().to_vec();
    frame.resize(8 + (number * 97 % 1_200) as usize, number as u8);
    frame.into()
}

fn ends() -> [End; 2] {
    let name = |text: &str| Name::try_new(text).unwrap();
    let (network, names) = (name("trial"), [name("a"), name("b")]);
    let keys = [1, 2].map(|seed| PrivateKey::from_seed(&[seed; 32]));
    [(0, 1), (1, 0)].map(|(own, peer)| {
        let peer_key = keys[peer].public();
        let pair = LinkKey::pair(
            &network,
            (&names[own], &keys[own]),
            (&names[peer], &peer_key),
        );
        let (there, back) = pair.unwrap();
        End {
            out: Outgoing::new(there, 10),
            heard: Incoming::new(back),
            came: BTreeMap::new(),
            repeated: 0,
        }
    })
}

/// What is on its way: when it comes, in what order it was sent, to whom.
#[derive(Default)]
struct Way(BTreeMap<(u64, u64), (usize, Bytes)>);

impl Way {
    fn send(&mut self, now_ms: u64, to: usize, packets: Vec<Bytes>, pipe: Pipe, dice: &mut Dice) {
        for packet in packets {
            let copies = match dice.below(1_000) {
                drawn if drawn < pipe.lost => 0,
                drawn if drawn < pipe.lost + pipe.doubled => 2,
                _ => 1,
            };
            for _ in 0..copies {
                let at = now_ms + dice.below(pipe.late_ms + 1);
                // Also those that come at one time come in any order.
                self.0
                    .insert((at, dice.below(u64::MAX)), (to, packet.clone()));
            }
        }
    }

    fn due(&mut self, now_ms: u64) -> Vec<(usize, Bytes)> {
        let later = self.0.split_off(&(now_ms + 1, 0));
        std::mem::replace(&mut self.0, later)
            .into_values()
            .collect()
    }
}

/// Sends [`FRAMES`] each way through a pipe; gives both ends when nothing is on its way any more.
fn run(pipe: Pipe, seed: u64) -> [End; 2] {
    let (mut ends, mut way, mut dice) = (ends(), Way::default(), Dice(seed));
    let fair = Pipe {
        lost: 0,
        doubled: 0,
        late_ms: 0,
    };
    let last_ms = FRAMES * 3;
    for now_ms in 0..last_ms + 2_000 {
        // The first word of a session says what is to come, and without the last word nobody could
        // know what is missing: these two get through.
        let at = |number: u64| match number {
            0 => fair,
            _ if number == FRAMES - 1 => fair,
            _ => pipe,
        };
        for own in [0, 1] {
            if now_ms % 3 == 0 && now_ms < last_ms {
                let number = now_ms / 3;
                let packets = ends[own].out.frame(&numbered(number), PACKET_BYTES);
                way.send(now_ms, 1 - own, packets, at(number), &mut dice);
            }
            if now_ms > 0 && now_ms % TICK_MS == 0 {
                let packets = ends[own].tick(now_ms);
                way.send(now_ms, 1 - own, packets, pipe, &mut dice);
            }
        }
        for (to, packet) in way.due(now_ms) {
            let again = ends[to].take(&packet, now_ms);
            way.send(now_ms, 1 - to, again, pipe, &mut dice);
        }
    }
    assert!(way.0.is_empty(), "nothing is on its way any more");
    ends
}

fn assert_each_once(ends: &[End; 2], pipe: Pipe, seed: u64) {
    for end in ends {
        let of_seed = format!("{pipe:?}, seed {seed}");
        assert!(end.came.values().all(|times| *times == 1), "{of_seed}");
        assert_eq!(end.came.len() as u64, FRAMES, "{of_seed}");
        assert_eq!(end.heard.given_up(), 0, "{of_seed}");
    }
}

#[test]
fn each_frame_comes_once_whatever_the_pipe_does() {
    for seed in 0..40 {
        for (lost, doubled, late_ms) in [
            (0, 0, 0),
            (0, 300, 0),
            (0, 0, 50),
            (30, 0, 0),
            (30, 100, 30),
        ] {
            let pipe = Pipe {
                lost,
                doubled,
                late_ms,
            };
            let ends = run(pipe, seed);
            assert_each_once(&ends, pipe, seed);
            // The pipe did what it says, or this test says nothing.
            let repeated: u64 = ends.iter().map(|end| end.repeated).sum();
            assert!(doubled == 0 || repeated > 0, "{pipe:?}");
        }
    }
}

#[test]
fn what_a_bad_pipe_keeps_is_given_up_and_nothing_comes_twice() {
    let pipe = Pipe {
        lost: 400,
        doubled: 200,
        late_ms: 120,
    };
    let mut given_up = 0;
    for seed in 0..20 {
        for end in run(pipe, seed) {
            assert!(end.came.values().all(|times| *times == 1), "seed {seed}");
            let missing = FRAMES - end.came.len() as u64;
            assert!(
                missing <= end.heard.given_up(),
                "seed {seed}: {missing} frames missing, {} packets given up",
                end.heard.given_up()
            );
            // Asking four times brings back most of what is lost.
            assert!(missing < FRAMES / 3, "seed {seed}: {missing}");
            given_up += end.heard.given_up();
        }
    }
    assert!(given_up > 0, "the pipe was not bad enough to say anything");
}
