//! Against a real NATS server: the API is found, answers as HTTP does, is never blocked, and
//! survives servers that come late and restart.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used)]

mod support;

use adapters_nats::{NatsService, Server, ServiceOptions, api_subject};
use async_nats::{Client, HeaderMap, Message};
use bus::api::{Answer, Listener, NodeApi, Problem, ProblemKind, Query, Reply, SubmitAnswer};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use messages::ids::{Name, StatementId};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use support::{NatsServer, WAIT_MAX, free_port, is_asked_for, until};

/// Most submissions that a node works on at once.
const SUBMISSIONS_MAX: usize = 512;

/// A node that holds submissions back, and knows nothing.
#[derive(Default)]
struct FakeNode {
    held: Mutex<Vec<(Bytes, Reply<SubmitAnswer>)>>,
    waits: Mutex<Vec<Option<u64>>>,
}

impl FakeNode {
    fn release(&self) -> usize {
        let held = std::mem::take(&mut *self.held.lock().unwrap());
        let count = held.len();
        for (entry, reply) in held {
            reply(SubmitAnswer::Pending(StatementId::of_entry(&entry)));
        }
        count
    }
}

impl NodeApi for FakeNode {
    fn submit(&self, entry: Bytes, wait_ms: Option<u64>, reply: Reply<SubmitAnswer>) {
        self.waits.lock().unwrap().push(wait_ms);
        self.held.lock().unwrap().push((entry, reply));
    }

    fn query(&self, query: Query, reply: Reply<Answer>) {
        reply(match query {
            Query::Statement(id) | Query::Receipt(id) => Answer::Waiting(id),
            _ => Answer::Problem(Problem {
                kind: ProblemKind::NotFound,
                code: "unknown-value",
                detail: "no".into(),
                field: Some("value".into()),
                next_step: "none".into(),
            }),
        });
    }

    fn subscribe(&self, _: Listener) {}
}

fn network() -> Name {
    Name::try_new("trial").unwrap()
}

fn start(port: u16, node: &str) -> (NatsService, Arc<FakeNode>) {
    let fake = Arc::new(FakeNode::default());
    let options = ServiceOptions {
        server: Server::open(&format!("nats://127.0.0.1:{port}")),
        network: network(),
        node: Name::try_new(node).unwrap(),
        version: "0.1.0",
    };
    (NatsService::start(options, fake.clone()), fake)
}

async fn ask(client: &Client, verb: &str, headers: HeaderMap, payload: &[u8]) -> Message {
    let subject = api_subject(&network(), verb);
    let payload = Bytes::copy_from_slice(payload);
    let asked = client.request_with_headers(subject, headers, payload);
    asked.await.unwrap()
}

/// Status and JSON of an answer; 200 without the headers of a refusal.
fn read(message: &Message) -> (u16, Value) {
    let headers = message.headers.as_ref();
    let code = headers.and_then(|h| h.get("Nats-Service-Error-Code"));
    let code = code.map_or(200, |code| code.as_str().parse().unwrap());
    (code, serde_json::from_slice(&message.payload).unwrap())
}

/// Answers of all nodes to a request of the service protocol.
async fn discover(client: &Client, subject: &str, nodes: usize) -> Vec<Value> {
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.unwrap();
    client
        .publish_with_reply(subject.to_owned(), inbox, Bytes::new())
        .await
        .unwrap();
    let mut found = Vec::new();
    while found.len() < nodes {
        let answer = tokio::time::timeout(WAIT_MAX, answers.next()).await;
        found.push(serde_json::from_slice(&answer.unwrap().unwrap().payload).unwrap());
    }
    found
}

async fn connect(port: u16) -> Client {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    options.connect(format!("127.0.0.1:{port}")).await.unwrap()
}

/// Waits until both nodes are found.
async fn found(client: &Client, services: &[&NatsService]) {
    let connected = || services.iter().all(|service| service.is_connected());
    until("services are connected", connected).await;
    client.flush().await.unwrap();
}

