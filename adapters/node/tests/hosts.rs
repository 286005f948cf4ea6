//! Validators as processes of their own, linked over a real NATS server on loopback.
//!
//! Runs when the environment variable `WUTONG_LIVE` names `nats`; `nats-server` must be installed
//! then.

// The lint does not see that helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{PATIENCE, WUTONG, get, key, post, statement};

const NODES: usize = 4;

fn is_asked_for() -> bool {
    let asked = std::env::var("WUTONG_LIVE").is_ok_and(|v| v.contains("nats"));
    if !asked {
        println!("skipped: WUTONG_LIVE does not name nats");
    }
    asked
}

/// A process that is killed when it is dropped.
struct Process(Child);

impl Process {
    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.unwrap().success(), "kill {name} {id}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Hosts {
    dir: PathBuf,
    nats_port: u16,
    http_port: u16,
    nats: Option<Process>,
    nodes: Vec<Option<Process>>,
}

/// So many free ports in a row, which no other test of this process gets: below those that the
/// system hands out by itself.
fn free_ports(count: u16) -> u16 {
    static NEXT: Mutex<u16> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap();
    if *next == 0 {
        *next = 16_000 + (std::process::id() % 400) as u16 * 32;
    }
    for _ in 0..500 {
        let first = *next;
        *next += count;
        if (first..first + count).all(|p| TcpListener::bind(("127.0.0.1", p)).is_ok()) {
            return first;
        }
    }
    panic!("no {count} free ports in a row");
}

