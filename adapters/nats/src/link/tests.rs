#![allow(clippy::unwrap_used)]

use super::*;
use bytes::Bytes;
use messages::ids::Name;
use messages::keys::PrivateKey;

fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

/// The two ends of a link: `a` to `b`, and back.
struct Ends {
    out: Outgoing,
    heard: Incoming,
    back: Outgoing,
    heard_back: Incoming,
}

fn ends() -> Ends {
    let (network, a, b) = (name("trial"), name("a"), name("b"));
    let (key_a, key_b) = (
        PrivateKey::from_seed(&[1; 32]),
        PrivateKey::from_seed(&[2; 32]),
    );
    let (a_to_b, b_to_a) = LinkKey::pair(&network, (&a, &key_a), (&b, &key_b.public())).unwrap();
    let (back, there) = LinkKey::pair(&network, (&b, &key_b), (&a, &key_a.public())).unwrap();
    Ends {
        out: Outgoing::new(a_to_b, 10),
        heard: Incoming::new(there),
        back: Outgoing::new(back, 20),
        heard_back: Incoming::new(b_to_a),
    }
}

fn frame(size: usize, byte: u8) -> Bytes {
    Bytes::from(vec![byte; size])
}

#[test]
fn frames_of_any_size_come_whole_in_any_order_of_packets() {
    let mut ends = ends();
    for (size, byte) in [(0, 1), (1, 2), (949, 3), (950, 4), (951, 5), (40_000, 6)] {
        let sent = frame(size, byte);
        let mut packets = ends.out.frame(&sent, 1_000);
        assert!(packets.iter().all(|p| p.len() <= 1_000));
        packets.reverse();
        let frames: Vec<Received> = packets
            .iter()
            .map(|p| ends.heard.packet(p, &ends.back, 0).unwrap())
            .filter(|r| *r != Received::Nothing)
            .collect();
        assert_eq!(frames, [Received::Frame(sent)], "{size} bytes");
    }
}

#[test]
fn a_packet_is_handed_on_once() {
    let mut ends = ends();
    let packet = ends.out.frame(&frame(5, 1), 1_000).remove(0);
    assert!(ends.heard.packet(&packet, &ends.back, 0).is_ok());
    assert_eq!(
        ends.heard.packet(&packet, &ends.back, 0),
        Err(Refusal::Repeated)
    );
}

#[test]
fn what_is_lost_is_asked_for_and_comes_again() {
    let mut ends = ends();
    let sent: Vec<Bytes> = (0..20).map(|i| frame(3_000, i)).collect();
    let mut frames = Vec::new();
    for (i, one) in sent.iter().enumerate() {
        for (j, packet) in ends.out.frame(one, 1_000).iter().enumerate() {
            // Every third packet is lost, the last ones among them.
            if (i + j) % 3 == 0 || i >= 18 {
                continue;
            }
            if let Received::Frame(whole) = ends.heard.packet(packet, &ends.back, 0).unwrap() {
                frames.push(whole);
            }
        }
    }
    assert!(frames.len() < 10);
    let tip = ends.out.tip().unwrap();
    assert_eq!(ends.out.tip(), None, "said once");
    ends.heard.packet(&tip, &ends.back, 0).unwrap();
    assert_eq!(ends.heard.to_ask(0), None, "what is late may still come");
    let (session, seqs) = ends.heard.to_ask(100).unwrap();
    let question = ends.back.ask(session, &seqs);
    let answer = ends.heard_back.packet(&question, &ends.out, 100).unwrap();
    let Received::Resend(packets) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(packets.len(), seqs.len());
    for packet in packets {
        if let Received::Frame(whole) = ends.heard.packet(&packet, &ends.back, 100).unwrap() {
            frames.push(whole);
        }
    }
    frames.sort();
    assert_eq!(frames, sent);
    assert_eq!(ends.heard.to_ask(10_000), None);
    assert_eq!(ends.heard.given_up(), 0);
}

#[test]
fn what_never_comes_is_given_up() {
    let mut ends = ends();
    ends.out.frame(&frame(5, 1), 1_000);
    let tip = ends.out.tip().unwrap();
    // The first word of a session says what is to come, not what was.
    ends.heard.packet(&tip, &ends.back, 0).unwrap();
    assert_eq!(ends.heard.to_ask(1_000), None);
    ends.out.frame(&frame(5, 2), 1_000);
    let tip = ends.out.tip().unwrap();
    ends.heard.packet(&tip, &ends.back, 0).unwrap();
    let asked = (0..10).filter(|i| ends.heard.to_ask(1_000 * (i + 1)).is_some());
    assert_eq!(asked.count(), 4);
    assert_eq!(ends.heard.given_up(), 1);
}

#[test]
fn forgeries_old_sessions_and_other_links_are_refused() {
    let mut ends = ends();
    let packet = ends.out.frame(&frame(100, 1), 1_000).remove(0);
    for at in 0..packet.len() {
        let mut changed = packet.to_vec();
        changed[at] ^= 1;
        let refused = ends.heard.packet(&changed.into(), &ends.back, 0);
        assert!(
            matches!(refused, Err(Refusal::Forged | Refusal::Malformed)),
            "byte {at}: {refused:?}"
        );
    }
    for length in 0..packet.len() {
        let cut = packet.slice(..length);
        assert!(ends.heard.packet(&cut, &ends.back, 0).is_err(), "{length}");
    }
    // What a sends to b is nothing that b sends to a.
    assert_eq!(
        ends.heard_back.packet(&packet, &ends.out, 0),
        Err(Refusal::Forged)
    );
    ends.heard.packet(&packet, &ends.back, 0).unwrap();
    let (network, a, b) = (name("trial"), name("a"), name("b"));
    let key_a = PrivateKey::from_seed(&[1; 32]);
    let peer = PrivateKey::from_seed(&[2; 32]).public();
    let key = LinkKey::pair(&network, (&a, &key_a), (&b, &peer))
        .unwrap()
        .0;
    let mut again = Outgoing::new(key.clone(), 11);
    let fresh = again.frame(&frame(1, 7), 1_000).remove(0);
    assert!(
        ends.heard.packet(&fresh, &ends.back, 0).is_ok(),
        "a started anew"
    );
    let late = ends.out.frame(&frame(1, 8), 1_000).remove(0);
    assert_eq!(
        ends.heard.packet(&late, &ends.back, 0),
        Err(Refusal::OldSession)
    );
    // Another network's link has other keys.
    let other = LinkKey::pair(&name("other"), (&a, &key_a), (&b, &peer))
        .unwrap()
        .0;
    let foreign = Outgoing::new(other, 12)
        .frame(&frame(1, 9), 1_000)
        .remove(0);
    assert_eq!(
        ends.heard.packet(&foreign, &ends.back, 0),
        Err(Refusal::Forged)
    );
}

#[test]
fn the_packet_is_frozen() {
    let packet = ends().out.frame(&frame(3, 5), 1_000).remove(0);
    let hash = messages::hash::Hash::of(&packet);
    insta::assert_snapshot!(format!("{} bytes, {hash}", packet.len()));
}
