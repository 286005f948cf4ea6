//! A network as `wutong init` makes it: its nodes and NATS servers as processes of their own.

use super::processes::{Process, free_ports, succeeds};
use super::{PATIENCE, WUTONG, get, key, post, statement};
use messages::ids::Name;
use messages::policy::Policy;
use serde_json::Value;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// Validators of a network, unless a test founds it otherwise.
pub const NODES: usize = 4;

/// A process that may be down.
type Slot = Mutex<Option<Process>>;

/// Nodes and servers by their files. Processes are started and stopped while others deposit.
pub struct Network {
    pub dir: PathBuf,
    pub name: Name,
    /// Those of validators first, then those of observers.
    configs: Vec<PathBuf>,
    /// Words before the command of each node, such as those of `ip netns exec`.
    pub within: Vec<Vec<String>>,
    server_configs: Vec<PathBuf>,
    /// The same for servers.
    pub servers_within: Vec<String>,
    nodes: Vec<Slot>,
    servers: Vec<Slot>,
}

fn slots(count: usize) -> Vec<Slot> {
    (0..count).map(|_| Slot::default()).collect()
}

/// What stands between two texts, the first time.
fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let rest = text.split_once(before)?.1;
    Some(rest.split_once(after)?.0.to_owned())
}

impl Network {
    /// Founds a network of [`NODES`]; nothing runs yet.
    pub fn found(dir: &Path) -> Self {
        Self::found_with(dir, &[])
    }

    /// The same with more arguments of `wutong init`.
    pub fn found_with(dir: &Path, more: &[&str]) -> Self {
        // A cluster of three servers takes six.
        let (nats, http) = (free_ports(6), free_ports(8));
        Self::found_at(
            dir,
            &format!("127.0.0.1:{nats}"),
            &format!("127.0.0.1:{http}"),
            more,
        )
    }

    /// The same where the caller says.
    pub fn found_at(dir: &Path, nats: &str, http: &str, more: &[&str]) -> Self {
        fs::create_dir_all(dir).unwrap();
        let nats = format!("nats://{nats}");
        let arguments = [
            "init", "--nats", &nats, "--http", http, "--out", "net", "--json",
        ];
        let made = succeeds(dir, &[&arguments[..], more].concat());
        let made: Value = serde_json::from_str(&made).unwrap();
        let files = |field: &str| -> Vec<PathBuf> {
            let files = made[field].as_array().unwrap();
            files
                .iter()
                .map(|f| dir.join(f.as_str().unwrap()))
                .collect()
        };
        Self::of_files(dir, files("nodes"), files("nats_configs"))
    }

    /// Nodes and servers that are there already.
    pub fn of_files(dir: &Path, configs: Vec<PathBuf>, server_configs: Vec<PathBuf>) -> Self {
        let conf = fs::read_to_string(&server_configs[0]).unwrap();
        let name = between(&conf, "\"wutong.", ".").unwrap();
        Self {
            dir: dir.to_owned(),
            name: Name::try_new(&name).unwrap(),
            within: vec![Vec::new(); configs.len()],
            servers_within: Vec::new(),
            nodes: slots(configs.len()),
            servers: slots(server_configs.len()),
            configs,
            server_configs,
        }
    }

    /// Founds a network and waits until its validators hear one another.
    pub fn started(dir: &Path) -> Self {
        Self::started_with(dir, &[])
    }

    /// The same with more arguments of `wutong init`; observers are not started.
    pub fn started_with(dir: &Path, more: &[&str]) -> Self {
        let network = Self::found_with(dir, more);
        network.start_servers();
        network.start_all();
        network.wait_until_all_hear();
        network
    }

    /// Number of validators.
    pub fn validators(&self) -> usize {
        let is_observer = |i: &usize| self.toml(*i).contains("\nrole = \"observer\"");
        (0..self.configs.len()).filter(|i| !is_observer(i)).count()
    }

    fn toml(&self, i: usize) -> String {
        fs::read_to_string(&self.configs[i]).unwrap()
    }

    /// Configuration file of node `i`.
    pub fn config(&self, i: usize) -> String {
        self.configs[i].to_str().unwrap().to_owned()
    }

    /// Folder of node `i`.
    pub fn home(&self, i: usize) -> PathBuf {
        self.configs[i].parent().unwrap().to_owned()
    }