impl Hosts {
    /// Founds a network; nothing runs yet.
    fn found(dir: &Path) -> Self {
        let (nats_port, http_port) = (free_ports(1), free_ports(NODES as u16));
        let made = Command::new(WUTONG)
            .args(["init", "--validators", "4", "--http"])
            .arg(format!("127.0.0.1:{http_port}"))
            .args(["--nats", &format!("nats://127.0.0.1:{nats_port}"), "--out"])
            .arg(dir.join("net"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{said}");
        Self {
            dir: dir.to_owned(),
            nats_port,
            http_port,
            nats: None,
            nodes: (0..NODES).map(|_| None).collect(),
        }
    }

    fn start_nats(&mut self) {
        let child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &self.nats_port.to_string(), "-js"])
            .arg("-sd")
            .arg(self.dir.join("nats"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.expect("WUTONG_LIVE names nats, so nats-server must be installed");
        self.nats = Some(Process(child));
    }

    fn start(&mut self, i: usize) {
        let config = self.dir.join(format!("net/node-{i}/node.toml"));
        let child = Command::new(WUTONG)
            .args(["node", "--config"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn();
        self.nodes[i] = Some(Process(child.unwrap()));
    }

    fn url(&self, i: usize) -> String {
        format!("http://127.0.0.1:{}", self.http_port + i as u16)
    }

    fn health(&self, i: usize) -> Value {
        let answer = get(&format!("{}/v1/health", self.url(i)));
        answer.map_or(Value::Null, |(_, body)| {
            serde_json::from_str(&body).unwrap_or(Value::Null)
        })
    }

    fn wait_until(&self, i: usize, what: &str, met: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let health = self.health(i);
            if met(&health) {
                return health;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "validator {i}: {what} never came: {health}"
            );
            thread::sleep(Duration::from_millis(20)); // between two looks, not in place of one
        }
    }

    /// Waits until every node has heard every other. A node that starts misses nobody for a while,
    /// so its health says nothing yet.
    fn wait_until_all_hear(&self) {
        let began = Instant::now();
        let hears_all = |i: usize| {
            let answer = get(&format!("{}/v1/validators", self.url(i)));
            let body = answer.map(|(_, body)| body).unwrap_or_default();
            let value: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
            let heard = |v: &Value| v["own"] == true || v["silent_ms"].is_u64();
            let validators = value["validators"].as_array();
            validators.is_some_and(|all| all.len() == NODES && all.iter().all(heard))
        };
        while !(0..NODES).all(hears_all) {
            assert!(began.elapsed() < PATIENCE, "nodes never hear one another");
            thread::sleep(Duration::from_millis(20)); // between two looks, not in place of one
        }
    }

    /// Waits until all hold and published the same.
    fn wait_for_agreement(&self) -> (u64, String) {
        let began = Instant::now();
        loop {
            let heads: Vec<Value> = (0..NODES).map(|i| self.health(i)).collect();
            let same = |field: &str| heads.iter().all(|h| h[field] == heads[0][field]);
            let published = heads[0]["published"] == heads[0]["height"];
            if heads[0]["height"].is_u64() && same("height") && same("log_root") && published {
                let root = heads[0]["log_root"].as_str().unwrap().to_owned();
                return (heads[0]["height"].as_u64().unwrap(), root);
            }
            assert!(began.elapsed() < PATIENCE, "never agreed: {heads:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ids of all statements in the ledger of a node, in order.
    fn ledger(&self, i: usize) -> Vec<String> {
        let height = self.health(i)["height"].as_u64().unwrap();
        let mut ids = Vec::new();
        for height in 1..=height {
            let (status, body) = get(&format!("{}/v1/blocks/{height}", self.url(i))).unwrap();
            assert_eq!(status, 200, "{body}");
            let block: Value = serde_json::from_str(&body).unwrap();
            let statements = block["statements"].as_array().unwrap();
            let id = |s: &Value| s["id"].as_str().unwrap().to_owned();
            ids.extend(statements.iter().map(id));
        }
        ids
    }

    fn submit(&self, i: usize, number: u64, wait_ms: u64) -> Option<(u16, Value)> {
        let network = self.health(i)["network"].as_str()?.to_owned();
        let network = messages::ids::Name::try_new(&network).unwrap();
        let entry = statement(&network, "public", &key("hosts"), number).entry();
        let url = format!("{}/v1/statements?wait_ms={wait_ms}", self.url(i));
        post(&url, entry)
    }
}

/// Deposits with nodes that come and go, until told to stop; gives the ids that were receipted.
fn deposit_all_the_while(hosts: &Hosts, stop: &AtomicBool, made: &AtomicU64) -> BTreeSet<String> {
    let (mut receipted, mut number) = (BTreeSet::new(), 1_000);
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        // The same statement goes to one node after the other until one hands out a receipt.
        for attempt in 0.. {
            assert!(attempt < 200, "no node ever receipts statement {number}");
            let node = (number as usize + attempt) % NODES;
            match hosts.submit(node, number, 3_000) {
                Some((200 | 201, body)) if body["receipt"].is_string() => {
                    let id = body["id"].as_str().unwrap();
                    receipted.insert(id.to_owned());
                    made.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                _ => thread::sleep(Duration::from_millis(50)),
            }
        }
    }
    receipted
}

/// Waits until so many more deposits were receipted.
fn wait_for_deposits(made: &AtomicU64, more: u64) {
    let (began, first) = (Instant::now(), made.load(Ordering::Relaxed));
    while made.load(Ordering::Relaxed) < first + more {
        assert!(began.elapsed() < PATIENCE, "deposits do not go on");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn four_processes_go_on_while_one_after_the_other_is_killed() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut hosts = Hosts::found(dir.path());
    // The nodes are up before the server is.
    (0..NODES).for_each(|i| hosts.start(i));
    hosts.wait_until(0, "it answers", |h| !h["node"].is_null());
    hosts.start_nats();
    hosts.wait_until_all_hear();
    let (stop, made) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut processes = std::mem::take(&mut hosts.nodes);
    let receipted = thread::scope(|scope| {
        let depositor = scope.spawn(|| deposit_all_the_while(&hosts, &stop, &made));
        wait_for_deposits(&made, 5);
        for (i, process) in processes.iter_mut().enumerate() {
            drop(process.take()); // kill -9
            wait_for_deposits(&made, 3);
            let config = dir.path().join(format!("net/node-{i}/node.toml"));
            let child = Command::new(WUTONG)
                .args(["node", "--config"])
                .arg(config)
                .stdout(Stdio::null())
                .spawn();
            *process = Some(Process(child.unwrap()));
            hosts.wait_until(i, "it catches up", |h| h["published"].as_u64() > Some(0));
            wait_for_deposits(&made, 3);
        }
        // The server stands still for a while, and is heard again.
        let nats = hosts.nats.as_ref().unwrap();
        nats.signal("-STOP");
        thread::sleep(Duration::from_secs(2)); // as long as the pause is to last
        nats.signal("-CONT");
        wait_for_deposits(&made, 5);
        stop.store(true, Ordering::Relaxed);
        depositor.join().unwrap()
    });
    let (height, _) = hosts.wait_for_agreement();
    let ledger = hosts.ledger(0);
    assert!((1..NODES).all(|i| hosts.ledger(i) == ledger));
    let once: BTreeSet<String> = ledger.iter().cloned().collect();
    assert_eq!(once.len(), ledger.len(), "a statement stands twice");
    assert!(receipted.is_subset(&once), "a receipted statement is lost");
    println!("{} deposits in {height} blocks", receipted.len());
    drop(processes);
}

#[test]
fn two_down_is_no_quorum_and_what_waits_commits_once() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut hosts = Hosts::found(dir.path());
    hosts.start_nats();
    (0..NODES).for_each(|i| hosts.start(i));
    hosts.wait_until_all_hear();
    let (status, body) = hosts.submit(0, 1, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
    hosts.nodes[2] = None;
    hosts.nodes[3] = None;
    hosts.wait_until(0, "no quorum", |h| h["quorum"] == false);
    let (status, body) = hosts.submit(0, 2, 1_000).unwrap();
    println!("without a quorum: {status} {body}");
    assert!(!body["receipt"].is_string(), "{body}");
    // The server is gone for a while too.
    hosts.nats = None;
    hosts.start_nats();
    hosts.start(2);
    hosts.start(3);
    let id = body["id"].as_str().map(ToOwned::to_owned);
    hosts.wait_until(0, "a quorum", |h| h["quorum"] == true);
    let (_, body) = hosts.submit(1, 2, 30_000).unwrap();
    assert!(body["receipt"].is_string(), "{body}");
    hosts.wait_for_agreement();
    let ledger = hosts.ledger(3);
    assert_eq!(ledger.len(), 2, "{ledger:?}");
    assert!(id.is_none_or(|id| ledger.contains(&id)));
}

impl Hosts {
    /// The server with the users and permissions that `init` wrote.
    fn start_guarded_nats(&mut self) {
        let child = Command::new("nats-server")
            .arg("-c")
            .arg(self.dir.join("net/nats.conf"))
            .current_dir(&self.dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.expect("WUTONG_LIVE names nats, so nats-server must be installed");
        self.nats = Some(Process(child));
    }

    /// User and password, as nats.conf has them.
    fn password(&self, user: &str) -> String {
        let conf = std::fs::read_to_string(self.dir.join("net/nats.conf")).unwrap();
        let line = conf
            .lines()
            .find(|l| l.contains(&format!("user: \"{user}\"")));
        let password = line.unwrap().split("password: \"").nth(1).unwrap();
        password.split('"').next().unwrap().to_owned()
    }

    async fn connect_as(&self, user: &str) -> async_nats::Client {
        let password = self.password(user);
        let options = async_nats::ConnectOptions::with_user_and_password(user.into(), password);
        let url = format!("nats://127.0.0.1:{}", self.nats_port);
        options.connect(url).await.unwrap()
    }
}

#[test]
fn credentials_reach_their_own_subjects_and_no_others() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut hosts = Hosts::found(dir.path());
    hosts.start_guarded_nats();
    (0..NODES).for_each(|i| hosts.start(i));
    hosts.wait_until_all_hear();
    let health = hosts.health(0);
    let network = health["network"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = format!("nats://127.0.0.1:{}", hosts.nats_port);
        assert!(
            async_nats::connect(&url).await.is_err(),
            "nobody without a name"
        );
        let public = hosts.connect_as("events-public").await;
        let members = hosts.connect_as("events-members").await;
        let all = format!("wutong.{network}.v1.events.>");
        let of = |ns: &str| format!("wutong.{network}.v1.events.{ns}.>");
        let mut own = public.subscribe(of("public")).await.unwrap();
        // What is not allowed is refused by the server, and nothing ever comes of it.
        let mut others = [
            members.subscribe(of("public")).await.unwrap(),
            members.subscribe(all).await.unwrap(),
            public
                .subscribe(format!("wutong.{network}.v1.node.>"))
                .await
                .unwrap(),
        ];
        public.flush().await.unwrap();
        members.flush().await.unwrap();
        let node = hosts.connect_as("validator-3").await;
        for number in 0..5 {
            let (status, body) =
                tokio::task::block_in_place(|| hosts.submit(1, number, 30_000)).unwrap();
            assert_eq!(status, 201, "{body}");
            // In the name of another: never delivered.
            let forged = format!("wutong.{network}.v1.node.validator-1.from.validator-0");
            node.publish(forged, "nothing".into()).await.unwrap();
            let event = futures::StreamExt::next(&mut own).await.unwrap();
            let event: Value = serde_json::from_slice(&event.payload).unwrap();
            assert_eq!(event["ordinal"], number + 1);
        }
        for other in &mut others {
            let came =
                tokio::time::timeout(Duration::from_millis(200), futures::StreamExt::next(other));
            let came = came.await;
            assert!(!matches!(came, Ok(Some(_))), "{came:?}");
        }
    });
    hosts.wait_for_agreement();
}

/// Makes a key and a certificate that vouches for itself, for this host.
fn certificate(dir: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "ca.pem"])
        .current_dir(dir)
        .output()
        .expect("openssl makes the certificate");
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "{said}");
}

#[test]
fn links_speak_tls_with_those_whom_the_certificate_vouches_for() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut hosts = Hosts::found(dir.path());
    certificate(dir.path());
    let child = Command::new("nats-server")
        .args([
            "-a",
            "127.0.0.1",
            "-p",
            &hosts.nats_port.to_string(),
            "--tls",
        ])
        .args(["--tlscert", "ca.pem", "--tlskey", "key.pem"])
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    hosts.nats = Some(Process(child.expect("nats-server must be installed")));
    for i in 0..NODES {
        let config = dir.path().join(format!("net/node-{i}/node.toml"));
        let text = std::fs::read_to_string(&config).unwrap();
        // Node 3 does not know the certificate, and is not heard.
        let ca = if i == 3 {
            ""
        } else {
            "ca = \"../../ca.pem\"\n"
        };
        std::fs::write(&config, text.replace("events =", &format!("{ca}events ="))).unwrap();
        hosts.start(i);
    }
    for i in 0..3 {
        hosts.wait_until(i, "it hears those who speak TLS", |h| {
            h["missing"] == serde_json::json!(["validator-3"])
        });
    }
    let (status, body) = hosts.submit(1, 1, 30_000).unwrap();
    assert_eq!(status, 201, "{body}");
}

#[test]
fn a_stranger_on_the_bus_costs_a_counter_and_nothing_else() {
    if !is_asked_for() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut hosts = Hosts::found(dir.path());
    hosts.start_nats();
    (0..NODES).for_each(|i| hosts.start(i));
    hosts.wait_until_all_hear();
    let health = hosts.health(0);
    let network = health["network"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = format!("nats://127.0.0.1:{}", hosts.nats_port);
    runtime.block_on(async {
        let client = async_nats::connect(&url).await.unwrap();
        let everything = format!("wutong.{network}.v1.node.>");
        let mut heard = client.subscribe(everything).await.unwrap();
        let mut sent = 0;
        while sent < 400 {
            let message = futures::StreamExt::next(&mut heard).await.unwrap();
            let subject = message.subject.to_string();
            // What was heard, again; changed; in another name; noise; and a giant.
            let mut changed = message.payload.to_vec();
            let at = sent % changed.len();
            changed[at] ^= 0x10;
            let giant = vec![0x57; 900_000];
            let stranger = subject.rsplit_once('.').unwrap().0.to_owned() + ".stranger";
            for (subject, payload) in [
                (subject.clone(), message.payload.to_vec()),
                (subject.clone(), changed),
                (stranger, message.payload.to_vec()),
                (subject.clone(), b"WTLK".to_vec()),
                (subject, giant),
            ] {
                client.publish(subject, payload.into()).await.unwrap();
                sent += 1;
            }
        }
        client.flush().await.unwrap();
    });
    for i in 0..NODES {
        let (status, body) = hosts.submit(i, 10 + i as u64, 30_000).unwrap();
        assert_eq!(status, 201, "{body}");
    }
    hosts.wait_for_agreement();
    assert_eq!(hosts.ledger(2).len(), NODES);
}
