//! A devnet as a separate process, and clients that talk to it over HTTP.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "each test file uses its own part"
)]

pub mod books;
pub mod load;
pub mod namespaces;
pub mod network;
pub mod processes;
pub mod proxy;
pub mod turns;

use messages::deposit::{Deposit, DigestAlgorithm, Lodged};
use messages::hash::Hash;
use messages::ids::Name;
use messages::keys::PrivateKey;
use messages::policy::Policy;
use messages::statement::Statement;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The binary under test.
pub const WUTONG: &str = env!("CARGO_BIN_EXE_wutong");

/// How long a condition is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running devnet of four; killed when dropped.
pub struct Devnet {
    pub dir: PathBuf,
    pub port: u16,
    child: Option<Child>,
}

impl Devnet {
    /// Founds and starts a network of four in `dir`.
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    /// The same with more arguments.
    pub fn start_with(dir: &Path, more: &[&str]) -> Self {
        let mut devnet = Self {
            dir: dir.to_owned(),
            port: processes::free_ports(4),
            child: None,
        };
        devnet.launch(more);
        devnet
    }

    /// Starts the process again after [`Devnet::kill`].
    pub fn launch(&mut self, more: &[&str]) {
        let child = Command::new(WUTONG)
            .args([
                "devnet",
                "--validators",
                "4",
                "--http",
                &format!("127.0.0.1:{}", self.port),
            ])
            .arg("--data")
            .arg(&self.dir)
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        self.child = Some(child);
        for i in 0..4 {
            self.wait_until(i, "it answers", |health| !health["node"].is_null());
        }
    }

    /// `kill -9` of the whole process.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM; gives the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        let killed = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        child.wait().unwrap().code()
    }

    pub fn url(&self, i: usize) -> String {
        format!("http://127.0.0.1:{}", self.port + i as u16)
    }

    pub fn urls(&self) -> String {
        (0..4).map(|i| self.url(i)).collect::<Vec<_>>().join(",")
    }

    /// Runs `wutong devnet VERB I`.
    pub fn order(&self, verb: &str, i: usize) {
        let ran = Command::new(WUTONG)
            .args(["devnet", verb, &i.to_string(), "--data"])
            .arg(&self.dir)
            .output()
            .unwrap();
        assert!(
            ran.status.success(),
            "{verb} {i}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }

    pub fn policy(&self) -> Policy {
        Policy::parse(&std::fs::read_to_string(self.dir.join("policy")).unwrap()).unwrap()
    }

    /// Health of validator `i`; null when it does not answer.
    pub fn health(&self, i: usize) -> Value {
        get(&format!("{}/v1/health", self.url(i))).map_or(Value::Null, |(_, body)| {
            serde_json::from_str(&body).unwrap_or(Value::Null)
        })
    }

    /// Waits until the health of validator `i` meets a condition.
    pub fn wait_until(&self, i: usize, what: &str, met: impl Fn(&Value) -> bool) -> Value {
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
            std::thread::sleep(Duration::from_millis(20)); // between two looks, not in place of one
        }
    }

    /// Waits until all validators stand at one height with one root, and gives it.
    pub fn wait_for_agreement(&self) -> (u64, String) {
        let began = Instant::now();
        loop {
            let heads: Vec<(Value, Value)> = (0..4)
                .map(|i| self.health(i))
                .map(|h| (h["height"].clone(), h["log_root"].clone()))
                .collect();
            let same = heads.iter().all(|h| *h == heads[0] && h.0.is_u64());
            if same {
                let (height, root) = &heads[0];
                return (height.as_u64().unwrap(), root.as_str().unwrap().to_owned());
            }
            assert!(
                began.elapsed() < PATIENCE,
                "validators never agreed: {heads:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Name of the network.
    pub fn network(&self) -> Name {
        let health = self.health(0);
        Name::try_new(health["network"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        self.kill();
    }
}

thread_local! {
    /// For requests one by one; each has a connection of its own, for nodes come and go.
    static BLOCKING: (tokio::runtime::Runtime, reqwest::Client) = {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(40))
            .pool_max_idle_per_host(0)
            .build();
        (runtime.unwrap(), client.unwrap())
    };
}

/// GET; status and body, none when nobody answers.
pub fn get(url: &str) -> Option<(u16, String)> {
    BLOCKING.with(|(runtime, client)| {
        runtime.block_on(async {
            let answer = client.get(url).send().await.ok()?;
            Some((answer.status().as_u16(), answer.text().await.ok()?))
        })
    })
}

/// POST; status and body, none when nobody answers.
pub fn post(url: &str, body: Vec<u8>) -> Option<(u16, Value)> {
    BLOCKING.with(|(runtime, client)| runtime.block_on(post_async(client, url, body)))
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_secs(40))
        .build()
        .unwrap()
}

pub async fn post_async(
    client: &reqwest::Client,
    url: &str,
    body: Vec<u8>,
) -> Option<(u16, Value)> {
    let answer = client.post(url).body(body).send().await.ok()?;
    let status = answer.status().as_u16();
    let text = answer.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// A key that belongs to test `purpose`.
pub fn key(purpose: &str) -> PrivateKey {
    PrivateKey::derive(&[42; 32], purpose)
}

/// A signed deposit whose value depends on `i` alone.
pub fn statement(network: &Name, namespace: &str, key: &PrivateKey, i: u64) -> Statement {
    let deposit = Deposit {
        network: network.clone(),
        namespace: Name::try_new(namespace).unwrap(),
        lodged: Lodged::Digest(Hash::of(&i.to_be_bytes())),
        algorithm: DigestAlgorithm::Sha256,
        declared_time: None,
        not_before: None,
        references: Vec::new(),
    };
    Statement::sign(key, "test", "test", deposit).unwrap()
}
