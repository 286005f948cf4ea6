//! Contents that the network keeps come back byte for byte, within the limits and for those who may
//! read them.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use adapters_client::{Client, Content, Depositor, Follower, NodeUrl, Outgoing, Standing, submit};
use messages::deposit::{BODY_BYTES_MAX, Lodged};
use messages::hash::Hash;
use messages::ids::{Name, StatementId, TimeMs};
use messages::keys::PrivateKey;
use messages::reading::read_request;
use messages::statement::{ENTRY_BYTES_MAX, StatementError};
use messages::verify::{DocumentDigest, verify};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::{Devnet, key};

/// What a node serves at `path`: status and bytes.
async fn fetch(url: &str, path: &str, headers: &[(&str, String)]) -> (u16, Vec<u8>) {
    let mut request = support::client().get(format!("{url}{path}"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.bytes().await.unwrap().to_vec())
}

struct Desk {
    devnet: Devnet,
    client: Client,
    depositor: Depositor,
}

impl Desk {
    fn new(dir: &Path, namespace: &str, more: &[&str], key: PrivateKey) -> Self {
        let devnet = Devnet::start_with(dir, more);
        let mut depositor = Depositor::new(key, devnet.network());
        depositor.namespace = Name::try_new(namespace).unwrap();
        Self {
            devnet,
            client: Client::try_new().unwrap(),
            depositor,
        }
    }

    fn node(&self, i: usize) -> NodeUrl {
        self.devnet.url(i).parse().unwrap()
    }

    /// Deposits at node `i`, and verifies the receipt with the document; the reason when refused.
    async fn lodge(
        &self,
        i: usize,
        content: Content,
        document: &[u8],
    ) -> Result<StatementId, String> {
        let is_body = matches!(content.lodged, Lodged::Body { .. });
        let signed = self.depositor.sign(content).map_err(|e| e.to_string())?;
        let entry = signed.statement.entry();
        let outgoing = Outgoing {
            entry: &entry,
            body: is_body.then_some(document),
        };
        let nodes = [self.node(i)];
        let wait = Duration::from_secs(30);
        match submit((&self.client, &nodes), outgoing, None, wait).await {
            Standing::Receipted(receipted) => {
                let receipt = signed.complete(receipted.receipt);
                let digest = DocumentDigest::sha256(document);
                let report = verify(&receipt, &self.devnet.policy(), Some(&digest));
                assert!(report.is_accepted(), "{report:#?}");
                Ok(signed.statement.id())
            }
            Standing::Waiting { why, .. } => panic!("not committed: {why}"),
            Standing::Refused { detail, .. } => Err(detail),
        }
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

#[test]
fn contents_come_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::new(dir.path(), "public", &[], key("contents"));
    let awkward: Vec<Vec<u8>> = vec![
        vec![0],
        vec![0; 3_000],
        (0..=255).collect(),
        "\u{202e}\u{0}ünïcödé 合同 \u{1f4dc}".into(),
        b"<script>alert(1)</script>\r\n<!-- \"'&".to_vec(),
        b"{\"empty\":\"\",\"fields\":[]}\n\n".to_vec(),
    ];
    let mut lodged = Vec::new();
    run(async {
        for document in &awkward {
            for content in [Content::inline(document.clone()), Content::body(document)] {
                lodged.push((desk.lodge(0, content, document).await.unwrap(), document));
            }
        }
    });
    desk.devnet.wait_for_agreement();
    run(async {
        for (id, document) in &lodged {
            for i in 0..4 {
                let url = desk.devnet.url(i);
                let by_statement = format!("/v1/statements/{id}/content");
                let by_digest = format!("/v1/bodies/{}", Hash::of(document));
                for path in [by_statement, by_digest] {
                    let (status, found) = fetch(&url, &path, &[]).await;
                    assert_eq!((status, &found), (200, *document), "{url}{path}");
                }
            }
        }
    });
}

#[test]
fn a_follower_sees_each_deposit_once_and_goes_on_at_another_node() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::new(dir.path(), "public", &[], key("follower"));
    run(async {
        let mut ids = Vec::new();
        for i in 0..3_u8 {
            let content = Content::digest(Hash::of(&[i]));
            ids.push(desk.lodge(0, content, &[i]).await.unwrap().to_string());
        }
        let nodes = [desk.node(0), desk.node(1)];
        let mut follower = Follower::new(&desk.client, &nodes, Some(0));
        for (ordinal, id) in (1..).zip(&ids) {
            let event = follower.next().await.unwrap();
            assert_eq!(event.ordinal, ordinal);
            assert_eq!(event.json["id"], id.as_str());
        }
        // Its node stops; the stream ends, and the other one tells the rest.
        desk.devnet.order("stop", 0);
        let content = Content::digest(Hash::of(b"later"));
        let later = desk.lodge(1, content, b"later").await.unwrap().to_string();
        let event = follower.next().await.unwrap();
        assert_eq!(
            (event.ordinal, event.json["id"].as_str()),
            (4, Some(&later[..]))
        );
    });
}

#[test]
fn the_limits_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::new(dir.path(), "public", &[], key("limits"));
    run(async {
        // The longest content whose entry is just within the limit.
        let entry_of = |bytes: usize| desk.depositor.sign(Content::inline(vec![7; bytes]));
        let around = entry_of(60_000).unwrap().statement.entry().len() - 60_000;
        let longest = ENTRY_BYTES_MAX - around;
        let just = entry_of(longest).unwrap();
        assert_eq!(just.statement.entry().len(), ENTRY_BYTES_MAX);
        let over = entry_of(longest + 1).unwrap_err();
        assert!(matches!(over, StatementError::Length { .. }), "{over}");
        let document = vec![7; longest];
        let content = Content::inline(document.clone());
        desk.lodge(0, content, &document).await.unwrap();
        // A body of exactly the limit, of one byte more, and of none.
        let document = vec![9; BODY_BYTES_MAX as usize];
        let content = Content::body(&document);
        desk.lodge(1, content, &document).await.unwrap();
        let document = vec![9; BODY_BYTES_MAX as usize + 1];
        let content = Content::body(&document);
        let reason = desk.lodge(1, content, &document).await.unwrap_err();
        assert!(reason.contains("at most 4194304 bytes"), "{reason}");
        for content in [Content::inline(vec![]), Content::body(b"")] {
            let entry = desk.depositor.sign(content).unwrap().statement.entry();
            let url = format!("{}/v1/statements", desk.devnet.url(0));
            let answer = support::post_async(&support::client(), &url, entry).await;
            let (status, body) = answer.unwrap();
            let code = body["code"].as_str();
            assert_eq!((status, code), (400, Some("malformed-statement")));
        }
        // A file of no bytes is lodged by its digest.
        let content = Content::digest(Hash::of(b""));
        desk.lodge(2, content, b"").await.unwrap();
    });
}

