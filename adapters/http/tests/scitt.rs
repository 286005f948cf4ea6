//! SCITT reference endpoints.

mod support;

use messages::hash::Hash;
use messages::keys::PublicKey;
use messages::statement::cose_key_id;
use support::*;

const CONCISE: &str = "application/concise-problem-details+cbor";

#[tokio::test]
async fn a_registration_answers_the_receipt() {
    let node = serve(FakeNode::default()).await;
    let answer = node.post("/entries", b"statement").await;
    let location = format!("/entries/{}", id());
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(
        answer.header("content-type"),
        Some("application/scitt-receipt+cose")
    );
    let receipt = fake_ledger::transparent().receipts[0].encode();
    assert_eq!(answer.bytes, receipt);
    let again = node.get(&location).await;
    assert_eq!((again.status, again.bytes.as_slice()), (200, &receipt[..]));
    assert_eq!(again.header("location"), Some(location.as_str()));
}

#[tokio::test]
async fn a_registration_under_way_is_found_at_its_location() {
    let node = serve(FakeNode::default()).await;
    let location = format!("/entries/{}", Hash::ZERO);
    let answer = node.get(&location).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (302, Some("1"))
    );
    assert_eq!(answer.header("location"), Some(location.as_str()));
}

#[tokio::test]
async fn refusals_are_concise() {
    let node = serve(FakeNode::default()).await;
    for (path, body, status, title) in [
        ("/entries", &b"garbage"[..], 400, "Malformed request"),
        ("/entries", b"stranger", 403, "Rejected"),
        ("/entries", b"busy", 429, "Too Many Requests"),
        ("/entries", b"", 400, "Malformed request"),
        ("/entries/xyz", b"", 400, "Invalid locator"),
        ("/entries/%ff", b"", 400, "Malformed request"),
        (
            &format!("/entries/{}", Hash::of(b"unknown")),
            b"",
            404,
            "Not Found",
        ),
        ("/.well-known/scitt-keys/abc", b"", 404, "No such key"),
    ] {
        let answer = if path == "/entries" {
            node.post(path, body).await
        } else {
            node.get(path).await
        };
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), Some(CONCISE), "{path}");
        // A map of three, and -1 with a text.
        assert_eq!(answer.bytes[..2], [0xa3, 0x20], "{path}");
        let found = &answer.bytes[3..3 + title.len()];
        assert_eq!(String::from_utf8_lossy(found), title, "{path}");
    }
}

#[tokio::test]
async fn keys_are_cose_keys() {
    let node = serve(FakeNode::default()).await;
    let set = node.get("/.well-known/scitt-keys").await;
    assert_eq!(set.header("content-type"), Some("application/cbor"));
    let kid = |x: u8| cose_key_id(&PublicKey([x; 32]));
    let key = |x: u8| {
        let head = [0xa5, 0x01, 0x01, 0x02, 0x48];
        let middle = [0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
        [&head[..], &kid(x), &middle, &[x; 32]].concat()
    };
    assert_eq!(set.bytes, [&[0x82][..], &key(1), &key(2)].concat());
    let kid = messages::note::encode_base64(&kid(2));
    let kid = kid
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    let one = node.get(&format!("/.well-known/scitt-keys/{kid}")).await;
    assert_eq!(one.bytes, key(2));
}