#[tokio::test]
async fn it_is_found_and_answers_whatever_servers_do() {
    if !is_asked_for() {
        return;
    }
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    // The nodes are up before the server is.
    let (first, _) = start(port, "node-0");
    let (second, _) = start(port, "node-1");
    assert!(!first.is_connected());
    let server = NatsServer::start(port, dir.path());
    let client = connect(port).await;
    found(&client, &[&first, &second]).await;
    let infos = discover(&client, "$SRV.INFO.wutong", 2).await;
    let mut nodes: Vec<&str> = infos
        .iter()
        .map(|info| info["metadata"]["node"].as_str().unwrap())
        .collect();
    nodes.sort_unstable();
    assert_eq!(nodes, ["node-0", "node-1"]);
    for info in &infos {
        assert_eq!(info["type"], "io.nats.micro.v1.info_response");
        assert_eq!(
            (&info["name"], &info["version"]),
            (&json!("wutong"), &json!("0.1.0"))
        );
        assert_eq!(info["metadata"]["network"], "trial");
        let endpoints = info["endpoints"].as_array().unwrap();
        let mut subjects: Vec<&str> = endpoints
            .iter()
            .map(|e| e["subject"].as_str().unwrap())
            .collect();
        subjects.sort_unstable();
        let expected = [
            "events", "events.*", "lookup", "receipt", "status", "submit",
        ];
        let expected = expected.map(|verb| format!("wutong.trial.v1.tx.{verb}"));
        assert_eq!(subjects, expected);
        assert!(endpoints.iter().all(|e| e["queue_group"] == "wutong"));
    }
    let id = "ab".repeat(32);
    let (code, body) = read(&ask(&client, "status", HeaderMap::new(), id.as_bytes()).await);
    assert_eq!(
        (code, &body["status"], &body["id"]),
        (200, &json!("pending"), &json!(id))
    );
    // The server goes away and comes back: so does the API.
    drop(server);
    until("it is noticed", || !first.is_connected()).await;
    let _server = NatsServer::start(port, dir.path());
    found(&client, &[&first, &second]).await;
    let (code, _) = read(&ask(&client, "receipt", HeaderMap::new(), id.as_bytes()).await);
    assert_eq!(code, 200);
    // One node goes, the other answers.
    drop(first);
    assert_eq!(
        discover(&client, "$SRV.PING.wutong", 1).await[0]["metadata"]["node"],
        "node-1"
    );
}