#[test]
fn a_statement_whose_body_was_not_handed_over_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::new(dir.path(), "public", &[], key("missing"));
    run(async {
        let content = Content::body(b"never handed over");
        let entry = desk.depositor.sign(content).unwrap().statement.entry();
        let url = format!("{}/v1/statements", desk.devnet.url(0));
        let answer = support::post_async(&support::client(), &url, entry).await;
        let (status, body) = answer.unwrap();
        let code = body["code"].as_str();
        assert_eq!((status, code), (400, Some("body-missing")), "{body}");
        assert_eq!(body["field"], "body");
        let node = desk.node(0);
        let wrong = desk.client.put_body(&node, &Hash::ZERO, b"x".to_vec());
        let wrong = wrong.await.unwrap_err().to_string();
        assert!(wrong.contains("digest"), "{wrong}");
    });
}

#[test]
fn bodies_of_a_closed_namespace_stay_with_its_holders_and_readers() {
    let dir = tempfile::tempdir().unwrap();
    let member = key("member");
    let listed = hex::encode(member.public().0);
    let more = ["--list-key", listed.as_str()];
    let desk = Desk::new(dir.path(), "members", &more, member.clone());
    let document = b"for members alone, whoever may ask".to_vec();
    let digest = Hash::of(&document);
    run(async {
        let inline = Content::inline(document.clone());
        let reason = desk.lodge(0, inline, &document).await.unwrap_err();
        assert!(reason.contains("not public"), "{reason}");
        // Validators 2 and 3 hold nothing of this namespace.
        let content = || Content::body(&document);
        let reason = desk.lodge(3, content(), &document).await.unwrap_err();
        assert!(reason.contains("does not hold"), "{reason}");
        desk.lodge(0, content(), &document).await.unwrap();
    });
    desk.devnet.wait_for_agreement();
    let path = format!("/v1/bodies/{digest}");
    let signed_by = |key: &PrivateKey| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let time = TimeMs(now.as_millis() as u64);
        let signature = key.sign(&read_request(&desk.depositor.network, &digest, time));
        [
            ("wutong-key", hex::encode(key.public().0)),
            ("wutong-time", time.0.to_string()),
            ("wutong-signature", hex::encode(signature.0)),
        ]
    };
    run(async {
        for i in 0..4 {
            let url = desk.devnet.url(i);
            let nobody = fetch(&url, &path, &[]).await.0;
            let stranger = fetch(&url, &path, &signed_by(&key("stranger"))).await.0;
            assert_eq!((nobody, stranger), (403, 403), "validator {i}");
            let (status, found) = fetch(&url, &path, &signed_by(&member)).await;
            if i < 2 {
                assert_eq!((status, &found), (200, &document), "validator {i}");
            } else {
                assert_eq!(status, 404, "validator {i} holds nothing");
            }
        }
    });
    for i in 0..4 {
        let disk = dir.path().join(format!("node-{i}"));
        // Validator 3 was handed the body and refused its statement: it kept nothing of it.
        assert_eq!(is_on(&disk, &document), i < 2, "the disk of validator {i}");
    }
}

/// Whether any file below a folder contains these bytes.
fn is_on(dir: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|file| {
        let path = file.unwrap().path();
        if path.is_dir() {
            return is_on(&path, bytes);
        }
        let content = std::fs::read(&path).unwrap_or_default();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}
