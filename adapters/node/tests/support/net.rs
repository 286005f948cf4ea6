//! Validators as processes of their own over a real NATS server, for tests that look at them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::print_stdout)]

use crate::support::{PATIENCE, WUTONG, get, key, post, statement};
use serde_json::Value;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

pub const NODES: usize = 4;

pub fn is_asked_for() -> bool {
    let asked = std::env::var("WUTONG_LIVE").is_ok_and(|v| v.contains("nats"));
    if !asked {
        println!("skipped: WUTONG_LIVE does not name nats");
    }
    asked
}

/// So many free ports in a row that no other test of this process gets.
fn free_ports(count: u16) -> u16 {
    static NEXT: Mutex<u16> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap();
    if *next == 0 {
        *next = 24_000 + (std::process::id() % 15) as u16 * 64;
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

/// A process that is killed when it is dropped.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A network of [`NODES`] and its server.
pub struct Net {
    pub dir: PathBuf,
    pub nats_port: u16,
    http_port: u16,
    pub nats: Option<Process>,
    pub nodes: Vec<Option<Process>>,
}

/// Runs `wutong` to its end.
pub fn wutong(arguments: &[&str]) -> Output {
    Command::new(WUTONG).args(arguments).output().unwrap()
}

impl Net {
    /// Founds a network; nothing runs yet.
    pub fn found(dir: &Path) -> Self {
        let (nats_port, http_port) = (free_ports(1), free_ports(NODES as u16));
        let net = dir.join("net");
        let made = wutong(&[
            "init",
            "--http",
            &format!("127.0.0.1:{http_port}"),
            "--nats",
            &format!("nats://127.0.0.1:{nats_port}"),
            "--out",
            net.to_str().unwrap(),
        ]);
        assert!(made.status.success(), "{made:?}");
        Self {
            dir: dir.to_owned(),
            nats_port,
            http_port,
            nats: None,
            nodes: (0..NODES).map(|_| None).collect(),
        }
    }

    pub fn start_nats(&mut self) {
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

    pub fn home(&self, i: usize) -> PathBuf {
        self.dir.join(format!("net/node-{i}"))
    }

    pub fn config(&self, i: usize) -> String {
        let path = self.home(i).join("node.toml");
        path.to_str().unwrap().to_owned()
    }

    /// Where node `i` writes its log.
    pub fn log(&self, i: usize) -> PathBuf {
        self.dir.join(format!("node-{i}.log"))
    }

    pub fn start(&mut self, i: usize, arguments: &[&str], environment: &[(&str, &str)]) {
        let log = File::options().create(true).append(true).open(self.log(i));
        let child = Command::new(WUTONG)
            .args(["node", "--config", &self.config(i)])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn();
        self.nodes[i] = Some(Process(child.unwrap()));
    }

    pub fn start_all(&mut self) {
        (0..NODES).for_each(|i| self.start(i, &[], &[]));
    }

    pub fn url(&self, i: usize) -> String {
        format!("http://127.0.0.1:{}", self.http_port + i as u16)
    }

    /// Status and body of a path of node `i`; 0 when it does not answer.
    pub fn get(&self, i: usize, path: &str) -> (u16, String) {
        get(&format!("{}{path}", self.url(i))).unwrap_or_default()
    }

    /// Status and JSON of a path of node `i`.
    pub fn json(&self, i: usize, path: &str) -> (u16, Value) {
        let (status, body) = self.get(i, path);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// Waits until what node `i` answers at a path meets a condition.
    pub fn wait(&self, i: usize, path: &str, met: impl Fn(u16, &Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (status, value) = self.json(i, path);
            if met(status, &value) {
                return value;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "node {i}: {path} stays {status} {value}"
            );
            thread::sleep(Duration::from_millis(20)); // between two looks, not in place of one
        }
    }

    pub fn wait_until_ready(&self, i: usize) {
        self.wait(i, "/readyz", |status, _| status == 200);
    }

    /// Submits statement `number` to node `i`; status and answer.
    pub fn submit(&self, i: usize, number: u64, wait_ms: u64) -> Option<(u16, Value)> {
        let (_, health) = self.json(i, "/v1/health");
        let network = messages::ids::Name::try_new(health["network"].as_str()?).unwrap();
        let entry = statement(&network, "public", &key("net"), number).entry();
        let url = format!("{}/v1/statements?wait_ms={wait_ms}", self.url(i));
        post(&url, entry)
    }

    /// Waits until all hold and published the same; gives height and root.
    pub fn wait_for_agreement(&self) -> (u64, String) {
        let began = Instant::now();
        loop {
            let heads: Vec<Value> = (0..NODES).map(|i| self.json(i, "/v1/health").1).collect();
            let same = |field: &str| heads.iter().all(|h| h[field] == heads[0][field]);
            let published = heads.iter().all(|h| h["published"] == heads[0]["height"]);
            if heads[0]["height"].is_u64() && same("height") && same("log_root") && published {
                let root = heads[0]["log_root"].as_str().unwrap().to_owned();
                return (heads[0]["height"].as_u64().unwrap(), root);
            }
            assert!(began.elapsed() < PATIENCE, "never agreed: {heads:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}
