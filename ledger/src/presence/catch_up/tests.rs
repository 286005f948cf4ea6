use super::*;
use bytes::Bytes;
use messages::block::BlockBytes;
use messages::hash::Hash;
use messages::ids::TreeSize;
use messages::keys::PublicKey;

fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

fn block(height: u64) -> CertifiedBlock {
    let header = Header {
        network: name("trial"),
        height: Height(height),
        time: TimeMs(height),
        previous: Hash::ZERO,
        log_size: TreeSize(height),
        log_root: Hash::ZERO,
        state_root: Hash::ZERO,
        outcomes_root: Hash::ZERO,
        proposer: PublicKey([1; 32]),
        validator_set_hash: Hash::ZERO,
        certificate_hash: Hash::ZERO,
        protocol_version: 1,
    };
    CertifiedBlock {
        block: BlockBytes {
            header: header.to_bytes().into(),
            statements: vec![Bytes::from(vec![0; 100])],
            certificate: Bytes::new(),
        },
        certificate: Bytes::new(),
    }
}

fn peers(height: u64) -> Vec<Ahead> {
    let ahead = |text| Ahead {
        name: name(text),
        height: Height(height),
    };
    ["a", "b", "c"].map(ahead).into()
}

/// First heights and counts asked for, by peer.
fn asked(out: &[Fetch]) -> Vec<(String, u64, u32)> {
    let ask = |fetch: &Fetch| match fetch {
        Fetch::Ask(to, PeerMessage::BlocksRequest { first, count }) => {
            Some((to.to_string(), first.0, *count))
        }
        _ => None,
    };
    out.iter().filter_map(ask).collect()
}

fn applied(out: &[Fetch]) -> Vec<u64> {
    let apply = |fetch: &Fetch| match fetch {
        Fetch::Apply(block) => height_of(block).map(|h| h.0),
        Fetch::Ask(..) => None,
    };
    out.iter().filter_map(apply).collect()
}

fn go_on(catch_up: &mut CatchUp, now: u64, decided: u64, ahead: &[Ahead]) -> Vec<Fetch> {
    let mut out = Vec::new();
    catch_up.go_on(TimeMs(now), Height(decided), ahead, &mut out);
    out
}

fn answer(catch_up: &mut CatchUp, from: &str, first: u64, count: u32) {
    let blocks: Vec<_> = (first..first + u64::from(count)).map(block).collect();
    catch_up.on_blocks(&name(from), &blocks);
}

#[test]
fn peers_are_asked_at_once_and_blocks_are_applied_in_order() {
    let (mut catch_up, peers) = (CatchUp::default(), peers(100));
    let out = go_on(&mut catch_up, 0, 0, &peers);
    let expected = [("a", 1), ("b", 17), ("c", 33), ("a", 49)];
    assert_eq!(asked(&out), expected.map(|(p, h)| (p.to_owned(), h, 16)));
    // A later part comes first: nothing can be applied, and its place is asked for anew.
    answer(&mut catch_up, "b", 17, 16);
    let out = go_on(&mut catch_up, 10, 0, &peers);
    assert!(applied(&out).is_empty());
    assert_eq!(asked(&out), [("b".to_owned(), 65, 16)]);
    // The first part comes: as many as consensus takes ahead; the rest as it decides.
    answer(&mut catch_up, "a", 1, 16);
    let out = go_on(&mut catch_up, 20, 0, &peers);
    assert_eq!(applied(&out), (1..=16).collect::<Vec<_>>());
    let out = go_on(&mut catch_up, 30, 10, &peers);
    assert_eq!(applied(&out), (17..=26).collect::<Vec<_>>());
    // Everything is decided meanwhile by consensus itself.
    let out = go_on(&mut catch_up, 40, 100, &[]);
    assert!(out.is_empty() && !catch_up.is_fetching());
}

#[test]
fn silent_and_lying_peers_have_their_turn_after_the_others() {
    let (mut catch_up, peers) = (CatchUp::default(), peers(20));
    let out = go_on(&mut catch_up, 0, 0, &peers);
    assert_eq!(asked(&out).len(), 2);
    answer(&mut catch_up, "b", 17, 4);
    // The first does not answer: another is asked for its part.
    let out = go_on(&mut catch_up, REQUEST_MS, 0, &peers);
    assert_eq!(asked(&out), [("c".to_owned(), 1, 16)]);
    answer(&mut catch_up, "c", 1, 16);
    let out = go_on(&mut catch_up, REQUEST_MS + 10, 0, &peers);
    assert_eq!(applied(&out).len(), 16);
    // What it sent leads to no decision: it lied, and the one without a failure is asked.
    let out = go_on(&mut catch_up, REQUEST_MS + 10 + STALLED_MS, 0, &peers);
    assert_eq!(asked(&out)[0], ("b".to_owned(), 1, 16));
    // Late, unasked and disordered answers change nothing.
    answer(&mut catch_up, "c", 1, 16);
    catch_up.on_blocks(&name("b"), &[block(1), block(3)]);
    let out = go_on(&mut catch_up, REQUEST_MS + 20 + STALLED_MS, 0, &peers);
    assert_eq!(applied(&out), [1]);
}

#[test]
fn one_block_behind_waits_for_the_network_first() {
    let (mut catch_up, peers) = (CatchUp::default(), peers(8));
    assert!(go_on(&mut catch_up, 0, 7, &peers).is_empty());
    assert!(go_on(&mut catch_up, ONE_BEHIND_MS - 1, 7, &peers).is_empty());
    let out = go_on(&mut catch_up, ONE_BEHIND_MS, 7, &peers);
    assert_eq!(asked(&out), [("a".to_owned(), 8, 1)]);
}

#[test]
fn what_is_kept_is_bounded() {
    let (mut catch_up, peers) = (CatchUp::default(), peers(100_000));
    for round in 0..200 {
        let out = go_on(&mut catch_up, round, 0, &peers);
        for (peer, first, count) in asked(&out) {
            answer(&mut catch_up, &peer, first, count);
        }
    }
    assert!(
        catch_up.kept() as u64 <= WINDOW_BLOCKS,
        "{}",
        catch_up.kept()
    );
    assert_eq!(catch_up.bytes, 100 * catch_up.fetched.len());
}
