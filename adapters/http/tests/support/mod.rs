//! A node of fixed answers behind a real loopback listener, and a client of plain sockets.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod fake_ledger;

use adapters_http::{Beside, Console};
use bus::api::*;
use bytes::Bytes;
use fake_ledger::{not_found, problem};
use messages::hash::Hash;
use messages::ids::{Height, LeafIndex, Name, Ordinal, Round, StatementId, TimeMs, TreeSize};
use messages::receipt::PolicyLink;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub fn name(text: &str) -> Name {
    Name::try_new(text).unwrap()
}

pub fn id() -> StatementId {
    StatementId(Hash::of(b"statement"))
}

/// Answers by the submission's text, and by whether a query asks for what [`id`] names.
#[derive(Default)]
pub struct FakeNode {
    pub without_quorum: bool,
    pub silent: bool,
    /// What it says of itself instead of the usual.
    pub health: Option<Health>,
    /// Whom it sees instead of itself alone.
    pub validators: Vec<ValidatorStatus>,
    /// Events so far, and who wants to hear of more.
    pub told: Arc<Mutex<(u64, Vec<Listener>)>>,
}

/// Publishes events of a node that is served already.
pub fn publish(told: &Mutex<(u64, Vec<Listener>)>, events: u64, height: u64) {
    let mut told = told.lock().unwrap();
    told.0 += events;
    told.1.retain_mut(|listener| listener(Height(height)));
}

fn committed() -> Committed {
    Committed {
        id: id(),
        height: Height(7),
        index: LeafIndex(21),
        block_time: TimeMs(1_700_000_000_123),
        receipt: "c2sp.org/tlog-proof@v1\nindex 21\n".into(),
    }
}

impl NodeApi for FakeNode {
    fn submit(&self, entry: Bytes, wait_ms: Option<u64>, reply: Reply<SubmitAnswer>) {
        if self.silent {
            return;
        }
        let refuse = |kind, code, field| SubmitAnswer::Refused(problem(kind, code, field));
        reply(match (&entry[..], wait_ms) {
            (b"busy", _) => refuse(ProblemKind::Busy, "mempool-full", "mempool"),
            (b"stranger", _) => refuse(ProblemKind::Forbidden, "not-listed", "key"),
            (b"garbage", _) => refuse(ProblemKind::Malformed, "malformed-statement", "entry"),
            (_, Some(ms)) if self.without_quorum => {
                assert_eq!(ms, 10_000);
                SubmitAnswer::NoQuorum {
                    id: id(),
                    missing: vec![name("v3"), name("v4")],
                    quorum: 3,
                }
            }
            (_, None) => SubmitAnswer::Pending(id()),
            (_, Some(_)) => SubmitAnswer::Committed(Box::new(committed())),
        });
    }

    fn query(&self, query: Query, reply: Reply<Answer>) {
        if self.silent {
            return;
        }
        let view = StatementView {
            id: id(),
            entry: Bytes::from_static(b"entry"),
            place: Some((Height(7), LeafIndex(21), TimeMs(1_700_000_000_123))),
        };
        reply(match query {
            Query::Receipt(asked) if asked == id() => Answer::Receipt(Box::new(committed())),
            Query::Statement(asked) if asked == id() => Answer::Statement(view),
            Query::Receipt(asked) if asked.0 == Hash::ZERO => Answer::Waiting(asked),
            Query::CoseReceipt(asked) if asked == id() => {
                Answer::CoseReceipt(fake_ledger::transparent().encode().into())
            }
            Query::CoseReceipt(asked) if asked.0 == Hash::ZERO => Answer::Waiting(asked),
            Query::PolicyProof => Answer::PolicyProof(Box::new(PolicyLink {
                entry: b"entry".to_vec(),
                index: LeafIndex(1),
                path: vec![Hash::of(b"sibling")],
                checkpoint: "origin\n1\nroot\n".into(),
            })),
            Query::Receipt(_) | Query::Statement(_) | Query::CoseReceipt(_) => not_found("id"),
            Query::Lookup { value, from, .. } => Answer::Lookup(Paged {
                items: if value == Hash::ZERO {
                    vec![]
                } else {
                    vec![view]
                },
                next: (from == LeafIndex(0)).then_some(Start::From(LeafIndex(22))),
            }),
            Query::Block(Height(7)) => Answer::Block(Box::new(block())),
            Query::BlockById(id) if id == Hash::of(b"block") => Answer::Block(Box::new(block())),
            Query::Block(_) | Query::BlockById(_) => not_found("height"),
            Query::Checkpoint => Answer::Checkpoint("origin\n1\nroot\n".into()),
            Query::Policy => Answer::Policy("quorum v1\n".into()),
            Query::Validators if self.validators.is_empty() => {
                Answer::Validators(vec![validator()])
            }
            Query::Validators => Answer::Validators(self.validators.clone()),
            Query::Body { digest, .. } if digest == Hash::of(b"a body") => {
                Answer::Body(Bytes::from_static(b"a body"))
            }
            Query::Body { .. } => not_found("digest"),
            Query::PutBody { digest, bytes } => Answer::BodyTaken {
                digest,
                size: bytes.len() as u64,
            },
            Query::Health => {
                let usual = || health(!self.without_quorum);
                Answer::Health(Box::new(self.health.clone().unwrap_or_else(usual)))
            }
            other => fake_ledger::answer(other, self.told.lock().unwrap().0),
        });
    }

