//! Nodes and NATS servers as processes of their own.

use super::{PATIENCE, WUTONG, get, key, post, statement};
use messages::ids::Name;
use serde_json::Value;
use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Whether the suite of tests that need `nats-server` was asked for.
pub fn nats_is_asked_for() -> bool {
    let asked = std::env::var("WUTONG_LIVE").is_ok_and(|v| v.contains("nats"));
    if !asked {
        println!("skipped: WUTONG_LIVE does not name nats");
    }
    asked
}

/// Waits until a condition is met.
pub fn wait_until(what: &str, met: impl Fn() -> bool) {
    let began = Instant::now();
    while !met() {
        assert!(began.elapsed() < PATIENCE, "{what} never came");
        thread::sleep(Duration::from_millis(20)); // between two looks, not in place of one
    }
}

/// So many free ports in a row, which no other test of this process gets.
pub fn free_ports(count: u16) -> u16 {
    static NEXT: Mutex<u16> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap();
    if *next == 0 {
        *next = 25_000 + (std::process::id() % 24) as u16 * 32;
    }
    for _ in 0..200 {
        let first = *next;
        *next += count;
        if (first..first + count).all(|p| TcpListener::bind(("127.0.0.1", p)).is_ok()) {
            return first;
        }
    }
    panic!("no {count} free ports in a row");
}

/// A process that is killed when it is dropped.
pub struct Process(Child);

impl Process {
    /// Starts `nats-server` with a configuration, in the folder `dir`.
    pub fn nats(conf: &Path, dir: &Path) -> Self {
        let child = Command::new("nats-server")
            .arg("-c")
            .arg(conf)
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("WUTONG_LIVE names nats, so nats-server must be installed"))
    }

    /// Starts `wutong node`.
    pub fn node(config: &Path) -> Self {
        let child = Command::new(WUTONG)
            .args(["node", "--config"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn();
        Self(child.unwrap())
    }

    /// Sends a signal, such as `-TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.unwrap().success(), "kill {name} {id}");
    }

    /// Waits until it ends.
    pub fn wait(mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the process never ends");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the binary in a folder; gives exit code, standard output and standard error.
pub fn wutong<A: AsRef<OsStr>>(dir: &Path, arguments: &[A]) -> (Option<i32>, String, String) {
    wutong_with(dir, &[], arguments)
}

/// The same with variables of the environment.
pub fn wutong_with<A: AsRef<OsStr>>(
    dir: &Path,
    environment: &[(&str, &str)],
    arguments: &[A],
) -> (Option<i32>, String, String) {
    let ran = Command::new(WUTONG)
        .args(arguments)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .env_remove("WUTONG_KEY_PASSPHRASE")
        .env_remove("WUTONG_KEY_PASSPHRASE_FILE")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code(), text(&ran.stdout), text(&ran.stderr))
}

/// Runs the binary, which must succeed; gives its standard output.
pub fn succeeds<A: AsRef<OsStr>>(dir: &Path, arguments: &[A]) -> String {
    let (code, out, said) = wutong(dir, arguments);
    assert_eq!(code, Some(0), "{out}{said}");
    out
}

/// Nodes by their configuration files; those at `None` are down.
pub struct Nodes {
    configs: Vec<PathBuf>,
    http_port: u16,
    pub running: Vec<Option<Process>>,
}

impl Nodes {
    /// Nodes that listen at `http_port` and those after it.
    pub fn new(configs: Vec<PathBuf>, http_port: u16) -> Self {
        Self {
            running: configs.iter().map(|_| None).collect(),
            configs,
            http_port,
        }
    }

    pub fn len(&self) -> usize {
        self.configs.len()
    }

    pub fn start(&mut self, i: usize) {
        self.running[i] = Some(self.spawn(i));
    }

    /// Starts node `i` for somebody else to keep.
    pub fn spawn(&self, i: usize) -> Process {
        Process::node(&self.configs[i])
    }

    pub fn start_all(&mut self) {
        (0..self.len()).for_each(|i| self.start(i));
    }

    pub fn url(&self, i: usize) -> String {
        format!("http://127.0.0.1:{}", self.http_port + i as u16)
    }

    /// Health of a node; null when it does not answer.
    pub fn health(&self, i: usize) -> Value {
        let answer = get(&format!("{}/v1/health", self.url(i)));
        answer.map_or(Value::Null, |(_, body)| {
            serde_json::from_str(&body).unwrap_or(Value::Null)
        })
    }

    /// Whether a node has heard every other.
    pub fn hears_all(&self, i: usize) -> bool {
        let answer = get(&format!("{}/v1/validators", self.url(i)));
        let body = answer.map(|(_, body)| body).unwrap_or_default();
        let value: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        let heard = |v: &Value| v["own"] == true || v["silent_ms"].is_u64();
        let validators = value["validators"].as_array();
        validators.is_some_and(|all| all.len() == self.len() && all.iter().all(heard))
    }

    pub fn wait_until_all_hear(&self) {
        wait_until("hearing one another", || {
            (0..self.len()).all(|i| self.hears_all(i))
        });
    }

    /// Waits until all hold and published the same.
    pub fn wait_for_agreement(&self) {
        wait_until("agreement", || {
            let heads: Vec<Value> = (0..self.len()).map(|i| self.health(i)).collect();
            let same = |field: &str| heads.iter().all(|h| h[field] == heads[0][field]);
            let published = heads[0]["published"] == heads[0]["height"];
            heads[0]["height"].is_u64() && same("height") && same("log_root") && published
        });
    }

    /// Ids of all statements in the ledger of a node, in order.
    pub fn ledger(&self, i: usize) -> Vec<String> {
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

    /// Submits statement `number` to a node; none when nobody answers.
    pub fn submit(
        &self,
        network: &Name,
        i: usize,
        number: u64,
        wait_ms: u64,
    ) -> Option<(u16, Value)> {
        let entry = statement(network, "public", &key("processes"), number).entry();
        post(
            &format!("{}/v1/statements?wait_ms={wait_ms}", self.url(i)),
            entry,
        )
    }
}

/// Folder, nodes and network of `wutong init`.
pub fn init(dir: &Path, nats_port: u16, http_port: u16, more: &[&str]) -> (Nodes, Name) {
    let (nats, http) = (
        format!("nats://127.0.0.1:{nats_port}"),
        format!("127.0.0.1:{http_port}"),
    );
    let arguments = [
        "init", "--nats", &nats, "--http", &http, "--out", "net", "--json",
    ];
    let made = succeeds(dir, &[&arguments[..], more].concat());
    let made: Value = serde_json::from_str(&made).unwrap();
    let network = Name::try_new(made["network"].as_str().unwrap()).unwrap();
    let files = made["nodes"].as_array().unwrap();
    let configs = files
        .iter()
        .map(|f| dir.join(f.as_str().unwrap()))
        .collect();
    (Nodes::new(configs, http_port), network)
}
