//! A trial network of processes, and a NATS server as a test configures it.

// Each test file uses a part of it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::print_stdout)]

use crate::support::{PATIENCE, WUTONG, get};
use serde_json::Value;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

pub fn is_asked_for() -> bool {
    let asked = std::env::var("WUTONG_LIVE").is_ok_and(|v| v.contains("nats"));
    if !asked {
        println!("skipped: WUTONG_LIVE does not name nats");
    }
    asked
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

/// So many free ports in a row, which no other test of this process gets: below those that the
/// system hands out by itself.
fn free_ports(count: u16) -> u16 {
    static NEXT: Mutex<u16> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap();
    if *next == 0 {
        *next = 29_000 + (std::process::id() % 100) as u16 * 32;
    }
    for _ in 0..100 {
        let first = *next;
        *next += count;
        if (first..first + count).all(|p| TcpListener::bind(("127.0.0.1", p)).is_ok()) {
            return first;
        }
    }
    panic!("no {count} free ports in a row");
}

/// A network of processes in a folder.
pub struct Network {
    pub dir: PathBuf,
    pub nats_port: u16,
    pub http_port: u16,
    pub nodes: Vec<Option<Process>>,
    pub nats: Option<Process>,
}

impl Network {
    /// Founds a network; nothing runs yet.
    pub fn found(dir: &Path, nodes: usize) -> Self {
        let (nats_port, http_port) = (free_ports(1), free_ports(nodes as u16));
        let made = Command::new(WUTONG)
            .args(["init", "--validators", &nodes.to_string(), "--http"])
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
            nodes: (0..nodes).map(|_| None).collect(),
            nats: None,
        }
    }

    /// Starts the server with a configuration, or with that of `wutong init`.
    pub fn start_nats(&mut self, config: Option<&str>) {
        let path = match config {
            None => self.dir.join("net/nats.conf"),
            Some(text) => {
                let path = self.dir.join("server.conf");
                let listen = format!("listen: \"127.0.0.1:{}\"\n{text}", self.nats_port);
                std::fs::write(&path, listen).unwrap();
                path
            }
        };
        let child = Command::new("nats-server")
            .arg("-c")
            .arg(path)
            .current_dir(&self.dir)
            .stdout(Stdio::null())
            .stderr(File::create(self.dir.join("nats.log")).unwrap())
            .spawn();
        let mut child = child.expect("WUTONG_LIVE names nats, so nats-server must be installed");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.nats_port)).is_err() {
            let log = || std::fs::read_to_string(self.dir.join("nats.log")).unwrap();
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "{}", log());
            thread::sleep(Duration::from_millis(20)); // between two looks
        }
        self.nats = Some(Process(child));
    }

    pub fn node_dir(&self, i: usize) -> PathBuf {
        self.dir.join(format!("net/node-{i}"))
    }

    /// Replaces the keys of `[nats]` but its address.
    pub fn configure(&self, i: usize, keys: &str) {
        let path = self.node_dir(i).join("node.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let head = text.split("[nats]").next().unwrap();
        let url = format!("nats://127.0.0.1:{}", self.nats_port);
        std::fs::write(path, format!("{head}[nats]\nurl = \"{url}\"\n{keys}\n")).unwrap();
    }

    pub fn start(&mut self, i: usize) {
        let log = File::create(self.node_dir(i).join("log")).unwrap();
        let child = Command::new(WUTONG)
            .args(["node", "--config"])
            .arg(self.node_dir(i).join("node.toml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.nodes[i] = Some(Process(child.unwrap()));
    }

    /// What a node said so far.
    pub fn log(&self, i: usize) -> String {
        std::fs::read_to_string(self.node_dir(i).join("log")).unwrap_or_default()
    }

    pub fn url(&self, i: usize) -> String {
        format!("http://127.0.0.1:{}", self.http_port + i as u16)
    }

    pub fn nats_url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.nats_port)
    }

    /// Waits until every node has heard every other, and gives the network's name.
    pub fn wait_until_all_hear(&self) -> String {
        let json = |i: usize, path: &str| {
            let answer = get(&format!("{}{path}", self.url(i)));
            let body = answer.map(|(_, body)| body).unwrap_or_default();
            serde_json::from_str(&body).unwrap_or(Value::Null)
        };
        let heard = |v: &Value| v["own"] == true || v["silent_ms"].is_u64();
        let hears_all = |i: usize| {
            let value = json(i, "/v1/validators");
            let validators = value["validators"].as_array();
            validators.is_some_and(|all| all.len() == self.nodes.len() && all.iter().all(heard))
        };
        until("nodes hear one another", || {
            (0..self.nodes.len()).all(hears_all)
        });
        json(0, "/v1/health")["network"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Password of a user, as nats.conf has it.
    pub fn password(&self, user: &str) -> String {
        let conf = std::fs::read_to_string(self.dir.join("net/nats.conf")).unwrap();
        let wanted = format!("user: \"{user}\"");
        let line = conf.lines().find(|l| l.contains(&wanted)).unwrap();
        let password = line.split("password: \"").nth(1).unwrap();
        password.split('"').next().unwrap().to_owned()
    }

    /// Options to connect with as a user, who is answered on subjects of its own.
    pub fn user(&self, user: &str) -> async_nats::ConnectOptions {
        async_nats::ConnectOptions::with_user_and_password(user.into(), self.password(user))
            .custom_inbox_prefix(format!("_INBOX.{user}"))
    }
}

/// Looks again until it is so.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: never came");
        thread::sleep(Duration::from_millis(20)); // between two looks
    }
}