    fn subscribe(&self, listener: Listener) {
        self.told.lock().unwrap().1.push(listener);
    }
}

pub fn block() -> BlockView {
    BlockView {
        height: Height(7),
        id: Hash::of(b"block"),
        time: TimeMs(1_700_000_000_123),
        proposer: Some(name("v1")),
        round: Round(0),
        signers: vec![name("v1"), name("v2"), name("v3")],
        first_leaf: LeafIndex(20),
        log_size: TreeSize(23),
        log_root: Hash::of(b"root"),
        state_root: Hash::of(b"state"),
        statements: vec![(id(), 0)],
    }
}

pub fn validator() -> ValidatorStatus {
    ValidatorStatus {
        name: name("v1"),
        role: NodeRole::Validator,
        organisation: "First Notary".into(),
        present: true,
        own: true,
        height: Height(7),
        round: Round(0),
        published: Height(7),
        silent_ms: None,
        about: None,
    }
}

pub fn health(quorum: bool) -> Health {
    Health {
        network: name("trial"),
        node: name("v1"),
        version: "0.1.0",
        quorum,
        quorum_size: 3,
        missing: if quorum {
            vec![]
        } else {
            vec![name("v3"), name("v4")]
        },
        height: Height(7),
        round: Round(0),
        published: Height(7),
        log_size: TreeSize(23),
        log_root: Hash::of(b"root"),
        statements: Ordinal(5),
        waiting: 0,
        amnesiac: None,
        voting: true,
    }
}

/// An answer as read from the socket.
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
    pub bytes: Vec<u8>,
}

impl Response {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Asserts that this is a complete problem, and gives its field.
    pub fn problem_field(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.head
        );
        let json = self.json();
        assert_eq!(json["status"], self.status, "{json}");
        for member in ["type", "title", "detail", "code", "next_step"] {
            let text = json[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{member} is missing in {json}");
        }
        json["field"].as_str().unwrap_or_default().into()
    }
}

/// A served node; stops when dropped.
pub struct Served {
    pub address: SocketAddr,
    pub stop: Option<oneshot::Sender<()>>,
    pub ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

pub async fn serve(node: FakeNode) -> Served {
    serve_with(node, Console::default()).await
}

/// The same with a console of its own, or more beside it.
pub async fn serve_with(node: FakeNode, beside: impl Into<Beside>) -> Served {
    serve_node(Arc::new(node), beside).await
}

/// The same with a node that the test holds on to.
pub async fn serve_node(node: Arc<dyn NodeApi>, beside: impl Into<Beside>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let beside = beside.into();
    let ended = tokio::spawn(adapters_http::serve(listener, node, beside, async move {
        let _ = stopped.await;
    }));
    Served {
        address,
        stop: Some(stop),
        ended,
    }
}

impl Served {
    pub async fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], b"").await
    }

    pub async fn post(&self, path: &str, body: &[u8]) -> Response {
        let kind = ("content-type", "application/scitt-statement+cose");
        self.send("POST", path, &[kind], body).await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.send_to("test", method, path, headers, body).await
    }

    /// The same to a host of this name.
    pub async fn send_to(
        &self,
        host: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
        let bytes = bytes.split_off(at + 4);
        Response {
            status: head[9..12].parse().unwrap(),
            head,
            body: String::from_utf8_lossy(&bytes).into(),
            bytes,
        }
    }
}