#[tokio::test]
async fn hostile_payloads_cost_an_answer_and_nothing_else() {
    if !is_asked_for() {
        return;
    }
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let _server = NatsServer::start(port, dir.path());
    let (service, node) = start(port, "node-0");
    let client = connect(port).await;
    found(&client, &[&service]).await;
    let big = vec![b'0'; 1_000_000];
    let id_of_63 = "a".repeat(63);
    for (verb, payload, expected, field) in [
        ("submit", &b""[..], 400, "body"),
        ("submit", &big[..65_536], 413, "body"),
        ("submit", &big[..], 413, "body"),
        ("status", b"", 400, "id"),
        ("status", b"\xff\xfe", 400, "id"),
        ("status", id_of_63.as_bytes(), 400, "id"),
        ("receipt", &big[..], 413, "payload"),
        ("lookup", b"", 400, "payload"),
        ("lookup", b"[]", 400, "payload"),
        ("lookup", br#"{"value":1}"#, 400, "payload"),
        ("lookup", br#"{"value":"x"}"#, 400, "value"),
        ("lookup", br#"{"value":"x","more":1}"#, 400, "payload"),
        ("lookup", &[b'['; 1_024], 400, "payload"),
        ("events", b"[]", 400, "payload"),
        ("events", br#"{"height":1,"after":1}"#, 400, "after"),
        ("events", br#"{"count":0}"#, 400, "count"),
        ("events.Court", b"", 400, "subject"),
    ] {
        let (code, body) = read(&ask(&client, verb, HeaderMap::new(), payload).await);
        assert_eq!(
            (code, &body["field"]),
            (expected, &json!(field)),
            "{verb} {body}"
        );
        assert_eq!(body["status"], code);
        assert!(!body["next_step"].as_str().unwrap().is_empty());
    }
    let value = format!(r#"{{"value":"{}","count":0}}"#, "ab".repeat(32));
    let (code, body) = read(&ask(&client, "lookup", HeaderMap::new(), value.as_bytes()).await);
    assert_eq!((code, &body["field"]), (400, &json!("count")));
    for wait in ["60001", "-1", "x", ""] {
        let mut headers = HeaderMap::new();
        headers.insert("Wutong-Wait-Ms", wait);
        let (code, body) = read(&ask(&client, "submit", headers, b"x").await);
        assert_eq!(
            (code, &body["field"]),
            (400, &json!("Wutong-Wait-Ms")),
            "{wait}"
        );
    }
    assert!(
        node.waits.lock().unwrap().is_empty(),
        "nothing reached the node"
    );
    // Without a subject for the answer, or with one that is no inbox, nothing is done.
    let mut spied = client.subscribe("wutong.trial.v1.events.>").await.unwrap();
    let submit = api_subject(&network(), "submit");
    client.publish(submit.clone(), "x".into()).await.unwrap();
    client
        .publish_with_reply(submit, "wutong.trial.v1.events.a.deposited", "x".into())
        .await
        .unwrap();
    let refused = async {
        loop {
            let stats = discover(&client, "$SRV.STATS.wutong", 1).await;
            let endpoints = stats[0]["endpoints"].as_array().unwrap().clone();
            let submit = endpoints.iter().find(|e| e["name"] == "submit").unwrap();
            // Three by size, four by their wait, two without an inbox.
            if submit["data"]["refused"] == 9 {
                break;
            }
        }
    };
    tokio::time::timeout(WAIT_MAX, refused).await.unwrap();
    assert!(spied.next().now_or_never().is_none());
    assert!(node.waits.lock().unwrap().is_empty());
}

#[tokio::test]
async fn more_than_it_works_on_at_once_is_answered_busy() {
    if !is_asked_for() {
        return;
    }
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let _server = NatsServer::start(port, dir.path());
    let (service, node) = start(port, "node-0");
    let client = connect(port).await;
    found(&client, &[&service]).await;
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Wutong-Wait-Ms", "60000");
    for number in 0..SUBMISSIONS_MAX {
        let (subject, payload) = (api_subject(&network(), "submit"), number.to_string());
        client
            .publish_with_reply_and_headers(subject, inbox.clone(), headers.clone(), payload.into())
            .await
            .unwrap();
    }
    let all_held = || node.held.lock().unwrap().len() == SUBMISSIONS_MAX;
    until("all are at work", all_held).await;
    let (code, body) = read(&ask(&client, "submit", headers.clone(), b"one more").await);
    assert_eq!((code, &body["code"]), (429, &json!("busy")));
    // Questions have their own room.
    let id = "ab".repeat(32);
    let (code, _) = read(&ask(&client, "status", HeaderMap::new(), id.as_bytes()).await);
    assert_eq!(code, 200);
    assert_eq!(node.release(), SUBMISSIONS_MAX);
    for _ in 0..SUBMISSIONS_MAX {
        let answer = tokio::time::timeout(WAIT_MAX, answers.next()).await;
        let (code, body) = read(&answer.unwrap().unwrap());
        assert_eq!((code, &body["status"]), (200, &json!("pending")));
    }
    let waits = node.waits.lock().unwrap().clone();
    assert!(waits.iter().all(|wait| *wait == Some(60_000)));
    // There is room again.
    headers.insert("Wutong-Wait-Ms", "0");
    let again = tokio::spawn(async move { ask(&client, "submit", headers, b"again").await });
    until("it is at work", || node.release() == 1).await;
    assert_eq!(read(&again.await.unwrap()).0, 200);
    assert_eq!(node.waits.lock().unwrap().last(), Some(&None));
}