    /// What node `i` said so far, in all its lives.
    pub fn log(&self, i: usize) -> String {
        fs::read_to_string(self.home(i).join("log")).unwrap_or_default()
    }

    /// Changes one text of the configuration of node `i`.
    pub fn reconfigure(&self, i: usize, from: &str, to: &str) {
        let text = self.toml(i);
        assert!(text.contains(from), "{from} is not in {text}");
        fs::write(&self.configs[i], text.replacen(from, to, 1)).unwrap();
    }

    /// Replaces the keys of `[nats]` but its address.
    pub fn configure_nats(&self, i: usize, keys: &str) {
        let text = self.toml(i);
        let head = text.split("[nats]").next().unwrap();
        let url = self.nats_urls(i);
        fs::write(
            &self.configs[i],
            format!("{head}[nats]\nurl = \"{url}\"\n{keys}\n"),
        )
        .unwrap();
    }

    /// Lets node `i` reach its servers at other addresses.
    pub fn reach_nats_at(&self, i: usize, url: &str) {
        let known = self.nats_urls(i);
        self.reconfigure(
            i,
            &format!("url = \"{known}\""),
            &format!("url = \"{url}\""),
        );
    }

    fn nats_urls(&self, i: usize) -> String {
        between(&self.toml(i), "\nurl = \"", "\"").unwrap()
    }

    /// Address of server `i`.
    pub fn nats_address(&self, i: usize) -> String {
        let conf = fs::read_to_string(&self.server_configs[i]).unwrap();
        between(&conf, "listen: \"", "\"").unwrap()
    }

    /// The first server as clients name it.
    pub fn nats_url(&self) -> String {
        format!("nats://{}", self.nats_address(0))
    }

    /// All servers as clients name them.
    pub fn server_urls(&self) -> Vec<String> {
        let url = |i| format!("nats://{}", self.nats_address(i));
        (0..self.servers.len()).map(url).collect()
    }

    /// Password of a user, as the server's configuration has it.
    pub fn password(&self, user: &str) -> String {
        let conf = fs::read_to_string(&self.server_configs[0]).unwrap();
        between(&conf, &format!("user: \"{user}\", password: \""), "\"").unwrap()
    }

    /// Options to connect with as a user, who is answered on subjects of its own.
    pub fn user(&self, user: &str) -> async_nats::ConnectOptions {
        async_nats::ConnectOptions::with_user_and_password(user.into(), self.password(user))
            .custom_inbox_prefix(format!("_INBOX.{user}"))
    }

    /// The trust anchor.
    pub fn policy(&self) -> Policy {
        let text = fs::read_to_string(self.dir.join("net/policy")).unwrap();
        Policy::parse(&text).unwrap()
    }
}

/// Processes.
impl Network {
    /// The process of node `i`, to be looked at or taken.
    pub fn node(&self, i: usize) -> MutexGuard<'_, Option<Process>> {
        self.nodes[i].lock().unwrap()
    }

    pub fn start(&self, i: usize) {
        self.start_with(i, &[], &[]);
    }

    /// Starts node `i` with more arguments and variables of the environment.
    pub fn start_with(&self, i: usize, arguments: &[&str], environment: &[(&str, &str)]) {
        let words = [&self.within[i][..], &[WUTONG.into(), "node".into()]].concat();
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args(["--config", &self.config(i)])
            .args(arguments)
            .envs(environment.iter().copied());
        *self.node(i) = Some(Process::start(&mut command, &self.home(i).join("log")));
    }

    /// Starts all validators.
    pub fn start_all(&self) {
        (0..self.validators()).for_each(|i| self.start(i));
    }

    /// `kill -9`.
    pub fn kill(&self, i: usize) {
        drop(self.node(i).take());
    }

    /// Sends a signal to node `i`.
    pub fn signal(&self, i: usize, name: &str) {
        self.node(i).as_ref().unwrap().signal(name);
    }

    /// SIGTERM, and waits for the end; gives the exit code.
    pub fn terminate(&self, i: usize) -> Option<i32> {
        let node = self.node(i).take().unwrap();
        node.signal("-TERM");
        node.wait().code()
    }

    /// The process of server `i`, to be looked at or taken.
    pub fn server(&self, i: usize) -> MutexGuard<'_, Option<Process>> {
        self.servers[i].lock().unwrap()
    }

    /// Starts all servers with the users and rights that `init` wrote.
    pub fn start_servers(&self) {
        (0..self.servers.len()).for_each(|i| self.start_server(i));
    }

    pub fn start_server(&self, i: usize) {
        self.run_server(i, &["-c".into(), self.server_configs[i].clone().into()]);
    }

    /// Starts the first server open to everybody, with JetStream.
    pub fn start_open_server(&self) {
        self.start_server_with("jetstream { store_dir: \"open\" }");
    }

    /// Starts the first server with a configuration.
    pub fn start_server_with(&self, config: &str) {
        let path = self.dir.join("server.conf");
        let listen = format!("listen: \"{}\"\n{config}", self.nats_address(0));
        fs::write(&path, listen).unwrap();
        self.run_server(0, &["-c".into(), path.into()]);
    }

    fn run_server(&self, i: usize, arguments: &[std::ffi::OsString]) {
        let words = [&self.servers_within[..], &["nats-server".into()]].concat();
        let log = self.dir.join(format!("nats-{i}.log"));
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args(arguments)
            .current_dir(&self.dir);
        let mut server = Process::start(&mut command, &log);
        let (began, address) = (Instant::now(), self.nats_address(i));
        while TcpStream::connect(&address).is_err() {
            let said = || fs::read_to_string(&log).unwrap();
            let ended = server.ended();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "{}", said());
            thread::sleep(Duration::from_millis(10)); // between two looks
        }
        *self.server(i) = Some(server);
    }

    /// `kill -9` of a server.
    pub fn kill_server(&self, i: usize) {
        drop(self.server(i).take());
    }
}

/// Questions.
impl Network {
    pub fn url(&self, i: usize) -> String {
        let listen = between(&self.toml(i), "\nlisten = \"", "\"").unwrap();
        format!("http://{listen}")
    }

    /// Status and body of a path of node `i`; 0 when it does not answer.
    pub fn get(&self, i: usize, path: &str) -> (u16, String) {
        get(&format!("{}{path}", self.url(i))).unwrap_or_default()
    }

    /// Status and JSON of a path of node `i`; null when it does not answer.
    pub fn json(&self, i: usize, path: &str) -> (u16, Value) {
        let (status, body) = self.get(i, path);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    pub fn health(&self, i: usize) -> Value {
        self.json(i, "/v1/health").1
    }

    /// Height of node `i`; 0 when it does not answer.
    pub fn height(&self, i: usize) -> u64 {
        self.health(i)["height"].as_u64().unwrap_or(0)
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

    /// Waits until the health of node `i` meets a condition.
    pub fn wait_for_health(&self, i: usize, met: impl Fn(&Value) -> bool) -> Value {
        self.wait(i, "/v1/health", |_, health| met(health))
    }

    pub fn wait_until_ready(&self, i: usize) {
        self.wait(i, "/readyz", |status, _| status == 200);
    }

    /// Whether an answer of `/v1/validators` says that all others were heard.
    fn all_heard(&self, answer: &Value) -> bool {
        let heard = |v: &Value| v["own"] == true || v["present"] == true;
        let validators = answer["validators"].as_array();
        validators.is_some_and(|all| all.len() == self.validators() && all.iter().all(heard))
    }

    /// Waits until node `i` hears every validator.
    pub fn wait_until_it_hears(&self, i: usize) {
        self.wait(i, "/v1/validators", |_, answer| self.all_heard(answer));
    }

    /// Waits until all validators hear one another.
    pub fn wait_until_all_hear(&self) {
        (0..self.validators()).for_each(|i| self.wait_until_it_hears(i));
    }

    /// Waits until node `i` stands where node `other` stands now, and hears all validators.
    pub fn wait_until_caught_up(&self, i: usize, other: usize) {
        self.wait_until_it_hears(i);
        let height = self.height(other);
        self.wait_for_health(i, |h| h["published"].as_u64() >= Some(height));
    }

    /// Submits statement `number` to node `i`; none when nobody answers.
    pub fn submit(&self, i: usize, number: u64, wait_ms: u64) -> Option<(u16, Value)> {
        let entry = statement(&self.name, "public", &key("network"), number).entry();
        post(
            &format!("{}/v1/statements?wait_ms={wait_ms}", self.url(i)),
            entry,
        )
    }
}

/// Whoever looks into a test that failed wants to know what the nodes said.
impl Drop for Network {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for i in 0..self.configs.len() {
            let log = self.log(i);
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(12)..];
            println!("node {i} said last:\n{}", last.join("\n"));
        }
    }
}
